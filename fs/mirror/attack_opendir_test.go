//go:build !race || long

package mirror_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// TestDirectoryOfAnOpenFile: one cloud alone has another directory, a file, or nothing in the place of a directory in which files
// are open. Programs go on with them by their names, as long as another cloud has the directory.
func TestDirectoryOfAnOpenFile(t *testing.T) {
	acts := map[string]func(s *scene, k int){
		"swapped with a directory": func(s *scene, k int) {
			s.must(s.them(k).Do(cloudtest.Swap(s.entryAt(k, "d"), s.entryAt(k, "other"))))
		},
		"swapped with a file": func(s *scene, k int) {
			s.must(s.them(k).Do(cloudtest.Swap(s.entryAt(k, "d"), s.entryAt(k, "file"))))
		},
		"moved away": func(s *scene, k int) { s.must(s.them(k).Do(cloudtest.Rename(s.entryAt(k, "d"), "elsewhere"))) },
		"deleted":    func(s *scene, k int) { s.must(s.them(k).Do(cloudtest.Delete(s.entryAt(k, "d")))) },
		"deleted, and another": func(s *scene, k int) {
			s.must(s.them(k).Do(cloudtest.Delete(s.entryAt(k, "d"))))
			s.must(s.disk.Dir(cloudName(k)).Mkdir(s.entryAt(k, "d"), 0o755))
		},
	}
	for what, act := range acts {
		for n := 2; n <= 3; n++ {
			for k := range n {
				for _, fresh := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s in %d of %d, new %v", what, k, n, fresh), func(t *testing.T) {
						telling(t, n, func(s *scene) { s.openIn(k, fresh, act) })
					})
				}
			}
		}
	}
}

func (s *scene) openIn(k int, fresh bool, act func(s *scene, k int)) {
	s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opMkdir, path: "other", mode: 0o755})
	s.put("file", "content of another file", true)
	p := &player{b: s.box, m: s.m, handles: map[int]*played{}}
	play := func(list ...step) {
		for _, st := range list {
			if err := p.do(st); err != nil {
				s.failf("%v: %v", st, err)
			}
		}
	}
	if !fresh {
		s.put("d/f", "", true)
		play(step{op: opOpen, path: "d/f", h: 1})
	} else {
		play(step{op: opCreate, path: "d/f", h: 1, mode: 0o644})
	}
	act(s, k)
	play(step{op: opUtimens, path: "d/f", n: 1_000_000_000}, step{op: opChmod, path: "d/f", mode: 0o600}, step{op: opWrite, h: 1, n: 5000, seed: 1},
		step{op: opCreate, path: "d/g", h: 2, mode: 0o644}, step{op: opWrite, h: 2, n: 100, seed: 2}, step{op: opClose, h: 2},
		step{op: opFsync, h: 1}, step{op: opUtimens, path: "d/f", n: 1_000_000_001})
	want := look(s.m)
	play(step{op: opClose, h: 1})
	for range 2 {
		s.sees(want)
		s.remount()
	}
	s.clock.pass(time.Hour)
	s.heal()
	for range 3 { // a cloud that owed comes back
		s.clock.pass(time.Minute)
		s.must(s.m.Tend())
	}
	s.sees(want)
	s.everywhere()
}
