package view

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/listing"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// DirEntry is one name in a directory. Mode is the file type, 0 where only
// the header knows it.
type DirEntry struct {
	Name string
	Ino  uint64
	Mode uint32
}

// List lists a directory: what should be there, by what its clouds show. A name
// that they show alike, and that nothing speaks against, costs nothing more; the
// others are looked up.
func (v *View) List(n *nodes.Node) ([]DirEntry, error) {
	l, err := listing.Read(v.Clouds, n.Path)
	if err != nil {
		return nil, err
	}
	if dir, ok := n.Plain(); ok {
		for _, c := range l.Copies {
			v.Copied(replica.Join(dir, string(c.Name)), c.Cloud, c.Entry)
		}
	}
	var known map[cipher.PlainName]index.Known
	if d := n.Number(); d != 0 {
		if known, err = v.Memory.List(d); err != nil {
			v.Logger.Error("what this machine knows cannot be read", "error", err)
			known = nil
		}
	}
	var list []DirEntry
	for i := range l.Names {
		e := &l.Names[i]
		if l.Agreed(e, known[e.Name]) {
			list = append(list, v.entry(e))
		} else if one, ok := v.entryOf(n, string(e.Name)); ok {
			list = append(list, one)
		}
	}
	for name, k := range known {
		if l.Has(name) || k.Kind != index.IsFile && k.Kind != index.IsDir {
			continue
		}
		if one, ok := v.entryOf(n, string(name)); ok {
			list = append(list, one)
		}
	}
	return list, nil
}

// entry is what is listed of a name that needs no lookup.
func (v *View) entry(e *listing.Name) DirEntry {
	out := DirEntry{Name: string(e.Name), Ino: e.Ino, Mode: unix.S_IFREG}
	switch {
	case e.Dir:
		out.Mode = unix.S_IFDIR
	case e.Special:
		out.Mode = 0
	}
	if live := v.Nodes.Backed(e.Cloud, e.Ino); live != nil {
		out.Ino = live.Ino()
		out.Mode = live.Kind()
	}
	return out
}

// entryOf looks a name up that is to be listed. One of which nobody can tell
// what it is is listed all the same.
func (v *View) entryOf(dir *nodes.Node, name string) (DirEntry, bool) {
	child, f, err := v.childOf(dir, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return DirEntry{}, false
	case err != nil:
		v.Logger.Warn("a name that is listed cannot be looked up", "error", err)
		return DirEntry{Name: name}, true
	}
	defer child.Forget()
	out := DirEntry{Name: name, Ino: child.Ino(), Mode: child.Kind()}
	if f.Best() >= 0 && child.Special() {
		out.Mode = 0
	}
	return out, true
}
