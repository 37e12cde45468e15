//go:build !race || long

package mirror_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// partings are how one cloud comes to show two links of a file, a and b, as two files, or one of them alone.
var partings = []struct {
	name string
	play func(s *scene, k int)
}{
	{"a is a copy", func(s *scene, k int) {
		s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, "a"), s.backing(s.disk, k, "a"))))
	}},
	{"b is a copy", func(s *scene, k int) {
		s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, "b"), s.backing(s.disk, k, "b"))))
	}},
	{"both are copies", func(s *scene, k int) {
		for _, path := range []string{"a", "b"} {
			s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, path), s.backing(s.disk, k, path))))
		}
	}},
	{"a is a copy, b is missing", func(s *scene, k int) {
		s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, "a"), s.backing(s.disk, k, "a"))))
		s.must(s.them(k).Do(cloudtest.Delete(s.entryAt(k, "b"))))
	}},
}

// TestPartedLinks: two names that one cloud shows as two files are links in the other, which has one backing file. What is
// written by either name, and not committed yet, stays whatever is done by the other one.
func TestPartedLinks(t *testing.T) {
	for _, parting := range partings {
		for i := range 24 {
			n, k, when, other := 2+i/12, i%2, i/2%3, []string{"a", "b"}[i/6%2]
			open := map[string]string{"a": "b", "b": "a"}[other]
			t.Run(fmt.Sprintf("%s in cloud %d of %d, at moment %d, %q is open", parting.name, k, n, when, open), func(t *testing.T) {
				telling(t, n, func(s *scene) {
					s.put("a", "content", true)
					s.steps(step{op: opLink, path: "a", to: "b"})
					s.remount()
					if when == 0 {
						parting.play(s, k)
					}
					h := s.handle(open)
					if when == 1 {
						parting.play(s, k)
					}
					s.must(onlyErr(h.WriteAt(random(9000), 7)))
					s.must(h.Sync())
					want := random(30000)
					s.must(onlyErr(h.WriteAt(want, 0)))
					if when == 2 {
						parting.play(s, k)
					}
					o := s.again(other)
					s.must(onlyErr(o.WriteAt([]byte("in the middle"), 10000)))
					copy(want[10000:], "in the middle")
					s.reads(h, string(want), 0)
					s.steps(step{op: opChown, path: other, n: 1001, off: 100})
					s.must(o.Close())
					s.must(h.Close())
					for range 2 {
						s.holds(open, string(want))
						s.must(s.m.Sync())
						s.alone(1-k, open, string(want))
						s.remount()
					}
				})
			})
		}
	}
}

// again opens a file, and once more where that was stale, as the kernel does.
func (s *scene) again(path string) *mirror.Handle {
	n, err := s.m.Walk(path)
	s.must(err)
	h, err := n.Open(mirror.OpenOptions{Write: true})
	if errors.Is(err, mirror.ErrStale) {
		n.Forget()
		return s.handle(path)
	}
	s.must(err)
	return h
}

// TestRenameOfPartedLinks: rename(2) of one of two links to the other does nothing, and so it is where a sync client has parted
// them in one cloud, whichever that is and whoever holds them.
func TestRenameOfPartedLinks(t *testing.T) {
	for _, parting := range partings {
		for i := range 32 {
			n, k, held, back, file := 2+i/16, i%2, i/2%2 == 1, i/4%2 == 1, i/8%2 == 1
			t.Run(fmt.Sprintf("%s in cloud %d of %d, held %t, back %t, file %t", parting.name, k, n, held, back, file), func(t *testing.T) {
				telling(t, n, func(s *scene) {
					if file {
						s.put("a", "content", true)
						s.steps(step{op: opLink, path: "a", to: "b"})
						s.must(s.m.Sync())
						if held {
							for _, path := range []string{"a", "b"} {
								node, err := s.m.Walk(path)
								s.must(err)
								defer node.Forget()
							}
						}
						parting.play(s, k)
					} else {
						s.steps(step{op: opSymlink, path: "a", to: "there"}, step{op: opLink, path: "a", to: "b"})
						s.must(s.m.Sync())
						was := s.disk.Clone()
						s.steps(step{op: opRename, path: "a", to: "c"}, step{op: opRename, path: "c", to: "a"})
						s.must(s.them(k).Do(cloudtest.Delete(s.entryAt(k, "a") + "w")))
						s.must(s.them(k).Do(cloudtest.Rollback("", was.Dir(cloudName(k)))))
					}
					from, to := "a", "b"
					if back {
						from, to = to, from
					}
					s.must(s.do(step{op: opRename, path: from, to: to}))
					for range 2 {
						for _, path := range []string{"a", "b"} {
							if g := look(s.m)[path]; g.err != nil || file && g.data != "content" {
								s.failf("%s is %v", path, g)
							}
						}
						s.remount()
					}
				})
			})
		}
	}
}
