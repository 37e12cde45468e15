// Package reserve keeps space of a disk for a transaction that finds it full: a file that is removed then. All of it is in
// reserve.go.
package reserve

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Enough is what a transaction of 20,000 rows can need on a disk that is full.
const Enough = 32 << 20

// A Reserve is the file at Path. Where there is no room for it, it is not held, and all works without. It is used by one
// goroutine at a time.
type Reserve struct {
	Path string
	Size int64 // 0: none is wanted
	held bool
}

// Restore takes the space, if it is not held and twice as much is free, so that it does not come and go with the last byte.
func (r *Reserve) Restore() {
	if r.Size == 0 || r.held || r.free() < 2*r.Size && !r.there() {
		return
	}
	f, err := os.OpenFile(r.Path, os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return
	}
	err = allocate(f, r.Size)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		_ = os.Remove(r.Path)
		return
	}
	r.held = true
}

// there reports whether an earlier run has left the file, which then costs no more space than it has.
func (r *Reserve) there() bool {
	info, err := os.Lstat(r.Path)
	return err == nil && info.Mode().IsRegular()
}

// allocate fills a file up to a size, by writing where the filesystem cannot do it faster.
func allocate(f *os.File, size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	block := make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(block)) {
		if _, err := f.WriteAt(block, at); err != nil {
			return err
		}
	}
	return nil
}

// Full reports whether an error of the database is the full disk's. bbolt does not wrap all of them.
func (r *Reserve) Full(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || r.free() < r.Size
}

// Release gives the space back and reports whether there was any.
func (r *Reserve) Release() bool {
	if !r.held {
		return false
	}
	r.held = false
	return os.Remove(r.Path) == nil
}

// free returns the bytes that the disk has left, 0 where it does not tell.
func (r *Reserve) free() int64 {
	var st unix.Statfs_t
	if unix.Statfs(filepath.Dir(r.Path), &st) != nil {
		return 0
	}
	return int64(st.Bavail) * st.Bsize
}
