package mirror_test

import (
	"fmt"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// unsound are ways in which a backing file has the right header, and not what it says.
var unsound = []struct {
	name string
	of   func(backing []byte) []byte
}{
	{"damaged", func(b []byte) []byte { b[5000] ^= 1; return b }},
	{"short", func(b []byte) []byte { return b[:5000] }},
}

// TestNamedLost: a cloud was given a change, and goes before it has that on its disk. When it is back it shows the header of that,
// without all that it stands for.
func TestNamedLost(t *testing.T) {
	for _, n := range []int{2, 3} {
		for k := range n {
			for _, path := range []string{"f", "d/f", "linked", "new/f"} {
				for _, u := range unsound {
					t.Run(fmt.Sprintf("%s is %s in cloud %d of %d", path, u.name, k, n), func(t *testing.T) {
						telling(t, n, func(s *scene) {
							s.steps(step{op: opMkdir, path: "d", mode: 0o755})
							s.remount()
							s.steps(step{op: opMkdir, path: "new", mode: 0o755})
							s.put(path, chunks("abc"), false)
							s.must(s.m.Commit())
							if path == "linked" {
								s.steps(step{op: opLink, path: path, to: "d/link"})
							}
							s.goes(k)
							s.spoil(k, path, u.of)
							s.mend()
							s.backAgain()
							s.nobodyOwes()
							s.everywhere()
						})
					})
				}
			}
		}
	}
}

// TestNamedTouched: somebody has changed, in a cloud that was away, what is behind a header, or has made two files of one with two
// names. It is not as it was left, though the version is the right one.
func TestNamedTouched(t *testing.T) {
	for _, n := range []int{2, 3} {
		for k := range n {
			for _, path := range []string{"f", "d/f", "linked"} {
				for _, u := range unsound {
					t.Run(fmt.Sprintf("%s is %s in cloud %d of %d", path, u.name, k, n), func(t *testing.T) {
						telling(t, n, func(s *scene) {
							s.touched(k, path, func() { s.spoil(k, path, u.of) })
						})
					})
				}
			}
			t.Run(fmt.Sprintf("a link is a file in cloud %d of %d", k, n), func(t *testing.T) {
				telling(t, n, func(s *scene) {
					s.touched(k, "linked", func() {
						s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, "linked"), s.backing(s.disk, k, "linked"))))
					})
				})
			})
		}
	}
}

// touched has somebody change something in a cloud that has missed the change of another name.
func (s *scene) touched(k int, path string, change func()) {
	s.steps(step{op: opMkdir, path: "d", mode: 0o755})
	s.put(path, chunks("abc"), true)
	if path == "linked" {
		s.steps(step{op: opLink, path: path, to: "d/link"})
	}
	s.put("z", "one", true)
	s.remount(k)
	s.put("z", "two", true)
	s.unmount()
	change()
	s.mount()
	s.holds(path, chunks("abc"))
	s.backAgain()
	s.nobodyOwes()
	s.everywhere()
}

// spoil changes a backing file behind its header.
func (s *scene) spoil(k int, path string, of func([]byte) []byte) {
	s.must(s.them(k).Do(cloudtest.Rewrite(s.entryAt(k, path), of(s.backing(s.disk, k, path)))))
}
