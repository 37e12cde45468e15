package replica

import (
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
