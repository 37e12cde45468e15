package mount

import (
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/mirror"
)

// A keepsake is what is kept of a file or symbolic link that a rename replaces,
// until the kernel forgets it. A program that opens the name at that moment may
// have been told of the old node and not asked for it yet: on a local
// filesystem it gets either file, and never an error.
type keepsake struct {
	handle *mirror.Handle // of a file
	target string         // of a symbolic link
}

func (k *keepsake) drop() {
	if k != nil && k.handle != nil {
		_ = k.handle.Close() // nothing was written through it
	}
}

// keep makes the keepsake of what a rename is about to replace, if the kernel
// knows it and this is its last name. discard is nil where there is none, and
// else for a rename that fails.
func (f *filesystem) keep(dir *node, name string) (discard func()) {
	child, attr, err := dir.LookupAttr(name)
	if err != nil {
		return nil
	}
	defer child.Forget()
	n := f.nodes.known(child)
	if n == nil || attr.Nlink > 1 {
		return nil
	}
	k := &keepsake{}
	switch attr.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		k.handle, err = n.Open(mirror.OpenOptions{})
	case unix.S_IFLNK:
		k.target, err = n.Readlink()
	default:
		return nil
	}
	// Nothing else can be at work on this name: the kernel locks what a rename
	// replaces.
	if err != nil || !n.kept.CompareAndSwap(nil, k) {
		k.drop()
		return nil
	}
	return func() { n.kept.Swap(nil).drop() }
}
