//go:build !race || long

package mirror_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// TestShownAgainBesideAReturn: what was removed, and is shown again by a cloud in use, is brought to none that comes back.
func TestShownAgainBesideAReturn(t *testing.T) {
	for bad := range 3 {
		for away := range 3 {
			if bad == away {
				continue
			}
			for _, before := range []bool{true, false} {
				for _, alone := range []bool{true, false} {
					t.Run(fmt.Sprintf("in cloud %d, cloud %d comes back, which has seen the removal %v, another writer %v", bad, away, before, !alone), func(t *testing.T) {
						telling(t, 3, func(s *scene) {
							s.old("f", "content")
							s.tree()
							s.clock.pass(time.Hour)
							if !alone {
								s.joined()
							}
							was := s.disk.Clone()
							gone := func() {
								s.steps(step{op: opUnlink, path: "f"})
								s.rmTree("build")
								s.must(s.m.Sync())
							}
							if before {
								gone()
							}
							s.remount(away)
							if !before {
								gone()
							}
							s.put("more", "more", true)
							for _, path := range []string{"f", "build"} {
								s.must(s.them(bad).Do(cloudtest.Rollback(s.entryAt(bad, path), was.Dir(cloudName(bad)))))
							}
							s.must(s.disk.Dir(cloudName(bad)).Syncfs())
							s.backAgain()
							s.remount()
							s.backAgain()
							for _, path := range []string{"f", "build/x", "build/sub/y"} {
								s.missing(path)
								for k, has := range s.exists(path) {
									if has && k != bad {
										s.failf("%q was brought to cloud %d", path, k)
									}
								}
							}
						})
					})
				}
			}
		}
	}
}
