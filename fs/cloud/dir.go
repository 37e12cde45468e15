package cloud

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
)

// dir is the real directory.
//
// os.Root holds it. The operations themselves resolve their paths from its
// handle (resolve.go), because os.Root follows symbolic links as long as they
// stay inside, takes a system call per component, and has no exchange,
// extended attributes, nanosecond times or statfs.
type dir struct {
	path string // absolute, for Check and messages
	root *os.Root
	self *os.File
	conn syscall.RawConn // of self: keeps its descriptor from being closed in the middle of a call
	was  unix.Stat_t     // self, when it was opened
	open opener
	fuse bool // it is a FUSE filesystem

	remote  bool    // somebody else keeps it, and nothing in it is kept open
	parents parents // directories in it that are open
	quiet   int     // O_NOATIME where listing is to move no access time
	own     int     // O_NOATIME where what this process makes is certainly its own, so that it may ask for it

	lasting int // the mount that it is on, if file handles last there; -1 else

	// modes: held for writing while open lends a file's owner permission
	// bits, for reading by whatever reads or sets mode bits meanwhile. That of
	// parents is taken under it, and none under that.
	modes sync.RWMutex
}

// OpenDir opens the directory at path, which may be reached through symbolic
// links. The marker is not looked for; see [Dir.Check]. Whatever keeps the
// directory from being opened comes wrapped beside [ErrAbsent].
func OpenDir(path string) (Dir, error) { return openDir(path, 0) }

// OpenQuiet is OpenDir for who only looks: not even access times of directories
// move, where those are this user's.
func OpenQuiet(path string) (Dir, error) { return openDir(path, unix.O_NOATIME) }

func openDir(path string, quiet int) (Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open cloud directory: %w", err)
	}
	if _, err := os.Stat(procFD); err != nil {
		return nil, fmt.Errorf("open cloud directory %s: needs %s: %w", path, procFD, err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	d := &dir{path: path, root: root, quiet: quiet}
	if err := d.hold(); err != nil {
		root.Close()
		return nil, fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	return d, nil
}

// hold opens the handle from which paths are resolved.
func (d *dir) hold() error {
	self, err := d.root.Open(".")
	if err != nil {
		return err
	}
	d.self = self
	if d.conn, err = self.SyscallConn(); err == nil {
		err = d.control(func(root int) error {
			d.open, d.lasting = bestOpener(root), lastingMount(root)
			if err := unix.Fstat(root, &d.was); err != nil {
				return err
			}
			var sf unix.Statfs_t
			err := unix.Fstatfs(root, &sf)
			d.fuse, d.remote = sf.Type == unix.FUSE_SUPER_MAGIC, remote(sf.Type)
			if !d.fuse && int(d.was.Uid) == os.Geteuid() {
				d.own = unix.O_NOATIME
			}
			return err
		})
	}
	if err != nil {
		self.Close()
	}
	return err
}

// control runs fn on the descriptor of the directory.
func (d *dir) control(fn func(root int) error) error { return control(d.conn, fn) }

// control runs fn on the descriptor behind conn, again if a signal interrupts
// it.
func control(conn syscall.RawConn, fn func(fd int) error) error {
	var err error
	if conn.Control(func(fd uintptr) {
		for err = fn(int(fd)); err == unix.EINTR; {
			err = fn(int(fd))
		}
	}) != nil {
		return os.ErrClosed
	}
	return err
}

// Check comes with every commit: it is two system calls, and looks at no more of what they say than it asks for.
func (d *dir) Check() error {
	var now, marker unix.Stat_t
	if err := d.control(func(int) error { return unix.Stat(d.path, &now) }); err != nil {
		return fmt.Errorf("%w: %w", ErrAbsent, pathError("stat", d.path, err))
	}
	if now.Dev != d.was.Dev || now.Ino != d.was.Ino {
		return fmt.Errorf("%w: %s is not the directory that was opened", ErrAbsent, d.path)
	}
	err := d.control(func(root int) error { return unix.Fstatat(root, cipher.MarkerName, &marker, unix.AT_SYMLINK_NOFOLLOW) })
	switch {
	case err != nil:
		return fmt.Errorf("%w: %s: %w", ErrAbsent, d.path, pathError("stat", cipher.MarkerName, err))
	case marker.Mode&unix.S_IFMT != unix.S_IFREG:
		return fmt.Errorf("%w: %s: %s: %w", ErrAbsent, d.path, cipher.MarkerName, ErrNotRegular)
	}
	return nil
}

func (d *dir) Statfs() (Statfs, error) {
	var sf unix.Statfs_t
	var st unix.Stat_t
	err := d.control(func(root int) error {
		if err := unix.Fstatfs(root, &sf); err != nil {
			return err
		}
		return unix.Fstat(root, &st)
	})
	if err != nil {
		return Statfs{}, pathError("statfs", d.path, err)
	}
	unit := sf.Frsize // in which blocks are counted, where it is given at all
	if unit == 0 {
		unit = sf.Bsize
	}
	return Statfs{
		Dev:       st.Dev,
		BlockSize: uint64(unit),
		Blocks:    sf.Blocks,
		Free:      sf.Bfree,
		Avail:     sf.Bavail,
		Files:     sf.Files,
		FilesFree: sf.Ffree,
		NameMax:   uint64(sf.Namelen),
		ReadOnly:  sf.Flags&unix.ST_RDONLY != 0,
		Fuse:      sf.Type == unix.FUSE_SUPER_MAGIC,
		Remote:    remote(sf.Type),
		Whole:     whole(sf.Type),
	}, nil
}

// remote reports whether a filesystem of this type asks somebody else, who may
// not answer.
func remote(fsType int64) bool {
	const (
		lustre = 0x0bd00bd0
		vboxsf = 0x786f4256
	)
	switch fsType {
	case unix.FUSE_SUPER_MAGIC, unix.NFS_SUPER_MAGIC, unix.V9FS_MAGIC, unix.CEPH_SUPER_MAGIC,
		unix.CIFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC,
		unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC, unix.CODA_SUPER_MAGIC, unix.AUTOFS_SUPER_MAGIC,
		lustre, vboxsf:
		return true
	}
	return false
}

// whole reports whether every filesystem of this type has all features.
func whole(fsType int64) bool {
	switch fsType {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.F2FS_SUPER_MAGIC:
		return true
	}
	return false
}

func (d *dir) SyncDir(path string) error {
	return d.opened("syncdir", path, unix.O_RDONLY|unix.O_DIRECTORY, unix.Fsync)
}

func (d *dir) Syncfs() error {
	return pathError("syncfs", d.path, d.control(unix.Syncfs))
}

func (d *dir) Close() error {
	d.parents.close()
	err := d.self.Close()
	if rootErr := d.root.Close(); err == nil {
		err = rootErr
	}
	return err
}
