package mirror

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/listing"
)

// DirEntry is one name in a directory. Mode is the file type, 0 where only
// the header knows it.
type DirEntry struct {
	Name string
	Ino  uint64
	Mode uint32
}

// ReadDir lists a directory: what should be there, by what its clouds show. A
// name that they show alike, and that nothing speaks against, costs nothing
// more; the others are looked up.
func (n *Node) ReadDir() ([]DirEntry, error) {
	if !n.IsDir() {
		return nil, ErrNotDir
	}
	m := n.m
	if err := m.enter(); err != nil {
		return nil, err
	}
	defer m.leave()
	m.names.RLock()
	defer m.names.RUnlock()
	if n.gone() {
		return nil, nil
	}
	return m.entriesOf(n)
}

// entriesOf is ReadDir for a caller that holds Mirror.names.
func (m *Mirror) entriesOf(n *Node) ([]DirEntry, error) {
	l, err := listing.Read(m.clouds, n.path)
	if err != nil {
		return nil, err
	}
	var known map[cipher.PlainName]index.Known
	if d := m.numberOf(n); d != 0 {
		if known, err = m.memory.List(d); err != nil {
			m.logger.Error("what this machine knows cannot be read", "error", err)
			known = nil
		}
	}
	var list []DirEntry
	for i := range l.Names {
		e := &l.Names[i]
		if l.Settled(e, known[e.Name]) {
			list = append(list, m.dirEntry(e))
		} else if one, ok := m.dirEntryOf(n, string(e.Name)); ok {
			list = append(list, one)
		}
	}
	for name, k := range known {
		if l.Has(name) || k.Kind != index.IsFile && k.Kind != index.IsDir {
			continue
		}
		if one, ok := m.dirEntryOf(n, string(name)); ok {
			list = append(list, one)
		}
	}
	return list, nil
}

func (m *Mirror) dirEntry(e *listing.Name) DirEntry {
	m.tree.Lock()
	defer m.tree.Unlock()
	out := DirEntry{Name: string(e.Name), Ino: e.Ino, Mode: unix.S_IFREG}
	switch {
	case e.Dir:
		out.Mode = unix.S_IFDIR
	case e.Special:
		out.Mode = 0
	}
	if live := m.nodes.byBacking[backingKey{e.Cloud, e.Ino}]; live != nil {
		out.Ino = live.ino
		out.Mode = live.kind
	}
	return out
}

// dirEntryOf looks a name up that is to be listed. One of which nobody can tell
// what it is is listed all the same.
func (m *Mirror) dirEntryOf(dir *Node, name string) (DirEntry, bool) {
	child, f, err := m.child(dir, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return DirEntry{}, false
	case err != nil:
		m.logger.Warn("a name that is listed cannot be looked up", "error", err)
		return DirEntry{Name: name}, true
	}
	defer child.Forget()
	out := DirEntry{Name: name, Ino: child.ino, Mode: child.kind}
	if f.Best() >= 0 && child.special() {
		out.Mode = 0
	}
	return out, true
}
