//go:build !race || long

package mirror_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// TestHeldAndOpenedAgain: a program holds a file open that a sync client rewrites in place in every cloud, with what another
// machine has made of it. It can be opened again meanwhile, by each of its names, and is the new one.
func TestHeldAndOpenedAgain(t *testing.T) {
	for n := 1; n <= 3; n++ {
		for _, linked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d clouds, with a link %v", n, linked), func(t *testing.T) {
				telling(t, n, func(s *scene) {
					s.put("f", "before", true)
					if linked {
						s.steps(step{op: opLink, path: "f", to: "l"})
					}
					s.remount()
					twin := &scene{box: s.clone().machine(9)}
					twin.mount()
					twin.must(twin.patch("f", "AFTER!", 0))
					twin.unmount()
					held := s.handle("f")
					s.holds("f", "before")
					s.clock.pass(time.Minute)
					for k := range n {
						s.must(s.them(k).Do(cloudtest.Rewrite(s.entryAt(k, "f"), twin.backing(twin.disk, k, "f"))))
					}
					_, err := tryRead(s.m, "f") // the kernel asks once more where this is stale
					if err != nil && !errors.Is(err, mirror.ErrStale) {
						s.must(err)
					}
					s.holds("f", "AFTER!")
					if linked {
						s.holds("l", "AFTER!")
					}
					s.must(held.Close())
					s.holds("f", "AFTER!")
				})
			})
		}
	}
}
