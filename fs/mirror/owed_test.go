//go:build !race || long

package mirror_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// TestMovedWhereItIs renames what one cloud alone has. That one loses the rename in
// a power cut and is away; and then the log is empty. When it is back the file is
// where it was moved, with its content.
func TestMovedWhereItIs(t *testing.T) {
	for _, move := range []step{{op: opRename, path: "d/doc", to: "d/doc2"}, {op: opRename, path: "d/doc", to: "doc2"}, {op: opRename, path: "d", to: "e"}} {
		err := tellScene(t, 2, layout{reuse: true}, func(s *scene) {
			s.steps(step{op: opMkdir, path: "d", mode: 0o755})
			s.put("d/doc", "one", true)
			s.must(s.m.Sync())
			s.must(s.them(1).Do(cloudtest.Delete(s.entryAt(1, "d/doc"))))
			s.must(s.patch("d/doc", "two", 0))
			s.must(s.m.Sync())
			s.steps(move, step{op: opSyncDir})
			s.disk.Kill()
			s.cutClouds(func(c *scene) bool { return c.exists("d/doc")[0] }, 0)
			s.without(nil, 0)
			s.mount()
			for range 4 {
				s.tend()
			}
			to := move.to
			if move.path == "d" {
				to = "e/doc"
			}
			s.holds(to, "two")
			s.missing("d/doc")
			s.must(s.m.Sync())
			s.honest(0, 1)
		})
		if err != nil {
			t.Errorf("%v: %v", move, err)
		}
	}
}

// takings are how a name comes to have nothing, of what was made as x.
var takings = []struct {
	name  string
	steps []step
}{
	{"removed", []step{{op: opUnlink, path: "x"}}},
	{"removed, and linked", []step{{op: opLink, path: "x", to: "l"}, {op: opUnlink, path: "x"}}},
	{"renamed", []step{{op: opRename, path: "x", to: "y"}}},
	{"renamed over another", []step{{op: opRename, path: "x", to: "other"}}},
	{"renamed, and removed", []step{{op: opRename, path: "x", to: "y"}, {op: opUnlink, path: "y"}}},
	{"exchanged, and removed", []step{{op: opExchange, path: "x", to: "other"}, {op: opUnlink, path: "x"}, {op: opUnlink, path: "other"}}},
}

// wrongs are what is wrong with x in cloud k.
var wrongs = []struct {
	name string
	make func(s *scene, k int, at string)
}{
	{"cannot be read", func(s *scene, k int, _ string) {
		s.inject(k, cloudtest.Rule{Op: "readat", Err: syscall.EIO})
	}},
	{"is damaged", func(s *scene, k int, at string) { s.must(s.them(k).Do(cloudtest.Rewrite(at, random(2000)))) }},
	{"is older", func(s *scene, k int, at string) {
		was := s.disk.Clone()
		s.steps(step{op: opUtimens, path: "x", n: 1_500_000_000})
		s.must(s.m.Sync())
		s.must(s.them(k).Do(cloudtest.Rollback(at, was.Dir(cloudName(k)))))
	}},
	{"is missing", func(s *scene, k int, at string) { s.must(s.them(k).Do(cloudtest.Delete(at))) }},
}

// TestPaidWithItsName: what a cloud owes at a name it owes no more where the name has nothing, in that cloud as anywhere.
func TestPaidWithItsName(t *testing.T) {
	for _, thing := range toBeMoved[:2] {
		for _, way := range takings {
			for _, wrong := range wrongs {
				for i := range 4 {
					n, k := 2+i/2, i%2
					t.Run(fmt.Sprintf("a %s that %s in cloud %d of %d is %s", thing.kind, wrong.name, k, n, way.name), func(t *testing.T) {
						telling(t, n, func(s *scene) {
							s.stock(thing.make, "x")
							at := s.entryAt(k, "x")
							if thing.special {
								at += "w"
							}
							wrong.make(s, k, at)
							s.remount()
							s.steps(way.steps...)
							s.mend()
							want := look(s.m)
							s.unmount()
							for k := range s.n {
								tree, err := s.audit(k)
								s.must(err)
								s.must(known{s.box, s.index.should(), s.index.owes()}.settled(k, tree, want))
							}
						})
					})
				}
			}
		}
	}
}
