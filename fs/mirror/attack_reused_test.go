//go:build !race || long

package mirror_test

import (
	"fmt"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// reusers come in the place of an open file in one cloud, and may get the number of its inode.
var reusers = []struct {
	name string
	make func(s *scene, k int, at string)
}{
	{"a directory", func(s *scene, k int, at string) { s.must(s.disk.Dir(cloudName(k)).Mkdir(at, 0o755)) }},
	{"garbage", func(s *scene, k int, at string) { s.must(s.them(k).Do(cloudtest.Replace(at, random(2000)))) }},
	{"another file", func(s *scene, k int, at string) {
		s.must(s.them(k).Do(cloudtest.Plant(s.entryAt(k, "other"), at, false)))
	}},
	{"a symlink's entry", func(s *scene, k int, at string) {
		s.must(s.them(k).Do(cloudtest.Plant(s.entryAt(k, "sym")+"w", at+"w", false)))
	}},
}

// TestInodeReused: what one cloud shows in the place of an open file is not that file because its inode has the same number.
func TestInodeReused(t *testing.T) {
	ways := []step{
		{op: opChown, path: "x", n: 1001, off: 100}, {op: opChmod, path: "x", mode: 0o600}, {op: opRename, path: "x", to: "y"},
		{op: opLink, path: "x", to: "y"}, {op: opUnlink, path: "x"}, {op: opRename, path: "other", to: "x"}, {op: opExchange, path: "x", to: "other"},
	}
	for _, r := range reusers {
		for _, st := range ways {
			for i := range 8 {
				n, k, emptied := 2+i/4, i/2%2, i%2 == 1
				t.Run(fmt.Sprintf("%s in cloud %d of %d, %s %s, emptied %v", r.name, k, n, st.op, st.path, emptied), func(t *testing.T) {
					err := tellScene(t, n, layout{reuse: true}, func(s *scene) {
						s.put("x", "content", true)
						s.put("other", "another", true)
						s.steps(step{op: opSymlink, path: "sym", to: "target"})
						s.must(s.m.Sync())
						h := s.handle("x")
						want := "content"
						if emptied { // and goes into new backing files
							s.must(h.Truncate(0))
							want = ""
						}
						at := s.entryAt(k, "x")
						s.must(s.them(k).Do(cloudtest.Delete(at)))
						r.make(s, k, at)
						s.must(s.m.Commit())
						s.steps(st)
						s.must(onlyErr(h.WriteAt([]byte("more"), int64(len(want)))))
						s.must(h.Sync())
						s.must(s.m.Commit())
						s.reads(h, want+"more", 0)
						s.must(h.Close())
						switch st.op {
						case opRename, opLink:
							if st.path == "x" {
								s.holds("y", want+"more")
							}
						case opExchange:
							s.holds("other", want+"more")
						case opUnlink:
							s.missing("x")
						default:
							s.holds("x", want+"more")
						}
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}
