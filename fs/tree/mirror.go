package tree

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/mirror"
)

// mirrorTree is a vault that is not mounted.
type mirrorTree struct {
	mirror *mirror.Mirror
	owner  mirror.Owner
	pinned map[uint64]mirror.Node // nodes with several links: an inode number is unique only while its node lives
}

// OfMirror is the tree of an open mirror.
func OfMirror(m *mirror.Mirror) Tree {
	return &mirrorTree{
		mirror: m,
		owner:  mirror.Owner{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())},
		pinned: make(map[uint64]mirror.Node),
	}
}

// at runs f on the node at a path. Whatever fails names the path.
func (t *mirrorTree) at(op, name string, f func(mirror.Node) error) error {
	n, err := t.mirror.Walk(name)
	if err == nil {
		err = f(n)
		n.Forget()
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: "/" + name, Err: err}
	}
	return nil
}

// in runs f on the directory that a path's last element is in.
func (t *mirrorTree) in(op, name string, f func(dir mirror.Node, base string) error) error {
	dir, base := path.Split(name)
	if base == "" {
		return &fs.PathError{Op: op, Path: "/", Err: fs.ErrExist}
	}
	n, err := t.mirror.Walk(strings.TrimSuffix(dir, "/"))
	if err == nil {
		err = f(n, base)
		n.Forget()
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: "/" + name, Err: err}
	}
	return nil
}

// entry describes a node, and keeps it alive if its inode number has to mean something later.
func (t *mirrorTree) entry(name string, n mirror.Node) (Entry, error) {
	a, err := n.Attr()
	if err != nil {
		return Entry{}, err
	}
	if a.Nlink > 1 && !n.IsDir() && t.pinned[a.Ino] == (mirror.Node{}) {
		n.Ref()
		t.pinned[a.Ino] = n
	}
	return Entry{
		Name: name, Mode: a.Mode, Size: a.Size, Mtime: a.Mtime, Ino: a.Ino, Nlink: uint64(a.Nlink),
		UID: a.UID, GID: a.GID, Rdev: uint64(a.Rdev),
	}, nil
}

func (t *mirrorTree) Lstat(name string) (e Entry, err error) {
	err = t.at("lstat", name, func(n mirror.Node) error {
		e, err = t.entry(path.Base("/"+name), n)
		return err
	})
	return e, err
}

func (t *mirrorTree) ReadDir(name string) (entries []Entry, err error) {
	err = t.at("readdir", name, func(dir mirror.Node) error {
		list, err := dir.ReadDir()
		if err != nil {
			return err
		}
		for _, d := range list {
			n, err := dir.Lookup(d.Name)
			if err != nil {
				return &fs.PathError{Op: "lookup", Path: d.Name, Err: err}
			}
			e, err := t.entry(d.Name, n)
			n.Forget()
			if err != nil {
				return &fs.PathError{Op: "lstat", Path: d.Name, Err: err}
			}
			entries = append(entries, e)
		}
		return nil
	})
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries, err
}

func (t *mirrorTree) Readlink(name string) (target string, err error) {
	err = t.at("readlink", name, func(n mirror.Node) error {
		target, err = n.Readlink()
		return err
	})
	return target, err
}

func (t *mirrorTree) Open(name string) (r Reader, err error) {
	err = t.at("open", name, func(n mirror.Node) error {
		h, err := n.Open(mirror.OpenOptions{})
		r = mirrorReader{h}
		return err
	})
	return r, err
}

// mirrorReader gives an open file of a mirror the Next of Reader.
type mirrorReader struct{ *mirror.Handle }

func (r mirrorReader) Next(off int64, data bool) (int64, error) {
	at, err := r.Handle.SeekData(off, data)
	if errors.Is(err, mirror.ErrNoData) {
		return 0, io.EOF
	}
	return at, err
}

func (t *mirrorTree) Create(name string) (w Writer, err error) {
	err = t.in("create", name, func(dir mirror.Node, base string) error {
		n, h, err := dir.Create(base, 0o600, t.owner)
		if err != nil {
			return err
		}
		n.Forget()
		w = h
		return nil
	})
	return w, err
}

func (t *mirrorTree) Mkdir(name string) error {
	return t.in("mkdir", name, func(dir mirror.Node, base string) error {
		return forget(dir.Mkdir(base, 0o700, t.owner))
	})
}

func (t *mirrorTree) Mknod(name string, e Entry) error {
	return t.in("mknod", name, func(dir mirror.Node, base string) error {
		return forget(dir.Mknod(base, e.Mode&unix.S_IFMT|0o600, uint32(e.Rdev), t.owner))
	})
}

func (t *mirrorTree) Symlink(target, name string) error {
	return t.in("symlink", name, func(dir mirror.Node, base string) error {
		return forget(dir.Symlink(base, target, t.owner))
	})
}

func (t *mirrorTree) Link(old, name string) error {
	return t.at("link", old, func(n mirror.Node) error {
		return t.in("link", name, func(dir mirror.Node, base string) error { return dir.Link(base, n) })
	})
}

func (t *mirrorTree) Rename(old, name string) error {
	return t.in("rename", old, func(from mirror.Node, oldBase string) error {
		return t.in("rename", name, func(to mirror.Node, base string) error {
			return from.Rename(oldBase, to, base, mirror.RenameFlags{})
		})
	})
}

func (t *mirrorTree) Remove(name string) error {
	return t.in("remove", name, func(dir mirror.Node, base string) error { return dir.Unlink(base) })
}

func (t *mirrorTree) SetMeta(name string, e Entry) error {
	return t.at("setattr", name, func(n mirror.Node) error {
		mode := e.Mode & 0o7777
		change := mirror.SetAttr{Mtime: &e.Mtime}
		if !e.IsSymlink() {
			change.Mode = &mode
		}
		if os.Geteuid() == 0 {
			change.UID, change.GID = &e.UID, &e.GID
		} else if e.UID != t.owner.UID {
			mode &^= unix.S_ISUID | unix.S_ISGID
		}
		_, err := n.SetAttr(change)
		return err
	})
}

// forget gives back the reference to a node that was only made.
func forget(n mirror.Node, err error) error {
	if err == nil {
		n.Forget()
	}
	return err
}
