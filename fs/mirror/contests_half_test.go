//go:build !race || long

package mirror_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// TestHalfContests has another version in the place of an open file in one cloud, while the other takes ours. Whatever is
// edited then, neither is lost.
func TestHalfContests(t *testing.T) {
	for _, later := range []bool{false, true} {
		for k := range 2 {
			for _, edits := range []int{0, 1, 2} {
				for _, tend := range []bool{false, true} {
					what := fmt.Sprintf("theirs later %v, in cloud %d, %d edits, repaired %v", later, k, edits, tend)
					err := tellScene(t, 2, layout{reuse: true}, func(s *scene) {
						s.put("f", chunks("abcd"), true)
						s.remount()
						theirs := s.theirs(8, func(o *scene) {
							o.put("f", "theirs", true)
							o.steps(step{op: opUtimens, path: "f", n: map[bool]int64{true: 4_000_000_000, false: 1_500_000_000}[later]})
						})
						h := s.handle("f")
						_, err := h.WriteAt([]byte("ours"), 0)
						s.must(err)
						s.must(s.them(k).Do(cloudtest.Rollback(s.entryAt(k, "f"), theirs.Dir(cloudName(k)))))
						s.must(errors.Join(h.Sync(), h.Close(), s.m.Commit()))
						want := map[bool]string{true: "theirs", false: patched(chunks("abcd"), "ours", 0)}
						for i := range edits {
							now, err := tryRead(s.m, "f")
							s.must(err)
							served := string(now) == want[true]
							edit := fmt.Sprint("edit ", i)
							s.must(s.patch("f", edit, 0))
							want[served] = patched(want[served], edit, 0)
							if tend {
								s.tend()
							}
						}
						s.remount()
						for range 3 {
							s.tend()
						}
						for _, content := range want {
							if !s.anywhere(content) {
								s.failf("%s is in no cloud", brief(content))
							}
						}
					})
					if err != nil {
						t.Errorf("%s: %v", what, err)
					}
				}
			}
		}
	}
}

// anywhere reports whether some cloud alone shows a content at any name.
func (s *scene) anywhere(content string) bool {
	s.unmount()
	defer s.mount()
	for k := range s.n {
		c := s.clone()
		c.state.owes = nil
		m, err := c.open(without(s.n, k)...)
		if err != nil {
			continue
		}
		for _, g := range look(m) {
			if g.err == nil && g.data == content {
				return true
			}
		}
		s.must(m.Close())
	}
	return false
}
