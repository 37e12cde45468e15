package cloud

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

func (d *dir) Handle(path string) (handle []byte, err error) {
	err = d.inode("handle", path, func(fd int, _ *unix.Stat_t) (err error) {
		handle, err = handleOf(fd)
		return err
	})
	return handle, err
}

// handleOf gives the type and the bytes of name_to_handle_at(2), and leaves
// out the number of the mount, which changes with every mount.
func handleOf(fd int) ([]byte, error) {
	// Asked of the inode itself: something else may be mounted inside.
	var sf unix.Statfs_t
	if err := unix.Fstatfs(fd, &sf); err != nil {
		return nil, err
	}
	if !lasting(sf.Type) {
		return nil, unsupported(unix.EOPNOTSUPP)
	}
	h, _, err := unix.NameToHandleAt(fd, "", unix.AT_EMPTY_PATH)
	if err != nil {
		return nil, unsupported(err, unix.EPERM) // the call needs no right: a sandbox forbids it
	}
	return append(binary.LittleEndian.AppendUint32(nil, uint32(h.Type())), h.Bytes()...), nil
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
