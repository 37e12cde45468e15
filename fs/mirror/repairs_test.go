//go:build !race || long

package mirror_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

const recordSize = 4096 + cipher.RecordOverhead

// An olden is a scene with what the clouds had before: d/f at an earlier version, and d/gone.
type olden struct {
	*scene
	then    *cloudtest.Disk
	goneAt  []string
	goneWas [][]byte
}

// A harm is what one cloud does to d/f, of four chunks, or to what was at d/gone.
type harm struct {
	name string
	do   func(s *olden, k int)
	deep bool // only who reads finds it
}

// edited is a harm to the bytes of d/f.
func edited(name string, edit func(raw []byte) []byte) harm {
	return harm{name, func(s *olden, k int) {
		s.must(s.them(k).Do(cloudtest.Rewrite(s.entryAt(k, "d/f"), edit(s.backing(s.disk, k, "d/f")))))
	}, !strings.Contains(name, "header") && !strings.Contains(name, "nothing")}
}

// named is a harm that a look at names finds.
func named(name string, do func(s *olden, k int)) harm { return harm{name, do, false} }

func harms() (list []harm) {
	for chunk := range 4 {
		list = append(list, edited(fmt.Sprintf("a bit of chunk %d", chunk), func(raw []byte) []byte {
			raw[cipher.HeaderSize+chunk*recordSize+100] ^= 1
			return raw
		}))
	}
	return append(list,
		edited("every chunk", func(raw []byte) []byte {
			for at := cipher.HeaderSize + 100; at < len(raw); at += recordSize {
				raw[at] ^= 1
			}
			return raw
		}),
		edited("a bit of the header", func(raw []byte) []byte { raw[50] ^= 1; return raw }),
		edited("cut in a record", func(raw []byte) []byte { return raw[:len(raw)-100] }),
		edited("cut at a record", func(raw []byte) []byte { return raw[:len(raw)-recordSize] }),
		edited("cut in the header", func(raw []byte) []byte { return raw[:100] }),
		edited("cut to nothing", func([]byte) []byte { return nil }),
		edited("two chunks swapped", func(raw []byte) []byte {
			one, two := raw[cipher.HeaderSize:][:recordSize], raw[cipher.HeaderSize+recordSize:][:recordSize]
			was := slices.Clone(one)
			copy(one, two)
			copy(two, was)
			return raw
		}),
		edited("a chunk of zeros", func(raw []byte) []byte {
			clear(raw[cipher.HeaderSize+recordSize:][:recordSize])
			return raw
		}),
		named("removed", func(s *olden, k int) {
			if s.exists("d/f")[k] {
				s.must(s.them(k).Do(cloudtest.Delete(s.entryAt(k, "d/f"))))
			}
		}),
		named("rolled back", func(s *olden, k int) {
			s.must(s.them(k).Do(cloudtest.Rollback(s.entryAt(k, "d/f"), s.then.Dir(cloudName(k)))))
		}),
		harm{"an older record", func(s *olden, k int) { s.replay(k, "d/f", 1, s.then) }, true},
		named("another file in its place", func(s *olden, k int) {
			s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, "d/f"), s.backing(s.disk, k, "d/g"))))
		}),
		named("what was removed is back", func(s *olden, k int) {
			s.must(s.them(k).Do(cloudtest.Replace(s.goneAt[k], s.goneWas[k])))
		}),
		named("what was removed is back at another name", func(s *olden, k int) {
			s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, "d/free"), s.goneWas[k])))
		}),
	)
}

// TestRepairedByItself: what one cloud has wrong at a name that is looked up, opened or read is served from another one, and
// made good after the settle time, without anybody asking for it.
func TestRepairedByItself(t *testing.T) {
	for _, h := range harms() {
		for i := range 4 {
			n, k := 2+i/2, i%2
			if h.deep && k != 0 {
				continue // nobody reads it: verifying finds it
			}
			for _, again := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, cloud %d of %d, remounted %v", h.name, k, n, again), func(t *testing.T) {
					telling(t, n, func(sc *scene) {
						s := withPast(sc)
						h.do(s, k)
						s.clock.pass(time.Hour)
						s.holds("d/f", chunks("aBcd"))
						s.holds("d/g", chunks("xy"))
						s.missing("d/gone")
						s.missing("d/free")
						if again {
							s.remount()
						}
						if again && h.deep {
							s.holds("d/f", chunks("aBcd"))
						}
						for range 3 {
							s.tend()
						}
						s.holds("d/f", chunks("aBcd"))
						s.everywhere()
						if w := s.m.Status().Clouds[k]; w.Wrong != 0 || w.Left != 0 {
							s.failf("in the end cloud %d: %+v", k, w)
						}
					})
				})
			}
		}
	}
}

// withPast makes what the harms are about.
func withPast(sc *scene) *olden {
	s := &olden{scene: sc}
	s.steps(step{op: opMkdir, path: "d", mode: 0o755})
	s.put("d/f", chunks("abcd"), true)
	s.put("d/g", chunks("xy"), true)
	s.put("d/gone", chunks("gone"), true)
	s.must(s.m.Sync())
	s.then = s.disk.Clone()
	for k := range s.n {
		s.goneAt, s.goneWas = append(s.goneAt, s.entryAt(k, "d/gone")), append(s.goneWas, s.backing(s.disk, k, "d/gone"))
	}
	s.must(s.patch("d/f", chunks("B"), 4096))
	s.steps(step{op: opUnlink, path: "d/gone"})
	s.must(s.m.Sync())
	s.remount()
	s.clock.pass(time.Hour)
	return s
}

// TestEachHasSomethingElse: every cloud has another chunk wrong, and each is made good from the others; also of a file that is
// open all the while.
func TestEachHasSomethingElse(t *testing.T) {
	for _, n := range []int{2, 3} {
		for _, open := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d clouds, open %v", n, open), func(t *testing.T) {
				telling(t, n, func(sc *scene) {
					s := withPast(sc)
					var h *mirror.Handle
					if open {
						h = s.handle("d/f")
					}
					for k := range n {
						edited("", func(raw []byte) []byte {
							raw[cipher.HeaderSize+k*recordSize+100] ^= 1
							return raw
						}).do(s, k)
					}
					s.clock.pass(time.Hour)
					s.holds("d/f", chunks("aBcd"))
					for range 3 {
						s.tend()
					}
					s.everywhere()
					if open {
						s.must(h.Close())
					}
				})
			})
		}
	}
}

// TestNotAThirdTime: a cloud that undoes what it is given again and again is left to who heals by hand, and nobody else
// is; then it is given it once more.
func TestNotAThirdTime(t *testing.T) {
	for _, h := range harms() {
		if h.deep {
			continue
		}
		t.Run(h.name, func(t *testing.T) {
			telling(t, 2, func(sc *scene) {
				s := withPast(sc)
				for i := range 5 {
					h.do(s, 1)
					before := s.backingOf(1)
					s.clock.pass(time.Hour)
					look(s.m)
					for range 3 {
						s.tend()
					}
					if repaired := s.backingOf(1) != before; repaired != (i < 2) {
						s.failf("time %d: repaired %v", i+1, repaired)
					}
				}
				if w := s.m.Status().Clouds[1]; w.Wrong != 0 || w.Left != 1 {
					s.failf("%+v", w)
				}
				if !strings.Contains(s.said.String(), "left to heal") {
					s.failf("nothing is said")
				}
				s.holds("d/f", chunks("aBcd"))
				s.m.Beside().Hurry()
				for range 2 {
					s.tend()
				}
				s.everywhere()
			})
		})
	}
}

// backingOf is all that a cloud has in d.
func (s *olden) backingOf(k int) string {
	var all strings.Builder
	tree, err := s.audit(k)
	s.must(err)
	for _, path := range slices.Sorted(maps.Keys(tree.Nodes)) {
		n := tree.Nodes[path]
		fmt.Fprintf(&all, "%s %v", path, n.Err)
		if n.Header != nil {
			fmt.Fprintf(&all, " %v %v", n.Header.FileID, n.Header.Version)
		}
	}
	return all.String()
}

// TestMassIsLeft: where a cloud has lost more than 20 names, and 1 % of the tree, at once, none of them is brought there unasked;
// what is fewer is.
func TestMassIsLeft(t *testing.T) {
	for _, c := range []struct {
		all, lost int
		left      bool
	}{{30, 19, false}, {30, 22, true}, {2500, 24, false}} {
		for _, dir := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d of %d, with the directory %v", c.lost, c.all, dir), func(t *testing.T) {
				telling(t, 2, func(s *scene) {
					s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opMkdir, path: "e", mode: 0o755})
					for i := range c.all {
						at := "d"
						if i >= c.lost {
							at = "e"
						}
						s.put(fmt.Sprintf("%s/f%d", at, i), "x", false)
					}
					s.must(s.m.Sync())
					s.remount()
					s.clock.pass(time.Hour)
					if dir {
						s.must(s.them(1).Do(cloudtest.Delete(s.entryAt(1, "d"))))
					} else {
						for i := range c.lost {
							s.must(s.them(1).Do(cloudtest.Delete(s.entryAt(1, fmt.Sprintf("d/f%d", i)))))
						}
					}
					s.clock.pass(time.Hour)
					look(s.m)
					for range 4 {
						s.tend()
					}
					if has := s.exists("d/f0")[1]; has == c.left {
						s.failf("it is there: %v; %+v", has, s.m.Status().Clouds[1])
					}
					if w := s.m.Status().Clouds[1].Wrong; (w > 0) != c.left {
						s.failf("%d names wait", w)
					}
				})
			})
		}
	}
}
