package mirror_test

import (
	"errors"
	"fmt"
	"maps"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// seen is what a program finds at a path.
type seen struct {
	kind  byte
	mode  uint32
	owner mirror.Owner
	mtime int64
	links int
	data  string            // of a symbolic link its target, of a device its numbers
	attrs map[string]string // extended attributes, of files and directories
	err   error             // it cannot be read
}

func (s seen) String() string {
	if s.err != nil {
		return fmt.Sprintf("%c %o unreadable: %v", s.kind, s.mode, s.err)
	}
	return fmt.Sprintf("%c %o %d %s", s.kind, s.mode, s.mtime, brief(s.data))
}

func brief(c string) string {
	if len(c) > 80 {
		return fmt.Sprintf("%d bytes %q…%q", len(c), c[:24], c[len(c)-24:])
	}
	return fmt.Sprintf("%d bytes %q", len(c), c)
}

// look reads everything.
func look(m *mirror.Mirror) map[string]seen {
	w := map[string]seen{}
	var visit func(n mirror.Node, prefix string)
	visit = func(n mirror.Node, prefix string) {
		list, err := n.ReadDir()
		if err != nil {
			w[prefix] = seen{kind: 'd', err: err}
			return
		}
		for _, e := range list {
			path := prefix + unspell(e.Name)
			child, err := n.Lookup(e.Name)
			if err != nil {
				w[path] = seen{kind: '?', err: err}
				continue
			}
			w[path] = lookAt(child)
			if errors.Is(w[path].err, mirror.ErrStale) {
				child.Forget()
				child, err = n.Lookup(e.Name) // as the kernel does
				if err != nil {
					w[path] = seen{kind: '?', err: err}
					continue
				}
				w[path] = lookAt(child)
			}
			if child.IsDir() {
				visit(child, path+"/")
			}
			child.Forget()
		}
	}
	visit(m.Root(), "")
	return w
}

func lookAt(n mirror.Node) seen {
	a, err := n.Attr()
	s := seen{
		kind: letters[n.Kind()], mode: a.Mode & 0o7777, owner: mirror.Owner{UID: a.UID, GID: a.GID},
		mtime: a.Mtime.Unix(), links: int(a.Nlink), err: err,
	}
	switch s.kind {
	case 'd':
		s.attrs = attrsOf(n)
	case 'l':
		s.data, s.err = n.Readlink()
	case 's':
		if s.mode&sticky == 0 {
			s.err = errAsSocket
		}
	case 'b', 'c':
		s.data = string(device(a.Rdev))
	case 'f':
		data, err := readNode(n)
		s.data, s.attrs = string(data), attrsOf(n)
		if s.err == nil {
			s.err = err
		}
		if err == nil && a.Size != int64(len(data)) {
			s.err = fmt.Errorf("stat shows %d bytes, read %d", a.Size, len(data))
		}
	}
	return s
}

// sticky is a bit that every socket of a story has: only its header can tell. What is
// special and has no header that can be read is shown as a socket, too.
const sticky = 0o1000

var errAsSocket = errors.New("something special that is shown as a socket")

// letters are the kinds of things.
var letters = map[uint32]byte{
	unix.S_IFREG: 'f', unix.S_IFDIR: 'd', unix.S_IFLNK: 'l', unix.S_IFIFO: 'p', unix.S_IFSOCK: 's', unix.S_IFCHR: 'c', unix.S_IFBLK: 'b',
}

// types are the kinds of things in headers.
var types = map[byte]cipher.Type{
	'f': cipher.TypeFile, 'l': cipher.TypeSymlink, 'p': cipher.TypeFIFO, 's': cipher.TypeSocket, 'c': cipher.TypeChar, 'b': cipher.TypeBlock,
}

// device is the content of a device's backing file.
func device(rdev uint32) []byte {
	return cipher.Device{Major: unix.Major(uint64(rdev)), Minor: unix.Minor(uint64(rdev))}.Content()
}

// attrsOf reads the extended attributes; one that cannot be read tells why.
func attrsOf(n mirror.Node) map[string]string {
	names, err := n.Listxattr()
	if err != nil {
		return map[string]string{"": err.Error()}
	}
	attrs := map[string]string{}
	for _, name := range names {
		value, err := n.Getxattr(name)
		if attrs[name] = string(value); err != nil {
			attrs[name] = err.Error()
		}
	}
	return attrs
}

// localErr holds extended attributes against others.
func (s seen) localErr(want map[string]string) error {
	if !maps.Equal(s.attrs, want) && (s.kind == 'f' || s.kind == 'd') {
		return fmt.Errorf("extended attributes %q, want %q", s.attrs, want)
	}
	return nil
}
