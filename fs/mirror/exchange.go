package mirror

import (
	"errors"
	"io/fs"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// swap exchanges two entries.
func (m *Mirror) swap(mv *move) error {
	if mv.dst == nil {
		return fs.ErrNotExist
	}
	if mv.src == mv.dst {
		return nil
	}
	if mv.src.IsDir() && m.inside(mv.to, mv.src) || mv.dst.IsDir() && m.inside(mv.from, mv.dst) {
		return ErrInvalid
	}
	plain, ok := mv.from.plainPath()
	newPlain, newOK := mv.to.plainPath()
	if !ok || !newOK {
		return fs.ErrNotExist
	}
	e := &journal.Entry{Op: journal.OpExchange, Path: []byte(join(plain, mv.name)), To: []byte(join(newPlain, mv.newName)), Kind: mv.src.kind, Over: mv.dst.kind}
	one, other := m.identity(mv.src, mv.srcAt), m.identity(mv.dst, mv.dstAt)
	e.File, e.Inodes, e.Other = one.File, one.Inodes, other
	for range m.members {
		e.Temps = append(e.Temps, tempName())
	}
	if _, err := m.append(e); err != nil {
		return err
	}
	if err := m.log.Sync(); err != nil {
		return err
	}
	if err := m.each("exchange", func(mb *member) error { return m.swapIn(mb, mv, e.Temps[mb.index]) }); err != nil {
		return err
	}
	m.tree.Lock()
	defer m.tree.Unlock()
	m.exchangeLinks(mv)
	return nil
}

// identity is how the log tells one of two entries that change places. The
// caller holds Mirror.names.
func (m *Mirror) identity(n *Node, at *found) *journal.Identity {
	if n.IsDir() {
		return &journal.Identity{Inodes: at.backing()}
	}
	id, err := m.identify(n)
	if err != nil {
		id = cipher.ID{}
	}
	return &journal.Identity{File: &id}
}

// exchangeLinks exchanges the links of the two nodes.
func (m *Mirror) exchangeLinks(mv *move) {
	m.attach(mv.src, link{mv.to, mv.newName, mv.newEnc})
	m.attach(mv.dst, link{mv.from, mv.name, mv.enc})
	m.detach(mv.src, mv.from, mv.name)
	m.detach(mv.dst, mv.to, mv.newName)
}

func (m *Mirror) swapIn(mb *member, mv *move, temp string) error {
	k := mb.index
	from, _ := mv.from.path(k)
	to, _ := mv.to.path(k)
	a, b := mv.src.special(), mv.dst.special()
	src, dst := join(from, entryIn(mv.enc, k, a)), join(to, entryIn(mv.newEnc, k, b))
	if a == b {
		err := mb.dir.Exchange(src, dst)
		if !errors.Is(err, cloud.ErrUnsupported) {
			return err
		}
	}
	moves := [2][2]string{{src, join(to, entryIn(mv.newEnc, k, a))}, {dst, join(from, entryIn(mv.enc, k, b))}}
	return swapPaths(mb.dir, join(to, temp), moves[0], moves[1])
}

// swapPaths exchanges two entries by way of a temporary name: each moves from
// its first path to its second.
func swapPaths(dir cloud.Dir, temp string, a, b [2]string) error {
	for _, step := range [][2]string{{a[0], temp}, b, {temp, a[1]}} {
		if err := dir.Rename(step[0], step[1]); err != nil {
			return err
		}
	}
	return nil
}
