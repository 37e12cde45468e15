//go:build !race || long

package mirror_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// TestRightAtOnce: a cloud that missed changes has the right bytes of a file that did not change, and is back. Another one shows that
// file as it was once, or not at all, or something else in its place. From the first moment on the right bytes are served.
func TestRightAtOnce(t *testing.T) {
	long := strings.Repeat("long", 60)
	wrongs := []struct {
		name string
		play func(s *scene, k int, path string, was *cloudtest.Disk)
	}{
		{"rolled back", func(s *scene, k int, path string, was *cloudtest.Disk) {
			s.must(s.them(k).Do(cloudtest.Rollback(s.entryAt(k, path), was.Dir(cloudName(k)))))
		}},
		{"gone", func(s *scene, k int, path string, _ *cloudtest.Disk) {
			s.must(s.them(k).Do(cloudtest.Delete(s.entryAt(k, path))))
		}},
		{"empty", func(s *scene, k int, path string, _ *cloudtest.Disk) {
			s.must(s.them(k).Do(cloudtest.Rewrite(s.entryAt(k, path), nil)))
		}},
	}
	for _, n := range []int{2, 3} {
		for away := range n {
			for _, path := range []string{"f", "d/f", "d/" + long} {
				for _, w := range wrongs {
					t.Run(fmt.Sprintf("%.8s %s, cloud %d of %d was away", path, w.name, away, n), func(t *testing.T) {
						telling(t, n, func(s *scene) {
							s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opMkdir, path: "e", mode: 0o755})
							s.put(path, "once", true)
							s.put("e/g", "one", true)
							s.must(s.m.Sync())
							was := s.disk.Clone()
							s.put(path, "right", true)
							s.remount(away)
							s.put("e/g", "two", true)
							s.put("e/new", "new", true)
							s.steps(step{op: opRename, path: "e", to: "d/e"})
							for k := range n {
								if k != away {
									w.play(s, k, path, was)
									break
								}
							}
							s.remount()
							s.holds(path, "right")
							s.holds("d/e/g", "two")
							s.holds("d/e/new", "new")
							s.missing("e/g")
							s.backAgain()
							s.holds(path, "right")
							s.holds("d/e/g", "two")
							s.missing("e")
							s.heal()
							s.everywhere()
						})
					})
				}
			}
		}
	}
}

// TestNotBelievedWhereOwed: a cloud that is back is asked nothing at names of which it missed changes, nor below them.
func TestNotBelievedWhereOwed(t *testing.T) {
	telling(t, 2, func(s *scene) {
		s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opMkdir, path: "d/in", mode: 0o755})
		s.put("d/in/f", "one", true)
		s.put("gone", "one", true)
		s.put("old", "one", true)
		s.remount(1)
		s.steps(step{op: opUnlink, path: "gone"}, step{op: opUnlink, path: "d/in/f"}, step{op: opRmdir, path: "d/in"}, step{op: opRmdir, path: "d"})
		s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opMkdir, path: "d/in", mode: 0o755}, step{op: opRename, path: "old", to: "new"})
		s.put("d/in/g", "two", true)
		s.remount()
		s.missing("d/in/f")
		s.missing("gone")
		s.missing("old")
		s.holds("new", "one")
		s.holds("d/in/g", "two")
		s.backAgain()
		s.missing("d/in/f")
		s.missing("gone")
		s.missing("old")
		s.nobodyOwes()
		s.everywhere()
	})
}

// TestWitnessAlone: what a cloud alone has right that is not in use yet can be read, and not changed before it is; then it can.
func TestWitnessAlone(t *testing.T) {
	telling(t, 2, func(s *scene) {
		s.put("f", "once", true)
		s.must(s.m.Sync())
		was := s.disk.Clone()
		s.put("f", "right", true)
		s.remount(1)
		s.put("g", "new", true)
		s.must(s.them(0).Do(cloudtest.Rollback(s.entryAt(0, "f"), was.Dir(cloudName(0)))))
		s.remount()
		h := s.handle("f")
		if _, err := h.WriteAt([]byte("wrong"), 0); err == nil {
			s.failf("it was changed where no cloud in use has it")
		}
		s.reads(h, "right", 0)
		for _, st := range []step{{op: opRename, path: "f", to: "h"}, {op: opLink, path: "f", to: "h"}} {
			if s.do(st) == nil {
				s.failf("%v: made where no cloud in use has it", st)
			}
		}
		s.backAgain()
		s.reads(h, "right", 0)
		s.must(h.Close())
		s.must(s.patch("f", "!", -1))
		s.holds("f", "right!")
		s.steps(step{op: opUnlink, path: "f"})
		s.missing("f")
		s.remount()
		s.missing("f")
		if _, err := s.m.Walk("f"); !errors.Is(err, fs.ErrNotExist) {
			s.failf("f: %v", err)
		}
	})
}
