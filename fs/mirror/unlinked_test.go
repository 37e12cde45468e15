package mirror_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// TestUnlinkedInPlace: what is written to a file that has no name any more goes over its records in the clouds. A power cut
// brings it back whole, as it was, or not at all; a kill does not bring it back.
func TestUnlinkedInPlace(t *testing.T) {
	content := strings.Repeat("as it was ", 250_000)
	for clouds := 1; clouds <= 2; clouds++ {
		telling(t, clouds, func(s *scene) {
			s.put("f", content, true)
			s.remount()
			h := s.handle("f")
			var left []*box
			for op := range 40 {
				s.disk.SnapshotAfter(s.disk.Ops()+op+1, op%3, func(d *cloudtest.Disk) { left = append(left, s.on(d)) })
			}
			s.steps(step{op: opUnlink, path: "f"})
			s.must(onlyErr(h.WriteAt(bytes.Repeat([]byte{0xff}, 3<<19), 0)))
			s.must(onlyErr(h.WriteAt([]byte("more"), 2_000_000)))
			if len(left) < 5 {
				s.failf("only %d moments", len(left))
			}
			for at, b := range left {
				for seed := range uint64(7 / everyScene) {
					c := &scene{box: b.on(b.disk.Clone())}
					if c.disk.Kill(); seed > 0 {
						c.cut(seed)
					}
					c.mount()
					if f, there := look(c.m)["f"]; there && (f.err != nil || f.data != content || at == len(left)-1 && seed == 0) {
						c.failf("at moment %d, cut %v: f is neither as it was nor gone: %v", at, seed > 0, f.err)
					}
					c.unmount()
				}
			}
			s.must(h.Close())
			s.unmount()
		})
	}
}

func onlyErr(_ int, err error) error { return err }
