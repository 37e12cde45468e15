package rejoin

import (
	"slices"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// clear takes away what is not to be at a name; want is what is to be there
// instead, or nil. It reports whether the name is free.
func (c *Carrier) clear(path string, have, want *thing) (free bool, err error) {
	if have.is == nothing {
		return true, nil
	}
	if moved, err := c.moveAway(path, have); moved || err != nil {
		return moved, err
	}
	if have.is == directory {
		return c.clearDir(path, have, want != nil)
	}
	is, err := c.fateOf(path, have, want)
	if is == goes && err == nil {
		if free, err = unchanged(c.To, have); free {
			err = remove(c.To, have)
		}
	}
	if !free && (want != nil || is != stays) {
		c.leave(path)
	}
	return free, err
}

// remove removes a file, and the sidecar of its name.
func remove(c *replica.Cloud, have *thing) error {
	if err := ignoreMissing(c.Dir.Remove(have.path)); err != nil {
		return err
	}
	return c.DropSidecar(have.dir, have.name)
}

// clearDir takes away a directory. One that is not known to have left may be
// another machine's, and stays, with what is in it and not known to have left.
func (c *Carrier) clearDir(path string, have *thing, left bool) (free bool, err error) {
	if !left {
		if left, err = c.dirLeft(path); err != nil {
			return false, err
		}
	}
	list, err := names(c.To, have.path)
	if err != nil {
		return replica.Missing(err), ignoreMissing(err)
	}
	empty := true
	for _, n := range list {
		free, err := c.clearBelow(replica.Join(path, string(n.name)), left)
		if err != nil {
			return false, err
		}
		empty = empty && free
	}
	if !empty {
		return false, nil
	}
	if !left {
		c.leave(path)
		return false, nil
	}
	return c.removeDir(path, have)
}

// clearBelow is clear for what is in a directory; left: that one has left.
func (c *Carrier) clearBelow(path string, left bool) (free bool, err error) {
	have, err := c.have(path)
	if err != nil {
		return false, err
	}
	if have.is != directory {
		return c.clear(path, have, nil)
	}
	if moved, err := c.moveAway(path, have); moved || err != nil {
		return moved, err
	}
	return c.clearDir(path, have, left)
}

// removeDir removes a directory in which nothing but litter is.
func (c *Carrier) removeDir(path string, have *thing) (bool, error) {
	entries, err := c.To.Dir.ReadDir(have.path)
	if err != nil {
		return replica.Missing(err), ignoreMissing(err)
	}
	if slices.ContainsFunc(entries, func(e cloud.Entry) bool { return !c.To.Litter(have.path, e) }) {
		c.leave(path)
		return false, nil
	}
	for _, e := range entries {
		if err := c.To.Dir.Remove(replica.Join(have.path, e.Name)); ignoreMissing(err) != nil {
			return false, err
		}
	}
	if err := c.To.Dir.Rmdir(have.path); ignoreMissing(err) != nil {
		return false, err
	}
	return true, c.To.DropSidecar(have.dir, have.name)
}

// unchanged reports whether a file is still the one that was looked at, as it
// was then.
func unchanged(c *replica.Cloud, t *thing) (bool, error) {
	info, err := c.Dir.Stat(t.path)
	if err != nil {
		return false, ignoreMissing(err)
	}
	return info.Regular && info.Ino == t.info.Ino && info.Ctime.Equal(t.info.Ctime), nil
}

// untouched reports whether the entry of a name can be replaced: what was looked
// at is still there, or nothing is.
func untouched(c *replica.Cloud, at string, have *thing) (bool, error) {
	if have.is == file {
		if ok, err := unchanged(c, have); !ok || have.path == at {
			return ok, err
		}
	}
	_, err := c.Dir.Stat(at)
	return replica.Missing(err), ignoreMissing(err)
}

func ignoreMissing(err error) error {
	if replica.Missing(err) {
		return nil
	}
	return err
}
