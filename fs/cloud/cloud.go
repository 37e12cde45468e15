package cloud

import (
	"errors"
	"io"
	"time"
)

// Sentinels. Every other failure is an [io/fs.PathError] or [os.LinkError] in
// which errors.As finds the [syscall.Errno], and errors.Is finds
// [io/fs.ErrNotExist], [io/fs.ErrExist] and [io/fs.ErrPermission].
var (
	// ErrAbsent: the directory is missing, is another one than was opened, or
	// holds no marker: unmounted, not synced yet, the wrong folder. Nothing
	// that it shows may be believed. The cause is wrapped beside it.
	ErrAbsent = errors.New("cloud directory is absent")

	// ErrUnsupported: the backing filesystem has no such operation
	// (RENAME_EXCHANGE, extended attributes, hole punching, hard links,
	// lasting handles). The errno is wrapped beside it.
	ErrUnsupported = errors.New("not supported by the backing filesystem")

	// ErrNotRegular: Open found something that is not a regular file. The
	// errno beside it is EISDIR for a directory and ENXIO for the rest.
	ErrNotRegular = errors.New("not a regular file")
)

// Dir is one cloud's backing directory.
//
// A path is entry names joined by '/', "" is the directory itself. Empty
// components, ".", "..", a leading or trailing '/' and NUL are EINVAL; a
// component over 255 bytes is ENAMETOOLONG; the whole may be of any length.
//
// All methods are safe for concurrent use, and atomic as on a local
// filesystem. Changes are seen at once by every later call; what survives a
// power cut is what a sync promised:
//
//   - [File.Sync] makes the file's data and size durable, with the attributes
//     and extended attributes set through that same File; not its entries.
//   - [Dir.SyncDir] makes the entries of that one directory durable and its
//     own attributes, not the data of the files in it.
//   - [Dir.Syncfs] makes everything durable.
//
// Without a sync, changes of names and attributes reach the disk in their
// order, and data at any time and in any order.
type Dir interface {
	// Open opens an existing regular file, for reading, or for reading and
	// writing; never for appending. EISDIR, ENXIO with ErrNotRegular,
	// EROFS or EACCES when write is asked for and cannot be given. Mode bits
	// that keep the file's owner out do not matter to the owner (but his
	// opening such a file moves its ctime).
	Open(path string, write bool) (File, error)

	// Create makes a new regular file, open for reading and writing. EEXIST
	// if there is anything at path. perm is 07777 bits, set whatever the
	// process's umask.
	Create(path string, perm uint32) (File, error)

	// Mkdir makes a directory; perm as in Create.
	Mkdir(path string, perm uint32) error

	// Remove removes an entry that is not a directory (EISDIR). A File that
	// is open on it stays usable.
	Remove(path string) error

	// Rmdir removes an empty directory (ENOTEMPTY, ENOTDIR).
	Rmdir(path string) error

	// Rename is rename(2): it replaces what is at new, a file by a file, an
	// empty directory by a directory (EISDIR, ENOTDIR, ENOTEMPTY); a
	// directory into itself is EINVAL; two links of one file stay as they are.
	Rename(old, new string) error

	// Exchange swaps two existing entries, of whatever types. ErrUnsupported
	// where the backing filesystem has no RENAME_EXCHANGE.
	Exchange(a, b string) error

	// Link gives the file at old a second entry. EEXIST, EPERM for a
	// directory, ErrUnsupported where there are no hard links.
	Link(old, new string) error

	// Stat is lstat(2).
	Stat(path string) (Info, error)

	// Handle identifies a file or directory for as long as the filesystem
	// lives, through renames, remounts and reboots: the same bytes for the same
	// inode, and others for another, also for one that got the number of an
	// inode that is gone. They mean nothing on another filesystem.
	// ErrNotRegular with ENXIO for anything else; ErrUnsupported where the
	// filesystem has nothing lasting to tell (FUSE, FAT, overlay).
	Handle(path string) ([]byte, error)

	// ReadDir lists a directory in no particular order, without "." and "..".
	ReadDir(path string) ([]Entry, error)

	// Chmod sets the 07777 bits. Like everything below that sets or reads an
	// attribute it works on files and directories; ErrNotRegular with ENXIO
	// for anything else.
	Chmod(path string, perm uint32) error

	// Chown sets owner and group; -1 leaves one as it is.
	Chown(path string, uid, gid int) error

	// Chtimes sets the times that are not nil, to the nanosecond.
	Chtimes(path string, t Times) error

	// The extended attributes of a file or directory. Names come and go whole
	// ("user.…"), a missing one is ENODATA, and flags are XATTR_CREATE or
	// XATTR_REPLACE of setxattr(2). ErrUnsupported where there are none.
	Listxattr(path string) ([]string, error)
	Getxattr(path, name string) ([]byte, error)
	Setxattr(path, name string, value []byte, flags int) error
	Removexattr(path, name string) error

	// Statfs describes the filesystem that holds the directory.
	Statfs() (Statfs, error)

	// SyncDir is fsync(2) of a directory.
	SyncDir(path string) error

	// Syncfs is syncfs(2) of the filesystem that holds the directory.
	Syncfs() error

	// Check tells whether the path given to OpenDir still names the
	// directory that was opened, and whether that has a marker (which is not
	// read). ErrAbsent if not.
	Check() error

	// Close releases the directory. Files that are open stay usable, every
	// other call gives os.ErrClosed. A second Close does too.
	Close() error
}

// File is an open regular file. All methods are safe for concurrent use;
// after Close they give os.ErrClosed.
type File interface {
	// ReadAt as in io: fewer bytes than asked for only with an error, io.EOF
	// at the end.
	io.ReaderAt

	// WriteAt as in io. It extends the file where it must, and the gap reads
	// as zeros. EBADF on a File opened for reading.
	io.WriterAt

	// Truncate sets the size; what is added is a hole.
	Truncate(size int64) error

	// Sync is fdatasync(2), and fsync(2) when attributes were set through
	// this File since its last Sync.
	Sync() error

	// Stat is fstat(2).
	Stat() (Info, error)

	// The attributes, as in Dir.
	Chmod(perm uint32) error
	Chown(uid, gid int) error
	Chtimes(t Times) error
	Listxattr() ([]string, error)
	Getxattr(name string) ([]byte, error)
	Setxattr(name string, value []byte, flags int) error
	Removexattr(name string) error

	// PunchHole makes n bytes from off read as zeros and gives back their
	// blocks; the size stays. ErrUnsupported where the backing filesystem
	// cannot.
	PunchHole(off, n int64) error

	// SeekData gives the first offset at or after off that is not in a hole,
	// io.EOF if there is none. A filesystem that knows no holes has none.
	SeekData(off int64) (int64, error)

	// Close releases the file. It syncs nothing.
	Close() error
}

// Info is what lstat tells.
type Info struct {
	Ino, Dev, Nlink     uint64
	Mode                uint32 // 07777 bits
	Dir, Regular        bool   // neither: a symlink, FIFO, socket or device
	UID, GID            uint32
	Size                int64
	Blocks              int64 // of 512 bytes
	Atime, Mtime, Ctime time.Time
}

// Entry is one name in a directory.
type Entry struct {
	Name         string
	Dir, Regular bool // neither: a symlink, FIFO, socket or device
	Ino          uint64
}

// Times are the times to set; nil leaves one as it is.
type Times struct{ Atime, Mtime *time.Time }

// clone is a copy that shares nothing.
func (t Times) clone() Times {
	for _, p := range []**time.Time{&t.Atime, &t.Mtime} {
		if *p != nil {
			at := **p
			*p = &at
		}
	}
	return t
}

// Statfs describes a filesystem. Blocks, Free and Avail count BlockSize bytes;
// Avail is what an ordinary user may still take.
type Statfs struct {
	Dev                 uint64
	BlockSize           uint64
	Blocks, Free, Avail uint64
	Files, FilesFree    uint64
	NameMax             uint64
	ReadOnly            bool
	Fuse                bool // syncfs is not to be trusted: sync file by file
	Remote              bool // FUSE, or on a network: it may stop to answer
	Whole               bool // of a type that is known to have all Features
}
