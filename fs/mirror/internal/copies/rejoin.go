package copies

import (
	"fmt"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Rejoin takes in the copy of a cloud that has come back. It reports false where
// that is not at the stored version.
func Rejoin(s *Set, c *Copy) bool {
	k := c.On.Index
	Drop(s, k)
	if !c.Serves() || Difference(&s.Stored.Head, c.Head) != nil {
		c.Close()
		return false
	}
	s.List[k] = c
	s.Stored.Accs[k] = c.Head.Acc
	s.recall(c)
	return true
}

// Drop lets go of a copy that is none any more.
func Drop(s *Set, k int) {
	old := s.List[k]
	if old == nil {
		return
	}
	old.Close()
	s.List[k] = nil
	if s.Source != k {
		return
	}
	for i, c := range s.List {
		if c.Serves() {
			s.Source = i
			return
		}
	}
	s.List[k] = old // closed: nothing serves
}

// Stat is what the first copy shows that answers.
func Stat(s *Set) (cloud.Info, error) {
	var err error = replica.ErrStale
	for _, c := range s.readers() {
		info, why := c.File.Stat()
		if why == nil {
			return info, nil
		}
		err = fmt.Errorf("stat: cloud %s: %w", c.On.Name, why)
	}
	return cloud.Info{}, err
}
