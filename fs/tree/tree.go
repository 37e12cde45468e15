package tree

import (
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// A Tree is what can be copied from and to: the local file system, a vault that is mounted, and a vault that is not. Paths are separated by '/', relative to the tree's root ("" is the root itself), and no method follows
// a symlink in a path's last element. Errors satisfy errors.Is with the sentinels of io/fs.
type Tree interface {
	Lstat(name string) (Entry, error)
	ReadDir(name string) ([]Entry, error) // sorted by name
	Readlink(name string) (string, error)
	Open(name string) (Reader, error)
	Create(name string) (Writer, error) // must not exist; readable by its owner only
	Mkdir(name string) error            // likewise
	Mknod(name string, e Entry) error
	Symlink(target, name string) error
	Link(old, name string) error
	Rename(old, name string) error // replaces
	Remove(name string) error
	SetMeta(name string, e Entry) error // mode, mtime and, for root, the owner
}

// An Entry is one name of a tree. Mode has the bits of S_IFMT and 07777.
type Entry struct {
	Name     string
	Mode     uint32
	Size     int64
	Mtime    time.Time
	Ino, Dev uint64
	Nlink    uint64
	UID, GID uint32
	Rdev     uint64
}

// Is reports whether an entry is of a type, one of S_IFMT.
func (e Entry) Is(kind uint32) bool { return e.Mode&unix.S_IFMT == kind }

// IsDir reports whether an entry is a directory.
func (e Entry) IsDir() bool { return e.Is(unix.S_IFDIR) }

// IsSymlink reports whether an entry is a symlink.
func (e Entry) IsSymlink() bool { return e.Is(unix.S_IFLNK) }

// Kind names the file type as JSON has it.
func (e Entry) Kind() string {
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

// A Reader is an open file to copy from. Next finds the next data or the next hole at or after an offset; io.EOF means that
// there is no more data. Any other error means that holes are not known here.
type Reader interface {
	io.ReaderAt
	io.Closer
	Next(off int64, data bool) (int64, error)
}

// A Writer is an open file to copy to.
type Writer interface {
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}
