//go:build !race || long

package mirror_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/checkup"
)

// movedBefore tells whether a cloud has it on record that a file has moved, and has a later version of it at a path.
func (s *scene) movedBefore(k int, id cipher.ID, path string) bool {
	tree, err := s.audit(k)
	s.must(err)
	n := tree.Nodes[path]
	return n.Header != nil && n.Header.FileID == id && slices.ContainsFunc(tree.Gone, func(r cipher.Removal) bool {
		return r.Kind == cipher.FileMoved && r.File == id && cipher.Compare(r.Version, n.Header.Version) == cipher.Less
	})
}

// healed heals all clouds, which leaves nothing.
func (s *scene) healed() {
	if r := s.heal(); !r.OK {
		s.failf("heal leaves %v", r.Findings)
	}
}

// heal heals all clouds by what the mirror that is open knows.
func (s *scene) heal() *checkup.Report {
	c := checkup.Config{
		Mirror: s.m, Owes: s.state.Owes(), Owners: true, Clock: s.clock.look,
		Draw: func(n int, above uint64) (uint32, uint64, error) {
			first, err := s.state.Reserve(n, above)
			return s.state.Writer(), first, err
		},
		Sleep: func(_ context.Context, d time.Duration) error {
			s.clock.pass(d)
			return nil
		},
	}
	for k := range s.n {
		c.Clouds = append(c.Clouds, mirror.CloudConfig{Name: cloudName(k), ID: s.ids[k], Dir: s.disk.Dir(cloudName(k)), Cipher: s.cipher(k)})
	}
	r, err := checkup.Heal(s.t.Context(), c)
	s.must(err)
	return r
}

// moves are what takes names from files that go on elsewhere.
var moves = []struct {
	name  string
	steps []step
	has   map[string]string // what is there in the end of the names x, y and z
	moved []string          // those of which it is on record
}{
	{"rename", []step{{op: opRename, path: "x", to: "y"}}, map[string]string{"y": "X", "z": "Z", "d/a": "L", "d/b": "L"}, []string{"y"}},
	{"rename into a directory", []step{{op: opRename, path: "x", to: "d/x"}}, map[string]string{"d/x": "X", "z": "Z", "d/a": "L", "d/b": "L"}, []string{"d/x"}},
	{"there and back", []step{{op: opRename, path: "x", to: "y"}, {op: opRename, path: "y", to: "x"}}, map[string]string{"x": "X", "z": "Z", "d/a": "L", "d/b": "L"}, []string{"x"}},
	{"a chain", []step{{op: opRename, path: "x", to: "y"}, {op: opRename, path: "z", to: "x"}}, map[string]string{"x": "Z", "y": "X", "d/a": "L", "d/b": "L"}, []string{"x", "y"}},
	{"over another", []step{{op: opRename, path: "x", to: "z"}}, map[string]string{"z": "X", "d/a": "L", "d/b": "L"}, nil},
	{"over one of two links", []step{{op: opRename, path: "x", to: "d/a"}}, map[string]string{"z": "Z", "d/a": "X", "d/b": "L"}, []string{"d/a", "d/b"}},
	{"exchange", []step{{op: opExchange, path: "x", to: "z"}}, map[string]string{"x": "Z", "z": "X", "d/a": "L", "d/b": "L"}, []string{"x", "z"}},
	{"one of two links removed", []step{{op: opUnlink, path: "d/a"}}, map[string]string{"x": "X", "z": "Z", "d/b": "L"}, []string{"d/b"}},
	{"one of two links renamed", []step{{op: opRename, path: "d/a", to: "d/c"}}, map[string]string{"x": "X", "z": "Z", "d/b": "L", "d/c": "L"}, []string{"d/b", "d/c"}},
	{"edited, then renamed", []step{{op: opChmod, path: "x", mode: 0o600}, {op: opRename, path: "x", to: "y"}}, map[string]string{"y": "X", "z": "Z", "d/a": "L", "d/b": "L"}, []string{"y"}},
}

var movedNames = []string{"x", "y", "z", "d/a", "d/b", "d/c", "d/x"}

// movable makes the files, of which everybody may know.
func (s *scene) movable() {
	s.put("x", "X", true)
	s.put("z", "Z", true)
	s.steps(step{op: opMkdir, path: "d", mode: 0o755})
	s.put("d/a", "L", true)
	s.steps(step{op: opLink, path: "d/a", to: "d/b"})
	s.must(s.m.Sync())
	s.clock.pass(time.Hour)
}

// has wants just that to be at the names.
func (s *scene) has(want map[string]string) {
	all := look(s.m)
	for _, path := range movedNames {
		content, is := want[path]
		switch g, there := all[path]; {
		case there != is:
			s.failf("%q is there %v, want %v", path, there, is)
		case is && (g.err != nil || g.data != content):
			s.failf("%q: %v, want %s", path, g, content)
		}
	}
}

// TestMovedRecorded: what loses a name and has another is put on record, with a later version, where somebody else may need that.
func TestMovedRecorded(t *testing.T) {
	for _, why := range reasons {
		for _, mv := range moves {
			t.Run(why.name+": "+mv.name, func(t *testing.T) {
				telling(t, 2, func(s *scene) {
					s.movable()
					why.play(s)
					s.steps(mv.steps...)
					s.must(s.m.Sync())
					s.backAgain()
					s.must(s.m.Sync())
					s.has(mv.has)
					for path := range mv.has {
						for k := range s.n {
							want := why.is && slices.Contains(mv.moved, path)
							if got := s.movedBefore(k, s.id(k, path), path); got != want {
								s.failf("cloud %d has it on record of %q: %v", k, path, got)
							}
						}
					}
					s.everywhere()
				})
			})
		}
	}
}

// TestMovedYoung: what this machine has made just now is nobody else's matter.
func TestMovedYoung(t *testing.T) {
	telling(t, 2, func(s *scene) {
		s.joined()
		s.put("x", "X", true)
		id := s.id(0, "x")
		s.steps(step{op: opRename, path: "x", to: "y"})
		s.must(s.m.Sync())
		if s.movedBefore(0, id, "y") {
			s.failf("it is on record")
		}
	})
}

// TestMovedOpen: what is open, and changed and in no version yet, has its later version before it is on record.
func TestMovedOpen(t *testing.T) {
	telling(t, 2, func(s *scene) {
		s.movable()
		s.joined()
		id := s.id(0, "x")
		h := s.handle("x")
		_, err := h.WriteAt([]byte("more"), 1)
		s.must(err)
		s.steps(step{op: opRename, path: "x", to: "y"})
		_, err = h.WriteAt([]byte("and more"), 5)
		s.must(err)
		s.clock.pass(time.Hour)
		s.must(s.m.Retire())
		for k := range s.n {
			if !s.movedBefore(k, id, "y") {
				s.failf("cloud %d has it not on record", k)
			}
		}
		s.must(h.Close())
		s.must(s.m.Sync())
		s.holds("y", "Xmoreand more")
		s.everywhere()
	})
}

// TestMovedBesideLateCloud: another machine, which may know the old names, sees what was done in one cloud, and the other as it
// was. It shows what was done, and nothing else comes of it.
func TestMovedBesideLateCloud(t *testing.T) {
	for _, mv := range moves {
		for _, knows := range []string{"has seen it", "is new"} {
			for late := range 2 {
				for _, record := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s: it %s, cloud %d late, and has the record %v", mv.name, knows, late, record), func(t *testing.T) {
						telling(t, 2, func(s *scene) {
							s.movable()
							s.joined()
							other := &scene{box: s.machine(9)}
							if knows == "has seen it" {
								other.mount()
								look(other.m)
								other.unmount()
							}
							was := s.disk.Clone()
							s.steps(mv.steps...)
							s.unmount()
							s.late(late, was, record)
							other.mount()
							for range 3 {
								look(other.m)
								s.clock.pass(time.Minute)
								other.has(mv.has)
								other.tend()
								other.remount()
							}
							other.healed()
							other.remount()
							other.has(mv.has)
							other.everywhere()
							other.unmount()
							s.mount()
							s.has(mv.has)
							s.everywhere()
						})
					})
				}
			}
		}
	}
}

// late has a cloud show the old names as it did before; with the record, or without it.
func (s *scene) late(k int, was *cloudtest.Disk, record bool) {
	paths := []string{s.entryAt(k, "d"), s.entryAt(k, "x"), s.entryAt(k, "y"), s.entryAt(k, "z")}
	if !record {
		paths = append(paths, cipher.GoneName)
	}
	for _, path := range paths {
		s.must(s.them(k).Do(cloudtest.Rollback(path, was.Dir(cloudName(k)))))
	}
	s.must(s.disk.Dir(cloudName(k)).Syncfs())
	s.clock.pass(time.Hour)
}

// TestMovedBack: a cloud that was away when names changed is back, on the machine that has changed them or on another one, which
// may know the old names.
func TestMovedBack(t *testing.T) {
	for _, mv := range moves {
		for away := range 2 {
			for _, on := range []string{"the same machine", "one that has seen it", "one that is new"} {
				t.Run(fmt.Sprintf("%s: without cloud %d, which is back on %s", mv.name, away, on), func(t *testing.T) {
					telling(t, 2, func(s *scene) {
						s.movable()
						other := &scene{box: s.machine(9)}
						if on == "one that has seen it" {
							other.mount(away)
							look(other.m)
							other.unmount()
						}
						s.remount(away)
						s.steps(mv.steps...)
						s.clock.pass(time.Hour)
						if on == "the same machine" {
							s.remount()
							other = s
						} else {
							s.unmount()
							other.mount()
						}
						for range 3 {
							look(other.m)
							other.backAgain()
							other.remount()
						}
						other.healed()
						other.remount()
						other.has(mv.has)
						other.everywhere()
					})
				})
			}
		}
	}
}

// TestMovedKilled kills the process at each operation from a change of names to where all of it is done, and cuts the power
// there. Each name is the old one or the new one; behind a kill alone others know which, with a cloud that is late.
func TestMovedKilled(t *testing.T) {
	for _, mv := range moves {
		if len(mv.steps) > 1 {
			continue
		}
		for _, cut := range []bool{false, true} {
			telling(t, 2, func(s *scene) {
				s.movable()
				s.joined()
				was, before := s.disk.Clone(), s.names()
				s.remount()
				var left []*box
				for op := range 60 {
					s.disk.SnapshotAfter(s.disk.Ops()+op+1, op%3, func(d *cloudtest.Disk) { left = append(left, s.on(d)) })
				}
				s.steps(mv.steps...)
				s.must(s.m.Sync())
				if len(left) < 20 {
					s.failf("only %d moments", len(left))
				}
				for at, b := range left {
					o := &scene{box: b}
					o.disk.Kill()
					if cut {
						o.cut(uint64(at))
					}
					o.mount()
					is := o.names()
					if want := fmt.Sprint(mv.has); fmt.Sprint(is) != want && fmt.Sprint(is) != fmt.Sprint(before) {
						o.failf("%s, cut %v, at moment %d: %v", mv.name, cut, at, is)
					}
					if cut { // one cloud may have the later version alone
						o.backAgain()
					}
					o.everywhere()
					o.unmount()
					if cut {
						continue
					}
					o.late(at%2, was, at%4 < 2)
					other := &scene{box: o.machine(9)}
					other.mount()
					other.healed()
					other.remount()
					other.has(is)
					other.unmount()
				}
			})
		}
	}
}

// names are what is there of the names.
func (s *scene) names() map[string]string {
	all, is := look(s.m), map[string]string{}
	for _, path := range movedNames {
		if g, there := all[path]; there {
			is[path] = g.data
		}
	}
	return is
}

// TestEditBesideMove: one machine edits what the other one moves. Both were there, and nothing is lost.
func TestEditBesideMove(t *testing.T) {
	for _, mv := range moves {
		for _, path := range []string{"x", "z", "d/a"} {
			for late := range 2 {
				t.Run(fmt.Sprintf("%s: beside an edit of %s, of which cloud %d knows first", mv.name, path, late), func(t *testing.T) {
					telling(t, 2, func(s *scene) {
						s.movable()
						s.joined()
						other := &scene{box: s.machine(9)}
						other.mount()
						look(other.m)
						other.unmount()
						before := s.names()
						var last *checkup.Report
						var found map[string]bool
						theirs := other.theirs(10, func(o *scene) { o.must(o.patch(path, "edited", 0)) })
						s.steps(mv.steps...)
						s.unmount()
						for _, at := range []string{"d", "x", "y", "z"} {
							s.must(s.them(late).Do(cloudtest.Rollback(s.entryAt(late, at), theirs.Dir(cloudName(late)))))
						}
						s.must(s.disk.Dir(cloudName(late)).Syncfs())
						s.clock.pass(time.Hour)
						for _, machine := range []*scene{other, s, other} {
							machine.mount()
							for range 2 {
								look(machine.m)
								machine.tend()
								machine.remount()
							}
							last = machine.heal()
							machine.remount()
							found = machine.contents()
							machine.unmount()
						}
						if !last.OK {
							s.failf("heal leaves %v", last.Findings)
						}
						for name, content := range before {
							if content == before[path] {
								content = "edited"
							}
							if over := mv.name == "over another" && name == "z" || mv.name == "over one of two links" && name == "d/a"; !over && !found[content] {
								s.failf("%q of %q is lost: %v", content, name, found)
							}
						}
					})
				})
			}
		}
	}
}

// contents are those of all files.
func (s *scene) contents() map[string]bool {
	found := map[string]bool{}
	for _, g := range look(s.m) {
		found[g.data] = found[g.data] || g.err == nil && g.kind == 'f'
	}
	return found
}

// TestRecordedThoughYoung: what somebody else has changed since it was made is removed and renamed on record, however lately
// that was.
func TestRecordedThoughYoung(t *testing.T) {
	telling(t, 2, func(s *scene) {
		s.joined()
		s.put("gone", "gone", true)
		s.put("x", "x", true)
		s.must(s.m.Sync())
		gone, moved := s.id(0, "gone"), s.id(0, "x")
		other := &scene{box: s.machine(8)}
		other.mount()
		other.put("gone", "theirs", true)
		other.put("x", "theirs", true)
		other.unmount()
		s.clock.pass(time.Second)
		s.holds("gone", "theirs")
		s.holds("x", "theirs")
		s.steps(step{op: opUnlink, path: "gone"}, step{op: opRename, path: "x", to: "y"})
		s.must(s.m.Sync())
		s.clock.pass(time.Hour)
		s.must(s.m.Retire())
		for k := range s.n {
			if !s.recorded(k, gone) {
				s.failf("cloud %d has not on record that it was removed", k)
			}
			if !s.movedBefore(k, moved, "y") {
				s.failf("cloud %d has not on record that it was renamed", k)
			}
		}
		s.everywhere()
	})
}
