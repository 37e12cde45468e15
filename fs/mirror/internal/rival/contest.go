package rival

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Ours is our version of the file, as it is sealed.
type Ours struct {
	Head    cipher.Header // but for acc, which is each cloud's
	Plain   string        // the path from the root
	Records func(do func(*replica.Run) error) error
	Xattrs  func(k int, to *replica.Copy) error
	Owners  bool
	Clock   func() time.Time
	Kept    func(path string) // told where what does not keep the name is put aside; or nil
}

// A Contest is one name, and what the clouds have there.
type Contest struct {
	sights []*sight
	rivals []*rival
}

// A sight is what one cloud has.
type sight struct {
	*replica.Cloud
	path string     // of the entry
	is   cloud.Info // what is there; zero where nothing is
	why  error      // it may not be touched
}

// A rival is a version that ours does not follow, and a cloud that has it.
type rival struct {
	head cipher.Header
	at   *sight
}

// Look looks what clouds have at a name, each at its path.
func Look(list []*replica.Cloud, path func(k int) (string, bool), ours *cipher.Header) *Contest {
	c := &Contest{}
	for _, cl := range list {
		s := &sight{Cloud: cl}
		var ok bool
		if s.path, ok = path(cl.Index); !ok {
			s.why = replica.ErrStale
		} else if err := c.look(s, ours); err != nil {
			s.why = err
		}
		c.sights = append(c.sights, s)
	}
	return c
}

func (c *Contest) look(s *sight, ours *cipher.Header) error {
	var err error
	s.is, err = s.Dir.Stat(s.path)
	switch {
	case errors.Is(err, unix.ENOTDIR):
		return errors.Join(replica.ErrConflict, err) // a file is in the place of its directory
	case replica.Missing(err):
		s.is = cloud.Info{}
		return nil
	case err != nil:
		return err
	case !s.is.Regular:
		return replica.ErrConflict
	}
	h, err := s.Header(s.path)
	switch {
	case err != nil:
		return errors.Join(replica.ErrArriving, err)
	case h.Flags&cipher.Dirty != 0:
		return replica.ErrArriving
	}
	if !follows(ours, h) {
		c.add(h, s)
	}
	return nil
}

// follows reports whether ours is the same version or a later one of the file.
func follows(ours, h *cipher.Header) bool {
	if h.FileID != ours.FileID || h.Type != ours.Type {
		return false
	}
	order := cipher.Compare(h.Version, ours.Version)
	return order == cipher.Less || order == cipher.Equal && h.CommitID == ours.CommitID
}

func (c *Contest) add(h *cipher.Header, s *sight) {
	for _, r := range c.rivals {
		if r.head.FileID == h.FileID && r.head.CommitID == h.CommitID {
			r.head.Version = r.head.Version.Max(h.Version)
			return
		}
	}
	c.rivals = append(c.rivals, &rival{*h, s})
}

// Wins reports whether ours keeps the name.
func (c *Contest) Wins(ours *cipher.Header) bool {
	for _, r := range c.rivals {
		if !later(ours, &r.head) {
			return false
		}
	}
	for _, s := range c.sights {
		if s.why == nil {
			return true
		}
	}
	return false
}

// later reports whether ours is the greater by (mtime, commit id).
func later(ours, theirs *cipher.Header) bool {
	a, b := *ours, *theirs
	a.Version, b.Version = nil, nil
	return cipher.Settle([]*cipher.Header{&a, &b}).Winner == 0
}

// Seen is the maximum of the vectors of all rivals that are versions of our file:
// ours follows them once they are put aside.
func (c *Contest) Seen(ours *cipher.Header) (v cipher.Vector) {
	for _, r := range c.rivals {
		if r.head.FileID == ours.FileID {
			v = v.Max(r.head.Version)
		}
	}
	return v
}
