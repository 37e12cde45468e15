package copies

import (
	"errors"
	"fmt"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Stands looks whether the copy is what its path names, as this mount left it.
func (c *Copy) Stands(path string) error {
	there, err := c.On.Dir.Stat(path)
	if err != nil {
		return err
	}
	if c.Shown.Ino == 0 { // opened again by a replay
		if c.Shown, err = c.File.Stat(); err != nil {
			return err
		}
	}
	if there.Ino != c.Shown.Ino {
		return fmt.Errorf("%w while it was open", replica.ErrStale)
	}
	return c.Untouched(there)
}

// Untouched looks whether the copy, whose backing file shows that now, still has
// the header that it had here. Of one that was never committed nobody else has a
// version.
func (c *Copy) Untouched(now cloud.Info) error {
	if now.Ctime.Equal(c.Shown.Ctime) || len(c.Head.Version) == 0 {
		return nil
	}
	h, keys, err := c.On.ReadHeader(c.File)
	if err != nil {
		return fmt.Errorf("rewritten while it was open: %w", err)
	}
	keys.Wipe()
	if h.CommitID != c.Head.CommitID || h.FileID != c.Head.FileID || h.Flags&cipher.Dirty != c.Head.Flags&cipher.Dirty ||
		cipher.Compare(h.Version, c.Head.Version) != cipher.Equal {
		return fmt.Errorf("%w while it was open", replica.ErrArriving)
	}
	return nil
}

// Replaced looks whether somebody else has put another file, or another version, in
// the place of the copies, which are at these paths. A version that follows the stored
// one counts wherever it is. Of anything else only that cloud goes without, as long as
// another copy stands.
func Replaced(s *Set, path func(k int) (string, bool)) bool {
	var displaced []*Copy
	for _, c := range s.readers() {
		at, ok := path(c.On.Index)
		if !ok || !showsAnother(s, c, at) {
			for _, d := range displaced {
				d.Err = fmt.Errorf("%w while it was open", replica.ErrStale)
			}
			return false
		}
		if h, err := c.On.Header(at); err == nil && follows(s, h) {
			return true
		}
		displaced = append(displaced, c)
	}
	return len(displaced) > 0
}

// showsAnother reports whether a path shows something else than the copy that is open.
func showsAnother(s *Set, c *Copy, at string) bool {
	there, err := c.On.Dir.Stat(at)
	if err != nil {
		return false
	}
	here, err := c.File.Stat()
	return err == nil && here.Ino != there.Ino || errors.Is(s.Refresh(c), replica.ErrArriving)
}

// follows reports whether a header is that of a version which is not the stored one, nor an earlier one.
func follows(s *Set, h *cipher.Header) bool {
	order := cipher.Compare(h.Version, s.Stored.Head.Version)
	return sameFile(h, &s.Stored.Head) && h.Flags&cipher.Dirty == 0 && order != cipher.Less && order != cipher.Equal
}

// Replaces looks whether a fresh backing file may take the place of what its
// path names: what stood there when it was begun, an earlier version, or nothing.
func (c *Copy) Replaces(path string, as *cipher.Header) error {
	there, err := c.On.Dir.Stat(path)
	switch {
	case replica.Missing(err):
		return nil
	case err != nil:
		return err
	case there.Ino == c.Over.Ino && there.Ctime.Equal(c.Over.Ctime):
		return nil
	}
	h, err := c.On.Header(path)
	if err != nil {
		return fmt.Errorf("rewritten while it was open: %w", err)
	}
	if h.FileID != as.FileID || h.Type != as.Type || h.Flags&cipher.Dirty != 0 || cipher.Compare(h.Version, as.Version) != cipher.Less {
		return fmt.Errorf("%w while it was open", replica.ErrConflict)
	}
	return nil
}

// ShowNow is what the copies show, by cloud, right after a commit that had these
// results, and what tells from now on that somebody else has written to one. With
// placed nothing was changed since they were put in place.
func ShowNow(s *Set, results []error, placed bool) []*cloud.Info {
	list := make([]*cloud.Info, len(results))
	for k, c := range s.List {
		if results[k] != nil || !c.Serves() {
			continue
		}
		info, err := c.Shown, error(nil)
		if !placed {
			info, err = c.File.Stat()
		}
		if err == nil {
			list[k], c.Shown = &info, info
			left(s, c, info.Ctime)
		}
	}
	return list
}
