package cloud

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

func (d *dir) Handle(path string) (handle []byte, err error) {
	ask := func(fd int) (err error) {
		handle, err = d.handleOf(fd)
		return err
	}
	// Most are asked for directories, and one that is opened as such needs no look at what it is.
	err = d.opened("handle", path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_DIRECTORY, ask)
	if errors.Is(err, unix.ENOTDIR) {
		err = d.inode("handle", path, func(fd int, _ *unix.Stat_t) error { return ask(fd) })
	}
	return handle, err
}

// handleOf gives the type and the bytes of name_to_handle_at(2), and leaves
// out the number of the mount, which changes with every mount.
func (d *dir) handleOf(fd int) ([]byte, error) {
	h, mount, err := unix.NameToHandleAt(fd, "", unix.AT_EMPTY_PATH)
	if err != nil {
		return nil, unsupported(err, unix.EPERM) // the call needs no right: a sandbox forbids it
	}
	// Something else may be mounted inside. The number of our own mount is nobody else's while the directory is open.
	if mount != d.lasting {
		var sf unix.Statfs_t
		if err := unix.Fstatfs(fd, &sf); err != nil {
			return nil, err
		}
		if !lasting(sf.Type) {
			return nil, unsupported(unix.EOPNOTSUPP)
		}
	}
	return append(binary.LittleEndian.AppendUint32(nil, uint32(h.Type())), h.Bytes()...), nil
}

// lastingMount is the number of the mount that a directory is on if handles last there, else -1.
func lastingMount(fd int) int {
	var sf unix.Statfs_t
	_, mount, err := unix.NameToHandleAt(fd, "", unix.AT_EMPTY_PATH)
	if err != nil || unix.Fstatfs(fd, &sf) != nil || !lasting(sf.Type) {
		return -1
	}
	return mount
}

// lasting tells whether a filesystem of that type stands by its handles. FUSE
// makes them from numbers that most servers draw anew at each mount, FAT and
// exFAT from a place on the disk that the next file gets, overlay from
// whichever layer the file is in now.
func lasting(fsType int64) bool {
	switch fsType {
	case unix.FUSE_SUPER_MAGIC, unix.MSDOS_SUPER_MAGIC, unix.EXFAT_SUPER_MAGIC, unix.OVERLAYFS_SUPER_MAGIC:
		return false
	}
	return true
}
