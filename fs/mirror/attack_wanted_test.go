//go:build !race || long

package mirror_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// TestPaidWithWhatIsKnown: a cloud that lacks a file is given that one, and not what another cloud shows in its place.
func TestPaidWithWhatIsKnown(t *testing.T) {
	for bad := range 3 {
		for lacks := range 3 {
			if bad == lacks {
				continue
			}
			for _, what := range []string{"planted", "new"} {
				t.Run(fmt.Sprintf("%s in cloud %d, missing in %d", what, bad, lacks), func(t *testing.T) {
					telling(t, 3, func(s *scene) {
						id := s.old("f", "content")
						s.put("g", "another", true)
						s.must(s.m.Sync())
						from := s.disk
						if what == "new" {
							from = s.theirs(8, func(o *scene) {
								o.steps(step{op: opUnlink, path: "f"})
								o.put("tmp", "theirs", true)
								o.steps(step{op: opRename, path: "tmp", to: "g"}, step{op: opUnlink, path: "g"})
								o.put("g", "theirs", true)
							})
						}
						h := s.handle("f")
						s.must(onlyErr(h.WriteAt([]byte("CON"), 0)))
						s.must(s.them(bad).Do(cloudtest.Replace(s.entryAt(bad, "f"), s.backing(from, bad, "g"))))
						s.must(s.them(lacks).Do(cloudtest.Delete(s.entryAt(lacks, "f"))))
						s.must(h.Sync())
						s.must(s.m.Sync())
						s.must(h.Close())
						for range 4 {
							s.holds("f", "CONtent")
							s.clock.pass(time.Hour)
							s.tend()
						}
						if got := s.id(lacks, "f"); got != id {
							s.failf("cloud %d was given another file", lacks)
						}
					})
				})
			}
		}
	}
}

// TestReturnBesidePlanted: what one cloud in use shows in the place of a file that is known here is not what a cloud that comes back
// is compared with.
func TestReturnBesidePlanted(t *testing.T) {
	for bad := range 3 {
		for away := range 3 {
			if bad == away {
				continue
			}
			for _, what := range []string{"planted", "new", "a directory"} {
				for _, misses := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s in cloud %d, cloud %d comes back, %v", what, bad, away, misses), func(t *testing.T) {
						telling(t, 3, func(s *scene) {
							id := s.old("f", "content")
							s.put("g", "another", true)
							s.steps(step{op: opMkdir, path: "d", mode: 0o755})
							s.put("d/in", "in", true)
							s.must(s.m.Sync())
							from, more := s.disk, 0
							if what == "new" {
								more = 1 // theirs can go on beside it
								from = s.theirs(8, func(o *scene) {
									o.steps(step{op: opUnlink, path: "g"})
									o.put("g", "theirs", true)
								})
							}
							s.remount(away)
							if misses {
								s.must(s.patch("f", "CON", 0))
								s.must(s.m.Sync())
							}
							s.put("more", "more", true)
							s.inPlaceOf(bad, "f", what == "a directory", from)
							before := len(look(s.m))
							s.backAgain()
							want := "content"
							if misses {
								want = "CONtent"
							}
							for range 3 {
								s.holds("f", want)
								s.clock.pass(time.Hour)
								s.tend()
							}
							for k := range 3 {
								if k != bad && s.id(k, "f") != id {
									s.failf("cloud %d was given another file", k)
								}
							}
							if n := len(look(s.m)); n < before || n > before+more {
								s.failf("%d names of %d: %v", n, before, look(s.m))
							}
							s.remount()
							s.holds("f", want)
						})
					})
				}
			}
		}
	}
}

// inPlaceOf puts in the place of a file in cloud k its directory d, or what another disk has at g there; an hour passes.
func (s *scene) inPlaceOf(k int, path string, dir bool, from *cloudtest.Disk) {
	if dir {
		s.must(s.them(k).Do(cloudtest.Delete(s.entryAt(k, path))))
		s.must(s.them(k).Do(cloudtest.Rename(s.entryAt(k, "d"), s.entryAt(k, path))))
	} else {
		s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, path), s.backing(from, k, "g"))))
	}
	s.clock.pass(time.Hour)
}
