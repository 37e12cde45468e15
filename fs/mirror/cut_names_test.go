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
						for seed := range uint64(60 / everyScene) {
							c := &scene{box: was.clone()}
							c.cut(seed)
							c.mountWithout(away)
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

// TestCutOfRenameOver takes the power where a file was renamed over another one, and on from there. The one content is there
// under one name or the other, and no name is left that nobody can read, with all clouds and where one of them is away.
func TestCutOfRenameOver(t *testing.T) {
	over := []struct {
		name  string
		steps []step
	}{
		{"and no more", []step{{op: opRename, path: "x", to: "y"}}},
		{"and on", []step{{op: opRename, path: "x", to: "y"}, {op: opRename, path: "y", to: "z"}}},
		{"from elsewhere", []step{{op: opRename, path: "x", to: "w"}, {op: opRename, path: "w", to: "y"}}},
		{"one of two links", []step{{op: opRename, path: "x", to: "d/a"}}},
		{"a symlink", []step{{op: opRename, path: "l", to: "y"}}},
		{"by a symlink", []step{{op: opRename, path: "x", to: "l"}}},
	}
	for _, o := range over {
		for n := 1; n <= 3; n++ {
			for away := -1; away < n && (away < 0 || n > 1); away++ {
				t.Run(fmt.Sprintf("%s, %d clouds, without cloud %d", o.name, n, away), func(t *testing.T) {
					check(t, tellScene(t, n, layout{reuse: true}, func(s *scene) {
						s.put("x", "X", true)
						s.put("y", "Y", true)
						s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opSymlink, path: "l", to: "there"})
						s.put("d/a", "L", true)
						s.steps(step{op: opLink, path: "d/a", to: "d/b"})
						s.must(s.m.Sync())
						for at, b := range s.during(o.steps) {
							if at%everyScene == 0 {
								b.oneAfterCuts(at, "X", away)
							}
						}
					}))
				})
			}
		}
	}
}

// mountWithout mounts without a cloud, or with all if that is negative.
func (s *scene) mountWithout(away int) {
	if away < 0 {
		s.mount()
		return
	}
	s.mount(away)
}

// during gives what there is after each operation of these steps.
func (s *scene) during(steps []step) (was []*scene) {
	for _, st := range steps {
		at := s.disk.Ops()
		for op := range 15 {
			s.disk.SnapshotAfter(at+op+1, 0, func(d *cloudtest.Disk) { was = append(was, &scene{box: s.on(d)}) })
		}
		s.steps(st)
	}
	return append(was, &scene{box: s.clone()})
}

// oneAfterCuts cuts the power at a moment, mounts without a cloud, or with all if that is negative, and then with all. Each time
// all files can be read, and just one of them has the content.
func (s *scene) oneAfterCuts(at int, content string, away int) {
	for seed := range uint64(3) {
		c := &scene{box: s.clone()}
		c.cut(seed)
		c.mountWithout(away)
		for range 2 {
			all, found := look(c.m), 0
			for path, g := range all {
				if g.err != nil {
					c.failf("moment %d, seed %d: %q is %v in %v", at, seed, path, g, all)
				}
				if g.data == content {
					found++
				}
			}
			if found != 1 {
				c.failf("moment %d, seed %d: %v", at, seed, all)
			}
			c.remount()
		}
		if away < 0 {
			c.everywhere()
		}
		c.unmount()
	}
}
