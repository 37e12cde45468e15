package cloud

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// file is an open backing file.
type file struct {
	*os.File
	conn syscall.RawConn
	dir  *dir
	path string

	// attrs: attributes were set since the last Sync, so that it must be an
	// fsync.
	attrs atomic.Bool
}

func (d *dir) file(fd int, path string) (File, error) {
	f := os.NewFile(uintptr(fd), filepath.Join(d.path, path))
	conn, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &file{File: f, conn: conn, dir: d, path: path}, nil
}

func (d *dir) Open(path string, write bool) (File, error) {
	flags := unix.O_RDONLY
	if write {
		flags = unix.O_RDWR
	}
	opened := -1
	err := d.inode("open", path, func(fd int, st *unix.Stat_t) (err error) {
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			return notRegular(unix.EISDIR)
		}
		opened, err = d.reopen(fd, flags)
		return err
	})
	if err != nil {
		return nil, err
	}
	return d.file(opened, path)
}

// reopen opens the regular file behind an O_PATH descriptor. A file whose
// owner has forbidden himself to read or write it (0400 is common) is opened
// nevertheless if we are the owner: it lends itself the permission, opens, and
// gives it back. A kill in between leaves the lent bit set, as if by chmod.
// Reading moves no atime of a file that is ours: what reads a header is seldom
// the program that wants to know.
func (d *dir) reopen(fd, flags int) (int, error) {
	open := func() (int, error) {
		opened, err := unix.Open(procPath(fd), flags|unix.O_CLOEXEC|unix.O_NOATIME, 0)
		if err == unix.EPERM { // not the owner
			return unix.Open(procPath(fd), flags|unix.O_CLOEXEC, 0)
		}
		return opened, err
	}
	opened, err := open()
	if err != unix.EACCES {
		return opened, err
	}
	need := uint32(0o400)
	if flags&unix.O_ACCMODE == unix.O_RDWR {
		need = 0o600
	}

	d.modes.Lock() // nobody sees the lent bit, or sets a mode that giving it back would undo
	defer d.modes.Unlock()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return -1, err
	}
	mode := st.Mode & 0o7777
	if int(st.Uid) != os.Geteuid() {
		return -1, unix.EACCES
	}
	if mode&need == need { // somebody's chmod came first, or it is not the mode that forbids
		return open()
	}
	if err := unix.Chmod(procPath(fd), mode|need); err != nil {
		return -1, unix.EACCES
	}
	opened, err = open()
	if back := unix.Chmod(procPath(fd), mode); back != nil && err == nil {
		unix.Close(opened)
		return -1, back
	}
	return opened, err
}

func (d *dir) Create(path string, perm uint32) (File, error) {
	created := -1
	err := d.at("create", path, func(at int, name string) (err error) {
		created, err = unix.Openat(at, name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC|d.own, perm)
		if err != nil {
			return err
		}
		if err = exactMode(created, perm); err != nil {
			unix.Close(created)
			unix.Unlinkat(at, name, 0)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return d.file(created, path)
}

// control runs fn on the descriptor.
func (f *file) control(op string, fn func(fd int) error) error {
	return pathError(op, f.path, control(f.conn, fn))
}

// set is control for what changes attributes.
func (f *file) set(op string, fn func(fd int) error) error {
	err := f.control(op, fn)
	f.attrs.Store(true) // after the change: a Sync in between syncs once too often, never too little
	return err
}

func (f *file) Sync() error {
	sync := unix.Fdatasync
	attrs := f.attrs.Swap(false)
	if attrs {
		sync = unix.Fsync
	}
	err := f.control("sync", sync)
	if err != nil && attrs {
		f.attrs.Store(true)
	}
	return err
}

func (f *file) Stat() (Info, error) {
	f.dir.modes.RLock()
	defer f.dir.modes.RUnlock()
	var st unix.Stat_t
	err := f.control("stat", func(fd int) error { return unix.Fstat(fd, &st) })
	if err != nil {
		return Info{}, err
	}
	return infoOf(&st), nil
}

func (f *file) Chmod(perm uint32) error {
	f.dir.modes.RLock()
	defer f.dir.modes.RUnlock()
	return f.set("chmod", func(fd int) error { return unix.Fchmod(fd, perm) })
}

func (f *file) Chown(uid, gid int) error {
	return f.set("chown", func(fd int) error { return unix.Fchown(fd, uid, gid) })
}

func (f *file) Chtimes(t Times) error {
	return f.set("chtimes", func(fd int) error { return chtimes(fd, t, f.dir.fuse) })
}

func (f *file) Listxattr() (names []string, err error) {
	err = f.control("listxattr", func(fd int) (err error) {
		names, err = listxattr(fd)
		return err
	})
	return names, err
}

func (f *file) Getxattr(name string) (value []byte, err error) {
	err = f.control("getxattr", func(fd int) (err error) {
		value, err = getxattr(fd, name)
		return err
	})
	return value, err
}

func (f *file) Setxattr(name string, value []byte, flags int) error {
	return f.set("setxattr", func(fd int) error { return setxattr(fd, name, value, flags) })
}

func (f *file) Removexattr(name string) error {
	return f.set("removexattr", func(fd int) error { return removexattr(fd, name) })
}

func (f *file) PunchHole(off, n int64) error {
	return f.control("punchhole", func(fd int) error {
		return unsupported(unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n))
	})
}

func (f *file) SeekData(off int64) (int64, error) {
	at := off
	err := f.control("seekdata", func(fd int) (err error) {
		if off < 0 {
			return unix.EINVAL
		}
		// This moves the descriptor's offset, which nothing here uses.
		at, err = unix.Seek(fd, off, unix.SEEK_DATA)
		if err != unix.EINVAL {
			return err
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return err
		}
		if at = off; off >= st.Size {
			return unix.ENXIO
		}
		return nil
	})
	if errors.Is(err, unix.ENXIO) {
		return 0, io.EOF
	}
	return at, err
}
