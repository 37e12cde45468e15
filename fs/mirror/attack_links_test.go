//go:build !race || long

package mirror_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// TestCopiedLinks: a sync tool that knows no hard links has made each name of a file a copy. Who takes one of them away, and has seen
// the other, keeps that, and tells nobody that the file has ended.
func TestCopiedLinks(t *testing.T) {
	ways := []struct {
		name string
		play func(s *scene)
	}{
		{"removed", func(s *scene) { s.steps(step{op: opUnlink, path: "x"}) }},
		{"replaced", func(s *scene) {
			s.put("new", "another", true)
			s.steps(step{op: opRename, path: "new", to: "x"})
		}},
		{"moved", func(s *scene) { s.steps(step{op: opRename, path: "x", to: "z"}) }},
		{"moved, and removed", func(s *scene) { s.steps(step{op: opRename, path: "x", to: "z"}, step{op: opUnlink, path: "z"}) }},
		{"moved over another file", func(s *scene) {
			s.put("other", "another", true)
			s.steps(step{op: opRename, path: "x", to: "other"})
		}},
		{"replaced by a symlink", func(s *scene) {
			s.steps(step{op: opSymlink, path: "new", to: "target"}, step{op: opRename, path: "new", to: "x"})
		}},
	}
	for _, way := range ways {
		for _, here := range []bool{false, true} {
			for n := 1; n <= 2; n++ {
				t.Run(fmt.Sprintf("%s, by the one who made them %v, %d clouds", way.name, here, n), func(t *testing.T) {
					telling(t, n, func(s *scene) {
						id := s.old("y", "content")
						s.steps(step{op: opLink, path: "y", to: "x"})
						s.joined()
						s.unmount()
						o := s
						if !here {
							o = &scene{box: s.machine(9)}
						}
						for k := range s.n {
							s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, "x"), s.backing(s.disk, k, "x"))))
							s.must(s.disk.Dir(cloudName(k)).Syncfs())
						}
						s.clock.pass(time.Hour)
						o.mount()
						o.holds("y", "content")
						o.holds("x", "content")
						way.play(o)
						o.keepsBoth(id)
						if o != s {
							o.unmount()
							s.mount()
							s.keepsBoth(id)
						}
					})
				})
			}
		}
	}
}

// keepsBoth wants y to be there, as it was, also later, and no record of the end of its file.
func (s *scene) keepsBoth(id [16]byte) {
	for range 3 {
		s.must(s.m.Sync())
		for k := range s.n {
			if s.recorded(k, id) {
				s.failf("cloud %d has it on record that the file has ended", k)
			}
		}
		s.clock.pass(time.Hour)
		s.holds("y", "content")
		s.tend()
		s.remount()
	}
}

// copied has a sync tool make copies of links in every cloud.
func (s *scene) copied(links ...string) {
	s.unmount()
	for k := range s.n {
		for _, path := range links {
			s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, path), s.backing(s.disk, k, path))))
		}
		s.must(s.disk.Dir(cloudName(k)).Syncfs())
	}
	s.clock.pass(time.Hour)
	s.mount()
}

// TestCopyChanges: of links that a tool has copied one is changed, or linked once more. Each name can still be removed and replaced, and
// no other one goes with it.
func TestCopyChanges(t *testing.T) {
	changes := []struct {
		name string
		play func(s *scene)
	}{
		{"linked", func(s *scene) { s.steps(step{op: opLink, path: "d/b", to: "d/c"}) }},
		{"the other one linked", func(s *scene) { s.steps(step{op: opLink, path: "d/a", to: "d/c"}) }},
		{"chmod", func(s *scene) { s.steps(step{op: opChmod, path: "d/b", mode: 0o600}) }},
		{"edited", func(s *scene) { s.must(s.patch("d/b", "edited", 0)) }},
	}
	for _, change := range changes {
		for _, path := range []string{"d/a", "d/b", "d/c"} {
			for _, replace := range []bool{false, true} {
				for n := 1; n <= 2; n++ {
					t.Run(fmt.Sprintf("%s, then %s goes, replaced %v, %d clouds", change.name, path, replace, n), func(t *testing.T) {
						telling(t, n, func(s *scene) {
							s.movable()
							s.joined()
							look(s.m)
							s.copied("d/a", "d/b")
							look(s.m)
							change.play(s)
							want := look(s.m)
							if _, there := want[path]; !there {
								return
							}
							if delete(want, path); replace {
								s.steps(step{op: opRename, path: "x", to: path})
								want[path] = want["x"]
								delete(want, "x")
							} else {
								s.steps(step{op: opUnlink, path: path})
							}
							for range 2 {
								s.sees(want)
								s.clock.pass(time.Hour)
								s.remount()
							}
						})
					})
				}
			}
		}
	}
}

// TestLinkBesideLateCloud: two of three clouds show a link that another machine has made, and the one that was away does not. Who
// removes the name that all have, whether a healing has made the copies equal or not, ends no file.
func TestLinkBesideLateCloud(t *testing.T) {
	for away := range 3 {
		for _, heals := range []bool{false, true} {
			for _, replace := range []bool{false, true} {
				t.Run(fmt.Sprintf("cloud %d was away, healed %v, replaced %v", away, heals, replace), func(t *testing.T) {
					telling(t, 3, func(s *scene) {
						s.old("x", "X")
						s.joined()
						s.unmount()
						o := &scene{box: s.machine(9)}
						o.mount()
						look(o.m)
						o.unmount()
						s.mount(away)
						s.steps(step{op: opLink, path: "x", to: "y"})
						s.unmount()
						s.clock.pass(time.Hour)
						o.mount()
						if heals {
							o.heal()
							o.remount()
						}
						if replace {
							o.put("z", "Z", true)
							o.steps(step{op: opRename, path: "z", to: "x"})
						} else {
							o.steps(step{op: opUnlink, path: "x"})
						}
						o.unmount()
						for _, machine := range []*scene{s, o, s} {
							s.clock.pass(time.Hour)
							machine.mount()
							machine.backAgain()
							machine.holds("y", "X")
							machine.unmount()
						}
					})
				})
			}
		}
	}
}
