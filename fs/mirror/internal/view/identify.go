package view

import (
	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/belief"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
)

// identify returns the file id of a file and the version that is known of it,
// from memory or from the header that is served.
func (v *View) identify(n *nodes.Node) (cipher.ID, index.Version, error) {
	if id, seen := n.ID(); !id.IsZero() {
		if f := n.Content.Open(); f != nil {
			sealed := f.Version()
			seen = telling.Version(&sealed.Head)
		}
		return id, seen, nil
	}
	var last error = clouds.ErrNoCloud
	for _, cl := range v.Clouds.Ups() {
		path, ok := n.Path(cl.Index)
		if !ok {
			return cipher.ID{}, index.Version{}, replica.ErrStale
		}
		h, err := cl.Header(path)
		if err == nil {
			return h.FileID, telling.Version(h), nil
		}
		last = err
	}
	return cipher.ID{}, index.Version{}, last
}

// IdentifyFound is identify of what was just found: what is known of it, or what
// was judged, needs no header. A file of which nothing can be read has the zero id.
func (v *View) IdentifyFound(n *nodes.Node, f *belief.Answer) (cipher.ID, index.Version) {
	if n.Content.Open() == nil && f != nil {
		switch id, _ := n.ID(); {
		case f.Head != nil: // the node may have been another version of it before
			return f.Head.FileID, telling.Version(f.Head)
		case id.IsZero() && f.Row.Known.Kind == index.IsFile:
			return f.Row.Known.File.ID, f.Row.Known.Version
		}
	}
	id, version, err := v.identify(n)
	if err != nil {
		return cipher.ID{}, index.Version{}
	}
	return id, version
}

// Handles are what finds a directory in each cloud wherever it is; nil where
// the cloud has no such thing.
func (v *View) Handles(n *nodes.Node) [][]byte {
	list := make([][]byte, v.Clouds.N())
	for _, cl := range v.Clouds.Ups() {
		path, ok := n.Path(cl.Index)
		if !ok {
			continue
		}
		if h, err := cl.Dir.Handle(path); err == nil {
			list[cl.Index] = h
		}
	}
	return list
}

// Known is what a node is in the index, by what was identified of a file: at the
// version that is in place; Unknown where nobody can tell. The caller holds
// File.commit of an open file.
func (v *View) Known(n *nodes.Node, id *cipher.ID, version index.Version) index.Known {
	switch {
	case n.IsDir():
		if d := n.Number(); d != 0 {
			return index.Known{Kind: index.IsDir, Dir: d}
		}
		return index.Known{}
	case id == nil || id.IsZero():
		return index.Known{}
	}
	if f := n.Content.Open(); f != nil {
		if stored := f.Stored(); stored.Committed() {
			version = telling.Version(&stored.Head)
		}
	}
	return index.Known{Kind: index.IsFile, File: telling.File(*id, n.Kind()), Version: version}
}

// KnownAt is Known of what is at a name and gets another one. Where the clouds show an earlier version of a file than this machine
// knows, that one stays known: a cloud that is away can have it, and what the earlier one is changed to has not seen it.
func KnownAt(v *View, l nodes.Link, n *nodes.Node, id *cipher.ID, shown index.Version) index.Known {
	is := v.Known(n, id, shown)
	p, ok := l.Place()
	if !ok || is.Kind != index.IsFile {
		return is
	}
	if was, err := v.Memory.At(p); err == nil && was.Kind == index.IsFile && was.File == is.File && cipher.Compare(is.Version.Vector, was.Version.Vector) == cipher.Less {
		return was
	}
	return is
}

// BehindKnown reports whether the version that is shown of a file has not seen all that is known of it at a name; beside, whether one that a
// new writer makes of it and of another file's does not look like one that has, either.
func BehindKnown(v *View, l nodes.Link, shown *cipher.Header, other cipher.Vector) (behind, beside bool) {
	p, _ := l.Place()
	known, err := v.Memory.At(p)
	of := err == nil && known.Kind == index.IsFile && known.File.ID == shown.FileID
	unseen := func(by cipher.Vector) bool {
		order := cipher.Compare(known.Version.Vector, by)
		return of && (order == cipher.Greater || order == cipher.Concurrent)
	}
	return unseen(shown.Version), unseen(other.Max(shown.Version))
}
