package tree

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Local is a directory of this machine. With Sync, a file that was created is on stable storage when it is closed.
type Local struct {
	Root string // "" takes every path as it is
	Sync bool
}

func (t Local) path(name string) string {
	if t.Root == "" {
		return name
	}
	return filepath.Join(t.Root, name)
}

func (t Local) Lstat(name string) (Entry, error) {
	var st unix.Stat_t
	if err := unix.Lstat(t.path(name), &st); err != nil {
		return Entry{}, &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	return statEntry(filepath.Base(t.path(name)), &st), nil
}

func statEntry(name string, st *unix.Stat_t) Entry {
	return Entry{
		Name: name, Mode: st.Mode, Size: st.Size, Mtime: time.Unix(st.Mtim.Unix()),
		Ino: st.Ino, Dev: st.Dev, Nlink: uint64(st.Nlink), UID: st.Uid, GID: st.Gid, Rdev: st.Rdev,
	}
}

func (t Local) ReadDir(name string) ([]Entry, error) {
	f, err := os.Open(t.path(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	entries := make([]Entry, 0, len(names))
	for _, n := range names {
		e, err := t.Lstat(filepath.Join(name, n))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		e.Name = n
		entries = append(entries, e)
	}
	return entries, nil
}

func (t Local) Readlink(name string) (string, error) { return os.Readlink(t.path(name)) }

func (t Local) Open(name string) (Reader, error) {
	f, err := os.Open(t.path(name))
	if err != nil {
		return nil, err
	}
	return localSource{f}, nil
}

// localSource gives a file the Next of Reader.
type localSource struct{ file *os.File }

func (s localSource) ReadAt(p []byte, off int64) (int, error) { return s.file.ReadAt(p, off) }
func (s localSource) Close() error                            { return s.file.Close() }

func (s localSource) Next(off int64, data bool) (int64, error) {
	whence := unix.SEEK_HOLE
	if data {
		whence = unix.SEEK_DATA
	}
	at, err := s.file.Seek(off, whence)
	if errors.Is(err, unix.ENXIO) {
		return 0, io.EOF
	}
	return at, err
}

func (t Local) Create(name string) (Writer, error) {
	f, err := os.OpenFile(t.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if t.Sync {
		return syncedFile{f}, nil
	}
	return f, nil
}

// syncedFile is a file that is on stable storage once its Close succeeded.
type syncedFile struct{ *os.File }

func (f syncedFile) Close() error { return errors.Join(f.File.Sync(), f.File.Close()) }

func (t Local) Mkdir(name string) error { return os.Mkdir(t.path(name), 0o700) }

func (t Local) Mknod(name string, e Entry) error {
	if err := unix.Mknod(t.path(name), e.Mode&unix.S_IFMT|0o600, int(e.Rdev)); err != nil {
		return &fs.PathError{Op: "mknod", Path: name, Err: err}
	}
	return nil
}

func (t Local) Symlink(target, name string) error { return os.Symlink(target, t.path(name)) }
func (t Local) Link(old, name string) error       { return os.Link(t.path(old), t.path(name)) }
func (t Local) Rename(old, name string) error     { return os.Rename(t.path(old), t.path(name)) }
func (t Local) Remove(name string) error          { return os.Remove(t.path(name)) }

// SetMeta sets the owner first: changing it clears setuid and setgid. Who cannot give a file its owner must not give it
// these bits either.
func (t Local) SetMeta(name string, e Entry) error {
	at, mode := t.path(name), e.Mode&0o7777
	if os.Geteuid() == 0 {
		if err := os.Lchown(at, int(e.UID), int(e.GID)); err != nil {
			return err
		}
	} else if e.UID != uint32(os.Geteuid()) {
		mode &^= unix.S_ISUID | unix.S_ISGID
	}
	if !e.IsSymlink() {
		if err := unix.Chmod(at, mode); err != nil {
			return &fs.PathError{Op: "chmod", Path: name, Err: err}
		}
	}
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: e.Mtime.Unix(), Nsec: int64(e.Mtime.Nanosecond())}}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, at, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &fs.PathError{Op: "utimens", Path: name, Err: err}
	}
	return nil
}
