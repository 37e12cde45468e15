package mirror_test

import "testing"

// linkEnds are changes of x and y, two names of one file, after each of which the file
// has one or both.
var linkEnds = []struct {
	name  string
	steps []step
}{
	{"the name that is left takes the place of one that was removed", []step{{op: opUnlink, path: "d/x"}, {op: opRename, path: "y", to: "d/x"}}},
	{"linked there, and then removed", []step{{op: opUnlink, path: "d/x"}, {op: opLink, path: "y", to: "d/x"}, {op: opUnlink, path: "y"}}},
	{"with a new version", []step{{op: opChmod, path: "y", mode: 0o600}, {op: opUnlink, path: "d/x"}, {op: opRename, path: "y", to: "d/x"}}},
	{"with a new version under the name that goes", []step{{op: opChmod, path: "d/x", mode: 0o600}, {op: opUnlink, path: "d/x"}, {op: opRename, path: "y", to: "d/x"}}},
	{"replaced by another file", []step{{op: opRename, path: "z", to: "d/x"}, {op: opUnlink, path: "d/x"}, {op: opRename, path: "y", to: "d/x"}}},
	{"exchanged with another file", []step{{op: opExchange, path: "d/x", to: "z"}, {op: opUnlink, path: "z"}, {op: opRename, path: "y", to: "z"}}},
	{"the directory renamed", []step{{op: opUnlink, path: "d/x"}, {op: opRename, path: "d", to: "e"}, {op: opRename, path: "y", to: "e/x"}}},
	{"the other directory renamed", []step{{op: opRename, path: "y", to: "d/y"}, {op: opRename, path: "d", to: "e"}, {op: opUnlink, path: "e/x"}, {op: opRename, path: "e/y", to: "e/x"}}},
}

// TestLinksThatLostEnds: of a file with two names one is removed, and the other takes
// its place. Where the log has lost the latter, and clouds have it or have not, the
// file is not gone: no log that tells of one name alone has told its end.
func TestLinksThatLostEnds(t *testing.T) {
	for _, l := range linkEnds {
		for _, n := range []int{1, 3} {
			t.Run(l.name, func(t *testing.T) {
				telling(t, n, func(s *scene) {
					s.steps(step{op: opMkdir, path: "d", mode: 0o755})
					s.put("y", "content", true)
					s.put("z", "other", true)
					s.steps(step{op: opLink, path: "y", to: "d/x"})
					s.remount()
					s.steps(l.steps...)
					s.anyCut(func(c *scene) { c.kept("content") })
				})
			})
		}
	}
}

// anyCut takes the power away in many ways, mounts after each, and looks.
func (s *scene) anyCut(look func(c *scene)) {
	for seed := range uint64(60 / everyScene) {
		c := &scene{box: s.clone()}
		c.cut(seed)
		c.mount()
		c.must(c.m.Sync())
		c.must(c.sameNames(nil))
		look(c)
		c.unmount()
	}
}
