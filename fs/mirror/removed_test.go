//go:build !race || long

package mirror_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// A clearance is how the directory build, with build/x, build/sub and build/sub/y in it, goes while a cloud is away.
type clearance struct {
	name  string
	stays bool // edits beside it stay where they are in their cloud, and are told: heal decides
	play  func(s *scene)
}

// rmTree removes a tree like that of the scene, from the files up.
func (s *scene) rmTree(dir string) {
	s.steps(
		step{op: opUnlink, path: dir + "/x"}, step{op: opUnlink, path: dir + "/sub/y"},
		step{op: opRmdir, path: dir + "/sub"}, step{op: opRmdir, path: dir},
	)
}

var clearances = []clearance{
	{"removed whole", false, func(s *scene) { s.rmTree("build") }},
	{"a directory in it removed", false, func(s *scene) {
		s.steps(step{op: opUnlink, path: "build/sub/y"}, step{op: opRmdir, path: "build/sub"})
	}},
	{"a file in it removed", false, func(s *scene) { s.steps(step{op: opUnlink, path: "build/x"}) }},
	{"removed, and made again", false, func(s *scene) {
		s.rmTree("build")
		s.steps(step{op: opMkdir, path: "build", mode: 0o755})
		s.put("build/a", "another", true)
	}},
	{"removed, and made again with the same names", false, func(s *scene) {
		s.rmTree("build")
		s.steps(step{op: opMkdir, path: "build", mode: 0o755}, step{op: opMkdir, path: "build/sub", mode: 0o755})
		s.put("build/x", "another", true)
	}},
	{"removed, and a file in its place", true, func(s *scene) {
		s.rmTree("build")
		s.put("build", "a file", true)
	}},
	{"moved, and made again", true, func(s *scene) {
		s.steps(step{op: opRename, path: "build", to: "old"}, step{op: opMkdir, path: "build", mode: 0o755})
	}},
	{"changed places with an empty one", true, func(s *scene) {
		s.steps(step{op: opMkdir, path: "e", mode: 0o755}, step{op: opExchange, path: "e", to: "build"})
	}},
	{"moved, and removed", false, func(s *scene) {
		s.steps(step{op: opRename, path: "build", to: "old"})
		s.rmTree("old")
	}},
	{"moved, removed, and made again from outside", false, func(s *scene) {
		s.steps(step{op: opRename, path: "build", to: "old"})
		s.rmTree("old")
		s.steps(step{op: opMkdir, path: "build", mode: 0o755})
		s.put("build/x", "x", true)
	}},
	{"a directory in it moved out, and removed", false, func(s *scene) {
		s.steps(step{op: opRename, path: "build/sub", to: "sub"}, step{op: opUnlink, path: "sub/y"}, step{op: opRmdir, path: "sub"})
	}},
	{"removed in two transactions", false, func(s *scene) {
		s.steps(step{op: opUnlink, path: "build/x"}, step{op: opUnlink, path: "build/sub/y"}, step{op: opRmdir, path: "build/sub"})
		s.aMinute()
		s.must(s.m.Retire())
		s.steps(step{op: opRmdir, path: "build"})
	}},
	{"made and removed", false, func(s *scene) {
		s.rmTree("build")
		s.steps(step{op: opMkdir, path: "build", mode: 0o755}, step{op: opMkdir, path: "build/sub", mode: 0o755})
		s.put("build/x", "again", true)
		s.put("build/sub/y", "again", true)
		s.rmTree("build")
	}},
}

// departures are how the mount ends that removed it, and how the next one begins.
var departures = []struct {
	name string
	play func(s *scene, away int)
}{
	{"still mounted", func(*scene, int) {}},
	{"unmounted", func(s *scene, _ int) { s.remount() }},
	{"killed", func(s *scene, _ int) { s.crash() }},
	{"synced and killed", func(s *scene, _ int) {
		s.must(s.m.Sync())
		s.crash()
	}},
	{"synced, and the power cut", func(s *scene, away int) {
		s.must(s.m.Sync())
		s.cut(uint64(away))
		s.mount()
	}},
	{"killed, and away once more", func(s *scene, away int) {
		s.crash(away)
		s.remount()
	}},
	{"killed twice", func(s *scene, away int) {
		s.crash(away)
		s.crash()
	}},
	{"unmounted, and mounted without", func(s *scene, away int) {
		s.remount(away)
		s.crash()
	}},
}

// TestRemovedStaysSo: what was removed while a cloud was away does not come back with it.
func TestRemovedStaysSo(t *testing.T) {
	for _, how := range clearances {
		for _, end := range departures {
			for _, n := range []int{2, 3} {
				for away := range 2 {
					t.Run(fmt.Sprintf("%s, %s, %d clouds without %d", how.name, end.name, n, away), func(t *testing.T) {
						telling(t, n, func(s *scene) {
							s.tree()
							s.remount(away)
							how.play(s)
							want := look(s.m)
							end.play(s, away)
							s.backAgain()
							s.sees(want)
							s.remount()
							s.sees(want)
							s.everywhere()
						})
					})
				}
			}
		}
	}
}

// TestRemovedBesideEdits: what another machine has put into the directory of a cloud meanwhile is kept, and brought to the others.
func TestRemovedBesideEdits(t *testing.T) {
	for _, how := range clearances {
		for _, end := range departures {
			for _, n := range []int{2, 3} {
				t.Run(fmt.Sprintf("%s, %s, %d clouds", how.name, end.name, n), func(t *testing.T) {
					telling(t, n, func(s *scene) {
						s.tree()
						there := []string{"build/x", "build/theirs", "build/sub/theirs", "build/new/theirs"}
						theirs := s.theirs(8, func(other *scene) {
							other.steps(step{op: opMkdir, path: "build/new", mode: 0o755})
							for _, path := range there {
								other.put(path, "theirs at "+path, true)
							}
						})
						s.remount(1)
						how.play(s)
						s.must(s.them(1).Do(cloudtest.Rollback(s.entryAt(1, "build/new"), theirs.Dir(cloudName(1)))))
						for _, path := range there {
							s.must(s.them(1).Do(cloudtest.Rollback(s.entryAt(1, path), theirs.Dir(cloudName(1)))))
						}
						s.must(s.disk.Dir(cloudName(1)).Syncfs())
						end.play(s, 1)
						s.backAgain()
						s.remount()
						s.backAgain()
						if how.stays {
							s.keptOrLeft(theirs, there...)
							return
						}
						for _, path := range there {
							s.kept("theirs at " + path)
						}
						s.everywhere()
					})
				})
			}
		}
	}
}

// keptOrLeft wants each of these files of another machine to be shown, where it is or in the directory that was moved with it, or to
// be in cloud 1 as it was put there.
func (s *scene) keptOrLeft(theirs *cloudtest.Disk, paths ...string) {
	shown := look(s.m)
	for _, path := range paths {
		moved := func(to string) bool { return shown[strings.Replace(path, "build", to, 1)].data == "theirs at "+path }
		if moved("build") || moved("old") || moved("e") {
			continue
		}
		if !s.exists(path)[1] {
			s.failf("%q is gone", path)
		}
		s.stays(1, path, s.backing(theirs, 1, path))
	}
}

// tree makes the directory that is to go.
func (s *scene) tree() {
	s.steps(step{op: opMkdir, path: "build", mode: 0o755}, step{op: opMkdir, path: "build/sub", mode: 0o755})
	s.put("build/x", "x", false)
	s.put("build/sub/y", "y", false)
	s.must(s.m.Sync())
}

// sees wants a program to see just that.
func (s *scene) sees(want map[string]seen) {
	got := look(s.m)
	for path, is := range got {
		if was, ok := want[path]; !ok || was.kind != is.kind || was.data != is.data {
			s.failf("%q is %v, and was %v, among %v", path, is, was, got)
		}
	}
	for path := range want {
		if _, ok := got[path]; !ok {
			s.failf("%q is gone", path)
		}
	}
}

// restorations are what is removed, and synced, before a cloud is put back from a copy of how it was.
var restorations = []clearance{
	{"a file", false, func(s *scene) { s.steps(step{op: opUnlink, path: "build/sub/y"}) }},
	{"a file, and its directory", true, func(s *scene) {
		s.steps(step{op: opUnlink, path: "build/sub/y"}, step{op: opRmdir, path: "build/sub"})
	}},
	{"all of it", true, func(s *scene) { s.rmTree("build") }},
}

// TestRemovedThenRestored puts a cloud that has missed nothing back from a copy of how it was, before the machine starts anew: no file
// that was removed comes back with it. Of an empty directory nobody can tell.
func TestRemovedThenRestored(t *testing.T) {
	for _, what := range restorations {
		for _, end := range []string{"unmounted", "killed", "fsynced and killed"} {
			for _, boot := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, the same boot %v", what.name, end, boot), func(t *testing.T) {
					telling(t, 2, func(s *scene) {
						s.tree()
						was := s.disk.Clone()
						what.play(s)
						want := look(s.m)
						switch end {
						case "unmounted":
							s.unmount()
						case "killed":
							s.must(s.m.Sync())
						case "fsynced and killed":
							s.must(s.m.Root().Sync())
						}
						s.disk.Kill()
						if s.exists("build")[1] {
							s.must(s.them(1).Do(cloudtest.Delete(s.entryAt(1, "build"))))
						}
						s.must(s.them(1).Do(cloudtest.Rollback(s.entryAt(1, "build"), was.Dir(cloudName(1)))))
						s.must(s.disk.Dir(cloudName(1)).Syncfs())
						if !boot {
							s.state.powerCut()
						}
						s.mount()
						for range 2 {
							s.backAgain()
							for path, is := range look(s.m) {
								if _, ok := want[path]; !ok && (is.kind != 'd' || !what.stays) {
									s.failf("%q is back: %v", path, is)
								}
							}
							s.remount()
						}
					})
				})
			}
		}
	}
}
