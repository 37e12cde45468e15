package vault

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// A disk is everything that this package does to change files, one method for
// each step that a failure or a power cut can come between. Reading goes to the
// operating system directly.
type disk interface {
	Mkdir(path string, perm fs.FileMode) error
	Chmod(path string, perm fs.FileMode) error
	Create(path string, perm fs.FileMode) (diskFile, error) // it must not exist yet
	Rename(from, to string) error                           // replaces
	Remove(path string) error                               // a file or an empty directory
	SyncDir(path string) error                              // makes the names in it durable
}

// A diskFile is a file being written.
type diskFile interface {
	io.Writer
	Chmod(perm fs.FileMode) error
	Sync() error
	Close() error
}

// osDisk is the real disk.
type osDisk struct{}

func (osDisk) Mkdir(path string, perm fs.FileMode) error { return os.Mkdir(path, perm) }
func (osDisk) Chmod(path string, perm fs.FileMode) error { return os.Chmod(path, perm) }
func (osDisk) Rename(from, to string) error              { return os.Rename(from, to) }
func (osDisk) Remove(path string) error                  { return os.Remove(path) }

func (osDisk) Create(path string, perm fs.FileMode) (diskFile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (osDisk) SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	err = dir.Sync()
	// Some network and FUSE filesystems have no fsync for directories, and say so.
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}
