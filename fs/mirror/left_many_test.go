//go:build !race || long

package mirror_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// TestMoreIsLeftThanIsTold loses more names in one cloud than a healing tells that it leaves: none of them is taken for right.
func TestMoreIsLeftThanIsTold(t *testing.T) {
	telling(t, 2, func(s *scene) {
		s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opMkdir, path: "e", mode: 0o755})
		for i := range 2300 {
			s.put(fmt.Sprintf("d/f%d", i), "x", false)
		}
		for i := range 30 {
			s.put(fmt.Sprintf("e/f%d", i), "x", false)
		}
		s.must(s.m.Sync())
		s.remount()
		s.clock.pass(time.Hour)
		for _, path := range []string{"d", "e"} {
			s.must(s.them(1).Do(cloudtest.Delete(s.entryAt(1, path))))
		}
		s.clock.pass(time.Hour)
		look(s.m)
		before := s.m.Status().Clouds[1].Wrong
		for range 4 {
			s.tend()
		}
		if now := s.m.Status().Clouds[1].Wrong; now < before {
			s.failf("cloud 1 lacks both as it did, and of %d names that waited %d do", before, now)
		}
	})
}
