//go:build !race || long

package mirror_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/audit"
)

// putThere is what somebody puts into the place of something in one cloud.
var putThere = []struct {
	name string
	move func(s *scene, k int, at string)
}{
	{"another file", func(s *scene, k int, at string) {
		s.must(s.them(k).Do(cloudtest.Plant(s.entryAt(k, "other"), at, false)))
	}},
	{"a link of another file", func(s *scene, k int, at string) {
		s.must(s.them(k).Do(cloudtest.Plant(s.entryAt(k, "other"), at, true)))
	}},
	{"another file, moved", func(s *scene, k int, at string) { s.must(s.them(k).Do(cloudtest.Rename(s.entryAt(k, "other"), at))) }},
	{"a version of before", func(s *scene, k int, at string) {
		s.must(s.them(k).Do(cloudtest.Plant(s.entryAt(k, "before"), at, false)))
	}},
	{"garbage", func(s *scene, k int, at string) { s.must(s.them(k).Do(cloudtest.Replace(at, random(2000)))) }},
	{"a directory", func(s *scene, k int, at string) { s.must(s.disk.Dir(cloudName(k)).Mkdir(at, 0o755)) }},
	{"a directory with something in it", func(s *scene, k int, at string) {
		s.must(s.them(k).Do(cloudtest.Plant(s.entryAt(k, "dir"), at, false)))
	}},
	{"nothing", func(*scene, int, string) {}},
}

// aKind is a kind of what is at a name, and how it is made.
type aKind struct {
	kind    string
	special bool
	make    func(s *scene, path string)
}

var toBeMoved = []aKind{
	{"file", false, func(s *scene, path string) { s.put(path, "content of "+path, true) }},
	{"symlink", true, func(s *scene, path string) { s.steps(step{op: opSymlink, path: path, to: "to/" + path}) }},
	{"directory", false, func(s *scene, path string) {
		s.steps(step{op: opMkdir, path: path, mode: 0o755})
		s.put(path+"/in", "in "+path, true)
	}},
}

// instead puts something else into the place of what is at a name in one cloud, an hour ago.
func (s *scene) instead(k int, path string, special bool, move func(s *scene, k int, at string)) {
	at := s.entryAt(k, path)
	if special {
		s.must(s.them(k).Do(cloudtest.Delete(at + "w")))
	} else {
		s.must(s.them(k).Do(cloudtest.Delete(at)))
	}
	move(s, k, at)
	s.clock.pass(time.Hour)
}

// stock makes what is put there, and what is to be moved.
func (s *scene) stock(make func(s *scene, path string), paths ...string) {
	s.put("other", "another", true)
	s.steps(step{op: opUtimens, path: "other", n: 1_700_000_000}, step{op: opMkdir, path: "dir", mode: 0o755})
	s.put("dir/f", "in a directory", true)
	s.put("before", "old", true)
	for _, path := range paths {
		make(s, path)
	}
	s.must(s.m.Sync())
}

// settles wants a program to see just that from now on, whatever is tended to, and the clouds that nobody touched to be whole.
func (s *scene) settles(want map[string]seen, untouched ...int) {
	for range 3 {
		s.must(s.m.Sync())
		s.clock.pass(time.Hour)
		s.sees(want)
		s.tend()
		s.sees(want)
		s.remount()
		s.sees(want)
	}
	s.honest(untouched...)
}

// after is what a program sees after a step that does what it is to do.
func after(was map[string]seen, st step) map[string]seen {
	is := map[string]seen{}
	for path, g := range was {
		switch to, of := movedBy(st, path); {
		case of == opUnlink:
		default:
			is[to] = g
		}
	}
	return is
}

// movedBy is where a step moves a path, and what becomes of it.
func movedBy(st step, path string) (to string, of string) {
	under := func(dir, other string) (string, bool) {
		if path == dir {
			return other, true
		}
		if len(path) > len(dir) && path[:len(dir)+1] == dir+"/" {
			return other + path[len(dir):], true
		}
		return path, false
	}
	if to, is := under(st.path, st.to); is {
		if st.op == opUnlink {
			return "", opUnlink
		}
		return to, st.op
	}
	if st.op == opUnlink {
		return path, ""
	}
	to, is := under(st.to, st.path)
	if is && st.op != opExchange {
		return "", opUnlink
	}
	return to, st.op
}

// TestRenameOfWhatIsPlanted: in one cloud somebody has put something else into the place of what is renamed, exchanged or removed,
// or of what is replaced. What programs see is done, and nothing else.
func TestRenameOfWhatIsPlanted(t *testing.T) {
	ways := map[string]step{
		"renamed": {op: opRename, path: "a", to: "c"}, "renamed over another": {op: opRename, path: "a", to: "b"},
		"replaced": {op: opRename, path: "b", to: "a"}, "exchanged": {op: opExchange, path: "a", to: "b"}, "removed": {op: opUnlink, path: "a"},
	}
	for _, thing := range toBeMoved {
		for how, st := range ways {
			for _, there := range putThere {
				if thing.kind == "directory" && how != "renamed" && how != "exchanged" {
					continue // a directory with something in it is not replaced
				}
				for i := range 6 {
					k, when := i%2, []string{"known", "after a remount", "open"}[i/2]
					if when == "open" && thing.kind != "file" {
						continue
					}
					t.Run(fmt.Sprintf("%s, %s, %s, in cloud %d, %s", thing.kind, how, there.name, k, when), func(t *testing.T) {
						telling(t, 2, func(s *scene) { s.doneBeside(thing, st, k, when, there.move) })
					})
				}
			}
		}
	}
}

// doneBeside does a step where cloud k has something else in the place of one of what it is done to.
func (s *scene) doneBeside(thing aKind, st step, k int, when string, move func(*scene, int, string)) {
	s.stock(thing.make, "a", "b")
	var h *mirror.Handle
	switch when {
	case "open":
		h = s.handle("a")
	case "after a remount":
		s.unmount()
	}
	s.instead(k, "a", thing.special, move)
	if when == "after a remount" {
		s.mount()
	}
	was := look(s.m)
	for _, path := range []string{"a", "b", "other", "before"} {
		if g := was[path]; g.err != nil || g.kind == 0 {
			s.failf("before: %q: %v", path, g)
		}
	}
	s.steps(st)
	want := after(was, st)
	s.sees(want)
	if h != nil {
		s.must(h.Close())
	}
	if st.op == opRename && st.path == "a" { // nor does a machine that knows nothing see what was planted there
		s.must(s.m.Sync())
		s.theirs(9, func(o *scene) {
			if g := look(o.m)[st.to]; g.kind != want[st.to].kind || g.data != want[st.to].data {
				s.failf("another machine: %q is %v, want %v", st.to, g, want[st.to])
			}
		})
	}
	s.settles(want, 1-k)
}

// TestReplacedInTheOtherSpelling: one cloud has a copy of another file in the place of a symlink. What replaces that symlink
// replaces the copy.
func TestReplacedInTheOtherSpelling(t *testing.T) {
	for k := range 2 {
		for how, st := range map[string]step{"replaced": {op: opRename, path: "b", to: "a"}, "removed": {op: opUnlink, path: "a"}} {
			t.Run(fmt.Sprintf("%s, in cloud %d", how, k), func(t *testing.T) {
				telling(t, 2, func(s *scene) {
					s.stock(toBeMoved[1].make, "a", "b")
					s.instead(k, "a", true, putThere[0].move)
					s.steps(st)
					if _, err := s.disk.Dir(cloudName(k)).Stat(s.entryAt(k, "a")); err == nil {
						s.failf("the copy is still there")
					}
				})
			})
		}
	}
}

// TestNamesBesideAnEdit: while a file is open, somebody delivers another machine's edit of it to one cloud. Whatever is done to its
// name meanwhile, nothing loses the edit, and what is renamed takes it along.
func TestNamesBesideAnEdit(t *testing.T) {
	ways := map[string]step{
		"renamed": {op: opRename, path: "a", to: "c"}, "renamed over another": {op: opRename, path: "a", to: "b"},
		"replaced": {op: opRename, path: "b", to: "a"}, "replaced by a symlink": {op: opRename, path: "sym", to: "a"},
		"exchanged": {op: opExchange, path: "a", to: "b"}, "removed": {op: opUnlink, path: "a"}, "linked": {op: opLink, path: "a", to: "c"},
	}
	for how, st := range ways {
		for k := range 2 {
			t.Run(fmt.Sprintf("%s, in cloud %d", how, k), func(t *testing.T) {
				telling(t, 2, func(s *scene) {
					s.put("a", "ours", true)
					s.put("b", "another", true)
					s.steps(step{op: opSymlink, path: "sym", to: "target"})
					s.must(s.m.Sync())
					theirs := s.theirs(8, func(o *scene) { s.must(tryWrite(o.m, "a", []byte("theirs"), true)) })
					h := s.handle("a")
					s.must(s.them(k).Do(cloudtest.Rollback(s.entryAt(k, "a"), theirs.Dir(cloudName(k)))))
					s.clock.pass(time.Hour)
					s.steps(st)
					s.must(h.Close())
					kept := []string{"theirs"}
					if st.to != "b" && st.path != "b" || st.op == opExchange || how == "replaced" {
						kept = append(kept, "another")
					}
					for range 3 {
						s.must(s.m.Sync())
						s.clock.pass(time.Hour)
						s.readable()
						s.tend()
						s.remount()
					}
					s.heal()
					for _, content := range kept {
						if _, is := s.inClouds()[audit.Sum{Size: int64(len(content)), SHA256: sha256.Sum256([]byte(content))}]; !is {
							s.failf("%q is nowhere", content)
						}
					}
					if st.op == opRename && st.path == "a" {
						s.kept(kept...)
					}
				})
			})
		}
	}
}
