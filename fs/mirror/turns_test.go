//go:build !race || long

package mirror_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/index"
)

// displacings are what another machine puts in the place of the directory d, which has d/b and d/sub/x in it. There is a file
// f, too.
var displacings = []struct {
	name  string
	steps []step
	dir   string // that is displaced
}{
	{"a file that was in it", []step{{op: opRename, path: "d", to: "e"}, {op: opRename, path: "e/b", to: "d"}}, "d"},
	{"a file from elsewhere", []step{{op: opRename, path: "d", to: "e"}, {op: opRename, path: "f", to: "d"}}, "d"},
	{"a file that changes places with it", []step{{op: opExchange, path: "d", to: "f"}}, "d"},
	{"a file that changes places with what is in it", []step{{op: opExchange, path: "d/sub", to: "d/b"}}, "d/sub"},
	{"a file that is new", []step{{op: opRename, path: "d", to: "e"}, {op: opCreate, path: "d", h: 1, mode: 0o644}, {op: opWrite, h: 1, n: 9, seed: 1}, {op: opClose, h: 1}}, "d"},
	{"a symlink", []step{{op: opRename, path: "d", to: "e"}, {op: opSymlink, path: "d", to: "e"}}, "d"},
	{"a file, once all in it is removed", []step{
		{op: opUnlink, path: "d/b"}, {op: opUnlink, path: "d/sub/x"}, {op: opRmdir, path: "d/sub"}, {op: opRmdir, path: "d"}, {op: opRename, path: "f", to: "d"},
	}, "d"},
	{"a file, and the directory back under another name", []step{
		{op: opRename, path: "d", to: "e"}, {op: opRename, path: "f", to: "d"}, {op: opRename, path: "e", to: "f"},
	}, "d"},
}

// displaced makes d and f, which both machines know, and has the other one displace d.
func (s *scene) displaced(steps []step, before func()) (other *scene, want map[string]seen) {
	s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opMkdir, path: "d/sub", mode: 0o755})
	s.put("d/b", "B", false)
	s.put("d/sub/x", "X", false)
	s.put("f", "F", false)
	s.remount()
	look(s.m)
	before()
	s.unmount()
	other = &scene{box: s.machine(9)}
	other.mount()
	p := &player{b: other.box, m: other.m, handles: map[int]*played{}}
	for _, st := range steps {
		other.must(p.do(st))
	}
	want = look(other.m)
	other.unmount()
	return other, want
}

// TestDirectoryDisplaced: what another machine has put in the place of a directory is there at once, and all that was in it is
// where that machine has it.
func TestDirectoryDisplaced(t *testing.T) {
	for _, d := range displacings {
		for n := 1; n <= 3; n++ {
			for _, later := range []time.Duration{0, time.Hour} {
				t.Run(fmt.Sprintf("%s, %d clouds, %v later", d.name, n, later), func(t *testing.T) {
					telling(t, n, func(s *scene) {
						other, want := s.displaced(d.steps, func() {})
						s.clock.pass(later)
						for range 2 {
							s.mount()
							s.sees(want)
							s.everywhere()
							s.unmount()
							other.mount()
							other.sees(want)
							other.everywhere()
							other.unmount()
						}
						s.clock.pass(time.Hour)
						s.mount()
						s.healed()
						s.sees(want)
						s.everywhere()
					})
				})
			}
		}
	}
}

// TestDirectoryNotDisplaced: as long as one cloud shows the directory, or does not answer, nothing takes its place, and nothing
// that is known of what is in it is forgotten.
func TestDirectoryNotDisplaced(t *testing.T) {
	for _, d := range displacings {
		for late := range 2 {
			for _, is := range []string{"late", "away", "halfway"} {
				t.Run(fmt.Sprintf("%s, cloud %d is %s", d.name, late, is), func(t *testing.T) {
					telling(t, 2, func(s *scene) {
						var was *cloudtest.Disk
						var dir index.Known
						_, want := s.displaced(d.steps, func() { was, dir = s.disk.Clone(), s.known(d.dir, index.IsDir) })
						now := s.disk.Clone()
						s.rollback(late, was)
						s.clock.pass(time.Hour)
						var absent []int
						switch is {
						case "away":
							absent = append(absent, late)
						case "halfway":
							s.must(s.them(late).Do(cloudtest.Delete(s.entryAt(late, d.dir))))
							s.clock.pass(time.Hour)
						}
						s.mount(absent...)
						look(s.m)
						if now := s.known(d.dir, index.IsDir); now.Dir != dir.Dir {
							s.failf("it is another directory")
						}
						for _, g := range want {
							if is == "late" && slices.Contains([]string{"B", "X", "F"}, g.data) {
								s.kept(g.data)
							}
						}
						s.unmount()
						s.rollback(late, now)
						s.clock.pass(time.Hour)
						s.mount()
						s.sees(want)
					})
				})
			}
		}
	}
}

// rollback has a cloud show all that it showed on another disk.
func (s *scene) rollback(k int, on *cloudtest.Disk) {
	for _, path := range []string{"d", "e", "f"} {
		for _, entry := range []string{s.entryAt(k, path), s.entryAt(k, path) + "w"} {
			s.must(s.them(k).Do(cloudtest.Rollback(entry, on.Dir(cloudName(k)))))
		}
	}
	s.must(s.disk.Dir(cloudName(k)).Syncfs())
}

// TestDirectoryBesideSymlink: a symlink has another entry than the directory whose name it has. While a cloud has both, the
// directory stays known.
func TestDirectoryBesideSymlink(t *testing.T) {
	telling(t, 2, func(s *scene) {
		var was *cloudtest.Disk
		var dir index.Known
		steps := []step{{op: opRename, path: "d", to: "e"}, {op: opSymlink, path: "d", to: "e"}}
		s.displaced(steps, func() { was, dir = s.disk.Clone(), s.known("d", index.IsDir) })
		s.must(s.them(0).Do(cloudtest.Rollback(s.entryAt(0, "d"), was.Dir(cloudName(0)))))
		s.mount()
		look(s.m)
		if is := s.known("d", index.IsDir); is.Dir != dir.Dir {
			s.failf("it is another directory")
		}
	})
}

// TestDisplacedByItsFile: a file that has taken the place of its directory while this machine looked on has no other name.
func TestDisplacedByItsFile(t *testing.T) {
	telling(t, 1, func(s *scene) {
		s.joined()
		s.steps(step{op: opMkdir, path: "d", mode: 0o755})
		s.put("d/b", "B", false)
		s.must(s.m.Commit())
		s.must(s.them(0).Do(cloudtest.Rename(s.entryAt(0, "d"), s.entryAt(0, "e"))))
		s.must(s.them(0).Do(cloudtest.Rename(s.entryAt(0, "e")+"/"+s.entryAt(0, "b"), s.entryAt(0, "d"))))
		s.clock.pass(time.Hour)
		s.holds("d", "B")
		id := s.id(0, "d")
		s.steps(step{op: opUnlink, path: "d"})
		s.unmount()
		if !s.recorded(0, id) {
			s.failf("that it was removed is not on record")
		}
	})
}

// namesTaken are how a machine takes the name y from a file, which then has the name z.
var namesTaken = []struct {
	name   string
	theirs bool // the other machine gives the name first
	steps  []step
}{
	{"renamed", false, []step{{op: opRename, path: "x", to: "y"}, {op: opRename, path: "y", to: "z"}}},
	{"renamed, which the other one had, too", true, []step{{op: opRename, path: "y", to: "z"}}},
	{"one of two links removed", false, []step{{op: opLink, path: "x", to: "y"}, {op: opRename, path: "x", to: "z"}, {op: opUnlink, path: "y"}}},
}

// TestLinkedWhereItWas: another machine gives a file a name again that this one took from it, which knows of the other one or not.
// Both names are there, also where the other one was killed in it.
func TestLinkedWhereItWas(t *testing.T) {
	for _, d := range namesTaken {
		for _, knows := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, the other is known %v", d.name, knows), func(t *testing.T) {
				telling(t, 2, func(s *scene) {
					if knows {
						s.joined()
					}
					other := &scene{box: s.machine(9)}
					s.put("x", "old", true)
					s.unmount()
					other.mount()
					look(other.m)
					if d.theirs {
						other.steps(step{op: opRename, path: "x", to: "y"})
					}
					other.unmount()
					s.mount()
					s.steps(d.steps...)
					s.unmount()
					again := step{op: opLink, path: "z", to: "y"}
					linked := 0
					other.eachKill(again, func(_ int, c *scene) {
						c.mount()
						_, there := look(c.m)["y"]
						c.unmount()
						if there {
							linked++
							(&scene{box: s.on(c.disk)}).hasBoth()
						}
					})
					if linked == 0 {
						s.failf("no kill came after the link")
					}
					other.mount()
					other.steps(again)
					other.unmount()
					s.hasBoth()
				})
			})
		}
	}
}

// hasBoth mounts, and wants both names of the file, before it is healed and after.
func (s *scene) hasBoth() {
	s.mount()
	for range 2 {
		s.holds("z", "old")
		s.holds("y", "old")
		s.everywhere()
		s.clock.pass(time.Hour)
		s.healed()
	}
	s.unmount()
}
