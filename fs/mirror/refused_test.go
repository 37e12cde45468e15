package mirror_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// TestChangeThatTheLogRefuses changes a file whose changes are in different stages: new, committed, or on their way. The log
// has no room for the first entries of one change. A program is told so, and goes on: what it has then is in every
// cloud, after a kill and after an unmount, too.
func TestChangeThatTheLogRefuses(t *testing.T) {
	changes := map[string]func(h *mirror.Handle) error{
		"to nothing":          func(h *mirror.Handle) error { return h.Truncate(0) },
		"within a chunk":      func(h *mirror.Handle) error { return h.Truncate(5000) },
		"to a whole one":      func(h *mirror.Handle) error { return h.Truncate(8192) },
		"longer":              func(h *mirror.Handle) error { return h.Truncate(40000) },
		"written over":        func(h *mirror.Handle) error { _, err := h.WriteAt([]byte("xyz"), 3000); return err },
		"written beyond":      func(h *mirror.Handle) error { _, err := h.WriteAt([]byte("xyz"), 30000); return err },
		"in the chunk behind": func(h *mirror.Handle) error { _, err := h.WriteAt([]byte("xyz"), 12300); return err },
		"in the one after it": func(h *mirror.Handle) error { _, err := h.WriteAt([]byte("xyz"), 16400); return err },
		"a hole in it":        func(h *mirror.Handle) error { return h.Allocate(3, 1000, 9000) },
		"a new version":       func(h *mirror.Handle) error { return h.Sync() },
	}
	scenes := 0
	for name, change := range changes {
		for n := 1; n <= 2; n++ {
			for stage := range 4 {
				for from, to := range []int{2, 1, 4} { // all from the first on, the first, or those that follow
					if scenes++; scenes%everyScene != 0 {
						continue
					}
					t.Run(fmt.Sprintf("%s, %d clouds, stage %d, entries %d to %d", name, n, stage, from, to), func(t *testing.T) {
						check(t, tellScene(t, n, layout{}, func(s *scene) {
							s.refuse(stage, cloudtest.Rule{Op: "change", From: max(1, from), To: to, Err: syscall.EDQUOT}, change)
						}))
					})
				}
			}
		}
	}
}

// refuse is one way of it.
func (s *scene) refuse(stage int, rule cloudtest.Rule, change func(h *mirror.Handle) error) {
	s.put("f", "", stage > 1)
	h := s.handle("f")
	if stage > 1 {
		s.must(tryWrite(s.m, "f", []byte(text(14000, 1)), true))
	}
	for off := range int64(3) {
		if _, err := h.WriteAt([]byte(text(4000, int(off))), off*3900); err != nil {
			s.failf("write: %w", err)
		}
	}
	if stage%2 == 1 {
		s.must(h.Sync())
	}
	s.inject(theLog, rule)
	err := change(h)
	s.mend()
	for range 2 {
		got, why := tryRead(s.m, "f")
		s.must(why)
		c := &scene{box: s.clone()}
		s.must(h.Sync())
		s.holds("f", string(got))
		c.crash()
		after, why := tryRead(c.m, "f")
		if why != nil {
			c.failf("after a kill (told %v): %w", err, why)
		}
		if string(after) != string(got) {
			c.failf("after a kill (told %v): %s, not %s", err, brief(string(after)), brief(string(got)))
		}
		c.unmount()
		if _, why := h.WriteAt([]byte("later"), 2000); why != nil {
			s.failf("later: %w", why)
		}
	}
	got, why := tryRead(s.m, "f")
	s.must(why)
	s.must(h.Close())
	s.remount()
	s.holds("f", string(got))
	s.everywhere()
}

// TestAttributesThatTheLogRefuses changes the mode of a file that has something in no version yet: where the log does not take
// it, it stays what it was.
func TestAttributesThatTheLogRefuses(t *testing.T) {
	for n := 1; n <= 2; n++ {
		telling(t, n, func(s *scene) {
			s.put("f", text(9000, 1), true)
			h := s.handle("f")
			_, err := h.WriteAt([]byte("begun"), 10)
			s.must(err)
			was := look(s.m)["f"]
			s.inject(theLog, cloudtest.Rule{Op: "change", From: 1, To: 1, Err: syscall.EDQUOT})
			if err := s.do(step{op: opChmod, path: "f", mode: 0o600}); !errors.Is(err, syscall.EDQUOT) {
				s.failf("chmod: %v", err)
			}
			s.mend()
			s.must(h.Close())
			s.remount()
			if g := look(s.m)["f"]; g.mode != was.mode || g.data != was.data {
				s.failf("it is %v, and was %v", g, was)
			}
			s.everywhere()
		})
	}
}
