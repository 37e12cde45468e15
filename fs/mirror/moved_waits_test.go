//go:build !race || long

package mirror_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// waitings are what becomes of a mount in which something waits to be put on record, until it can be.
var waitings = []struct {
	name string
	play func(s *scene)
}{
	{"and a transaction", func(s *scene) { s.must(s.m.Sync()) }},
	{"a transaction, and a kill", func(s *scene) {
		s.must(s.m.Sync())
		s.crash()
	}},
	{"two transactions, and a kill", func(s *scene) {
		s.must(s.m.Sync())
		s.put("other", "x", true)
		s.must(s.m.Sync())
		s.crash()
	}},
	{"a transaction, a kill, another one, and a kill", func(s *scene) {
		s.must(s.m.Sync())
		s.crash()
		s.put("other", "x", true)
		s.must(s.m.Sync())
		s.crash()
	}},
	{"a transaction, and the power cut", func(s *scene) {
		s.must(s.m.Sync())
		s.cut(1)
		s.mount()
	}},
	{"an unmount", func(s *scene) { s.remount() }},
	{"two unmounts, and a kill", func(s *scene) {
		s.remount()
		s.remount()
		s.crash()
	}},
	{"no transaction, and a kill", func(s *scene) { s.crash() }},
}

// TestMovedWaits has somebody link the files that lose names in one cloud, so that they get no later version until that is over.
// Others are told then, whatever became of the mount meanwhile, and a cloud that is late shows them no old name.
func TestMovedWaits(t *testing.T) {
	for _, mv := range moves {
		if len(mv.steps) > 1 || len(mv.moved) == 0 {
			continue
		}
		for _, w := range waitings {
			for k := range 2 {
				t.Run(fmt.Sprintf("%s, in cloud %d, %s", mv.name, k, w.name), func(t *testing.T) {
					telling(t, 2, func(s *scene) {
						s.movable()
						s.joined()
						other := &scene{box: s.machine(9)}
						other.mount()
						look(other.m)
						other.unmount()
						was, files := s.disk.Clone(), []string{"x", "z", "d/a"}
						s.remount()
						for i, path := range files {
							s.must(s.them(k).Do(cloudtest.Plant(s.entryAt(k, path), fmt.Sprint("theirs", i), true)))
						}
						s.must(s.disk.Dir(cloudName(k)).Syncfs())
						s.steps(mv.steps...)
						w.play(s)
						for i := range files {
							s.must(s.them(k).Do(cloudtest.Delete(fmt.Sprint("theirs", i))))
						}
						s.backAgain()
						s.must(s.m.Sync())
						s.has(mv.has)
						for path := range mv.has {
							for c := range s.n {
								want := slices.Contains(mv.moved, path)
								if got := s.movedBefore(c, s.id(c, path), path); got != want {
									s.failf("cloud %d has it on record of %q: %v", c, path, got)
								}
							}
						}
						s.unmount()
						if n := s.entries(); n > 0 {
							s.failf("%d entries are kept", n)
						}
						s.late(1-k, was, true)
						other.mount()
						for range 3 {
							look(other.m)
							s.clock.pass(time.Minute)
							other.has(mv.has)
							other.tend()
							other.remount()
						}
						other.unmount()
					})
				})
			}
		}
	}
}

// TestMovedWaitsInSilence: what waits is said again only where something else has the log cut.
func TestMovedWaitsInSilence(t *testing.T) {
	telling(t, 2, func(s *scene) {
		s.movable()
		s.joined()
		s.must(s.them(0).Do(cloudtest.Plant(s.entryAt(0, "x"), "theirs", true)))
		s.steps(step{op: opRename, path: "x", to: "y"})
		s.must(s.m.Sync())
		for range 3 {
			next, mark := s.log.Next(), s.log.Mark()
			for range 5 {
				s.tend()
				s.must(s.m.Retire())
			}
			if s.log.Next() != next || s.log.Mark() != mark {
				s.failf("the log went from %d to %d entries, cut at %d, with nothing to do", next, s.log.Next(), s.log.Mark())
			}
			s.put("other", "x", true)
			s.must(s.m.Sync())
			if s.log.Mark() == mark {
				s.failf("the log is not cut")
			}
		}
	})
}
