package replica

import (
	"errors"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// SetDirAttr sets of a directory what is not nil, owner first: changing it may clear mode
// bits.
func (c *Cloud) SetDirAttr(path string, a *journal.Attrs, owners bool) error {
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

// Swap exchanges two entries by way of a temporary name: each moves from
// its first path to its second. Where a step fails those before it are undone.
func (c *Cloud) Swap(temp string, a, b [2]string) error {
	steps := [][2]string{{a[0], temp}, b, {temp, a[1]}}
	for i, step := range steps {
		if err := c.Dir.Rename(step[0], step[1]); err != nil {
			for i--; i >= 0; i-- {
				err = errors.Join(err, c.Dir.Rename(steps[i][1], steps[i][0]))
			}
			return err
		}
	}
	return nil
}
