//go:build !race || long

package mirror_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// loggedChanges are changes of a file, or of names of it, of which one cloud can have nothing, since somebody has meddled there.
var loggedChanges = []struct {
	name  string
	path  string
	names bool // more names than that one change
	play  func(s *scene)
}{
	{"chmod", "f", false, func(s *scene) { s.steps(step{op: opChmod, path: "f", mode: 0o604}) }},
	{"chown", "f", false, func(s *scene) { s.steps(step{op: opChown, path: "f", n: 3, off: 4}) }},
	{"utimens", "f", false, func(s *scene) { s.steps(step{op: opUtimens, path: "f", n: 1_500_000_000}) }},
	{"utimens, later", "f", false, func(s *scene) { s.steps(step{op: opUtimens, path: "f", n: 1_700_000_000}) }},
	{"truncate", "f", false, func(s *scene) { s.steps(step{op: opCut, path: "f", n: 4099}) }},
	{"truncate, longer", "f", false, func(s *scene) { s.steps(step{op: opCut, path: "f", n: 40099}) }},
	{"write", "f", false, func(s *scene) { s.must(s.patch("f", "changed", 4090)) }},
	{"append", "f", false, func(s *scene) { s.must(s.patch("f", text(9000, 5), -1)) }},
	{"save", "f", false, func(s *scene) { s.put("f", "saved", true) }},
	{"chmod and write", "f", false, func(s *scene) {
		s.steps(step{op: opChmod, path: "f", mode: 0o604})
		s.must(s.patch("f", "changed", 4090))
	}},
	{"chmod, committed, and write", "f", false, func(s *scene) {
		s.steps(step{op: opChmod, path: "f", mode: 0o604})
		s.must(s.patch("f", "changed", 4090))
		s.must(s.m.Commit())
	}},
	{"rename", "f", true, func(s *scene) { s.steps(step{op: opRename, path: "f", to: "h"}) }},
	{"rename over", "f", true, func(s *scene) { s.steps(step{op: opRename, path: "f", to: "e"}) }},
	{"renamed over", "f", true, func(s *scene) { s.steps(step{op: opRename, path: "e", to: "f"}) }},
	{"exchange", "f", true, func(s *scene) { s.steps(step{op: opExchange, path: "e", to: "f"}) }},
	{"link", "f", true, func(s *scene) { s.steps(step{op: opLink, path: "f", to: "h"}) }},
	{"unlink", "f", true, func(s *scene) { s.steps(step{op: opUnlink, path: "f"}) }},
	{"a link, chmod", "l1", true, func(s *scene) { s.steps(step{op: opChmod, path: "l1", mode: 0o604}) }},
	{"a link, write", "l1", true, func(s *scene) { s.must(s.patch("l1", "changed", 4090)) }},
	{"a link, unlink", "l1", true, func(s *scene) { s.steps(step{op: opUnlink, path: "l1"}) }},
	{"a link, unlink the other", "l1", true, func(s *scene) { s.steps(step{op: opUnlink, path: "l2"}) }},
	{"a link, renamed over", "l1", true, func(s *scene) { s.steps(step{op: opRename, path: "e", to: "l1"}) }},
	{"symlink, chown", "s", false, func(s *scene) { s.steps(step{op: opChown, path: "s", n: 3, off: 4}) }},
	{"symlink, rename", "s", true, func(s *scene) { s.steps(step{op: opRename, path: "s", to: "h"}) }},
}

// behindTheMount is what somebody does to f and l1 in one cloud before the change.
var behindTheMount = []struct {
	name  string
	lost  bool // it can be lost in a power cut
	stops bool // nothing comes in its place, and what was done to names is not done again once it is away
	move  func(s *scene, k int, old *cloudtest.Disk, at string) cloudtest.Move
}{
	{"deleted", true, false, func(_ *scene, _ int, _ *cloudtest.Disk, at string) cloudtest.Move { return cloudtest.Delete(at) }},
	{"deleted for good", false, false, func(_ *scene, _ int, _ *cloudtest.Disk, at string) cloudtest.Move { return cloudtest.Delete(at) }},
	{"rolled back", false, false, func(s *scene, k int, old *cloudtest.Disk, at string) cloudtest.Move {
		return cloudtest.Rollback(at, old.Dir(cloudName(k)))
	}},
	{"replaced", false, true, func(s *scene, k int, _ *cloudtest.Disk, at string) cloudtest.Move {
		return cloudtest.Replace(at, []byte(garbage))
	}},
}

// garbage verifies nowhere. It is told of where it is, and nothing takes its place before somebody has taken it away.
const garbage = "garbage"

// swept takes garbage away from a cloud.
func (s *scene) swept(k int) {
	list, err := s.disk.Dir(cloudName(k)).ReadDir("")
	s.must(err)
	for _, e := range list {
		if info, err := s.disk.Dir(cloudName(k)).Stat(e.Name); err == nil && info.Size == int64(len(garbage)) {
			s.must(s.them(k).Do(cloudtest.Delete(e.Name)))
		}
	}
}

// meddledFiles are what somebody meddles with.
func (s *scene) meddledFiles() (old *cloudtest.Disk) {
	s.put("other", text(9000, 9), true)
	s.put("f", text(10000, 1), true)
	s.put("l1", text(10000, 2), true)
	s.steps(step{op: opLink, path: "l1", to: "l2"}, step{op: opSymlink, path: "s", to: "somewhere"})
	s.must(s.m.Sync())
	old = s.disk.Clone()
	s.clock.pass(time.Hour)
	s.put("e", text(9000, 3), true)
	s.must(s.patch("f", "later", 0))
	s.must(s.patch("l1", "later", 0))
	s.must(s.m.Sync())
	s.clock.pass(time.Hour)
	return old
}

// fsynced makes durable what a program can ask for.
func (s *scene) fsynced(path string) {
	n, err := s.m.Walk(path)
	if err == nil && n.Kind() == unix.S_IFREG {
		s.must(withFile(s.m, path, false, (*mirror.Handle).Sync))
	}
	s.steps(step{op: opSyncDir})
}

// same wants a program to see just that, with all attributes.
func (s *scene) same(want map[string]seen) {
	if is := differing(look(s.m), want); is != "" {
		s.failf("%s", is)
	}
}

// differing tells what is different of what a program sees.
func differing(got, want map[string]seen) string {
	var list []string
	for _, path := range slices.Sorted(maps.Keys(want)) {
		g, there := got[path]
		w := want[path]
		switch {
		case !there:
			list = append(list, fmt.Sprintf("%q is gone", path))
		case g.err != nil || g.kind != w.kind || g.mode != w.mode || g.owner != w.owner || g.mtime != w.mtime || g.data != w.data || g.links != w.links:
			list = append(list, fmt.Sprintf("%q is %v of %v with %d links, want %v of %v with %d", path, g, g.owner, g.links, w, w.owner, w.links))
		}
	}
	for path, g := range got {
		if _, ok := want[path]; !ok {
			list = append(list, fmt.Sprintf("%q is there: %v", path, g))
		}
	}
	return strings.Join(list, ", ")
}

// comebacks are with which clouds a vault is mounted, before it is with all.
var comebacks = []struct {
	name  string
	mount func(s *scene, k int)
}{
	{"with both", func(*scene, int) {}},
	{"without the other", func(s *scene, k int) { s.without(nil, 1-k) }},
	{"without it", func(s *scene, k int) { s.without(nil, k) }},
	{"without the other, killed", func(s *scene, k int) {
		s.mount(1 - k)
		s.disk.Kill()
	}},
	{"back while mounted", func(s *scene, k int) {
		s.without(func() {
			for range 12 {
				s.clock.pass(time.Minute)
				_ = s.m.Tend() // what has garbage in its way keeps the other out
			}
		}, 1-k)
	}},
}

// TestLoggedBesideMeddling: what was fsynced, and what one cloud has nothing of, is there once all clouds are, behind a kill and
// behind cuts of the power.
func TestLoggedBesideMeddling(t *testing.T) {
	at := 0
	for _, what := range loggedChanges {
		for _, behind := range behindTheMount {
			for _, then := range []bool{false, true} {
				for k := range 2 {
					for _, back := range comebacks {
						if at++; at%everyLogged != 0 || behind.stops && what.names {
							continue
						}
						t.Run(fmt.Sprintf("%s, %s in cloud %d, renamed %v, %s", what.name, behind.name, k, then, back.name), func(t *testing.T) {
							check(t, tellScene(t, 2, layout{reuse: true}, func(s *scene) {
								old := s.meddledFiles()
								s.must(s.them(k).Do(behind.move(s, k, old, s.entryOf(k, what.path))))
								if !behind.lost {
									s.must(s.disk.Dir(cloudName(k)).Syncfs())
								}
								what.play(s)
								s.fsynced(what.path)
								want := look(s.m)
								if _, there := want[what.path]; there && then {
									s.steps(step{op: opRename, path: what.path, to: "g"}, step{op: opSyncDir})
									want = look(s.m)
								}
								for seed := range uint64(loggedCuts) {
									c := &scene{box: s.clone()}
									if seed == 0 {
										c.disk.Kill()
									} else {
										c.cut(seed)
									}
									c.afterLogged(k, back.mount, want)
								}
							}))
						})
					}
				}
			}
		}
	}
}

// entryOf is entryAt of what may be special.
func (s *scene) entryOf(k int, path string) string {
	if path == "s" {
		return s.entryAt(k, path) + "w"
	}
	return s.entryAt(k, path)
}

const loggedCuts = 9 // and a kill is one of them

// afterLogged mounts in one way, and then with all clouds, and wants to see what was seen before.
func (s *scene) afterLogged(k int, mount func(*scene, int), want map[string]seen) {
	err := tellOn(s.box, func(c *scene) {
		mount(c, k)
		c.swept(k)
		c.mount()
		for range 2 {
			c.backAgain()
			c.same(want)
			c.remount()
		}
		c.unmount()
	})
	if err != nil {
		why, _, _ := strings.Cut(err.Error(), "\n")
		s.failf("%s", why)
	}
}

// TestChangedWithoutTheLast: what a program makes of an older version, where the cloud is away that has the last one, does not
// take the place of that: both are there once that is back.
func TestChangedWithoutTheLast(t *testing.T) {
	for _, how := range []string{"written", "saved", "renamed"} {
		for k := range 2 {
			t.Run(fmt.Sprintf("%s, without cloud %d", how, 1-k), func(t *testing.T) {
				check(t, tellScene(t, 2, layout{reuse: true}, func(s *scene) {
					old := s.meddledFiles()
					s.must(s.them(k).Do(cloudtest.Rollback(s.entryAt(k, "f"), old.Dir(cloudName(k)))))
					s.must(s.disk.Dir(cloudName(k)).Syncfs())
					s.must(s.patch("f", "changed", 4090))
					s.must(s.m.Commit())
					s.fsynced("f")
					last := look(s.m)["f"].data
					for seed := range uint64(loggedCuts) {
						c := &scene{box: s.clone()}
						c.cut(seed)
						c.mount(1 - k)
						mine := "mine"
						switch how {
						case "written":
							if err := c.patch("f", "mine", 0); err != nil {
								mine = last
							} else {
								mine = look(c.m)["f"].data
							}
						case "saved":
							if tryWrite(c.m, "f", []byte(mine), true) != nil {
								mine = last
							}
						default:
							_ = c.do(step{op: opRename, path: "f", to: "g"})
							mine = last
						}
						c.unmount()
						c.mount()
						for range 2 {
							c.backAgain()
							c.kept(last, mine)
							c.remount()
						}
						c.unmount()
					}
				}))
			})
		}
	}
}
