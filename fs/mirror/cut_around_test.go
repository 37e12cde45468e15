package mirror_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestCutOfRenamesAround takes the power where files changed places among each other, and of the log nothing need be left. Of the
// renames, clouds have kept more or fewer. Each file is under one name then, in all clouds.
func TestCutOfRenamesAround(t *testing.T) {
	for _, moves := range []string{
		"x-t y-x t-y",
		"x-t y-x z-y t-z",
		"x-d/t y-x d/t-y",
		"x-t t-x",
		"x-t y-x x-y t-x",
		"x-t y-u t-y u-x",
		"x-t t-u u-x y-t t-y",
		"x-t y-x t-y x-t y-x t-y",
		"x-t y-x z-y d/z-z t-d/z",
	} {
		for n := 1; n <= 3; n++ {
			t.Run(fmt.Sprintf("%s, %d clouds", moves, n), func(t *testing.T) {
				check(t, tellScene(t, n, layout{reuse: true}, func(s *scene) {
					s.steps(step{op: opMkdir, path: "d", mode: 0o755})
					files := []string{"x", "y", "z", "d/z"}
					for _, f := range files {
						s.put(f, f, true)
					}
					s.must(s.m.Sync())
					for _, move := range strings.Fields(moves) {
						from, to, _ := strings.Cut(move, "-")
						s.steps(step{op: opRename, path: from, to: to})
					}
					was := s.box
					for seed := range uint64(80 / everyScene) {
						c := &scene{box: was.clone()}
						c.cut(seed)
						c.mount()
						for range 2 {
							var have []string
							for path, g := range look(c.m) {
								if g.err != nil || g.kind == 'f' {
									have = append(have, g.data)
								}
								if g.err != nil {
									c.failf("seed %d: %s: %v", seed, path, g)
								}
							}
							slices.Sort(have)
							if want := slices.Sorted(slices.Values(files)); !slices.Equal(have, want) {
								c.failf("seed %d: %v, not %v: %v", seed, have, want, maps.Collect(maps.All(look(c.m))))
							}
							c.remount()
						}
						c.everywhere()
						c.unmount()
					}
				}))
			})
		}
	}
}
