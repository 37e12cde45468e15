//go:build !race || long

package mirror_test

import (
	"fmt"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// TestHoleAmidReturn: a cloud that was away is given a sparse file, and meanwhile somebody makes zeros of records in the only copy, or cuts
// it. What the cloud is given is what was there, or nothing: zeros in the place of data become no copy that counts.
func TestHoleAmidReturn(t *testing.T) {
	acted := 0
	for _, fresh := range []bool{false, true} {
		for how, harm := range theirHarm {
			for _, op := range []string{"readat", "seekdata", "stat"} {
				for j := 1; j <= 24; j++ {
					t.Run(fmt.Sprintf("%s at %s %d, new %v", how, op, j, fresh), func(t *testing.T) {
						telling(t, 2, func(s *scene) {
							if s.t = t; s.holeAmidReturn(fresh, harm, cloudtest.Rule{Op: op, From: j, To: j}) {
								acted++
							}
						})
					})
				}
			}
		}
	}
	if acted < 50 {
		t.Errorf("somebody acted in %d returns only", acted)
	}
}

func (s *scene) holeAmidReturn(fresh bool, harm func(cloud.File) error, rule cloudtest.Rule) (acted bool) {
	was := zeros(5) + chunks("fg") + zeros(2) + chunks("jklmnopqrstuvwxy") + zeros(12)
	write := func() {
		s.put("f", "", false)
		h := s.handle("f")
		for i := 0; i < len(was); i += 4096 {
			if was[i:i+4096] != zeros(1) {
				_, err := h.WriteAt([]byte(was[i:i+4096]), int64(i))
				s.must(err)
			}
		}
		s.must(h.Truncate(int64(len(was))))
		s.must(h.Sync())
		s.must(h.Close())
		s.must(s.m.Sync())
	}
	if !fresh {
		write()
	}
	s.remount(1)
	if fresh {
		write()
	} else {
		s.must(s.patch("f", chunks("Z"), 20*4096))
		was = patched(was, chunks("Z"), 20*4096)
	}
	s.unmount()
	rule.Glob = s.entryAt(0, "f")
	if !s.returnsAmid(rule, harm) {
		return false // there are fewer such calls
	}
	for k := range 2 {
		c := &scene{box: s.clone()}
		if m, err := c.open(without(2, k)...); err == nil {
			c.m = m
			c.readRight(fmt.Sprintf("cloud %d alone", k), "f", was)
			_ = m.Close()
		}
	}
	s.mount()
	s.readRight("with both", "f", was)
	s.heal()
	s.readRight("healed", "f", was)
	return true
}

// returnsAmid mounts, while somebody harms what a rule names in cloud 0, and has a cloud that was away brought up to date. It reports whether
// that came to pass.
func (s *scene) returnsAmid(rule cloudtest.Rule, harm func(cloud.File) error) bool {
	they := &meddler{s: s, dir: s.disk.Dir(cloudName(0)), path: rule.Glob, write: harm}
	rule.Act = they
	s.inject(0, rule)
	s.mount()
	for range 3 {
		s.tend()
	}
	s.mend()
	_ = s.m.Close()
	return they.acted
}

// readRight wants what can be read of a file to be right.
func (s *scene) readRight(what, path, want string) {
	if got, err := tryRead(s.m, path); err == nil && got != nil && string(got) != want {
		s.t.Errorf("%s: %q is wrong, not an error%s", what, path, firstOff(string(got), want))
	}
}

// TestRolledBackAmidReturn: while a cloud that was away is given a file, a sync client puts back one older record in the only copy, in place.
// What the cloud is given is the new version, or nothing: never a mixture under the new version's header.
func TestRolledBackAmidReturn(t *testing.T) {
	acts := 0
	for i := range 96 {
		op, j, linked, n := []string{"readat", "stat"}[i%2], 1+i/8, i/2%2 == 1, 2+i/4%2
		t.Run(fmt.Sprintf("at %s %d, two links %v, %d clouds", op, j, linked, n), func(t *testing.T) {
			telling(t, n, func(s *scene) {
				was := chunks("abcdefghijklmnopqrstuv")
				s.put("f", was, true)
				if linked {
					s.steps(step{op: opLink, path: "f", to: "g"})
				}
				s.must(s.m.Sync())
				s.remount(n - 1)
				old := s.backing(s.disk, 0, "f")
				s.must(s.patch("f", chunks("YZ"), 10*4096))
				now := patched(was, chunks("YZ"), 10*4096)
				s.unmount()
				rule := cloudtest.Rule{Op: op, From: j, To: j, Glob: s.entryAt(0, "f")}
				acted := s.returnsAmid(rule, func(f cloud.File) error {
					return onlyErr(f.WriteAt(old[recordAt(10):recordAt(11)], recordAt(10)))
				})
				if !acted {
					return // there are fewer such calls
				}
				acts++
				c := &scene{box: s.clone()}
				c.mount(without(n, n-1)...)
				got, err := tryRead(c.m, "f")
				if err == nil && string(got) != now && string(got) != was {
					t.Errorf("the cloud alone shows a mixture%s", firstOff(string(got), now))
				}
				c.unmount()
				s.mount()
				if got, err := tryRead(s.m, "f"); err == nil && string(got) != now && string(got) != was {
					t.Errorf("all show a mixture%s", firstOff(string(got), now))
				}
				r := s.heal()
				if got, err := tryRead(s.m, "f"); err == nil && string(got) != now && string(got) != was {
					t.Errorf("healed, with %v, it is a mixture%s", r.Findings, firstOff(string(got), now))
				}
			})
		})
	}
	if acts < 20 {
		t.Errorf("somebody acted in %d returns only", acts)
	}
}
