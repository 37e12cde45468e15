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
