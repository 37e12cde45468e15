package cloud

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestUnsupported(t *testing.T) {
	for _, c := range []struct {
		err  error
		also []unix.Errno
		want bool
	}{
		{nil, nil, false},
		{unix.EIO, nil, false},
		{unix.EINVAL, nil, false},
		{unix.EINVAL, []unix.Errno{unix.EINVAL}, true},
		{unix.EOPNOTSUPP, nil, true},
		{unix.ENOSYS, nil, true},
		{os.ErrClosed, nil, false},
	} {
		err := unsupported(c.err, c.also...)
		if errors.Is(err, ErrUnsupported) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%v becomes %v", c.err, err)
		}
	}
}

func TestLasting(t *testing.T) {
	for fsType, want := range map[int64]bool{
		unix.EXT4_SUPER_MAGIC: true, unix.TMPFS_MAGIC: true, unix.BTRFS_SUPER_MAGIC: true, unix.XFS_SUPER_MAGIC: true,
		unix.FUSE_SUPER_MAGIC: false, unix.MSDOS_SUPER_MAGIC: false, unix.EXFAT_SUPER_MAGIC: false, unix.OVERLAYFS_SUPER_MAGIC: false,
	} {
		if lasting(fsType) != want {
			t.Errorf("handles on a filesystem of type %#x are lasting: %v", fsType, !want)
		}
	}
}

// TestHandleUnsupported asks a filesystem that has no handles, whatever its type.
func TestHandleUnsupported(t *testing.T) {
	d, err := OpenDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if h, err := d.Handle("sys/kernel"); !errors.Is(err, ErrUnsupported) || !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("handle %x, error %v", h, err)
	}
}

// TestEntriesOfUnknownType is for the filesystems whose getdents tells no type.
func TestEntriesOfUnknownType(t *testing.T) {
	path := t.TempDir()
	for _, err := range []error{
		os.Mkdir(filepath.Join(path, "d"), 0o700),
		os.WriteFile(filepath.Join(path, "f"), nil, 0o600),
		os.Symlink("f", filepath.Join(path, "l")),
		os.WriteFile(filepath.Join(path, "gone"), nil, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	fd := int(dir.Fd())
	buf := make([]byte, 4096)
	n, err := unix.Getdents(fd, buf)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(path, "gone")); err != nil {
		t.Fatal(err)
	}
	for rest := buf[:n]; len(rest) > 0; rest = rest[int(rest[16])|int(rest[17])<<8:] {
		rest[18] = unix.DT_UNKNOWN
	}
	entries, err := appendEntries(nil, fd, buf[:n])
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 3 {
		t.Errorf("entries %v", entries)
	}
	for _, e := range entries {
		if e.Dir != (e.Name == "d") || e.Regular != (e.Name == "f") || e.Ino == 0 {
			t.Errorf("entry %+v", e)
		}
	}
}
