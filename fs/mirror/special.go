package mirror

import (
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
	"github.com/overcast-fs/overcast/fs/mirror/internal/view"
)

// Symlink makes a symbolic link.
func (n Node) Symlink(name, target string, o Owner) (Node, error) {
	if target == "" {
		return Node{}, fs.ErrNotExist
	}
	return n.makeSpecial(special{name: name, kind: cipher.TypeSymlink, mode: 0o777, content: []byte(target), owner: o})
}

// Mknod makes a FIFO, a socket or a device; mode has the S_IFMT bits.
func (n Node) Mknod(name string, mode, rdev uint32, o Owner) (Node, error) {
	if kind := mode & unix.S_IFMT; kind == unix.S_IFREG || kind == 0 {
		node, h, err := n.Create(name, mode, o)
		if err != nil {
			return Node{}, err
		}
		return node, h.Close()
	}
	kind := replica.Type(mode)
	if !kind.Special() || kind == cipher.TypeSymlink {
		return Node{}, ErrInvalid
	}
	sp := special{name: name, kind: kind, mode: mode & view.PermBits, owner: o}
	if kind == cipher.TypeChar || kind == cipher.TypeBlock {
		sp.content = cipher.Device{Major: unix.Major(uint64(rdev)), Minor: unix.Minor(uint64(rdev))}.Content()
	}
	return n.makeSpecial(sp)
}

// special is a new entry that is whole from the start.
type special struct {
	name    string
	kind    cipher.Type
	mode    uint32
	content []byte
	owner   Owner
}

func (n Node) makeSpecial(sp special) (Node, error) {
	m := n.m
	if err := m.enter(); err != nil {
		return Node{}, err
	}
	defer m.leave()
	if err := m.clouds.Admit(); err != nil {
		return Node{}, err
	}
	m.names.Lock()
	defer m.names.Unlock()
	s, err := m.vacant(n, sp.name, sp.mode, sp.owner)
	if err != nil {
		return Node{}, err
	}
	whole, err := m.files.NewSpecial(cipher.Header{Type: sp.kind, Mode: s.mode, UID: s.owner.UID, GID: s.owner.GID}, sp.content)
	if err != nil {
		return Node{}, err
	}
	e, err := whole.Note(s.plain)
	if err != nil {
		return Node{}, err
	}
	since, in := m.belief.Kernel(), make([]bool, m.clouds.N())
	made, err := m.operate(e, clouds.Change{
		What: "create",
		Do: func(cl *clouds.Cloud) error {
			err := s.in(cl, func() error { return whole.Make(cl, s.link.In(cl.Index, true)) })
			in[cl.Index] = err == nil
			return err
		},
		Undo: func(cl *clouds.Cloud) error { return cl.Dir.Remove(s.link.In(cl.Index, true)) },
	})
	if made {
		s.tell(telling.Known(whole.Head()))
		m.memory.Book.Made(whole.Head().FileID)
		if p, ok := s.link.Place(); ok {
			m.belief.Created(telling.Version(whole.Head()), since, p, in)
		}
	}
	if !made || err != nil {
		return Node{}, err
	}
	return s.node()
}

// Readlink returns a symbolic link's target.
func (n Node) Readlink() (string, error) {
	if n.Kind() != unix.S_IFLNK {
		return "", ErrInvalid
	}
	if err := n.m.enter(); err != nil {
		return "", err
	}
	defer n.m.leave()
	f, err := n.live.Content.Acquire()
	if err != nil {
		return "", err
	}
	defer f.Release()
	target, err := f.Content()
	if err != nil {
		return "", fmt.Errorf("read: %w", err)
	}
	return string(target), nil
}
