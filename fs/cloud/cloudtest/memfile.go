package cloudtest

import (
	"io"
	"io/fs"
	"math"
	"os"
	"syscall"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
)

// memFile is an open file of a Mem. Its inode outlives its last name.
type memFile struct {
	mem    *Mem   // of the epoch it was opened in
	ino    uint64 // birth
	path   string // at open, for messages
	write  bool
	closed bool
	attrs  bool // attributes were set through it since its last Sync
}

func (m *Mem) file(n *inode, path string, write bool) *memFile {
	m.vol.fs.opens[n.birth]++
	return &memFile{mem: m, ino: n.birth, path: path, write: write}
}

// node is the inode, to be looked at; own gives the one to be changed.
func (f *memFile) node() *inode { return f.mem.vol.fs.inodes[f.ino] }
func (f *memFile) own() *inode  { return f.mem.vol.fs.own(f.ino) }

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
		n, err = f.node().data.readAt(p, off)
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
		err := f.step(what{verb: "write", from: off, end: off + int64(len(p))}, func(on *Disk, pages int) {
			if k := torn(off, len(p), pages); k > 0 {
				on.write(f.mem.vol.name, f.ino, p[:k], off)
				if on == f.mem.disk {
					n = k
				}
			}
		})
		if err == nil {
			n = len(p)
			f.mem.disk.write(f.mem.vol.name, f.ino, p, off)
		}
		return err
	})
	return n, err
}

func (f *memFile) step(w what, torn func(on *Disk, pages int)) error {
	w.path = f.path
	return f.mem.disk.step(f.mem.vol.name, w, torn)
}

// torn tells how many bytes of a write that reaches into more than that many
// pages are in them, or 0.
func torn(off int64, n, pages int) int {
	whole := int64(pages)*pageSize - off%pageSize
	if whole >= int64(n) {
		return 0
	}
	return int(whole)
}

// write writes to an inode of one of the disk's volumes.
func (d *Disk) write(volume string, ino uint64, p []byte, off int64) {
	f := d.volumes[volume].fs
	f.own(ino).data.writeAt(p, off)
	f.wrote(ino, d.now())
}

// wrote moves the times as a write does.
func (f *filesystem) wrote(ino uint64, t time.Time) {
	f.do(change{inos: []uint64{ino}, times: true, apply: func(of func(uint64) *state) {
		of(ino).mtime = t
		of(ino).changed(t)
	}})
}

func (f *memFile) Truncate(size int64) error {
	return f.enter("truncate", func() error {
		if size < 0 || !f.write {
			return syscall.EINVAL
		}
		if err := f.step(what{verb: "truncate", detail: size}, nil); err != nil {
			return err
		}
		f.own().data.truncate(size)
		f.mem.vol.fs.wrote(f.ino, f.mem.disk.now())
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
		if err := f.step(what{verb: "punchhole", from: off, end: off + n}, nil); err != nil {
			return err
		}
		f.own().data.zero(off, off+n)
		f.mem.vol.fs.wrote(f.ino, f.mem.disk.now())
		return nil
	})
}

func (f *memFile) SeekData(off int64) (at int64, err error) {
	err = f.enter("seekdata", func() error {
		if off < 0 {
			return syscall.EINVAL
		}
		var found bool
		if at, found = f.node().data.seekData(off); !found {
			return io.EOF
		}
		return nil
	})
	return at, err
}

func (f *memFile) Sync() error {
	return f.enter("sync", func() error {
		if err := f.step(what{verb: "sync"}, nil); err != nil {
			return err
		}
		f.own().data.sync()
		if f.attrs {
			f.mem.vol.fs.commitAttrs(f.ino)
			f.attrs = false
		}
		return nil
	})
}

func (f *memFile) Stat() (info cloud.Info, err error) {
	err = f.enter("stat", func() error {
		info = f.mem.vol.info(f.node())
		return nil
	})
	return info, err
}

func (f *memFile) set(a attr) error {
	return f.enter(a.op, func() error {
		err := f.mem.set(f.node(), f.path, a)
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
		value, err = f.node().sides[live].getxattr(name)
		return err
	})
	return value, err
}

func (f *memFile) Listxattr() (names []string, err error) {
	err = f.enter("listxattr", func() error {
		names = f.node().sides[live].listxattr()
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
		v := f.mem.vol.fs
		if v.opens[f.ino]--; v.opens[f.ino] == 0 {
			delete(v.opens, f.ino)
			v.release(f.ino)
		}
	}
	return nil
}
