//go:build !race || long

package mirror_test

import (
	"fmt"
	"strings"
	"testing"
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
