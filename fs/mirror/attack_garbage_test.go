//go:build !race || long

package mirror_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// leavings are how all that a program sees leaves the directory p, in which x was.
var leavings = []struct {
	name string
	play func(s *scene, thing, x string)
}{
	{"removed", func(s *scene, thing, x string) { s.removes(thing, x) }},
	{"renamed", func(s *scene, _, x string) { s.steps(step{op: opRename, path: x, to: "q"}) }},
	{"renamed in it, and removed", func(s *scene, thing, x string) {
		s.steps(step{op: opRename, path: x, to: "p/y"})
		s.removes(thing, "p/y")
	}},
	{"renamed to a long name in it, and removed", func(s *scene, thing, x string) {
		s.steps(step{op: opRename, path: x, to: "p/N"})
		s.removes(thing, "p/N")
	}},
	{"removed, made again, and removed", func(s *scene, thing, x string) {
		s.removes(thing, x)
		s.put(x, "again", true)
		s.removes("file", x)
	}},
	{"exchanged with what is outside, and removed", func(s *scene, _, x string) {
		s.steps(step{op: opExchange, path: x, to: "other"})
		s.removes("file", x)
	}},
	{"moved with the directory, and removed", func(s *scene, thing, x string) {
		s.steps(step{op: opRename, path: "p", to: "q"}, step{op: opRename, path: "q", to: "p"})
		s.removes(thing, x)
	}},
}

// removes removes what is at a path.
func (s *scene) removes(thing, path string) {
	if thing != "directory" {
		s.steps(step{op: opUnlink, path: path})
		return
	}
	s.steps(step{op: opUnlink, path: path + "/in"}, step{op: opRmdir, path: path})
}

// TestRmdirBesideGarbage: garbage in one cloud, in the place of something that a program had in a directory, keeps that directory
// from nobody once what it had is gone.
func TestRmdirBesideGarbage(t *testing.T) {
	for _, thing := range toBeMoved {
		for _, way := range leavings {
			for i := range 16 {
				n, k, x, later := 2+i/8, i/4%2, []string{"p/x", "p/L"}[i/2%2], []time.Duration{0, time.Hour}[i%2]
				t.Run(fmt.Sprintf("a %s at %s in cloud %d of %d, %v ago, %s", thing.kind, x, k, n, later, way.name), func(t *testing.T) {
					telling(t, n, func(s *scene) {
						s.stock(func(*scene, string) {})
						s.steps(step{op: opMkdir, path: "p", mode: 0o755})
						x := spell(x)
						thing.make(s, x)
						s.must(s.m.Sync())
						at := s.entryAt(k, x)
						if thing.special {
							at += "w"
						}
						s.must(s.them(k).Do(cloudtest.Replace(at, []byte("garbage"))))
						s.clock.pass(later)
						way.play(s, thing.kind, x)
						s.steps(step{op: opRmdir, path: "p"})
						want := look(s.m)
						s.settles(want)
					})
				})
			}
		}
	}
}

// TestRmdirBesideCopy: a copy that a sync tool made of something in a directory, whose name may be too long to be told without what
// went with it, keeps that directory from nobody once a later version, or the end of what it is of, is known.
func TestRmdirBesideCopy(t *testing.T) {
	unwritten := aKind{"file without a version", false, func(s *scene, path string) {
		n, h, err := s.m.Root().Create("new", 0o644, mirror.Owner{})
		s.must(err)
		s.must(onlyErr(h.WriteAt([]byte("pending"), 0)))
		s.steps(step{op: opRename, path: "new", to: path})
		s.t.Cleanup(func() { _ = h.Close(); n.Forget() })
	}}
	for _, thing := range append(slices.Clip(toBeMoved[:2]), unwritten) {
		for _, way := range leavings {
			for i := range 8 {
				n, all, x := 2+i/4, i/2%2 == 1, []string{"p/x", "p/L"}[i%2]
				t.Run(fmt.Sprintf("a %s at %s, in all of %d clouds %v, %s", thing.kind, x, n, all, way.name), func(t *testing.T) {
					telling(t, n, func(s *scene) {
						s.stock(func(*scene, string) {})
						s.steps(step{op: opMkdir, path: "p", mode: 0o755})
						x := spell(x)
						s.must(s.m.Sync())
						thing.make(s, x)
						for k := range n {
							at := s.entryAt(k, x)
							if thing.special {
								at += "w"
							}
							if all || k == n-1 {
								s.must(s.them(k).Do(cloudtest.Duplicate(at)))
							}
						}
						s.clock.pass(time.Hour)
						way.play(s, thing.kind, x)
						s.steps(step{op: opRmdir, path: "p"})
						s.settles(look(s.m))
					})
				})
			}
		}
	}
}

// TestLastCopyKeepsDirectory: what a sync tool has renamed in every cloud, or renamed in one and deleted in the other, is the last
// copy of a file that nobody has removed. It is not shown, and its directory is not removed with it.
func TestLastCopyKeepsDirectory(t *testing.T) {
	for _, thing := range toBeMoved[:2] {
		for i := range 16 {
			n, looked, x, linked := 1+i%2, i/2%2 == 1, []string{"p/x", "p/L"}[i/4%2], i/8 == 1
			t.Run(fmt.Sprintf("a %s at %s in %d clouds, looked at %v, linked %v", thing.kind, x, n, looked, linked), func(t *testing.T) {
				telling(t, n, func(s *scene) {
					s.steps(step{op: opMkdir, path: "p", mode: 0o755}, step{op: opMkdir, path: "q", mode: 0o755})
					x := spell(x)
					thing.make(s, x)
					if linked {
						s.steps(step{op: opLink, path: x, to: "q/l"})
					}
					s.remount()
					if looked {
						look(s.m)
					}
					for k := range n {
						at := s.entryAt(k, x)
						if thing.special {
							at += "w"
						}
						if k > 0 {
							s.must(s.them(k).Do(cloudtest.Delete(at)))
							continue
						}
						s.must(s.them(k).Do(cloudtest.Rename(at, at+" (1)")))
					}
					s.clock.pass(time.Hour)
					err := s.do(step{op: opRmdir, path: "p"})
					if has := s.exists("p"); !linked && (!errors.Is(err, mirror.ErrNotEmpty) || !has[0]) {
						s.failf("removed with the last copy: %v, %v", err, has)
					}
					if linked {
						s.must(err) // the file has another name
					}
				})
			})
		}
	}
}
