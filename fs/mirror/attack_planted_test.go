//go:build !race || long

package mirror_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// TestLinkPlantedBeforeRemoval: somebody links a file in one cloud to a free name right before its only name goes, while it is open.
// No program ever sees the link, whatever is written to the file.
func TestLinkPlantedBeforeRemoval(t *testing.T) {
	ways := map[string]step{"removed": {op: opUnlink, path: "a"}, "replaced": {op: opRename, path: "new", to: "a"}, "replaced by a symlink": {op: opRename, path: "sym", to: "a"}}
	for how, st := range ways {
		for i := range 8 {
			k, committed, late := i%2, i/2%2 == 1, i/4 == 1
			t.Run(fmt.Sprintf("%s, in cloud %d, committed %v, seen %v", how, k, committed, !late), func(t *testing.T) {
				telling(t, 2, func(s *scene) {
					s.put("new", "new", true)
					s.steps(step{op: opSymlink, path: "sym", to: "target"})
					s.must(s.m.Sync())
					n, h, err := s.m.Root().Create("a", 0o755, mirror.Owner{})
					s.must(err)
					defer n.Forget()
					if committed {
						s.must(onlyErr(h.WriteAt([]byte("content"), 0)))
						s.must(h.Sync())
					}
					plant := s.them(k).Then(cloudtest.Plant(s.entryAt(k, "a"), s.entryAt(k, "free"), true))
					if late {
						s.inject(k, cloudtest.Rule{Op: "change", From: 1, To: 1, Act: plant})
					} else {
						plant.Act()
						if a, err := n.Attr(); err != nil || a.Nlink != 1 {
							s.failf("%d links (%v)", a.Nlink, err)
						}
					}
					s.steps(st)
					for range 2 {
						s.must(onlyErr(h.WriteAt([]byte("written without a name"), 0)))
						s.must(h.Sync())
						s.missing("free")
					}
					s.must(h.Close())
					for range 3 {
						s.must(s.m.Sync())
						s.missing("free")
						s.clock.pass(time.Hour)
						s.tend()
						s.missing("free")
						s.remount()
					}
					s.honest(1 - k)
				})
			})
		}
	}
}

// TestLinkOfWhatIsPlanted: somebody has put another file, or nothing, in the place of one in one cloud. Who links that file links
// it, and not what stands there instead.
func TestLinkOfWhatIsPlanted(t *testing.T) {
	files := map[string]step{"symlink": {op: opSymlink, path: "a", to: "some/where"}, "fifo": {op: opMknod, path: "a", mode: 0o010644}, "file": {}}
	for what, made := range files {
		for i := range 8 {
			k, lost, remounted := i%2, i/2%2 == 1, i/4 == 1
			t.Run(fmt.Sprintf("%s, in cloud %d, nothing instead %v, remounted %v", what, k, lost, remounted), func(t *testing.T) {
				telling(t, 2, func(s *scene) {
					at := s.entryAt(k, "a")
					if s.put("other", "another", true); what == "file" {
						s.put("a", "content", true)
					} else {
						s.steps(made)
						at += "w"
					}
					s.must(s.m.Sync())
					if remounted {
						s.unmount()
					}
					move := cloudtest.Rename(s.entryAt(k, "other"), at)
					if lost {
						move = cloudtest.Delete(at)
					}
					s.must(s.them(k).Do(move))
					if remounted {
						s.mount()
					}
					s.steps(step{op: opLink, path: "a", to: "b"})
					want := look(s.m)
					for _, path := range []string{"a", "b"} {
						if g := want[path]; g.err != nil || what == "file" && g.data != "content" || what == "symlink" && g.data != "some/where" {
							s.failf("%q: %v", path, g)
						}
					}
					s.settles(want, 1-k)
				})
			})
		}
	}
}

// TestMadeWhereOneCloudHasAnother: at a name that no program sees somebody has put something into one cloud, long before something
// is made there or at that moment. What is made is there, and what is there is not told of.
func TestMadeWhereOneCloudHasAnother(t *testing.T) {
	ways := map[string]step{
		"file": {op: opCreate, path: "a", h: 1, mode: 0o644}, "symlink": {op: opSymlink, path: "a", to: "some/where"},
		"directory": {op: opMkdir, path: "a", mode: 0o755}, "link": {op: opLink, path: "other", to: "a"},
	}
	for what, st := range ways {
		for i := range 8 {
			k, special, late := i%2, i/2%2 == 1, i/4 == 1
			t.Run(fmt.Sprintf("%s, in cloud %d, as special %v, late %v", what, k, special, late), func(t *testing.T) {
				telling(t, 2, func(s *scene) {
					at := s.entryAt(k, "a")
					if special {
						at += "w"
					}
					s.put("other", "another", true)
					s.put("mine", "content", true)
					s.must(s.m.Sync())
					plant := s.them(k).Then(cloudtest.Plant(s.entryAt(k, "mine"), at, false))
					if late {
						s.inject(k, cloudtest.Rule{Op: "change", From: 1, To: 1, Act: plant})
					} else {
						plant.Act()
						s.clock.pass(time.Hour)
					}
					s.steps(st)
					for range 3 {
						s.must(s.m.Sync())
						s.holds("mine", "content")
						s.clock.pass(time.Hour)
						s.tend()
						if _, there := look(s.m)["a"]; !there {
							s.failf("it is not there")
						}
						s.remount()
					}
					s.honest(1 - k)
				})
			})
		}
	}
}

// TestKindIsNotOfOneCloud: a symlink goes from one cloud at any moment of a link to it. It is a symlink all the same.
func TestKindIsNotOfOneCloud(t *testing.T) {
	for i := range 40 {
		k, synced, op := i%2, i/2%2 == 1, i/4+1
		t.Run(fmt.Sprintf("cloud %d, synced %v, before operation %d", k, synced, op), func(t *testing.T) {
			telling(t, 2, func(s *scene) {
				s.steps(step{op: opSymlink, path: "b", to: "some/where"})
				if synced {
					s.must(s.m.Sync())
				}
				s.inject(k, cloudtest.Rule{From: op, To: op, Act: s.them(k).Then(cloudtest.Rename(s.entryAt(k, "b")+"w", s.entryAt(k, "a")))})
				s.steps(step{op: opLink, path: "b", to: "c"}, step{op: opLink, path: "c", to: "d"})
				for range 2 {
					all := look(s.m)
					for _, path := range []string{"b", "c", "d"} {
						if g := all[path]; g.err != nil || g.kind != 'l' || g.data != "some/where" {
							s.failf("%q: %v", path, g)
						}
					}
					s.remount()
				}
				s.honest(1 - k)
			})
		})
	}
}
