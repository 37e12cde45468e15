package cloudtest

import (
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"syscall"

	"github.com/overcast-fs/overcast/fs/cloud"
)

func octal(perm uint32) string { return fmt.Sprintf("%04o", perm) }
func ids(uid, gid int) string  { return fmt.Sprintf("%d:%d", uid, gid) }

// memFile is an open file of a Mem. Its inode outlives its last name.
type memFile struct {
	mem    *Mem // of the epoch it was opened in
	node   *inode
	path   string // at open, for messages
	write  bool
	closed bool
	attrs  bool // attributes were set through it since its last Sync
}

func (m *Mem) file(n *inode, path string, write bool) *memFile {
	n.opens++
	return &memFile{mem: m, node: n, path: path, write: write}
}

// enter is that of Mem, but goes on when the Mem is closed.
func (f *memFile) enter(op string, fn func() error) error {
	f.mem.disk.mu.Lock()
	defer f.mem.disk.mu.Unlock()
	err := f.mem.alive()
	switch {
	case f.closed:
		err = os.ErrClosed
	case err == nil:
		err = fn()
	}
	if err != nil && err != io.EOF {
		return &fs.PathError{Op: op, Path: f.path, Err: err}
	}
	return err
}

func (f *memFile) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.enter("read", func() (err error) {
		switch {
		case off < 0:
			return syscall.EINVAL
		case len(p) == 0:
			return nil
		}
		n, err = f.node.data.readAt(p, off)
		return err
	})
	return n, err
}

func (f *memFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.enter("write", func() error {
		switch {
		case off < 0:
			return syscall.EINVAL
		case !f.write:
			return syscall.EBADF
		case off > math.MaxInt64-int64(len(p)):
			return syscall.EFBIG
		case len(p) == 0:
			return nil
		}
		err := f.mem.step("write %s [%d,%d)", f.path, off, off+int64(len(p)))
		if err == nil {
			n = len(p)
		} else if n = f.torn(off, len(p)); n == 0 {
			return err
		}
		f.node.data.writeAt(p[:n], off)
		f.wrote()
		return err
	})
	return n, err
}

// torn tells how many bytes of the write that crashes the disk are written.
func (f *memFile) torn(off int64, n int) int {
	tear := f.mem.disk.tear
	f.mem.disk.tear = 0 // it is that one write
	if tear == 0 {
		return 0
	}
	whole := int64(tear)*pageSize - off%pageSize
	if whole >= int64(n) {
		return 0
	}
	return int(whole)
}

// wrote moves the times as a write does.
func (f *memFile) wrote() {
	t, ino := f.mem.disk.now(), f.node.ino
	f.mem.vol.do(change{inos: []uint64{ino}, times: true, apply: func(of func(uint64) *state) {
		of(ino).mtime = t
		of(ino).changed(t)
	}})
}

func (f *memFile) Truncate(size int64) error {
	return f.enter("truncate", func() error {
		if size < 0 || !f.write {
			return syscall.EINVAL
		}
		if err := f.mem.step("truncate %s %d", f.path, size); err != nil {
			return err
		}
		f.node.data.truncate(size)
		f.wrote()
		return nil
	})
}

func (f *memFile) PunchHole(off, n int64) error {
	return f.enter("punchhole", func() error {
		switch {
		case off < 0 || n <= 0:
			return syscall.EINVAL
		case !f.write:
			return syscall.EBADF
		case off > math.MaxInt64-n:
			return syscall.EFBIG
		}
		if err := f.mem.step("punchhole %s [%d,%d)", f.path, off, off+n); err != nil {
			return err
		}
		f.node.data.zero(off, off+n)
		f.wrote()
		return nil
	})
}

func (f *memFile) SeekData(off int64) (at int64, err error) {
	err = f.enter("seekdata", func() error {
		if off < 0 {
			return syscall.EINVAL
		}
		var found bool
		if at, found = f.node.data.seekData(off); !found {
			return io.EOF
		}
		return nil
	})
	return at, err
}

func (f *memFile) Sync() error {
	return f.enter("sync", func() error {
		if err := f.mem.step("sync %s", f.path); err != nil {
			return err
		}
		f.node.data.sync()
		if f.attrs {
			f.mem.vol.commitAttrs(f.node.ino)
			f.attrs = false
		}
		return nil
	})
}

func (f *memFile) Stat() (info cloud.Info, err error) {
	err = f.enter("stat", func() error {
		info = f.mem.vol.info(f.node)
		return nil
	})
	return info, err
}

func (f *memFile) set(a attr) error {
	return f.enter(a.op, func() error {
		err := f.mem.set(f.node, f.path, a)
		f.attrs = f.attrs || err == nil
		return err
	})
}

func (f *memFile) Chmod(perm uint32) error       { return f.set(chmodAttr(perm)) }
func (f *memFile) Chown(uid, gid int) error      { return f.set(chownAttr(uid, gid)) }
func (f *memFile) Chtimes(t cloud.Times) error   { return f.set(chtimesAttr(t)) }
func (f *memFile) Removexattr(name string) error { return f.set(removexattrAttr(name)) }
func (f *memFile) Setxattr(name string, value []byte, flags int) error {
	return f.set(setxattrAttr(name, value, flags))
}

func (f *memFile) Getxattr(name string) (value []byte, err error) {
	err = f.enter("getxattr", func() (err error) {
		value, err = f.node.sides[live].getxattr(name)
		return err
	})
	return value, err
}

func (f *memFile) Listxattr() (names []string, err error) {
	err = f.enter("listxattr", func() error {
		names = f.node.sides[live].listxattr()
		return nil
	})
	return names, err
}

// Close works after a crash too.
func (f *memFile) Close() error {
	f.mem.disk.mu.Lock()
	defer f.mem.disk.mu.Unlock()
	if f.closed {
		return &fs.PathError{Op: "close", Path: f.path, Err: os.ErrClosed}
	}
	f.closed = true
	if f.mem.epoch == f.mem.disk.epoch {
		f.node.opens--
	}
	return nil
}
