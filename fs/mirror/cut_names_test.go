package mirror_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// TestCutOfRename takes the power where a file was renamed to a name that it had before, or
// to a long one, and of the log nothing need be left. It is under one of its two names then,
// with all clouds and where one of them is away.
func TestCutOfRename(t *testing.T) {
	for _, to := range []string{"before", strings.Repeat("n", 200), "d/before", "other"} {
		for n := 1; n <= 2; n++ {
			for away := -1; away < n && (away < 0 || n > 1); away++ {
				t.Run(fmt.Sprintf("to %.8s, %d clouds, without cloud %d", to, n, away), func(t *testing.T) {
					check(t, tellScene(t, n, layout{reuse: true}, func(s *scene) {
						s.steps(step{op: opMkdir, path: "d", mode: 0o755})
						s.put("before", "x", true)
						s.put("d/before", "y", true)
						s.must(s.m.Sync())
						if strings.HasSuffix(to, "before") {
							s.steps(step{op: opRename, path: to, to: "now"})
						} else {
							s.steps(step{op: opRename, path: "before", to: "now"})
						}
						s.must(s.m.Sync())
						s.steps(step{op: opRename, path: "now", to: to})
						was := s.box
						for seed := range uint64(60) {
							c := &scene{box: was.clone()}
							c.cut(seed)
							if away < 0 {
								c.mount()
							} else {
								c.mount(away)
							}
							for range 2 {
								all := look(c.m)
								_, at := all["now"]
								g, moved := all[to]
								if at == moved {
									c.failf("seed %d: %v", seed, all)
								}
								if at {
									g = all["now"]
								}
								if want := map[bool]string{true: "y", false: "x"}[strings.HasPrefix(to, "d/")]; g.err != nil || g.data != want {
									c.failf("seed %d: %v", seed, all)
								}
								c.remount()
							}
							if away < 0 {
								c.everywhere()
							}
							c.unmount()
						}
					}))
				})
			}
		}
	}
}

// TestLostFIFO: a FIFO that no cloud has that answers can be opened by nobody, as little as any other file.
func TestLostFIFO(t *testing.T) {
	check(t, tellScene(t, 2, layout{}, func(s *scene) {
		s.steps(step{op: opMknod, path: "p", mode: unix.S_IFIFO | 0o644})
		s.unmount()
		s.must(s.them(0).Do(cloudtest.Delete(s.entryAt(0, "p") + "w")))
		s.mount(1)
		if g := look(s.m)["p"]; g.kind != 's' || g.err == nil {
			s.failf("it is %v", g)
		}
		s.remount()
		if g := look(s.m)["p"]; g.kind != 'p' || g.err != nil {
			s.failf("with both clouds it is %v", g)
		}
	}))
}
