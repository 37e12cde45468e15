package mirror_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// cuts takes the power away in many ways, mounts after each that leaves what holds
// wants, and looks. It wants some that left nothing in the log.
func (s *scene) cuts(holds func(c *scene) bool, look func(c *scene)) {
	s.t.Helper()
	silent := 0
	for seed := range uint64(200 / everyScene) {
		c := &scene{box: s.clone()}
		c.disk.PowerCut(rand.New(rand.NewPCG(seed, 21)))
		c.state.powerCut()
		if !holds(c) {
			continue
		}
		c.mount()
		if strings.Contains(c.said.String(), "entries=0") {
			silent++
		}
		c.must(c.m.Sync())
		c.must(c.sameNames(nil))
		look(c)
		c.unmount()
	}
	if silent == 0 {
		s.t.Fatal("no power cut does that") // what never comes about shows nothing
	}
}

// differs tells of a path that some clouds have and others have not.
func differs(path string) func(c *scene) bool {
	return func(c *scene) bool { return c.exists(path)[0] != c.exists(path)[1] }
}

// lostEnds are changes of which clouds and log lose different ends.
var lostEnds = []struct {
	name  string
	steps []step
	path  string // in one cloud only
	look  func(c *scene)
}{
	{"a file moved to another directory", []step{{op: opRename, path: "d/f", to: "e/f"}}, "d/f", func(c *scene) { c.oneOf("d/f", "e/f") }},
	{"a file moved to the name of one that was removed", []step{{op: opUnlink, path: "x"}, {op: opRename, path: "d/f", to: "x"}}, "d/f", func(c *scene) { c.oneOf("d/f", "x") }},
	{"directories made", []step{{op: opMkdir, path: "e/new", mode: 0o755}, {op: opMkdir, path: "e/new/er", mode: 0o755}}, "e/new", func(*scene) {}},
	{
		"a file moved to the name of a new one",
		[]step{{op: opCreate, path: "new", h: 1}, {op: opUnlink, path: "new"}, {op: opRename, path: "x", to: "new"}}, "x", func(*scene) {},
	},
	{"a long name", []step{{op: opMkdir, path: "N", mode: 0o755}}, spell("N"), func(*scene) {}},
}

// oneOf wants a file to be at one of two paths, in every cloud.
func (s *scene) oneOf(a, b string) {
	at := a
	if !s.exists(a)[0] {
		at = b
	}
	s.holds(at, "content")
	if at == a && s.exists(b)[0] {
		if got, err := tryRead(s.m, b); err != nil || string(got) == "content" {
			s.failf("at %q and at %q: %v", a, b, err)
		}
	}
}

// TestLostEnds: clouds that have lost different ends of what was done, of which the
// log tells nothing, have the same names after the next mount.
func TestLostEnds(t *testing.T) {
	for _, l := range lostEnds {
		t.Run(l.name, func(t *testing.T) {
			telling(t, 2, func(s *scene) {
				s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opMkdir, path: "e", mode: 0o755})
				s.put("d/f", "content", true)
				s.put("x", "replaced", true)
				s.remount()
				s.steps(l.steps...)
				s.cuts(differs(l.path), l.look)
			})
		})
	}
}

// TestCleanEnd: clouds are not compared after a boot if they were unmounted before
// it, and else they are.
func TestCleanEnd(t *testing.T) {
	for _, clean := range []bool{true, false} {
		telling(t, 2, func(s *scene) {
			s.put("f", "content", true)
			s.unmount()
			if !clean {
				s.mount()
				s.disk.Kill()
			}
			s.must(s.disk.Dir(cloudName(1)).Remove(s.entryAt(1, "f")))
			s.state.powerCut()
			s.mount()
			if s.exists("f")[1] == clean {
				s.failf("clean %v: f %v", clean, s.exists("f"))
			}
			s.unmount()
		})
	}
}

// TestBroughtUnderNoID: the temporary name under which a file is brought to a cloud tells
// nobody its id, which is the same in every cloud and in the header alone.
func TestBroughtUnderNoID(t *testing.T) {
	err := tellScene(t, 2, layout{reuse: true}, func(s *scene) {
		s.must(s.m.Sync())
		s.put("f", "content", false)
		s.must(s.disk.Dir(cloudName(0)).Syncfs())
		s.disk.Kill()
		s.cuts(differs("f"), func(c *scene) {
			c.holds("f", "content")
			tree, err := c.audit(0)
			c.must(err)
			if id := tree.Nodes["f"].Header.FileID.String(); strings.Contains(c.disk.Trace(), id[:8]) {
				c.failf("the id %s is in\n%s", id, c.disk.Trace())
			}
		})
	})
	if err != nil {
		t.Error(err)
	}
}

// TestRemovedBesideDirectory: a file that was removed, and that one cloud shows again at
// the name of a directory in the other, does not go on beside that.
func TestRemovedBesideDirectory(t *testing.T) {
	for back := range 2 {
		telling(t, 2, func(s *scene) {
			s.put("c", "content", true)
			old := s.disk.Clone()
			s.steps(step{op: opUnlink, path: "c"})
			s.remount()
			s.disk.Kill()
			s.state.powerCut()
			s.must(s.them(back).Do(cloudtest.Rollback(s.entryAt(back, "c"), old.Dir(cloudName(back)))))
			s.must(s.disk.Dir(cloudName(1-back)).Mkdir(s.entryAt(1-back, "c"), 0o755))
			s.mount()
			if got := look(s.m); len(got) != 1 || got["c"].kind != 'd' {
				s.failf("there is %v", got)
			}
			s.nobodyOwes()
			s.unmount()
		})
	}
}
