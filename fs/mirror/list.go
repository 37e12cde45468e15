package mirror

import (
	"errors"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
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
	l, err := m.list(n)
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
	for i := range l.names {
		e := &l.names[i]
		if l.even(e) && expected(known[e.name], e) {
			list = append(list, m.dirEntry(e))
		} else if one, ok := m.dirEntryOf(n, string(e.name)); ok {
			list = append(list, one)
		}
	}
	for name, k := range known {
		if _, listed := l.index[name]; listed || k.Kind != index.IsFile && k.Kind != index.IsDir {
			continue
		}
		if one, ok := m.dirEntryOf(n, string(name)); ok {
			list = append(list, one)
		}
	}
	return list, nil
}

// A listing is a directory as its clouds show it.
type listing struct {
	names []listed
	index map[cipher.PlainName]int
	asked int // clouds
}

// A listed name is what clouds show of it.
type listed struct {
	name    cipher.PlainName
	dir     bool
	special bool
	odd     bool // not alike everywhere
	clouds  int
	member  int // the first that shows it
	ino     uint64
}

// list reads a directory in every cloud that is up. The caller holds
// Mirror.names.
func (m *Mirror) list(n *Node) (*listing, error) {
	l := &listing{index: map[cipher.PlainName]int{}}
	absent := 0
	err := m.clouds.Reach("readdir", func(cl *clouds.Cloud) error {
		path, _ := n.path(cl.Index)
		entries, err := cl.Dir.ReadDir(path)
		if replica.Missing(err) {
			absent++
			l.asked++
			return nil
		}
		if err != nil {
			return err
		}
		l.asked++
		for _, e := range entries {
			if d, ok := m.decode(cl, path, e); ok {
				l.add(cl.Index, e, d)
			}
		}
		return nil
	})
	if err == nil && absent == l.asked {
		err = fs.ErrNotExist
	}
	return l, err
}

func (l *listing) add(k int, e cloud.Entry, d decoded) {
	i, ok := l.index[d.name]
	if !ok {
		i = len(l.names)
		l.index[d.name] = i
		l.names = append(l.names, listed{name: d.name, dir: e.Dir, special: d.special, member: k, ino: e.Ino})
	}
	at := &l.names[i]
	at.clouds++
	at.odd = at.odd || at.dir != e.Dir || at.special != d.special
}

// even reports whether every cloud that was asked shows the name, alike.
func (l *listing) even(e *listed) bool { return !e.odd && e.clouds == l.asked }

// expected reports whether nothing that is known speaks against a name.
func expected(k index.Known, e *listed) bool {
	switch k.Kind {
	case index.Unknown:
		return true
	case index.IsDir:
		return e.dir
	case index.IsFile:
		return !e.dir && k.File.Type.Special() == e.special
	}
	return false
}

func (m *Mirror) dirEntry(e *listed) DirEntry {
	m.tree.Lock()
	defer m.tree.Unlock()
	out := DirEntry{Name: string(e.name), Ino: e.ino, Mode: unix.S_IFREG}
	switch {
	case e.dir:
		out.Mode = unix.S_IFDIR
	case e.special:
		out.Mode = 0
	}
	if live := m.nodes.byBacking[backingKey{e.member, e.ino}]; live != nil {
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
	if f.best >= 0 && child.special() {
		out.Mode = 0
	}
	return out, true
}

// decoded is what an entry name stands for.
type decoded struct {
	name    cipher.PlainName
	special bool
}

// decode returns the plaintext name of a primary entry. ok is false for
// anything else: foreign, metadata, temporary, a copy.
func (m *Mirror) decode(cl *clouds.Cloud, dir string, e cloud.Entry) (decoded, bool) {
	if strings.HasPrefix(e.Name, ".") || !e.Dir && !e.Regular {
		return decoded{}, false
	}
	d, err := cl.Keys.DecodeEntry(cipher.EntryName(e.Name), func(side cipher.EntryName) ([]byte, error) {
		return cl.ReadSidecar(replica.Join(dir, string(side)))
	})
	if err != nil || d.Copy || e.Dir && d.Special {
		return decoded{}, false
	}
	return decoded{d.Name, d.Special}, true
}
