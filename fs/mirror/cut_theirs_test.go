package mirror_test

import (
	"fmt"
	"testing"
)

// TestCutOfTheirFile: a file that another machine made is renamed, and the power cut. It has one of the two names then.
func TestCutOfTheirFile(t *testing.T) {
	for n := 1; n <= 3; n++ {
		for _, looked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d clouds, looked before %v", n, looked), func(t *testing.T) {
				check(t, tellScene(t, n, layout{}, func(s *scene) {
					s.put("mine", "mine", true)
					s.unmount()
					other := &scene{box: s.machine(9)}
					other.mount()
					other.put("x", "X", true)
					other.unmount()
					s.mount()
					if looked {
						look(s.m)
						s.must(s.m.Sync())
					}
					for at, b := range s.during([]step{{op: opRename, path: "x", to: "y"}}) {
						for seed := range uint64(4) {
							c := &scene{box: b.clone()}
							c.cut(seed)
							c.mount()
							for range 2 {
								x, y := look(c.m)["x"], look(c.m)["y"]
								if (x.data == "X") == (y.data == "X") || x.err != nil || y.err != nil {
									c.failf("moment %d, seed %d: %v", at, seed, look(c.m))
								}
								c.backAgain() // one cloud may have the later version alone
								c.remount()
							}
							c.everywhere()
						}
					}
				}))
			})
		}
	}
}
