package mirror_test

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// TestSwappedMeanwhile: somebody else puts a symlink in the place of a device, in one cloud, at each moment
// of a lookup and a change of its attributes. It stays the device that it is in the other cloud.
func TestSwappedMeanwhile(t *testing.T) {
	device := step{op: opMknod, path: "a", mode: unix.S_IFCHR | 0o666, n: 18088}
	for at := 1; at <= 12; at++ {
		for k := range 2 {
			t.Run(fmt.Sprintf("operation %d of cloud %d", at, k), func(t *testing.T) {
				telling(t, 2, func(s *scene) {
					s.steps(device, step{op: opSymlink, path: "b", to: "some/where"})
					was := look(s.m)["a"]
					s.remount()
					swap := s.them(k).Then(cloudtest.Plant(s.entryAt(k, "b")+"w", s.entryAt(k, "a")+"w", true))
					s.inject(k, cloudtest.Rule{From: at, To: at, Act: swap})
					n, a, err := s.m.Root().LookupAttr("a")
					s.must(err)
					if a.Mode&unix.S_IFMT != unix.S_IFCHR || a.Rdev != 18088 {
						s.failf("it is shown with mode %o and number %d", a.Mode, a.Rdev)
					}
					mode := uint32(0o600)
					_, err = n.SetAttr(mirror.SetAttr{Mode: &mode})
					s.must(err)
					n.Forget()
					if is := look(s.m)["a"]; is.err != nil || is.kind != was.kind || is.data != was.data || is.mode != mode {
						s.failf("it is %v, and was %v", is, was)
					}
					s.honest(1 - k)
					s.unmount()
				})
			})
		}
	}
}
