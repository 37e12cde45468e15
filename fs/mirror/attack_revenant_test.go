package mirror_test

import (
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// TestRevenant: a cloud shows directories again that were removed, with what was in them. They stay removed, and
// their names are free; what is new in one of them is shown, and so is one that several clouds show.
func TestRevenant(t *testing.T) {
	for k := range 2 {
		for name, then := range map[string]func(s *scene){
			"made again":  func(s *scene) { s.steps(step{op: opMkdir, path: "d/e", mode: 0o700}, step{op: opRmdir, path: "d/e"}) },
			"a file":      func(s *scene) { s.put("d/e", "file", true); s.holds("d/e", "file") },
			"renamed":     func(s *scene) { s.steps(step{op: opMkdir, path: "x"}, step{op: opRename, path: "x", to: "d/e"}) },
			"above goes":  func(s *scene) { s.steps(step{op: opRmdir, path: "d"}) },
			"above moves": func(s *scene) { s.steps(step{op: opRename, path: "d", to: "x"}) },
			"killed":      func(s *scene) { s.steps(step{op: opMkdir, path: "x"}); s.crash() },
		} {
			t.Run(name, func(t *testing.T) {
				telling(t, 2, func(s *scene) {
					s.removed(k)
					s.nothingAt("d/e")
					then(s)
					was := look(s.m)
					s.tend()
					s.remount()
					for path := range look(s.m) {
						if _, there := was[path]; !there {
							s.failf("%s has come back", path)
						}
					}
					s.honest(1 - k)
					s.unmount()
				})
			})
		}
	}
}

// removed makes directories with a file in them and removes them, and lets cloud k show them again.
func (s *scene) removed(k int) {
	s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opMkdir, path: "d/e", mode: 0o755}, step{op: opMkdir, path: "d/e/f", mode: 0o755})
	s.put("d/e/x", "removed", true)
	s.must(s.m.Sync())
	old := s.disk.Clone().Dir(cloudName(k))
	s.steps(step{op: opUnlink, path: "d/e/x"}, step{op: opRmdir, path: "d/e/f"}, step{op: opRmdir, path: "d/e"})
	s.must(s.them(k).Do(cloudtest.Rollback(s.entryAt(k, "d/e"), old)))
}

func (s *scene) nothingAt(path string) {
	for at := range look(s.m) {
		if at == path {
			s.failf("%s is there", path)
		}
	}
	if n, err := s.m.Walk(path); err == nil {
		n.Forget()
		s.failf("%s is found", path)
	}
}

// TestNoRevenant: a directory that another machine has made where one was removed is there, as soon as anything tells.
func TestNoRevenant(t *testing.T) {
	theirs := func(s *scene, do func(other *scene)) {
		s.unmount()
		s.elsewhere(do)
		s.mount()
	}
	for k := range 2 {
		for name, make := range map[string]func(s *scene){
			"in both": func(s *scene) {
				for i := range 2 {
					if err := s.disk.Dir(cloudName(i)).Mkdir(s.entryAt(i, "d/e"), 0o755); i != k {
						s.must(err)
					}
				}
			},
			"with a file": func(s *scene) {
				theirs(s, func(other *scene) { other.put("g", "theirs", true) })
				s.must(s.disk.Dir(cloudName(k)).Rename(s.entryAt(k, "g"), s.entryAt(k, "d/e/g")))
				s.must(s.disk.Dir(cloudName(1 - k)).Remove(s.entryAt(1-k, "g")))
			},
		} {
			t.Run(name, func(t *testing.T) {
				telling(t, 2, func(s *scene) {
					s.removed(k)
					make(s)
					if g, there := look(s.m)["d/e"]; !there || g.kind != 'd' {
						s.failf("d/e is %v, %v", g, there)
					}
					s.unmount()
				})
			})
		}
	}
}
