package view

import (
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/belief"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Attr is what stat shows.
type Attr struct {
	Ino    uint64
	Size   int64
	Blocks int64 // of 512 bytes, of the copy that is served
	Mode   uint32
	Nlink  uint32
	UID    uint32
	GID    uint32
	Rdev   uint32
	Atime  time.Time
	Mtime  time.Time
	Ctime  time.Time
}

// PermBits are the bits of a mode that are not the file's type.
const PermBits = 0o7777

// IsDir reports whether the attributes are a directory's.
func (a *Attr) IsDir() bool { return a.Mode&unix.S_IFMT == unix.S_IFDIR }

// fromInfo fills what the backing entry itself shows.
func fromInfo(ino uint64, info cloud.Info) Attr {
	a := Attr{
		Ino: ino, Size: info.Size, Blocks: info.Blocks, Nlink: uint32(info.Nlink), UID: info.UID, GID: info.GID,
		Atime: info.Atime, Mtime: info.Mtime, Ctime: info.Ctime, Mode: info.Mode & 0o777,
	}
	if info.Dir {
		a.Mode = unix.S_IFDIR | info.Mode&PermBits
	} else {
		a.Mode |= unix.S_IFREG
	}
	return a
}

// fromHeader overlays what the header decides. The owner is the backing
// entry's: a process that may not set owners cannot have given it another.
func (a *Attr) fromHeader(h *cipher.Header) {
	a.Mode = replica.Kind(h.Type) | h.Mode
	a.Mtime = time.Unix(h.MtimeSec, int64(h.MtimeNsec))
}

// Attr is what stat shows of a node.
func (v *View) Attr(n *nodes.Node) (Attr, error) {
	switch {
	case n.Gone():
		return gone(n)
	case n.IsDir():
		return v.DirAttr(n)
	}
	l, ok := n.Link()
	if !ok {
		return gone(n)
	}
	f, err := v.Find(l)
	if err != nil {
		return Attr{}, err
	}
	return v.AttrOf(n, f)
}

// gone is what stat shows of a node without a name: what it showed at last.
func gone(n *nodes.Node) (Attr, error) {
	last := n.Last()
	if last == nil {
		return Attr{}, replica.ErrStale
	}
	a := fromInfo(n.Ino(), *last)
	if !n.IsDir() {
		a.Mode = n.Kind() | a.Mode&0o777
	}
	return a, nil
}

// AttrOf is what stat shows of a node that was just found.
func (v *View) AttrOf(n *nodes.Node, f *belief.Answer) (Attr, error) {
	if open := n.Content.Open(); open != nil {
		a, err := v.OpenAttr(n, open)
		if f.Best() >= 0 && f.Linked() {
			a.Nlink = uint32(v.Belief.Links(f))
		}
		return a, err
	}
	info := f.Info()
	a := fromInfo(n.Ino(), info)
	switch {
	case info.Dir:
		return a, ownDir(v, &a, n, func() (list []cloud.Info, err error) {
			for k, serves := range f.Serves {
				if serves {
					list = append(list, f.Shown[k].Info)
				}
			}
			return list, nil
		})
	case f.Best() < 0:
		a.Mode, a.Size = n.Kind(), 0
		return a, nil
	}
	a.Nlink = uint32(v.Belief.Links(f))
	a.Size = v.length(f.Best(), info)
	if f.Head != nil && len(f.Head.Version) > 0 {
		a.fromHeader(f.Head)
		a.Size = f.Head.Length
		if v.Owners {
			a.UID, a.GID = f.Head.UID, f.Head.GID
		}
	}
	n.Content.Showed(a.Size)
	if n.Special() || f.Head == nil && cipher.HeaderDecides(info.Mode) {
		v.headerAttr(n, f, &a)
	}
	return a, nil
}

// OpenAttr is what stat shows of a node that is open.
func (v *View) OpenAttr(n *nodes.Node, f *content.File) (Attr, error) {
	st, err := f.Stat()
	if err != nil {
		return Attr{}, err
	}
	a := fromInfo(n.Ino(), st.Info)
	a.Size, a.Mode, a.Mtime, a.Ctime, a.Nlink = st.Length, n.Kind()|st.Mode, st.Mtime, st.Ctime, st.Nlink
	if n.Kind() != unix.S_IFREG && n.Kind() != unix.S_IFLNK {
		a.Size = 0
	}
	if v.Owners {
		a.UID, a.GID = st.UID, st.GID
	}
	return a, nil
}

// LinksOf is how many names an open file has of which some cloud shows several.
func (v *View) LinksOf(n *nodes.Node, shown uint32) uint32 {
	if l, ok := n.Link(); ok {
		if f, err := v.Find(l); err == nil && f.Best() >= 0 {
			return uint32(v.Belief.Links(f))
		}
	}
	return shown
}

// length is that of a file that nobody has open.
func (v *View) length(k int, info cloud.Info) int64 {
	if plain, ok := v.Nodes.Length(k, info); ok {
		return plain
	}
	size, err := v.Layout.PlainSize(info.Size)
	if err != nil {
		return 0
	}
	return size
}

// headerAttr asks the header for what the backing entry cannot show. stat
// answers even where nothing verifies.
func (v *View) headerAttr(n *nodes.Node, f *belief.Answer, a *Attr) {
	a.Mode = n.Kind() | a.Mode&0o777
	for k, cl := range v.Clouds.All() {
		if !f.Serves[k] {
			continue
		}
		path, ok := n.Path(cl.Index)
		if !ok {
			return
		}
		h, device, err := cl.Device(path)
		if err != nil {
			v.Logger.Warn("a header cannot be read", "cloud", cl.Name, "error", err)
			continue
		}
		if len(h.Version) == 0 || !mayBe(f, h) {
			continue // of a file that never had a version, it says nothing
		}
		a.fromHeader(h)
		a.Rdev = device
		if h.Type != cipher.TypeSymlink && h.Type != cipher.TypeFile {
			a.Size = 0
		}
		return
	}
}

// Xattrs are a node's extended attributes in one cloud: at its path, or of an open
// file that has none.
func (v *View) Xattrs(n *nodes.Node, cl *clouds.Cloud) (x replica.Xattrs, err error) {
	if path, ok := n.Path(cl.Index); ok {
		return cl.XattrsAt(path), nil
	}
	f := n.Content.Open()
	if f == nil {
		return x, replica.ErrStale
	}
	file := f.Backing(cl.Index)
	if file == nil {
		return x, fs.ErrNotExist
	}
	return cl.XattrsOf(file), nil
}
