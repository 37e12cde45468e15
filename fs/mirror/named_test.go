package mirror_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// opens counts what a cloud opens, by the entries, since it was last asked.
type opens struct {
	mu    sync.Mutex
	count map[string]int
}

// opened counts what cloud k opens from now on, also after it was opened anew.
func opened(s *scene, k int) *opens {
	o := &opens{count: map[string]int{}}
	before := s.wrap
	s.wrap = func(i int, d cloud.Dir) cloud.Dir {
		if before != nil {
			d = before(i, d)
		}
		if i != k {
			return d
		}
		one := &spy{Dir: d}
		one.watch(func(e event) error {
			if o.mu.Lock(); e.op == "open" {
				o.count[e.path]++
			}
			o.mu.Unlock()
			return nil
		})
		return one
	}
	return o
}

// of are the entries among these that were opened.
func (o *opens) of(entries []string) (list []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range entries {
		if o.count[e] > 0 {
			list = append(list, e)
		}
	}
	return list
}

// An absence is how a cloud misses changes.
type absence struct {
	name string
	play func(s *scene, k int, change func())
	ends bool // amid a move, so that what was moved is looked at
}

var absences = []absence{
	{"fails, and is back in the same mount", func(s *scene, k int, change func()) {
		s.goes(k)
		s.must(s.m.Sync())
		change()
		s.mend()
		s.tend()
	}, false},
	{"is absent at a mount, and there at the next", func(s *scene, k int, change func()) {
		s.remount(k)
		change()
		s.remount()
		s.tend()
	}, false},
	{"is absent at a mount that is killed", func(s *scene, k int, change func()) {
		s.remount(k)
		change()
		s.must(s.m.Sync())
		change()
		s.crash()
		s.tend()
	}, false},
	{"fails, the mount is killed, and it is absent at the next one", func(s *scene, k int, change func()) {
		s.goes(k)
		s.must(s.m.Sync())
		change()
		s.mend()
		s.crash(k)
		change()
		s.crash()
		s.tend()
	}, false},
	{"fails, and fails again while it is brought up to date", func(s *scene, k int, change func()) {
		s.goes(k)
		s.must(s.m.Sync())
		change()
		s.mend()
		s.inject(k, cloudtest.Rule{Op: "rename", Err: syscall.EIO, From: 5})
		s.clock.pass(time.Minute)
		if s.m.Tend() == nil {
			s.failf("it did not fail again")
		}
		s.mend()
		s.remount()
		s.tend()
	}, true},
}

// TestNamed: a cloud that has missed changes is brought what these are of, and
// nothing else in it is opened.
func TestNamed(t *testing.T) {
	changed, unchanged := 60, 40
	for _, n := range []int{2, 3} {
		for _, k := range []int{0, n - 1} {
			for _, a := range absences {
				t.Run(fmt.Sprintf("cloud %d of %d %s", k, n, a.name), func(t *testing.T) {
					telling(t, n, func(s *scene) { s.named(k, changed, unchanged, a) })
				})
			}
		}
	}
}

// named has a cloud miss changes, and be back.
func (s *scene) named(k, changed, unchanged int, a absence) {
	o := opened(s, k)
	s.remount()
	want := map[string]string{}
	s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opMkdir, path: "e", mode: 0o755}, step{op: opMkdir, path: "e/below", mode: 0o755})
	dirs := []string{"", "d/", "e/", "e/below/"}
	var rest []string
	for i := range unchanged {
		path := fmt.Sprintf("%sstays%d", dirs[i%4], i)
		want[path] = fmt.Sprint("as it was ", i)
		s.put(path, want[path], false)
		rest = append(rest, path)
	}
	for i := range changed {
		path := fmt.Sprintf("%sgoes%d", dirs[i%4], i)
		want[path] = fmt.Sprint("before ", i)
		s.put(path, want[path], false)
	}
	s.remount()
	round := 0
	a.play(s, k, func() {
		round++
		for i := range changed {
			s.change(want, fmt.Sprintf("%sgoes%d", dirs[i%4], i), i, round)
		}
		s.change(want, fmt.Sprintf("new%d", round), 0, round)
		// A tree is renamed to and fro, and nothing in it changes.
		if round == 1 {
			s.steps(step{op: opRename, path: "e", to: "d/f"})
			for _, path := range slices.Collect(maps.Keys(want)) {
				if rest, ok := strings.CutPrefix(path, "e/"); ok {
					want["d/f/"+rest] = want[path]
					delete(want, path)
				}
			}
			dirs[2], dirs[3] = "d/f/", "d/f/below/"
		}
		s.must(s.m.Sync())
		o.mu.Lock()
		clear(o.count)
		o.mu.Unlock()
	})
	var entries []string
	for _, path := range rest {
		entries = append(entries, s.entryAt(k, path), s.entryAt(k, strings.Replace(path, "e/", "d/f/", 1)))
	}
	if got := o.of(entries); len(got) > 0 && !a.ends {
		s.failf("%d files that did not change were opened, of %d", len(got), unchanged)
	}
	for path, content := range want {
		s.holds(path, content)
	}
	s.tend()
	s.nobodyOwes()
	s.everywhere()
}

// change does one of several things to a file.
func (s *scene) change(want map[string]string, path string, i, round int) {
	if _, there := want[path]; !there {
		if i%5 == 0 {
			want[path] = fmt.Sprint("made in round ", round)
			s.put(path, want[path], false)
		}
		return
	}
	if _, linked := want[path+"y"]; linked {
		return
	}
	switch (i + round) % 5 {
	case 0:
		want[path] = fmt.Sprint("rewritten in round ", round)
		s.put(path, want[path], false)
	case 1:
		s.must(s.patch(path, "!", -1))
		want[path] += "!"
	case 2:
		s.steps(step{op: opUnlink, path: path})
		delete(want, path)
	case 3:
		s.steps(step{op: opRename, path: path, to: path + "x"})
		want[path+"x"] = want[path]
		delete(want, path)
	case 4:
		s.steps(step{op: opLink, path: path, to: path + "y"})
		want[path+"y"] = want[path]
	}
}

// TestNamedMakesRoom: in a cloud that is full what was removed goes before anything is brought there.
func TestNamedMakesRoom(t *testing.T) {
	telling(t, 2, func(s *scene) {
		s.put("z", "old", true)
		s.steps(step{op: opMkdir, path: "y", mode: 0o755})
		s.remount()
		s.inject(1, cloudtest.Rule{Op: "writeat", Err: syscall.ENOSPC})
		s.put("a", "new", true)
		s.steps(step{op: opUnlink, path: "z"})
		s.must(s.m.Sync())
		s.inject(1, cloudtest.Rule{Op: "remove", From: 1, To: 1, Act: act(s.mend)})
		s.tend()
		wantStates(s.t, s.m, "ok", "ok")
		s.everywhere()
	})
}

// TestNamedMany is TestNamed with more names than are brought at a time.
func TestNamedMany(t *testing.T) {
	telling(t, 2, func(s *scene) { s.named(1, 2000, 1000, absences[1]) })
}

// TestNamedLooksBelow: a directory whose mode changes while a cloud is brought what it misses tells nothing of what is in it.
func TestNamedLooksBelow(t *testing.T) {
	for _, n := range []int{2, 3} {
		for _, below := range []string{"d", "d/e", "d/e/f"} {
			t.Run(fmt.Sprintf("%s in one of %d clouds", below, n), func(t *testing.T) {
				telling(t, n, func(s *scene) { s.looksBelow(n-1, below) })
			})
		}
	}
}

// looksBelow has a cloud show, below d, what is older, while the mode of d changes.
func (s *scene) looksBelow(k int, below string) {
	for _, path := range []string{"d", "d/e", "d/e/f"} {
		s.steps(step{op: opMkdir, path: path, mode: 0o755})
	}
	s.put(below+"/old", "once", true)
	s.put(below+"/gone", "gone", true)
	s.put("z", "one", true)
	s.must(s.m.Sync())
	was := s.disk.Clone()
	s.put(below+"/old", "right", true)
	s.steps(step{op: opUnlink, path: below + "/gone"})
	s.remount(k)
	s.put("z", "two", true)
	for _, path := range []string{below + "/old", below + "/gone"} {
		s.must(s.them(k).Do(cloudtest.Rollback(s.entryAt(k, path), was.Dir(cloudName(k)))))
	}
	s.remount()
	changed := false
	s.inject(k, cloudtest.Rule{Op: "rename", From: 1, To: 1, Act: act(func() { // z is put in place
		changed = true
		s.steps(step{op: opChmod, path: "d", mode: 0o711})
	})})
	s.tend()
	if !changed {
		s.failf("nothing was brought")
	}
	s.backAgain()
	s.nobodyOwes()
	s.everywhere()
}
