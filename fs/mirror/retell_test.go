package mirror_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/index"
)

// aMinute lets a transaction come with the next Retire.
func (s *scene) aMinute() {
	s.steps(step{op: opMkdir, path: "waits", mode: 0o755})
	s.must(s.m.Retire())
	s.clock.pass(time.Minute)
}

// retellings are what a mount after a kill has to tell the index of, by the log alone or on top of what the index has.
var retellings = []struct {
	name string
	play func(s *scene, check func(func()))
}{
	{"a directory that moved, with what only the index knows in it", func(s *scene, check func(func())) {
		d := s.known("d", index.IsDir).Dir
		s.steps(step{op: opRename, path: "d", to: "e"}, step{op: opMkdir, path: "d", mode: 0o755})
		check(func() {
			if is := s.known("e", index.IsDir).Dir; is != d {
				s.failf("the number of a directory that moved is %d, and was %d", is, d)
			}
			s.known("e/x", index.IsFile)
			s.known("d/x", index.Unknown)
		})
	}},
	{"directories that changed places, and back", func(s *scene, check func(func())) {
		d, f := s.known("d", index.IsDir).Dir, s.known("f", index.IsDir).Dir
		s.steps(step{op: opExchange, path: "d", to: "f"}, step{op: opExchange, path: "f", to: "d"})
		check(func() {
			if s.known("d", index.IsDir).Dir != d || s.known("f", index.IsDir).Dir != f {
				s.failf("they have each other's numbers")
			}
			s.known("d/x", index.IsFile)
		})
	}},
	{"a directory made anew", func(s *scene, check func(func())) {
		d := s.known("d", index.IsDir).Dir
		s.steps(step{op: opUnlink, path: "d/x"}, step{op: opRmdir, path: "d"}, step{op: opMkdir, path: "d", mode: 0o700})
		check(func() {
			if s.known("d", index.IsDir).Dir == d {
				s.failf("it has the number of the one before")
			}
			s.known("d/x", index.Unknown)
		})
	}},
	{"a name whose file took over another's id", func(s *scene, check func(func())) {
		s.put("tmp", "new", true)
		s.must(s.m.Commit())
		tmp, y := s.known("tmp", index.IsFile), s.known("y", index.IsFile)
		s.steps(step{op: opRename, path: "tmp", to: "y"})
		check(func() {
			if k := s.known("tmp", index.Gone); k.File != tmp.File || !slices.Equal(k.Version.Vector, tmp.Version.Vector) {
				s.failf("gone from the name is %v, and not %v", k, tmp)
			}
			if k := s.known("y", index.IsFile); k.File != y.File || slices.Equal(k.Version.Vector, y.Version.Vector) {
				s.failf("at the other name is %v, before %v", k, y)
			}
		})
	}},
	{"a removed file", func(s *scene, check func(func())) {
		x := s.known("d/x", index.IsFile)
		s.steps(step{op: opUnlink, path: "d/x"})
		check(func() {
			if k := s.known("d/x", index.Gone); k.File != x.File || !slices.Equal(k.Version.Vector, x.Version.Vector) {
				s.failf("gone is %v, and not %v", k, x)
			}
		})
	}},
	{"a version that was fsynced, and another name of its file", func(s *scene, check func(func())) {
		before := s.known("link", index.IsFile)
		s.must(s.patch("d/x", "more", 0))
		check(func() {
			if k := s.known("link", index.IsFile); slices.Equal(k.Version.Vector, before.Version.Vector) {
				s.failf("the version is still %v", k.Version)
			}
		})
	}},
}

// TestRetell kills the process after something, with a transaction of the index before or after it while the log is kept, and
// without one.
func TestRetell(t *testing.T) {
	for _, r := range retellings {
		for _, transaction := range []string{"none", "before", "after"} {
			t.Run(r.name+", transaction "+transaction, func(t *testing.T) {
				telling(t, 2, func(s *scene) {
					s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opMkdir, path: "f", mode: 0o755})
					s.put("d/x", "old", false)
					s.steps(step{op: opLink, path: "d/x", to: "link"})
					s.put("open", "open", false)
					s.put("y", "y", false)
					s.remount()
					if transaction != "none" { // a file that is being written keeps the log
						h := s.handle("open")
						_, err := h.WriteAt([]byte("O"), 0)
						s.must(err)
						s.aMinute()
					}
					if transaction == "before" {
						s.must(s.m.Retire())
					}
					r.play(s, func(holds func()) {
						if transaction == "after" {
							s.must(s.m.Retire())
						}
						if _, ok := s.index.should()["waits"]; ok != (transaction != "none") {
							s.failf("there was a transaction: %v", ok)
						}
						want := look(s.m)
						s.crash()
						holds()
						s.remount()
						holds()
						s.must(s.inOrder(want, wholly))
						if s.entries() != 0 {
							s.failf("the log was kept")
						}
					})
				})
			})
		}
	}
}

// TestOnlySeen: what an index that is new comes to know of a vault that is old is what is looked up, of which the header is read,
// opened or changed, and the directories that lead there; to list is not enough.
func TestOnlySeen(t *testing.T) {
	telling(t, 1, func(s *scene) {
		s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opMkdir, path: "d/e", mode: 0o755})
		s.put("d/e/written", "old", false)
		s.put("d/e/seen", "old", false)
		s.put("d/e/listed", "old", false)
		s.put("listed", "old", false)
		s.unmount()
		s.index = newKept(s.t)
		s.mount()
		for _, dir := range []string{"", "d/e"} {
			n, err := s.m.Walk(dir)
			s.must(err)
			_, err = n.ReadDir()
			s.must(err)
			n.Forget()
		}
		s.holds("d/e/seen", "old")
		s.must(s.patch("d/e/written", "new", 0))
		s.must(s.m.Sync())
		s.remount()
		s.known("d/e/written", index.IsFile)
		s.known("d/e/seen", index.IsFile)
		s.known("d/e/listed", index.Unknown)
		s.known("listed", index.Unknown)
		s.must(lookUp(s.m, "listed", nil))
		s.known("listed", index.IsFile)
		s.known("d", index.IsDir)
		s.steps(step{op: opRename, path: "d/e/listed", to: "d/moved"})
		s.known("d/moved", index.IsFile)
		s.known("d/e/listed", index.Gone)
		s.crash()
		s.known("d/moved", index.IsFile)
	})
}

// otherwise are what a replay makes of a log that does not lead to what is there, and what is known then of some names.
var otherwise = []struct {
	name string
	play func(s *scene)
	want map[string]index.Kind
}{
	{"moved by another machine", func(s *scene) {
		s.put("f", "made", false)
		s.disk.Kill()
		s.elsewhere(func(other *scene) { other.steps(step{op: opRename, path: "f", to: "g"}) })
	}, map[string]index.Kind{"f": index.Unknown, "g": index.IsFile}},
	{"moved by another machine into a directory", func(s *scene) {
		s.put("f", "made", false)
		s.disk.Kill()
		s.elsewhere(func(other *scene) {
			other.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opRename, path: "f", to: "d/f"})
		})
	}, map[string]index.Kind{"f": index.Unknown, "d": index.IsDir, "d/f": index.IsFile}},
	{"removed by another machine", func(s *scene) {
		s.put("f", "made", false)
		s.disk.Kill()
		s.elsewhere(func(other *scene) { other.steps(step{op: opUnlink, path: "f"}) })
	}, map[string]index.Kind{"f": index.Unknown}},
	{"saved by another machine", func(s *scene) {
		s.put("f", "first", false)
		s.must(s.m.Sync())
		s.put("f", "mine", true)
		s.must(s.m.Commit())
		s.disk.Kill()
		s.elsewhere(func(other *scene) { other.put("f", "theirs", false) })
	}, map[string]index.Kind{"f": index.IsFile}},
	{"concurrent, theirs newer", func(s *scene) { s.disputed(true, true) }, map[string]index.Kind{"f.txt": index.IsFile}},
	{"concurrent, theirs newer, ours in place", func(s *scene) { s.disputed(true, false) }, map[string]index.Kind{"f.txt": index.IsFile}},
	{"concurrent, ours newer", func(s *scene) { s.disputed(false, true) }, map[string]index.Kind{"f.txt": index.IsFile}},
	{"concurrent, ours newer, ours in place", func(s *scene) { s.disputed(false, false) }, map[string]index.Kind{"f.txt": index.IsFile}},
	{"another file in its place", func(s *scene) {
		s.put("f", "first", false)
		s.must(s.m.Sync())
		s.put("f", "mine", true)
		s.must(s.m.Commit())
		s.disk.Kill()
		s.elsewhere(func(other *scene) {
			other.steps(step{op: opUnlink, path: "f"})
			other.put("f", "another", false)
		})
	}, map[string]index.Kind{"f": index.IsFile}},
	{"brought together after a power cut", func(s *scene) {
		s.put("a", "old", false)
		s.must(s.m.Sync())
		s.put("x", "fsynced", true)
		s.steps(step{op: opRename, path: "a", to: "b"})
		s.disk.Kill()
		s.cutAll(func(c *scene) bool { return c.exists("b")[0] && !c.exists("a")[0] && c.exists("a")[1] })
	}, map[string]index.Kind{"a": index.Unknown, "b": index.IsFile}},
	{"a directory brought together after a power cut", func(s *scene) {
		s.put("x", "fsynced", true)
		ofX := s.entries()
		s.steps(step{op: opMkdir, path: "d", mode: 0o755})
		s.put("d/f", "not fsynced", false)
		s.disk.Kill()
		s.cutAll(func(c *scene) bool { return c.whole(0, "d/f") && !c.exists("d")[1] && c.entries() == ofX })
	}, map[string]index.Kind{"d": index.IsDir, "d/f": index.IsFile}},
}

// cutAll takes the power away such that the log has lost what was not synced, and the clouds show what is asked for.
func (s *scene) cutAll(holds func(c *scene) bool) {
	for seed := range uint64(400) {
		c := &scene{box: s.clone()}
		c.disk.PowerCut(rand.New(rand.NewPCG(seed, 11)))
		c.state.powerCut()
		if holds(c) {
			s.box = c.box
			return
		}
	}
	s.t.Fatal("no power cut does that")
}

// whole reports whether cloud k has a whole version of a file.
func (s *scene) whole(k int, path string) bool {
	tree, err := s.audit(k)
	s.must(err)
	n, there := tree.Nodes[spell(path)]
	return there && n.Err == nil && len(n.Header.Version) > 0
}

// TestRetellOtherwise: what is told after a replay is what every cloud has, whatever the log says.
func TestRetellOtherwise(t *testing.T) {
	for _, o := range otherwise {
		t.Run(o.name, func(t *testing.T) {
			telling(t, 2, func(s *scene) {
				o.play(s)
				s.mount()
				for path, kind := range o.want {
					s.known(path, kind)
				}
				s.must(s.m.Sync())
				rows := s.index.should()
				for k := range s.n {
					tree, err := s.audit(k)
					s.must(err)
					for path, row := range rows {
						n, there := tree.Nodes[spell(path)]
						switch {
						case !there, row.dir != n.Dir:
							s.failf("cloud %d has nothing such at %q, where the index has %+v", k, path, row)
						case !row.dir && !row.agrees(n):
							s.failf("cloud %d has %v at %v at %q, where the index has %+v", k, n.Header.FileID, n.Header.Version, path, row)
						}
					}
				}
			})
		})
	}
}
