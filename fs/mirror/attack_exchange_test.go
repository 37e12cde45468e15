//go:build !race || long

package mirror_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// lateWays are how a cloud in use comes to lack something of what is exchanged.
var lateWays = []struct {
	name string
	late func(s *scene, k int, path string)
}{
	{"an older version", func(s *scene, k int, path string) {
		was := s.disk.Clone()
		s.put(path, "newer content of "+path, true)
		s.must(s.m.Sync())
		s.must(s.them(k).Do(cloudtest.Rollback(s.entryAt(k, path), was.Dir(cloudName(k)))))
	}},
	{"nothing", func(s *scene, k int, path string) { s.must(s.them(k).Do(cloudtest.Delete(s.entryAt(k, path)))) }},
	{"garbage", func(s *scene, k int, path string) {
		s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, path), random(3000))))
	}},
	{"a refusal", func(s *scene, k int, _ string) {
		s.inject(k, cloudtest.Rule{Op: "exchange", From: 1, To: 1, Err: syscall.EEXIST}, cloudtest.Rule{Op: "rename", From: 1, To: 1, Err: syscall.EEXIST})
	}},
}

// TestExchangeBesideLateCloud: one cloud in use lacks something of two files that are exchanged. Nobody sees old content, whoever is away
// then, and that cloud has both in the end, without heal.
func TestExchangeBesideLateCloud(t *testing.T) {
	for _, way := range lateWays {
		for i := range 16 {
			k, seen, at, again := i%2, i/2%2 == 1, []string{"a", "b"}[i/4%2], i/8 == 1
			t.Run(fmt.Sprintf("%s at %s, in cloud %d, seen before %v, exchanged twice %v", way.name, at, k, seen, again), func(t *testing.T) {
				telling(t, 2, func(s *scene) {
					s.put("a", "content of a", true)
					s.put("b", "what b has", true)
					s.must(s.m.Sync())
					way.late(s, k, at)
					s.clock.pass(time.Hour)
					was := look(s.m)
					if !seen {
						s.remount()
					}
					st := step{op: opExchange, path: "a", to: "b"}
					s.steps(st)
					want := after(was, st)
					if again {
						s.steps(st)
						want = was
					}
					s.mend()
					s.sees(want)
					s.must(s.m.Sync())
					if way.name != "an older version" || !again { // one that is alone may show an older version where it is
						s.neverOld(want, 1-k)
					}
					s.settles(want, 0, 1)
					s.neverOld(want, 1-k)
				})
			})
		}
	}
}

// neverOld wants a mount without a cloud to show what should be there, or nothing of it.
func (s *scene) neverOld(want map[string]seen, absent int) {
	c := &scene{box: s.clone()}
	c.disk.Kill()
	c.mount(absent)
	for path, g := range look(c.m) {
		if g.err == nil && g.data != want[path].data {
			s.failf("without cloud %d %q is %v, want %v", absent, path, g, want[path])
		}
	}
	c.unmount()
}
