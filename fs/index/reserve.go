package index

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// reserveSize is what a transaction of 20,000 rows can need on a disk that is full.
const reserveSize = 32 << 20

// A reserve is a file that holds space of the index's disk, to be removed when a transaction finds none. Where there is no
// room for it, the index works without. It is guarded by Index.writing.
type reserve struct {
	path string
	held bool
	none bool // it is not wanted
}

// restore takes the space, if it is not held and twice as much is free, so that it does not come and go with the last byte.
func (r *reserve) restore() {
	if r.none || r.held || r.free() < 2*reserveSize && !r.there() {
		return
	}
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW, filePerm)
	if err != nil {
		return
	}
	err = allocate(f)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		_ = os.Remove(r.path)
		return
	}
	r.held = true
}

// there reports whether an earlier run has left the file, which then costs no more space than it has.
func (r *reserve) there() bool {
	info, err := os.Lstat(r.path)
	return err == nil && info.Mode().IsRegular()
}

// allocate fills a file up to reserveSize, by writing where the filesystem cannot do it faster.
func allocate(f *os.File) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, reserveSize)
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	block := make([]byte, 1<<20)
	for at := int64(0); at < reserveSize; at += int64(len(block)) {
		if _, err := f.WriteAt(block, at); err != nil {
			return err
		}
	}
	return nil
}

// full reports whether an error is the full disk's. bbolt does not wrap all of them.
func (r *reserve) full(err error) bool {
	if errors.Is(err, ErrLost) || errors.Is(err, ErrInvalid) || errors.Is(err, ErrClosed) {
		return false
	}
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || r.free() < reserveSize
}

// release gives the space back and reports whether there was any.
func (r *reserve) release() bool {
	if !r.held {
		return false
	}
	r.held = false
	return os.Remove(r.path) == nil
}

// free returns the bytes that the index's disk has left, 0 where it does not tell.
func (r *reserve) free() int64 {
	var st unix.Statfs_t
	if unix.Statfs(filepath.Dir(r.path), &st) != nil {
		return 0
	}
	return int64(st.Bavail) * st.Bsize
}
