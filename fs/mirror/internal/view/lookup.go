package view

import (
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/belief"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/listing"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Link is a name in a directory, with its spelling in each cloud. It refuses names
// that no filesystem has.
func (v *View) Link(dir *nodes.Node, name string) (nodes.Link, error) {
	if len(name) > 255 {
		return nodes.Link{}, ErrNameTooLong
	}
	if enc := dir.Spelling(name); enc != nil {
		return nodes.Link{Parent: dir, Name: name, Enc: enc}, nil
	}
	enc := make([]cipher.Name, v.Clouds.N())
	for k, cl := range v.Clouds.All() {
		e, err := cl.Keys.EncodeName(cipher.PlainName(name))
		if err != nil {
			return nodes.Link{}, content.ErrInvalid
		}
		enc[k] = e
	}
	return nodes.Link{Parent: dir, Name: name, Enc: enc}, nil
}

// Child finds a name and returns its node, referenced, with what the clouds show,
// also where the name is not there.
func (v *View) Child(l nodes.Link) (*nodes.Node, *belief.Answer, error) { return Again(v, l, nil) }

// Again is Child for who holds the locks of a node that the name was found to have. While the name has that backing file it has
// that node, whatever becomes of its content: clouds of which one moves times whenever it is asked would else never be done with.
func Again(v *View, l nodes.Link, held *nodes.Node) (*nodes.Node, *belief.Answer, error) {
	f, err := v.Find(l)
	if err != nil {
		return nil, f, err
	}
	found := &nodes.Found{Kind: v.kind(l, f), Inodes: f.Inodes(), Best: f.Best(), Info: f.Info(), Held: held}
	switch {
	case f.Head != nil:
		found.ID = f.Head.FileID
	case f.Row.Known.Kind == index.IsFile:
		found.ID = f.Row.Known.File.ID
	}
	return v.Nodes.Adopt(l, found), f, nil
}

// kind is that of what was found.
func (v *View) kind(l nodes.Link, f *belief.Answer) uint32 {
	switch {
	case f.Info().Dir:
		return unix.S_IFDIR
	case f.Best() < 0 && f.Is == judge.WantFile && asked(f.Row.Known.File.Type):
		return replica.Kind(f.Row.Known.File.Type)
	case f.Best() < 0 && f.Is == judge.WantFile:
		return unix.S_IFSOCK // nobody is to open what is not there; see specialKind
	case f.Special:
		return v.specialKind(l, f)
	}
	return unix.S_IFREG
}

// specialKind is what an entry with the letter w is: as it is known, or as the first cloud says that can be read. One that
// none can be read of is shown as a socket, which can be neither followed nor opened, and so is a device without its numbers.
func (v *View) specialKind(l nodes.Link, f *belief.Answer) uint32 {
	if old := l.Parent.Live(l.Name); old != nil && old.Special() && old.Backing()[f.Best()] == f.Info().Ino {
		return old.Kind()
	}
	known := cipher.Type(0)
	if f.Head != nil {
		known = f.Head.Type
	} else if is := f.Row.Known; is.Kind == index.IsFile {
		known = is.File.Type
	}
	if known.Special() && !device(known) {
		return replica.Kind(known)
	}
	for k, serves := range f.Serves {
		if !serves {
			continue
		}
		if h, _, err := v.Clouds.All()[k].Device(l.In(k, true)); err == nil && h.Type.Special() && mayBe(f, h) {
			return replica.Kind(h.Type)
		}
	}
	return unix.S_IFSOCK
}

// asked reports whether it is the mirror that is asked for what is in something of that type.
func asked(t cipher.Type) bool { return t == cipher.TypeFile || t == cipher.TypeSymlink }

// mayBe reports whether a header can be that of the file that was found: somebody else may have
// put another one there since.
func mayBe(f *belief.Answer, h *cipher.Header) bool {
	switch is := f.Row.Known; {
	case f.Head != nil:
		return h.FileID == f.Head.FileID && h.Type == f.Head.Type
	case is.Kind == index.IsFile:
		return h.FileID == is.File.ID && h.Type == is.File.Type
	}
	return true
}

func device(t cipher.Type) bool { return t == cipher.TypeChar || t == cipher.TypeBlock }

// Search looks for further names of a file: links that this mount never looked up. Where they are in
// some of the clouds only, the lead need not be one of these.
func (v *View) Search(n *nodes.Node) {
	known := len(n.Links())
	for _, cl := range v.Clouds.Ups() {
		if n.Backing()[cl.Index] != 0 && len(n.Links()) == known {
			v.searchIn(cl, n, v.Nodes.Root())
		}
	}
}

func (v *View) searchIn(cl *clouds.Cloud, n, dir *nodes.Node) {
	path, ok := dir.Path(cl.Index)
	if !ok {
		return
	}
	entries, err := cl.Dir.ReadDir(path)
	if err != nil {
		v.Logger.Warn("a directory cannot be searched", "cloud", cl.Name, "error", err)
	}
	for _, e := range entries {
		if !e.Dir && e.Ino != n.Backing()[cl.Index] {
			continue
		}
		name, _, ok := listing.Decode(cl.Cloud, path, e)
		if !ok {
			continue
		}
		child, _, err := v.childOf(dir, string(name))
		if err != nil {
			continue
		}
		if child.IsDir() {
			v.searchIn(cl, n, child)
		}
		child.Forget()
	}
}

// childOf is Child of a name in a directory.
func (v *View) childOf(dir *nodes.Node, name string) (*nodes.Node, *belief.Answer, error) {
	l, err := v.Link(dir, name)
	if err != nil {
		return nil, nil, err
	}
	return v.Child(l)
}
