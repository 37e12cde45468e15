//go:build !race || long

package mirror_test

import (
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
