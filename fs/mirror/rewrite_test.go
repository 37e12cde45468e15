package mirror_test

import (
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// TestRewriteOfALinkThatACloudLacks saves a file anew that has a second name in one cloud
// alone: both names show it, and in the end every cloud has both.
func TestRewriteOfALinkThatACloudLacks(t *testing.T) {
	for lacks := range 2 {
		telling(t, 2, func(s *scene) {
			s.steps(step{op: opMkdir, path: "a", mode: 0o755})
			s.put("b", "what was", true)
			s.must(s.them(lacks).Do(cloudtest.Delete(s.entryAt(lacks, "a"))))
			s.steps(step{op: opLink, path: "b", to: "a/c"})
			s.put("b", text(9000, 1), true)
			for _, path := range []string{"b", "a/c"} {
				s.holds(path, text(9000, 1))
			}
			s.remount()
			for _, path := range []string{"b", "a/c"} {
				s.holds(path, text(9000, 1))
			}
			for range 3 {
				s.tend()
			}
			s.honest(0, 1)
		})
	}
}
