//go:build !race || long

package mirror_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// A behindChange is what a program does with d/f, of which the clouds at hand show an earlier version than the one that is known.
type behindChange struct {
	name string
	do   func(s *scene) error
	soft bool                 // it is not synced
	torn bool                 // a power cut can leave names of one file that are not alike in all clouds
	then func(s *scene) error // after a kill; or nil
	made []string             // contents that it makes, and that are synced
	has  map[string]string
}

var behindChanges = []behindChange{
	{name: "read", do: func(s *scene) error { _, err := tryRead(s.m, "d/f"); return err }, has: map[string]string{"d/f": "newer"}},
	{name: "appended to", do: func(s *scene) error { return s.patch("d/f", "+ours", -1) }, made: []string{"first+ours"}},
	{name: "overwritten", do: func(s *scene) error { return s.patch("d/f", "F", 0) }, made: []string{"First"}},
	{name: "appended to twice", do: func(s *scene) error {
		return errors.Join(s.patch("d/f", "+ours", -1), s.patch("d/f", "+more", -1))
	}, made: []string{"first+ours+more"}},
	{name: "written anew", do: func(s *scene) error { return tryWrite(s.m, "d/f", []byte("anew"), true) }, made: []string{"anew"}},
	{name: "truncated", do: func(s *scene) error {
		n, err := s.m.Walk("d/f")
		if err != nil {
			return err
		}
		size := int64(2)
		_, err = n.SetAttr(mirror.SetAttr{Size: &size})
		return errors.Join(err, s.m.Commit())
	}, made: []string{"fi"}},
	{name: "chmod", soft: true, do: func(s *scene) error { return s.do(step{op: opChmod, path: "d/f", mode: 0o600}) }, made: []string{"first"}},
	{name: "utimens", do: func(s *scene) error { return s.do(step{op: opUtimens, path: "d/f", n: 1_500_000_000}) }},
	{name: "utimens, later", soft: true, do: func(s *scene) error { return s.do(step{op: opUtimens, path: "d/f", n: 4_000_000_000}) }, made: []string{"first"}},
	{name: "saved by a rename", do: func(s *scene) error {
		return errors.Join(tryWrite(s.m, "d/tmp", []byte("saved"), true), s.do(step{op: opRename, path: "d/tmp", to: "d/f"}))
	}, made: []string{"saved"}},
	{name: "saved by a rename while it is open", do: func(s *scene) error {
		if err := tryWrite(s.m, "d/tmp", []byte("saved"), true); err != nil {
			return err
		}
		h := s.handle("d/f")
		return errors.Join(s.do(step{op: opRename, path: "d/tmp", to: "d/f"}), h.Close())
	}, made: []string{"saved"}},
	{name: "replaced by another file", soft: true, do: func(s *scene) error { return s.do(step{op: opRename, path: "g", to: "d/f"}) }, made: []string{"other"}},
	{name: "replaced by a symlink", do: func(s *scene) error {
		return errors.Join(s.do(step{op: opSymlink, path: "l", to: "there"}), s.do(step{op: opRename, path: "l", to: "d/f"}))
	}},
	{name: "removed", do: func(s *scene) error { return s.do(step{op: opUnlink, path: "d/f"}) }, has: map[string]string{"d/f": "newer"}},
	{name: "removed, and made anew", do: func(s *scene) error {
		return errors.Join(s.do(step{op: opUnlink, path: "d/f"}), tryWrite(s.m, "d/f", []byte("anew"), true))
	}, made: []string{"anew"}},
	{name: "changed, and removed", do: func(s *scene) error {
		return errors.Join(s.patch("d/f", "+ours", -1), s.do(step{op: opUnlink, path: "d/f"}))
	}},
	{name: "changed, removed, and made anew", do: func(s *scene) error {
		return errors.Join(s.patch("d/f", "+ours", -1), s.do(step{op: opUnlink, path: "d/f"}), tryWrite(s.m, "d/f", []byte("anew"), true))
	}, made: []string{"anew"}},
	{name: "changed, and saved by a rename", do: func(s *scene) error {
		return errors.Join(s.patch("d/f", "+ours", -1), tryWrite(s.m, "d/tmp", []byte("saved"), true), s.do(step{op: opRename, path: "d/tmp", to: "d/f"}))
	}, made: []string{"saved"}},
	{name: "renamed", do: func(s *scene) error { return s.do(step{op: opRename, path: "d/f", to: "d/h"}) }, has: map[string]string{"d/h": "newer"}},
	{name: "renamed, and changed", do: func(s *scene) error {
		return errors.Join(s.do(step{op: opRename, path: "d/f", to: "d/h"}), s.patch("d/h", "+ours", -1))
	}, made: []string{"first+ours"}},
	{name: "changed, and renamed", do: func(s *scene) error {
		return errors.Join(s.patch("d/f", "+ours", -1), s.do(step{op: opRename, path: "d/f", to: "d/h"}))
	}, made: []string{"first+ours"}},
	{name: "renamed over another file", do: func(s *scene) error { return s.do(step{op: opRename, path: "d/f", to: "g"}) }},
	{name: "linked", torn: true, do: func(s *scene) error { return s.do(step{op: opLink, path: "d/f", to: "h"}) }},
	{name: "linked, and changed", do: func(s *scene) error {
		return errors.Join(s.do(step{op: opLink, path: "d/f", to: "h"}), s.patch("h", "+ours", -1))
	}, made: []string{"first+ours"}},
	{name: "changed, and linked", do: func(s *scene) error {
		return errors.Join(s.patch("d/f", "+ours", -1), s.do(step{op: opLink, path: "d/f", to: "h"}))
	}, made: []string{"first+ours"}},
	{name: "exchanged", soft: true, do: func(s *scene) error { return s.do(step{op: opExchange, path: "d/f", to: "g"}) }, made: []string{"other"}, has: map[string]string{"d/f": "other", "g": "newer"}},
	{name: "exchanged, and changed", do: func(s *scene) error {
		return errors.Join(s.do(step{op: opExchange, path: "d/f", to: "g"}), s.patch("g", "+ours", -1))
	}, made: []string{"other", "first+ours"}},
	{name: "its directory renamed", do: func(s *scene) error { return s.do(step{op: opRename, path: "d", to: "e"}) }, has: map[string]string{"e/f": "newer"}},
	{name: "its directory renamed, and changed", do: func(s *scene) error {
		return errors.Join(s.do(step{op: opRename, path: "d", to: "e"}), s.patch("e/f", "+ours", -1))
	}, made: []string{"first+ours"}},
	{name: "renamed, and changed after a kill", do: func(s *scene) error { return s.do(step{op: opRename, path: "d/f", to: "d/h"}) },
		then: func(s *scene) error { return s.patch("d/h", "+ours", -1) }, made: []string{"first+ours"}},
	{name: "linked, and changed after a kill", do: func(s *scene) error { return s.do(step{op: opLink, path: "d/f", to: "h"}) },
		then: func(s *scene) error { return s.patch("h", "+ours", -1) }, made: []string{"first+ours"}},
	{name: "removed, and made anew after a kill", do: func(s *scene) error { return s.do(step{op: opUnlink, path: "d/f"}) },
		then: func(s *scene) error { return tryWrite(s.m, "d/f", []byte("anew"), true) }, made: []string{"anew"}},
	{name: "changed, and saved by a rename after a kill", do: func(s *scene) error { return s.patch("d/f", "+ours", -1) },
		then: func(s *scene) error {
			return errors.Join(tryWrite(s.m, "d/tmp", []byte("saved"), true), s.do(step{op: opRename, path: "d/tmp", to: "d/f"}))
		}, made: []string{"saved"}},
	{name: "removed with its directory", do: func(s *scene) error {
		return errors.Join(s.do(step{op: opUnlink, path: "d/f"}), s.do(step{op: opRmdir, path: "d"}))
	}},
}

// behindEnds are how the clouds that were away come back.
var behindEnds = []struct {
	name      string
	cut, runs bool
	goes      func(s *scene, old *cloudtest.Disk, behind, away []int)
	back      func(s *scene, away []int)
}{
	{"with the next mount", false, false, mountsBehind, func(s *scene, _ []int) { s.remount() }},
	{"healed at once", false, false, mountsBehind, func(s *scene, _ []int) { s.remount(); s.heal() }},
	{"under a running mount", false, true, func(s *scene, old *cloudtest.Disk, behind, away []int) {
		s.rollsBack(old, behind)
		for _, k := range away {
			s.goes(k)
		}
	}, func(s *scene, _ []int) { s.mend() }},
	{"one mount later", false, false, mountsBehind, func(s *scene, away []int) { s.remount(away...); s.remount() }},
	{"one after the other", false, false, mountsBehind, func(s *scene, away []int) { s.remount(away[0]); s.backAgain(); s.remount() }},
	{"after a kill", false, false, mountsBehind, func(s *scene, _ []int) { s.crash() }},
	{"one mount after a kill", false, false, mountsBehind, func(s *scene, away []int) { s.crash(away...); s.remount() }},
	{"after a power cut", true, false, mountsBehind, func(s *scene, _ []int) { s.cut(1); s.mount() }},
	{"one mount after a power cut", true, false, mountsBehind, func(s *scene, away []int) { s.cut(2); s.mount(away...); s.remount() }},
}

func mountsBehind(s *scene, old *cloudtest.Disk, behind, away []int) {
	s.unmount()
	s.rollsBack(old, behind)
	s.mount(away...)
}

func (s *scene) rollsBack(old *cloudtest.Disk, clouds []int) {
	for _, k := range clouds {
		s.must(s.them(k).Do(cloudtest.Rollback(s.entryAt(k, "d/f"), old.Dir(cloudName(k)))))
		s.must(s.disk.Dir(cloudName(k)).Syncfs())
	}
}

// behindLooks are what a program has done with the file before.
var behindLooks = []struct {
	name          string
	before, after func(s *scene) // the clouds go back
}{
	{"read", func(*scene) {}, func(s *scene) { s.holds("d/f", "first") }},
	{"not looked at", func(*scene) {}, func(*scene) {}},
	{"known", func(s *scene) {
		s.holds("d/f", "newer")
		_, err := s.m.Walk("d/f") // as the kernel does
		s.must(err)
	}, func(*scene) {}},
}

// TestBehindAlone: the clouds at hand show an earlier version of a file than the one that this machine knows. A program changes what it
// sees, and the others come back: both contents are there, in every cloud.
func TestBehindAlone(t *testing.T) {
	cases := 0
	for at, who := range []struct{ behind, away []int }{{[]int{0}, []int{1}}, {[]int{1}, []int{0}}, {[]int{0}, []int{1, 2}}, {[]int{0, 1}, []int{2}}, {[]int{2}, []int{0, 1}}} {
		for _, end := range behindEnds {
			for _, change := range behindChanges {
				for _, look := range behindLooks {
					if cases++; look.name != "read" && at > 1 || cases%everyScene != 0 {
						continue
					}
					t.Run(fmt.Sprintf("%s, %s, %s, %v at hand, %v away", change.name, look.name, end.name, who.behind, who.away), func(t *testing.T) {
						err := tellScene(t, len(who.behind)+len(who.away), layout{reuse: true}, func(s *scene) {
							s.steps(step{op: opMkdir, path: "d", mode: 0o755})
							s.put("d/f", "first", true)
							s.put("g", "other", true)
							s.must(s.m.Sync())
							old := s.disk.Clone()
							s.must(s.patch("d/f", "newer", 0))
							s.must(s.m.Sync())
							look.before(s)
							end.goes(s, old, who.behind, who.away)
							look.after(s)
							s.must(change.do(s))
							if change.then != nil {
								if !end.runs {
									s.crash(who.away...)
								}
								s.must(change.then(s))
							}
							end.back(s, who.away)
							want := []string{"newer"}
							if !end.cut || !change.soft {
								want = append(want, change.made...)
							}
							for range 2 {
								s.backAgain()
								s.kept(want...)
								if !end.cut {
									for path, content := range change.has {
										s.holds(path, content)
									}
								}
								s.remount()
							}
							s.heal()
							s.kept(want...)
							if !end.cut || !change.torn {
								s.everywhere()
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
}
