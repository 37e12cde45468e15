//go:build !race || long

package mirror_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// TestCutThenFailure takes the power where the log has all that was done, or nothing of it. In the recovery a cloud fails, or
// has no room, at one of its operations, and the process is killed. The next mount has everything, in the end in every
// cloud.
func TestCutThenFailure(t *testing.T) {
	for n := 1; n <= 3; n++ {
		for _, synced := range []bool{true, false} {
			for _, why := range []error{syscall.ENOSPC, syscall.EIO} {
				t.Run(fmt.Sprintf("%d clouds, log synced %v, %v", n, synced, why), func(t *testing.T) {
					check(t, tellScene(t, n, layout{reuse: true}, func(s *scene) {
						s.put("x", "x", true)
						s.put("y", "y", true)
						s.steps(step{op: opMkdir, path: "e", mode: 0o755}, step{op: opSymlink, path: "m", to: "to"})
						s.put("e/f", "f", true)
						s.must(s.m.Sync())
						s.steps(step{op: opExchange, path: "x", to: "y"},
							step{op: opExchange, path: "m", to: "e"},
							step{op: opMkdir, path: "d", mode: 0o755},
							step{op: opRename, path: "x", to: "d/x"},
							step{op: opSymlink, path: "l", to: "to"})
						if synced {
							s.steps(step{op: opSyncDir})
						}
						for op := 1; op <= 12; op++ {
							for seed := range uint64(4) {
								s.cutThenFail(seed, int(seed)%n, cloudtest.Rule{Op: "change", From: op, To: op, Err: why}, synced)
							}
						}
					}))
				})
			}
		}
	}
}

// cutThenFail is one way of it.
func (s *scene) cutThenFail(seed uint64, k int, fault cloudtest.Rule, synced bool) {
	c := &scene{box: s.clone()}
	c.cut(seed)
	c.inject(k, fault)
	if m, err := c.open(); err == nil {
		_ = m.Close()
	}
	c.mend()
	c.crash()
	if synced {
		c.holds("d/x", "y")
		c.holds("y", "x")
		c.holds("m/f", "f")
	} else {
		if found := c.contents(); !found["x"] || !found["y"] || !found["f"] {
			c.failf("%v at %v: %v", seed, fault, look(c.m))
		}
	}
	for _, link := range []string{"l", "e"} {
		if g := look(c.m)[link]; synced && (g.kind != 'l' || g.data != "to") {
			c.failf("%v at %v: the link is %v", seed, fault, g)
		}
	}
	c.tend()
	all := look(c.m)
	c.must(c.m.Close())
	for k := range c.n {
		tree, err := c.audit(k)
		c.must(err)
		for path, g := range all {
			if n, has := tree.Nodes[spell(path)]; g.err == nil && (!has || g.agrees(n) != nil) {
				c.failf("%v at %v: cloud %d has %q: %v, %+v, want %v", seed, fault, k, path, has, n, g)
			}
		}
	}
}
