package main

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

// localTree is a directory of this machine. With sync, a file that was created is on stable storage when it is closed.
type localTree struct {
	root string // "" takes every path as it is
	sync bool
}

func (t localTree) path(name string) string {
	if t.root == "" {
		return name
	}
	return filepath.Join(t.root, name)
}

func (t localTree) Lstat(name string) (entry, error) {
	var st unix.Stat_t
	if err := unix.Lstat(t.path(name), &st); err != nil {
		return entry{}, &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	return statEntry(filepath.Base(t.path(name)), &st), nil
}

func statEntry(name string, st *unix.Stat_t) entry {
	return entry{
		Name: name, Mode: st.Mode, Size: st.Size, Mtime: time.Unix(st.Mtim.Unix()),
		Ino: st.Ino, Dev: st.Dev, Nlink: uint64(st.Nlink), UID: st.Uid, GID: st.Gid, Rdev: st.Rdev,
	}
}

func (t localTree) ReadDir(name string) ([]entry, error) {
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
	entries := make([]entry, 0, len(names))
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

func (t localTree) Readlink(name string) (string, error) { return os.Readlink(t.path(name)) }

func (t localTree) Open(name string) (treeReader, error) {
	f, err := os.Open(t.path(name))
	if err != nil {
		return nil, err
	}
	return localSource{f}, nil
}

// localSource gives a file the Next of treeReader.
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

func (t localTree) Create(name string) (treeWriter, error) {
	f, err := os.OpenFile(t.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if t.sync {
		return syncedFile{f}, nil
	}
	return f, nil
}

// syncedFile is a file that is on stable storage once its Close succeeded.
type syncedFile struct{ *os.File }

func (f syncedFile) Close() error { return errors.Join(f.File.Sync(), f.File.Close()) }

func (t localTree) Mkdir(name string) error { return os.Mkdir(t.path(name), 0o700) }

func (t localTree) Mknod(name string, e entry) error {
	if err := unix.Mknod(t.path(name), e.Mode&unix.S_IFMT|0o600, int(e.Rdev)); err != nil {
		return &fs.PathError{Op: "mknod", Path: name, Err: err}
	}
	return nil
}

func (t localTree) Symlink(target, name string) error { return os.Symlink(target, t.path(name)) }
func (t localTree) Link(old, name string) error       { return os.Link(t.path(old), t.path(name)) }
func (t localTree) Rename(old, name string) error     { return os.Rename(t.path(old), t.path(name)) }
func (t localTree) Remove(name string) error          { return os.Remove(t.path(name)) }

// SetMeta sets the owner first: changing it clears setuid and setgid. Who cannot give a file its owner must not give it
// these bits either.
func (t localTree) SetMeta(name string, e entry) error {
	at, mode := t.path(name), e.Mode&0o7777
	if os.Geteuid() == 0 {
		if err := os.Lchown(at, int(e.UID), int(e.GID)); err != nil {
			return err
		}
	} else if e.UID != uint32(os.Geteuid()) {
		mode &^= unix.S_ISUID | unix.S_ISGID
	}
	if !e.isSymlink() {
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
