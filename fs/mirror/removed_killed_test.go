//go:build !race || long

package mirror_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// behindAKill is what somebody else does in each cloud to d/f after it was edited
// here, of which the log has all, and before the process is killed.
var behindAKill = []struct {
	name string
	at   string // where the edit is then; "" for anywhere
	gone string // what is not there then
	move func(s *scene, k int, unseen *cloudtest.Disk) cloudtest.Move
}{
	{"deleted", "d/f", "", func(s *scene, k int, _ *cloudtest.Disk) cloudtest.Move { return cloudtest.Delete(s.entryAt(k, "d/f")) }},
	{"deleted with its directory", "d/f", "", func(s *scene, k int, _ *cloudtest.Disk) cloudtest.Move {
		return cloudtest.Delete(s.entryAt(k, "d"))
	}},
	{"replaced by another file", "", "", func(s *scene, k int, unseen *cloudtest.Disk) cloudtest.Move {
		return cloudtest.Rollback(s.entryAt(k, "d/f"), unseen.Dir(cloudName(k)))
	}},
	{"renamed", "d/g", "d/f", func(s *scene, k int, _ *cloudtest.Disk) cloudtest.Move {
		return cloudtest.Rename(s.entryAt(k, "d/f"), s.entryAt(k, "d/g"))
	}},
}

// TestEditBesideRemovalAndKill: an edit that was fsynced is not lost with a file
// that somebody else has removed in every cloud, where the log has all of it.
func TestEditBesideRemovalAndKill(t *testing.T) {
	for _, way := range behindAKill {
		for n := 1; n <= 2; n++ {
			for _, committed := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %d clouds, committed %v", way.name, n, committed), func(t *testing.T) {
					err := tellScene(t, n, layout{reuse: true}, func(s *scene) {
						s.steps(step{op: opMkdir, path: "d", mode: 0o755})
						s.must(s.m.Sync())
						unseen := s.theirs(8, func(o *scene) { o.put("d/f", "theirs", true) })
						s.put("d/f", "short", true)
						s.remount()
						h := s.handle("d/f")
						_, err := h.WriteAt([]byte("after"), 0)
						s.must(errors.Join(err, h.Sync()))
						if committed {
							s.must(s.m.Commit())
						}
						for k := range s.n {
							s.must(s.them(k).Do(way.move(s, k, unseen)))
						}
						for range 3 {
							s.crash()
							s.kept("after")
							if way.at != "" {
								s.holds(way.at, "after")
							}
							if way.gone != "" {
								s.missing(way.gone)
							}
							s.tend()
						}
						s.must(s.m.Sync())
						s.nobodyOwes()
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

// TestRemovedBySomebodyWhoSawTheEdit: what another machine has removed, whose record tells that it had seen the edit, stays
// removed after a kill; where it tells that it had not, the edit lives.
func TestRemovedBySomebodyWhoSawTheEdit(t *testing.T) {
	for _, saw := range []bool{false, true} {
		t.Run(fmt.Sprintf("saw it %v", saw), func(t *testing.T) {
			telling(t, 2, func(s *scene) {
				s.put("f", "short", true)
				s.remount()
				h := s.handle("f")
				_, err := h.WriteAt([]byte("after"), 0)
				s.must(errors.Join(err, h.Sync()))
				if saw {
					s.must(s.m.Commit())
				}
				s.disk.Kill()
				other := &scene{box: s.machine(9)}
				other.mount()
				for range 3 {
					other.tend()
				}
				other.put("mine", "x", true)
				other.must(other.m.Sync())
				other.steps(step{op: opUnlink, path: "f"})
				for range 4 {
					other.tend()
				}
				other.must(other.m.Sync())
				other.unmount()
				s.mount()
				for range 4 {
					s.tend()
				}
				s.remount()
				if saw {
					s.missing("f")
				} else {
					s.holds("f", "after")
				}
			})
		})
	}
}
