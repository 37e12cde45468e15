//go:build !race || long

package mirror_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// id is that of a file, as a cloud has it.
func (s *scene) id(k int, path string) cipher.ID {
	tree, err := s.audit(k)
	s.must(err)
	n := tree.Nodes[path]
	if n.Header == nil {
		s.failf("cloud %d has no %q", k, path)
	}
	return n.Header.FileID
}

// recorded tells whether a cloud has it on record that a file has ended.
func (s *scene) recorded(k int, id cipher.ID) bool {
	tree, err := s.audit(k)
	s.must(err)
	for _, path := range tree.Strange {
		if !strings.HasPrefix(path, cipher.GoneName+"/.~") { // of a kill; heal sweeps them away
			s.failf("left over in cloud %d: %q", k, path)
		}
	}
	return slices.ContainsFunc(tree.Gone, func(r cipher.Removal) bool { return r.Kind == cipher.FileEnded && r.File == id })
}

// old makes a file that everybody can have seen.
func (s *scene) old(path, content string) (id cipher.ID) {
	s.put(path, content, true)
	s.must(s.m.Sync())
	s.clock.pass(time.Hour)
	return s.id(0, path)
}

// joined has another machine write here, which this one sees.
func (s *scene) joined() {
	other := &scene{box: s.machine(8)}
	other.mount()
	other.put("theirs", "theirs", true)
	other.unmount()
	s.clock.pass(time.Hour)
	s.holds("theirs", "theirs")
}

// looked has another machine look at everything, between two mounts of this one.
func (s *scene) looked() {
	other := &scene{box: s.machine(8)}
	s.unmount()
	other.mount()
	look(other.m)
	other.unmount()
	s.mount()
}

// reasons are when removals are recorded.
var reasons = []struct {
	name string
	is   bool
	play func(s *scene)
}{
	{"one writer, all clouds there", false, func(*scene) {}},
	{"another writer", true, (*scene).joined},
	{"another writer, who has left a batch and nothing else", true, (*scene).looked},
	{"a cloud away", true, func(s *scene) { s.remount(1) }},
}

// TestRecorded: what is removed is put on record where somebody else may need that, and not otherwise.
func TestRecorded(t *testing.T) {
	for _, why := range reasons {
		t.Run(why.name, func(t *testing.T) {
			telling(t, 2, func(s *scene) {
				gone, over, source := s.old("gone", "gone"), s.old("over", "over"), s.old("source", "source")
				special := step{op: opSymlink, path: "link", to: "x"}
				s.steps(special)
				s.must(s.m.Sync())
				s.clock.pass(time.Hour)
				link := s.id(0, "link")
				why.play(s)
				s.put("young", "young", true)
				young := s.id(0, "young")
				s.steps(
					step{op: opUnlink, path: "gone"}, step{op: opRename, path: "source", to: "over"}, step{op: opUnlink, path: "link"}, step{op: opUnlink, path: "young"},
				)
				s.must(s.m.Sync())
				wants := func(k int) {
					for id, is := range map[cipher.ID]bool{gone: why.is, source: why.is, link: why.is, over: false, young: false} {
						if got := s.recorded(k, id); got != is {
							s.failf("cloud %d has %v on record: %v", k, id, got)
						}
					}
				}
				wants(0)
				s.backAgain()
				s.must(s.m.Sync())
				wants(1)
				s.everywhere()
				if !why.is {
					for k := range s.n {
						if _, err := s.disk.Dir(cloudName(k)).Stat(cipher.GoneName); err == nil {
							s.failf("cloud %d has batches", k)
						}
					}
				}
			})
		})
	}
}

// TestBatchesComeOnceAMinute: all removals of a minute make one batch.
func TestBatchesComeOnceAMinute(t *testing.T) {
	telling(t, 2, func(s *scene) {
		for n := range 6 {
			s.old(fmt.Sprint("f", n), "x")
		}
		s.joined()
		s.remount()
		before := s.batches(0)
		for n := range 6 {
			s.steps(step{op: opUnlink, path: fmt.Sprint("f", n)})
			s.must(s.m.Retire())
			s.clock.pass(9 * time.Second)
		}
		if now := s.batches(0); now != before {
			s.failf("%d batches after %d within the minute", now, before)
		}
		s.clock.pass(time.Minute)
		s.must(s.m.Retire())
		if now := s.batches(0); now != before+1 {
			s.failf("%d batches after %d when it was over", now, before)
		}
	})
}

// batches is how many a cloud has.
func (s *scene) batches(k int) int {
	list, err := s.disk.Dir(cloudName(k)).ReadDir(cipher.GoneName)
	s.must(err)
	return len(list)
}

// TestRecordsKilled kills the process at each operation from a removal to where all of it is done, and cuts the power there: the
// removal is on record after the next mount, or did not happen.
func TestRecordsKilled(t *testing.T) {
	for _, what := range []step{{op: opUnlink, path: "f"}, {op: opRename, path: "f", to: "over"}} {
		for _, cut := range []bool{false, true} {
			telling(t, 2, func(s *scene) {
				id := s.old("f", "x")
				s.old("over", "y")
				s.joined()
				s.remount()
				var left []*box
				for op := range 60 {
					s.disk.SnapshotAfter(s.disk.Ops()+op+1, op%3, func(d *cloudtest.Disk) { left = append(left, s.on(d)) })
				}
				s.steps(what)
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
					_, there := look(o.m)["f"]
					o.must(o.m.Sync())
					for k := range o.n {
						if got := o.recorded(k, id); got == there {
							o.failf("%v, cut %v, at moment %d: it is there %v, and on record in cloud %d %v", what, cut, at, there, k, got)
						}
					}
					o.unmount()
				}
			})
		}
	}
}

// TestLateCloud: what one machine has removed another one knows by the record, whatever it knew before: a cloud that shows it
// again is late, and nothing is new.
func TestLateCloud(t *testing.T) {
	for _, knows := range []string{"has seen it", "is new", "has lost its index"} {
		for late := range 2 {
			t.Run(fmt.Sprintf("%s, cloud %d late", knows, late), func(t *testing.T) {
				telling(t, 2, func(s *scene) {
					s.old("f", "x")
					s.steps(step{op: opMkdir, path: "d", mode: 0o755})
					s.old("d/g", "x")
					s.joined()
					other := &scene{box: s.machine(9)}
					if knows != "is new" {
						other.mount()
						look(other.m)
						other.unmount()
					}
					was := s.disk.Clone()
					s.steps(step{op: opUnlink, path: "f"}, step{op: opUnlink, path: "d/g"}, step{op: opRmdir, path: "d"})
					s.unmount()
					if knows == "has lost its index" {
						other.index = newKept(t)
					}
					for _, path := range []string{"f", "d"} {
						s.must(s.them(late).Do(cloudtest.Rollback(s.entryAt(late, path), was.Dir(cloudName(late)))))
					}
					s.must(s.disk.Dir(cloudName(late)).Syncfs())
					s.clock.pass(time.Hour)
					other.mount()
					for range 4 {
						other.missing("f")
						other.missing("d/g")
						other.tend()
						other.remount()
					}
					if s.exists("f")[1-late] || s.exists("d/g")[1-late] {
						s.failf("it was brought to the other cloud")
					}
				})
			})
		}
	}
}

// TestLostIndexBesideACloudAway: the batches tell a machine that has lost its index what it has removed itself.
func TestLostIndexBesideACloudAway(t *testing.T) {
	for away := range 2 {
		telling(t, 2, func(s *scene) {
			s.old("f", "x")
			s.tree()
			s.clock.pass(time.Hour)
			s.remount(away)
			s.steps(step{op: opUnlink, path: "f"})
			s.rmTree("build")
			s.unmount()
			s.index = newKept(t)
			s.mount(away)
			s.remount()
			s.backAgain()
			for _, path := range []string{"f", "build/x", "build/sub/y"} {
				s.missing(path)
				if s.exists(path)[0] || s.exists(path)[1] {
					s.failf("%q is in a cloud", path)
				}
			}
		})
	}
}

// TestNoPlaceForBatches: a cloud in which no batch can be written owes it, and nothing else waits.
func TestNoPlaceForBatches(t *testing.T) {
	for _, all := range []bool{false, true} {
		telling(t, 2, func(s *scene) {
			s.old("f", "x")
			s.joined()
			s.must(s.m.Sync())
			for k := range s.n {
				if k == 1 || all {
					s.must(s.them(k).Do(cloudtest.Delete(cipher.GoneName)))
					s.must(s.them(k).Do(cloudtest.Replace(cipher.GoneName, []byte("a file"))))
				}
			}
			s.steps(step{op: opUnlink, path: "f"})
			s.must(s.m.Sync())
			if n := s.entries(); n > 0 {
				s.failf("%d entries are kept", n)
			}
			if _, owes := s.state.Owes()[s.ids[1]]; !owes {
				s.failf("nothing is owed")
			}
			if all {
				return
			}
			s.must(s.them(1).Do(cloudtest.Delete(cipher.GoneName)))
			s.backAgain()
			s.nobodyOwes()
			if got, want := s.batches(1), s.batches(0); got != want {
				s.failf("%d batches of %d", got, want)
			}
		})
	}
}

// TestLinkThatCameBack: a cloud that shows one of two names of a file again, which this machine has removed, makes nobody put on
// record that the file has ended: it goes on under the other.
func TestLinkThatCameBack(t *testing.T) {
	for late := range 2 {
		for _, alone := range []bool{false, true} {
			t.Run(fmt.Sprintf("cloud %d late, another writer %v", late, !alone), func(t *testing.T) {
				telling(t, 2, func(s *scene) {
					id := s.old("y", "content")
					s.steps(step{op: opLink, path: "y", to: "x"})
					s.must(s.m.Sync())
					if !alone {
						s.joined()
					}
					was := s.disk.Clone()
					s.steps(step{op: opUnlink, path: "x"})
					s.must(s.m.Sync())
					s.must(s.them(late).Do(cloudtest.Rollback(s.entryAt(late, "x"), was.Dir(cloudName(late)))))
					s.must(s.disk.Dir(cloudName(late)).Syncfs())
					for range 3 {
						s.clock.pass(time.Hour)
						look(s.m)
						s.must(s.m.Sync())
						s.holds("y", "content")
						for k := range s.n {
							if s.recorded(k, id) {
								s.failf("cloud %d has it on record that the file has ended", k)
							}
						}
						s.tend()
						s.remount()
					}
				})
			})
		}
	}
}
