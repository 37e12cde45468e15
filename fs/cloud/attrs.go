package cloud

import (
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The functions on descriptors below take O_PATH descriptors too.

// chtimes sets the times that are given. With both, one that is not given is set
// to what it is: some FUSE filesystems ignore a change of one time alone.
func chtimes(fd int, t Times, both bool) error {
	ts := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Nsec: unix.UTIME_OMIT}}
	if both {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return err
		}
		ts = []unix.Timespec{st.Atim, st.Mtim}
	}
	for i, t := range []*time.Time{t.Atime, t.Mtime} {
		if t == nil {
			continue
		}
		var err error
		if ts[i], err = unix.TimeToTimespec(*t); err != nil {
			return err
		}
	}
	err := unix.UtimesNanoAt(fd, "", ts, unix.AT_EMPTY_PATH)
	if err == unix.EINVAL { // before Linux 5.8
		return unix.UtimesNanoAt(unix.AT_FDCWD, procPath(fd), ts, 0)
	}
	return err
}

func listxattr(fd int) ([]string, error) {
	raw, err := grow(func(buf []byte) (int, error) { return unix.Listxattr(procPath(fd), buf) })
	if err != nil || len(raw) == 0 {
		return nil, unsupported(err)
	}
	return strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00"), nil
}

func getxattr(fd int, name string) ([]byte, error) {
	value, err := grow(func(buf []byte) (int, error) { return unix.Getxattr(procPath(fd), name, buf) })
	return value, unsupported(err)
}

// grow calls get with a buffer that is large enough, however the value may
// change between two calls.
func grow(get func([]byte) (int, error)) ([]byte, error) {
	for buf := make([]byte, 256); ; buf = make([]byte, 4*len(buf)) {
		n, err := get(buf)
		if err == nil {
			return buf[:n], nil
		}
		// The kernel takes no more than 64 KiB, so ERANGE is final there.
		if err != unix.ERANGE || len(buf) > 64<<10 {
			return nil, err
		}
	}
}

func setxattr(fd int, name string, value []byte, flags int) error {
	return unsupported(unix.Setxattr(procPath(fd), name, value, flags))
}

func removexattr(fd int, name string) error {
	return unsupported(unix.Removexattr(procPath(fd), name))
}

func (d *dir) Chmod(path string, perm uint32) error {
	d.modes.RLock()
	defer d.modes.RUnlock()
	return d.inode("chmod", path, func(fd int, _ *unix.Stat_t) error {
		return unix.Chmod(procPath(fd), perm)
	})
}

func (d *dir) Chown(path string, uid, gid int) error {
	return d.inode("chown", path, func(fd int, _ *unix.Stat_t) error {
		return unix.Chown(procPath(fd), uid, gid)
	})
}

func (d *dir) Chtimes(path string, t Times) error {
	return d.inode("chtimes", path, func(fd int, _ *unix.Stat_t) error {
		return chtimes(fd, t, d.fuse)
	})
}

func (d *dir) Listxattr(path string) (names []string, err error) {
	err = d.inode("listxattr", path, func(fd int, _ *unix.Stat_t) (err error) {
		names, err = listxattr(fd)
		return err
	})
	return names, err
}

func (d *dir) Getxattr(path, name string) (value []byte, err error) {
	err = d.inode("getxattr", path, func(fd int, _ *unix.Stat_t) (err error) {
		value, err = getxattr(fd, name)
		return err
	})
	return value, err
}

func (d *dir) Setxattr(path, name string, value []byte, flags int) error {
	return d.inode("setxattr", path, func(fd int, _ *unix.Stat_t) error {
		return setxattr(fd, name, value, flags)
	})
}

func (d *dir) Removexattr(path, name string) error {
	return d.inode("removexattr", path, func(fd int, _ *unix.Stat_t) error {
		return removexattr(fd, name)
	})
}
