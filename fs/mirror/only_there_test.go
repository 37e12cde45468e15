//go:build !race || long

package mirror_test

import (
	"fmt"
	"testing"
)

// fsynced are changes of a file, and where it is with what in it then.
var fsynced = []struct {
	name, path, content string
	change              func(s *scene)
}{
	{"made", "x", "content", func(s *scene) { s.put("x", "content", true) }},
	{"made, of several chunks", "x", chunks("abcde"), func(s *scene) { s.put("x", chunks("abcde"), true) }},
	{"written anew", "old", "new", func(s *scene) { s.put("old", "new", true) }},
	{"overwritten", "old", "NEW" + chunks("abc")[3:], func(s *scene) { s.must(s.patch("old", "NEW", 0)) }},
	{"appended to", "old", chunks("abc") + "more", func(s *scene) { s.must(s.patch("old", "more", -1)) }},
	{"appended to, which has a long name", "L", "longmore", func(s *scene) { s.must(s.patch(spell("L"), "more", -1)) }},
	{"overwritten, and linked", "y", "NEW" + chunks("abc")[3:], func(s *scene) {
		s.must(s.patch("old", "NEW", 0))
		s.steps(step{op: opLink, path: "old", to: "y"}, step{op: opSyncDir})
	}},
	{"a symlink", "l", "there", func(s *scene) {
		s.steps(step{op: opSymlink, path: "l", to: "there"}, step{op: opSyncDir})
	}},
}

// TestOnlyThere: what is fsynced while a cloud is away is in the log, and in the other clouds. The process is killed, or the power
// cut, and the next mount has only the cloud that was away before. Nothing is lost, whichever cloud that is, and all clouds have it
// once they are there.
func TestOnlyThere(t *testing.T) {
	for _, f := range fsynced {
		for n := 2; n <= 3; n++ {
			for away := range 2 {
				for _, cut := range []bool{false, true} {
					for _, mounts := range []bool{false, true} {
						t.Run(fmt.Sprintf("%s, %d clouds, without cloud %d, cut %v, mounted again %v", f.name, n, away, cut, mounts), func(t *testing.T) {
							check(t, tellScene(t, n, layout{}, func(s *scene) {
								s.put("old", chunks("abc"), true)
								s.put(spell("L"), "long", true)
								s.remount(away)
								f.change(s)
								for seed := range uint64(4) {
									c := &scene{box: s.clone()}
									c.onlyThere(away, cut, seed, mounts)
									for range 2 {
										if g := look(c.m)[f.path]; g.err != nil || g.data != f.content {
											c.failf("seed %d: %q is %v", seed, f.path, g)
										}
										c.remount()
									}
									c.everywhere()
								}
							}))
						})
					}
				}
			}
		}
	}
}

// onlyThere ends the process, mounts with nothing but a cloud that lacks the last changes, and lets the others come back.
func (s *scene) onlyThere(k int, cut bool, seed uint64, mounts bool) {
	if cut {
		s.cut(seed)
	} else {
		s.disk.Kill()
	}
	s.mount(without(s.n, k)...)
	if mounts {
		s.remount()
	}
	s.backAgain()
}
