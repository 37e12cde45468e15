package view

import (
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// DirAttr is what stat shows of a directory.
func (v *View) DirAttr(n *nodes.Node) (a Attr, err error) {
	one, err := dirs(v, n, 1)
	if err != nil {
		return a, err
	}
	a = fromInfo(n.Ino(), one[0])
	return a, ownDir(v, &a, n, func() ([]cloud.Info, error) { return dirs(v, n, v.Clouds.N()) })
}

// DirOwner is mode and owner of a directory: as this machine knows them, and else as stat
// shows them.
func (v *View) DirOwner(n *nodes.Node) (index.Owner, error) {
	if _, known := knownOwner(v, n); known != nil {
		return *known, nil
	}
	a, err := v.DirAttr(n)
	return OwnerOf(a), err
}

// dirs are what the first clouds show that have a directory, at most that many.
func dirs(v *View, n *nodes.Node, most int) (list []cloud.Info, err error) {
	err = v.Clouds.Reach("stat", func(cl *clouds.Cloud) error {
		if len(list) == most {
			return nil
		}
		path, ok := n.Path(cl.Index)
		if !ok {
			return replica.ErrStale
		}
		info, err := cl.Dir.Stat(path)
		if err == nil && !info.Dir {
			err = replica.ErrMissing
		}
		if err == nil {
			list = append(list, info)
		}
		return err
	})
	return list, err
}

// ownDir gives a directory the mode and owner that it should have: no cloud alone
// decides who may read what is in it. They are what this machine knows, unless every
// cloud of the vault shows others, and the same: another machine has changed them. Where nothing is
// known, and the clouds differ, they are what all allow. What the first cloud shows is
// in a already; the others are asked where that is not what is known.
func ownDir(v *View, a *Attr, n *nodes.Node, others func() ([]cloud.Info, error)) error {
	d, known := knownOwner(v, n)
	if known != nil && owns(v, *known, a) {
		return nil
	}
	list, err := others()
	if err != nil {
		return err
	}
	alike, allowed := len(list) == v.Clouds.N(), a.Mode
	for i := range list {
		is := fromInfo(a.Ino, list[i])
		alike = alike && is.Mode == a.Mode && is.UID == a.UID && is.GID == a.GID
		allowed &= is.Mode
	}
	switch {
	case alike && d != 0:
		v.Memory.Owned(d, OwnerOf(*a))
	case alike:
	case known == nil:
		a.Mode = allowed
	default:
		a.Mode = unix.S_IFDIR | known.Mode
		if v.Owners {
			a.UID, a.GID = known.UID, known.GID
		}
	}
	return nil
}

// knownOwner is what this machine knows of a directory's mode and owner, and its number.
// What cannot be read is not known.
func knownOwner(v *View, n *nodes.Node) (index.Dir, *index.Owner) {
	d := index.Root
	if n != v.Nodes.Root() {
		l, ok := n.Link()
		if !ok {
			return 0, nil
		}
		p, ok := l.Place()
		if !ok {
			return 0, nil
		}
		is, err := v.Memory.At(p)
		if err != nil || is.Kind != index.IsDir {
			return 0, nil
		}
		d = is.Dir
	}
	owner, err := v.Memory.Owner(d)
	if err != nil {
		v.Logger.Error("what this machine knows cannot be read", "error", err)
	}
	return d, owner
}

// owns reports whether a directory shows what is known. The owner of a backing
// directory says nothing where this process cannot have set it.
func owns(v *View, o index.Owner, a *Attr) bool {
	return o.Mode == a.Mode&PermBits && (!v.Owners || o.UID == a.UID && o.GID == a.GID)
}

// OwnerOf is what the index keeps of a directory's attributes.
func OwnerOf(a Attr) index.Owner { return index.Owner{Mode: a.Mode & PermBits, UID: a.UID, GID: a.GID} }
