package mirror_test

import (
	"fmt"
	"testing"
)

// TestCutOfRenameToLongName takes the power where a file was renamed to a long name, whose sidecar one cloud can lose, and the
// rename another one. Whoever makes a file of that name then finds nothing else there, neither at once nor behind a kill.
func TestCutOfRenameToLongName(t *testing.T) {
	for n := 1; n <= 3; n++ {
		for _, known := range []bool{false, true} {
			for _, st := range []step{{op: opRename, path: "x", to: "L"}, {op: opRename, path: "x", to: "d/L"}} {
				to := st.to
				t.Run(fmt.Sprintf("%s to %s, %d clouds, known before %v", st.op, to, n, known), func(t *testing.T) {
					check(t, tellScene(t, n, layout{}, func(s *scene) {
						s.steps(step{op: opMkdir, path: "d", mode: 0o755})
						s.must(s.m.Sync())
						s.put("x", "old", true)
						if known {
							s.must(s.m.Sync())
						}
						s.steps(st)
						for seed := range uint64(60 / everyScene) {
							c := &scene{box: s.clone()}
							c.cut(seed)
							c.mount()
							if _, moved := look(c.m)[to]; moved {
								continue
							}
							c.put(spell(to), "new", true)
							for range 2 {
								all := look(c.m)
								if len(all) != 3 || all["x"].data != "old" || all[to].data != "new" {
									c.failf("seed %d: %v", seed, all)
								}
								c.crash()
							}
							c.everywhere()
						}
					}))
				})
			}
		}
	}
}
