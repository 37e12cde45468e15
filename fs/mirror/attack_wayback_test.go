//go:build !race || long

package mirror_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// endsAmid are what comes right after an operation that has failed half-way.
var endsAmid = []struct {
	name  string
	sound bool // the file has an identity of its own again: what ends amid that leaves the one of the other, of which no content comes
	then  func(s *scene)
}{
	{"goes on", true, func(*scene) {}}, {"remounted", true, func(s *scene) { s.remount() }}, {"healed", true, func(s *scene) { s.heal() }},
	{"killed", false, func(s *scene) { s.crash() }}, {"killed, and healed", false, func(s *scene) { s.crash(); s.heal() }},
	{"cut", false, func(s *scene) { s.cut(3); s.mount() }},
}

// waysBack are what fails of the way back.
var waysBack = []cloudtest.Rule{
	{Op: "writeat", From: 2, To: 2}, {Op: "writeat", From: 2, To: 1000}, {Op: "chmod", From: 1, To: 1}, {Op: "sync", From: 1, To: 1}, {Op: "chtimes", From: 2, To: 2},
}

// TestNoWayBack: a rename over another file fails in a cloud, or in all, after the file has that one's identity, and the way back
// fails as well. Both files are what they were, for programs and in each cloud, at once, after whatever ends the mount, and after heal.
func TestNoWayBack(t *testing.T) {
	for _, clouds := range []struct {
		n    int
		fail []int
	}{{1, []int{0}}, {2, []int{0}}, {2, []int{1}}, {2, []int{0, 1}}} {
		for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EACCES, syscall.EXDEV} {
			for _, back := range waysBack {
				for at, end := range endsAmid {
					t.Run(fmt.Sprintf("%d clouds, in %v, %v, %s from %d to %d, %s", clouds.n, clouds.fail, errno, back.Op, back.From, back.To, end.name), func(t *testing.T) {
						telling(t, clouds.n, func(s *scene) { s.noWayBack(clouds.fail, errno, back, at) })
					})
				}
			}
		}
	}
}

func (s *scene) noWayBack(clouds []int, errno syscall.Errno, back cloudtest.Rule, at int) {
	s.put("a", "content of a", true)
	s.put("b", "what is in b", true)
	s.must(s.m.Sync())
	back.Err = syscall.EIO
	for _, k := range clouds {
		s.inject(k, cloudtest.Rule{Op: "rename", From: 1, To: 1, Err: errno}, back)
	}
	err := s.do(step{op: opRename, path: "a", to: "b"})
	if (err != nil) != (len(clouds) == s.n) {
		s.failf("it gives %v", err)
	}
	check := func() {
		if err == nil {
			s.missing("a")
			s.holds("b", "content of a")
			return
		}
		s.holds("a", "content of a")
		s.holds("b", "what is in b")
	}
	s.mend()
	endsAmid[at].then(s)
	check()
	for range 3 {
		s.tend()
		check()
	}
	s.must(s.m.Sync())
	check()
	s.remount()
	check()
	s.everywhere()
	if err == nil {
		return
	}
	for k := range s.n {
		if endsAmid[at].sound && s.id(k, "a") == s.id(k, "b") {
			s.failf("both are one file in cloud %d", k)
		}
	}
	s.put("b", "changed since", true)
	s.must(s.m.Sync())
	s.remount()
	s.heal()
	s.tend()
	s.holds("a", "content of a")
	s.holds("b", "changed since")
	s.everywhere()
}
