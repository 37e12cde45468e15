package cloud

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func (d *dir) Mkdir(path string, perm uint32) error {
	return d.at("mkdir", path, func(at int, name string) error {
		if err := unix.Mkdirat(at, name, perm); err != nil {
			return err
		}
		fd, err := unix.Openat(at, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == nil {
			err = exactMode(fd, perm)
			unix.Close(fd)
		}
		if err != nil {
			unix.Unlinkat(at, name, unix.AT_REMOVEDIR)
		}
		return err
	})
}

// exactMode undoes what the umask and an inherited setgid bit did to a new
// inode. Most often that is nothing, and looking is cheaper than setting.
func exactMode(fd int, perm uint32) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&07777 == perm {
		return err
	}
	return unix.Chmod(procPath(fd), perm)
}

func (d *dir) Remove(path string) error {
	return d.at("remove", path, func(at int, name string) error {
		return unix.Unlinkat(at, name, 0)
	})
}

func (d *dir) Rmdir(path string) error {
	return d.parents.move(func() error {
		return d.at("rmdir", path, func(at int, name string) error {
			return unix.Unlinkat(at, name, unix.AT_REMOVEDIR)
		})
	}, path)
}

func (d *dir) Rename(old, new string) error {
	return d.parents.move(func() error {
		return d.at2("rename", old, new, func(oldAt int, oldName string, newAt int, newName string) error {
			return unix.Renameat(oldAt, oldName, newAt, newName)
		})
	}, old, new)
}

func (d *dir) Exchange(a, b string) error {
	return d.parents.move(func() error {
		return d.at2("exchange", a, b, func(aAt int, aName string, bAt int, bName string) error {
			err := unix.Renameat2(aAt, aName, bAt, bName, unix.RENAME_EXCHANGE)
			if strings.HasPrefix(b+"/", a+"/") || strings.HasPrefix(a+"/", b+"/") {
				return unsupported(err) // EINVAL is about the paths: one is inside the other
			}
			return unsupported(err, unix.EINVAL)
		})
	}, a, b)
}

func (d *dir) Link(old, new string) error {
	return d.at2("link", old, new, func(oldAt int, oldName string, newAt int, newName string) error {
		err := unix.Linkat(oldAt, oldName, newAt, newName, 0)
		if err != unix.EPERM {
			return unsupported(err)
		}
		var st unix.Stat_t
		if unix.Fstatat(oldAt, oldName, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
			return err
		}
		return unsupported(err, unix.EPERM) // as FAT says it
	})
}

func (d *dir) Stat(path string) (Info, error) {
	d.modes.RLock()
	defer d.modes.RUnlock()
	var st unix.Stat_t
	err := d.at("stat", path, func(at int, name string) error {
		return unix.Fstatat(at, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	})
	if err != nil {
		return Info{}, err
	}
	return infoOf(&st), nil
}

func infoOf(st *unix.Stat_t) Info {
	return Info{
		Ino:     st.Ino,
		Dev:     st.Dev,
		Nlink:   uint64(st.Nlink), // 32 bits wide on arm64
		Mode:    st.Mode & 07777,
		Dir:     st.Mode&unix.S_IFMT == unix.S_IFDIR,
		Regular: st.Mode&unix.S_IFMT == unix.S_IFREG,
		UID:     st.Uid,
		GID:     st.Gid,
		Size:    st.Size,
		Blocks:  st.Blocks,
		Atime:   time.Unix(st.Atim.Unix()),
		Mtime:   time.Unix(st.Mtim.Unix()),
		Ctime:   time.Unix(st.Ctim.Unix()),
	}
}

func (d *dir) ReadDir(path string) ([]Entry, error) {
	entries, err := d.list(path, d.quiet)
	if d.quiet != 0 && errors.Is(err, unix.EPERM) { // not the owner
		return d.list(path, 0)
	}
	return entries, err
}

func (d *dir) list(path string, flags int) (entries []Entry, err error) {
	err = d.opened("readdir", path, unix.O_RDONLY|unix.O_DIRECTORY|flags, func(fd int) error {
		entries = nil
		buf := make([]byte, 32<<10)
		for {
			n, err := unix.Getdents(fd, buf)
			if err != nil || n == 0 {
				return err
			}
			if entries, err = appendEntries(entries, fd, buf[:n]); err != nil {
				return err
			}
		}
	})
	return entries, err
}

// appendEntries parses linux_dirent64 (getdents64(2)): inode u64, offset u64,
// record length u16, type u8, name ending in NUL.
func appendEntries(entries []Entry, fd int, buf []byte) ([]Entry, error) {
	const header = 19
	for len(buf) > header {
		size := int(binary.NativeEndian.Uint16(buf[16:]))
		ino, kind := binary.NativeEndian.Uint64(buf), buf[18]
		name, _, _ := strings.Cut(string(buf[header:size]), "\x00")
		buf = buf[size:]
		if name == "." || name == ".." {
			continue
		}
		e := Entry{Name: name, Dir: kind == unix.DT_DIR, Regular: kind == unix.DT_REG, Ino: ino}
		if kind == unix.DT_UNKNOWN { // some filesystems never tell
			var st unix.Stat_t
			switch err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err {
			case nil:
				e.Dir, e.Regular = infoOf(&st).Dir, infoOf(&st).Regular
			case unix.ENOENT:
				continue
			default:
				return nil, err
			}
		}
		entries = append(entries, e)
	}
	return entries, nil
}
