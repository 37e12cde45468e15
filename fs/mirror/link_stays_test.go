//go:build !race || long

package mirror_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// TestLinkStays: a file that has lost one of two names while a cloud was away stays, whoever knows of the other one.
func TestLinkStays(t *testing.T) {
	for _, lost := range []string{"never", "never, and synced", "before the mount", "before the mount, and synced", "after the kill"} { // the index
		for i := range 6 {
			away, replaced := i%3-1, i >= 3
			t.Run(fmt.Sprintf("the index lost %s, without %d, replaced %v", lost, away, replaced), func(t *testing.T) {
				telling(t, 2, func(s *scene) {
					s.put("y", "content", true)
					s.put("z", "another", true)
					s.steps(step{op: opLink, path: "y", to: "x"})
					s.unmount()
					if strings.HasPrefix(lost, "before the mount") {
						s.index = newKept(t)
					}
					if away >= 0 {
						s.mount(away)
					} else {
						s.mount()
					}
					if replaced {
						s.steps(step{op: opRename, path: "z", to: "x"})
					} else {
						s.steps(step{op: opUnlink, path: "x"})
					}
					want := look(s.m)
					if strings.HasSuffix(lost, "synced") {
						s.must(s.m.Sync())
					}
					s.disk.Kill()
					if lost == "after the kill" {
						s.index = newKept(t)
					}
					s.mount()
					s.sees(want)
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

// TestLastCopyIsARemovedLink: where every cloud has lost the one name of a file, a cloud that shows the other again, which this
// machine has removed, keeps it: the file has not ended, and that is its last copy.
func TestLastCopyIsARemovedLink(t *testing.T) {
	for i := range 8 {
		late, looked, alone := i%2, i/2%2 == 1, i/4 == 1
		t.Run(fmt.Sprintf("cloud %d late, looked %v, another writer %v", late, looked, !alone), func(t *testing.T) {
			telling(t, 2, func(s *scene) {
				id := s.old("y", "content")
				s.steps(step{op: opLink, path: "y", to: "x"})
				s.must(s.m.Sync())
				if !alone {
					s.joined()
				}
				was, at := s.disk.Clone(), s.entryAt(late, "x")
				last := s.backing(s.disk, late, "x")
				s.steps(step{op: opUnlink, path: "x"})
				s.must(s.m.Sync())
				for k := range s.n {
					s.must(s.them(k).Do(cloudtest.Delete(s.entryAt(k, "y"))))
				}
				if looked {
					s.clock.pass(time.Hour)
					look(s.m)
				}
				s.must(s.them(late).Do(cloudtest.Rollback(at, was.Dir(cloudName(late)))))
				s.must(s.disk.Dir(cloudName(late)).Syncfs())
				for range 3 {
					s.clock.pass(time.Hour)
					look(s.m)
					s.must(s.m.Sync())
					s.backAgain()
					if s.recorded(late, id) {
						s.failf("it is on record that the file has ended")
					}
					if now := s.backing(s.disk, late, "x"); !bytes.Equal(now, last) {
						s.failf("the last copy is gone")
					}
					s.remount()
				}
				s.put("x", "another", true)
				if now := s.backing(s.disk, late, "x"); !bytes.Equal(now, last) {
					s.failf("the last copy is gone for another file")
				}
				if s.id(1-late, "x") == id {
					s.failf("another file goes on under the id of one that has not ended")
				}
			})
		})
	}
}

// backToX are how another machine gives the name x back to a file, of which it knows the name z, and of its link d/l nothing.
var backToX = []struct {
	name  string
	steps []step
}{
	{"renamed", []step{{op: opRename, path: "z", to: "x"}}},
	{"renamed over another", []step{{op: opSymlink, path: "x", to: "new"}, {op: opRename, path: "z", to: "x"}}},
	{"exchanged", []step{{op: opSymlink, path: "x", to: "new"}, {op: opExchange, path: "z", to: "x"}}},
	{"linked, and the other name removed", []step{{op: opLink, path: "z", to: "x"}, {op: opUnlink, path: "z"}}},
	{"linked", []step{{op: opLink, path: "z", to: "x"}}},
}

// TestMovedBackBesideUnseenLink: a file is there again under the name that this machine took from it, also where the machine that
// gave it that name does not know all of its links.
func TestMovedBackBesideUnseenLink(t *testing.T) {
	for _, thing := range toBeMoved {
		if thing.kind == "directory" {
			continue
		}
		for _, way := range backToX {
			for n := 1; n <= 3; n++ {
				t.Run(fmt.Sprintf("a %s %s, %d clouds", thing.kind, way.name, n), func(t *testing.T) {
					telling(t, n, func(s *scene) {
						s.steps(step{op: opMkdir, path: "d", mode: 0o755})
						thing.make(s, "x")
						s.steps(step{op: opLink, path: "x", to: "d/l"}, step{op: opRename, path: "x", to: "z"})
						s.unmount()
						other := &scene{box: s.machine(9)}
						other.mount()
						other.steps(way.steps...)
						want := look(other.m)
						other.unmount()
						for range 2 {
							s.mount()
							s.sees(want)
							s.clock.pass(time.Hour)
							s.healed()
							s.sees(want)
							s.everywhere()
							s.unmount()
						}
						if _, there := want["x"]; !there || want["x"].links < 2 {
							s.failf("x is %v", want["x"])
						}
					})
				})
			}
		}
	}
}
