package replica

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// SetAttrs gives a directory those of its attributes that are other ones.
func (c *Cloud) SetAttrs(path string, a journal.Attrs, owners bool) error {
	if a.Mode == nil && a.UID == nil && a.GID == nil && a.Mtime == nil {
		return nil
	}
	info, err := c.Dir.Stat(path)
	if err != nil {
		return err
	}
	uid, gid := int(info.UID), int(info.GID)
	if a.UID != nil {
		uid = int(*a.UID)
	}
	if a.GID != nil {
		gid = int(*a.GID)
	}
	if owners && (uid != int(info.UID) || gid != int(info.GID)) {
		if err := c.Dir.Chown(path, uid, gid); err != nil {
			return err
		}
	}
	if a.Mode != nil && *a.Mode&0o7777 != info.Mode {
		if err := c.Dir.Chmod(path, *a.Mode&0o7777); err != nil {
			return err
		}
	}
	if a.Mtime != nil && !a.Mtime.Equal(info.Mtime) {
		return c.Dir.Chtimes(path, cloud.Times{Mtime: a.Mtime})
	}
	return nil
}

// ApplyAttrs sets those of a directory's attributes that are not nil, whatever they
// are, owner first: changing it may clear mode bits.
func (c *Cloud) ApplyAttrs(path string, a *journal.Attrs, owners bool) error {
	if owners && (a.UID != nil || a.GID != nil) {
		uid, gid := -1, -1
		if a.UID != nil {
			uid = int(*a.UID)
		}
		if a.GID != nil {
			gid = int(*a.GID)
		}
		if err := c.Dir.Chown(path, uid, gid); err != nil {
			return err
		}
	}
	if a.Mode != nil {
		if err := c.Dir.Chmod(path, *a.Mode&0o7777); err != nil {
			return err
		}
	}
	if a.Atime != nil || a.Mtime != nil {
		return c.Dir.Chtimes(path, cloud.Times{Atime: a.Atime, Mtime: a.Mtime})
	}
	return nil
}

// Device reads the header at a path, and of a device its numbers, which
// stat shows; 0 for anything else.
func (c *Cloud) Device(path string) (*cipher.Header, uint32, error) {
	cp, err := c.Open(path, false)
	if err != nil {
		return nil, 0, err
	}
	defer cp.Close()
	if cp.Head.Type != cipher.TypeChar && cp.Head.Type != cipher.TypeBlock {
		return cp.Head, 0, nil
	}
	content, id, state := cp.One(0, cp.Head.Length)
	if state != cipher.RecordOK || !cp.Head.Version.Covers(id) {
		return nil, 0, fmt.Errorf("device: %w", cipher.ErrDamaged)
	}
	d, err := cipher.ParseDevice(content)
	return cp.Head, uint32(unix.Mkdev(d.Major, d.Minor)), err
}
