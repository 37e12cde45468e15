package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// A Disk is what a replacement does to change files, one method for each step
// that a failure or a power cut can come between. [OS] is the real one.
type Disk interface {
	Create(path string, perm fs.FileMode) (DiskFile, error) // it must not exist yet
	Rename(from, to string) error                           // replaces
	RenameNew(from, to string) error                        // the error wraps [fs.ErrExist] where to is taken
	Remove(path string) error                               // a file or an empty directory
	SyncDir(path string) error                              // makes the names in it durable
}

// A DiskFile is a file being written.
type DiskFile interface {
	io.Writer
	Chmod(perm fs.FileMode) error
	Sync() error
	Close() error
}

// OS is the real disk.
type OS struct{}

// Create creates a file.
func (OS) Create(path string, perm fs.FileMode) (DiskFile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Rename renames a file over whatever has the name.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// RenameNew renames a file to a name that is free.
func (OS) RenameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		// Some network filesystems cannot refuse by themselves.
		if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
			return &os.LinkError{Op: "rename", Old: from, New: to, Err: unix.EEXIST}
		}
		return os.Rename(from, to)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// Remove removes a file or an empty directory.
func (OS) Remove(path string) error { return os.Remove(path) }

// SyncDir makes the names in a directory durable.
func (OS) SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	err = dir.Sync()
	// Some network and FUSE filesystems have no fsync for directories, and say so.
	if errors.Is(err, unix.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}
