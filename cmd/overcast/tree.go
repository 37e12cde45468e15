package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tree is what ls and cat read and what get and put copy between: the local file system, a vault that is mounted, and a
// vault that is not. Paths are separated by '/', relative to the tree's root ("" is the root itself), and no method follows
// a symlink in a path's last element. Errors satisfy errors.Is with the sentinels of io/fs.
type tree interface {
	Lstat(name string) (entry, error)
	ReadDir(name string) ([]entry, error) // sorted by name
	Readlink(name string) (string, error)
	Open(name string) (treeReader, error)
	Create(name string) (treeWriter, error) // must not exist; readable by its owner only
	Mkdir(name string) error                // likewise
	Mknod(name string, e entry) error
	Symlink(target, name string) error
	Link(old, name string) error
	Rename(old, name string) error // replaces
	Remove(name string) error
	SetMeta(name string, e entry) error // mode, mtime and, for root, the owner
}

// entry is one name of a tree. Mode has the bits of S_IFMT and 07777.
type entry struct {
	Name     string
	Mode     uint32
	Size     int64
	Mtime    time.Time
	Ino, Dev uint64
	Nlink    uint64
	UID, GID uint32
	Rdev     uint64
}

func (e entry) is(kind uint32) bool { return e.Mode&unix.S_IFMT == kind }
func (e entry) isDir() bool         { return e.is(unix.S_IFDIR) }
func (e entry) isSymlink() bool     { return e.is(unix.S_IFLNK) }

// kind names the file type as JSON has it.
func (e entry) kind() string {
	switch e.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "file"
	case unix.S_IFDIR:
		return "dir"
	case unix.S_IFLNK:
		return "symlink"
	case unix.S_IFIFO:
		return "fifo"
	case unix.S_IFSOCK:
		return "socket"
	case unix.S_IFCHR:
		return "char"
	case unix.S_IFBLK:
		return "block"
	}
	return "unknown"
}

// treeReader is an open file to copy from. Next finds the next data or the next hole at or after an offset; io.EOF means that
// there is no more data. Any other error means that holes are not known here.
type treeReader interface {
	io.ReaderAt
	io.Closer
	Next(off int64, data bool) (int64, error)
}

// treeWriter is an open file to copy to.
type treeWriter interface {
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// maxSymlinks bounds a walk through symlinks, as the kernel does.
const maxSymlinks = 40

// cleanPath brings a path that a user typed for a vault into the form of tree: no leading '/', no "." and no "..".
func cleanPath(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// resolve follows every symlink in a path of a tree and never leaves the tree: a target that begins with '/' would.
func resolve(t tree, name string) (string, entry, error) {
	var done string
	rest, hops := cleanPath(name), 0
	for {
		first, after, more := strings.Cut(rest, "/")
		next := path.Join(done, first)
		e, err := t.Lstat(next)
		if err != nil {
			return "", entry{}, err
		}
		switch {
		case e.isSymlink():
			if hops++; hops > maxSymlinks {
				return "", entry{}, &fs.PathError{Op: "open", Path: name, Err: unix.ELOOP}
			}
			target, err := t.Readlink(next)
			if err != nil {
				return "", entry{}, err
			}
			if path.IsAbs(target) {
				return "", entry{}, &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("%s points to %s: %w",
					quoteName("/"+next), quoteName(target), errOutside)}
			}
			done, rest = "", cleanPath(path.Join(done, target, after))
		case !more:
			return next, e, nil
		default:
			done, rest = next, after
		}
	}
}

// resolveDir follows the symlinks in all but a path's last element.
func resolveDir(t tree, name string) (string, entry, error) {
	dir, base := path.Split(cleanPath(name))
	dir, _, err := resolve(t, dir)
	if err != nil {
		return "", entry{}, err
	}
	full := path.Join(dir, base)
	e, err := t.Lstat(full)
	return full, e, err
}

// errOutside is why a symlink is not followed.
var errOutside = errors.New("outside of the vault")
