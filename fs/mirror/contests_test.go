//go:build !race || long

package mirror_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// contested is what every cloud has in the place of d/f, which is open and changed here.
var contested = []struct {
	name   string
	theirs bool // another version of it
	holds  bool // what may be arriving, and keeps the name
	moves  func(s *scene, k int, theirs *cloudtest.Disk) cloudtest.Move
}{
	{"replaced", true, false, func(s *scene, k int, theirs *cloudtest.Disk) cloudtest.Move {
		return cloudtest.Rollback(s.entryAt(k, "d/f"), theirs.Dir(cloudName(k)))
	}},
	{"rewritten", true, false, func(s *scene, k int, theirs *cloudtest.Disk) cloudtest.Move {
		return cloudtest.Rewrite(s.entryAt(k, "d/f"), s.backing(theirs, k, "d/f"))
	}},
	{"deleted", false, false, func(s *scene, k int, _ *cloudtest.Disk) cloudtest.Move { return cloudtest.Delete(s.entryAt(k, "d/f")) }},
	{"deleted with its directory", false, false, func(s *scene, k int, _ *cloudtest.Disk) cloudtest.Move {
		return cloudtest.Delete(s.entryAt(k, "d"))
	}},
	{"renamed", false, false, func(s *scene, k int, _ *cloudtest.Disk) cloudtest.Move {
		return cloudtest.Rename(s.entryAt(k, "d/f"), s.entryAt(k, "d/g"))
	}},
	{"replaced by garbage", false, true, func(s *scene, k int, _ *cloudtest.Disk) cloudtest.Move {
		return cloudtest.Replace(s.entryAt(k, "d/f"), random(3000))
	}},
}

// contenders are the changes, of a file that holds base, with what it holds then.
var contenders = []struct {
	name   string
	change func(h *mirror.Handle, base string) (now string, err error)
}{
	{"a part", func(h *mirror.Handle, base string) (string, error) {
		_, err := h.WriteAt([]byte("ours"), 5000)
		return patched(base, "ours", 5000), err
	}},
	{"appended", func(h *mirror.Handle, base string) (string, error) {
		_, err := h.WriteAt([]byte(chunks("xyz")), int64(len(base)))
		return base + chunks("xyz"), err
	}},
	{"truncated and rewritten", func(h *mirror.Handle, _ string) (string, error) {
		err := h.Truncate(0)
		if err == nil {
			_, err = h.WriteAt([]byte(chunks("new")), 0)
		}
		return chunks("new"), err
	}},
	{"cut", func(h *mirror.Handle, base string) (string, error) { return base[:5000], h.Truncate(5000) }},
}

// TestContests lets somebody else change a file in every cloud while it is open and changed here, in each way there is, and
// wants both contents, the later one under the name, with the same in every cloud.
func TestContests(t *testing.T) {
	for _, way := range contested {
		for _, change := range contenders {
			for n := 1; n <= 2; n++ {
				for _, later := range []bool{false, true} {
					if later && !way.theirs || way.name == "rewritten" && change.name == "appended" {
						continue // what was written directly is in their file then, and nowhere else
					}
					t.Run(fmt.Sprintf("%s, %s, theirs later %v, %d clouds", way.name, change.name, later, n), func(t *testing.T) {
						c := &contest{later: later, change: change.change, moves: way.moves, theirs: way.theirs, holds: way.holds}
						if err := tellScene(t, n, layout{reuse: true}, c.play); err != nil {
							t.Error(err)
						}
					})
				}
			}
		}
	}
}

// A contest is one of these, as it is played.
type contest struct {
	later  bool // theirs is
	change func(*mirror.Handle, string) (string, error)
	moves  func(*scene, int, *cloudtest.Disk) cloudtest.Move
	theirs bool
	holds  bool
}

func (c *contest) play(s *scene) {
	base := chunks("abcd")
	s.steps(step{op: opMkdir, path: "d", mode: 0o755})
	s.put("d/f", base, true)
	s.remount()
	theirs := s.theirs(8, func(o *scene) {
		o.put("d/f", "theirs", true)
		mtime := int64(1_500_000_000)
		if c.later {
			mtime = 4_000_000_000
		}
		o.steps(step{op: opUtimens, path: "d/f", n: mtime})
	})
	h := s.handle("d/f")
	ours, err := c.change(h, base)
	s.must(err)
	for k := range s.n {
		s.must(s.them(k).Do(c.moves(s, k, theirs)))
	}
	if err := h.Sync(); err != nil && !errors.Is(err, fs.ErrNotExist) { // as it is where not even the directory is left
		s.must(err)
	}
	s.must(s.m.Commit())
	_, err = h.WriteAt([]byte("more"), 0)
	switch named := !c.later && !c.holds; {
	case named:
		s.must(errors.Join(err, h.Sync()))
		ours = patched(ours, "more", 0)
	case err == nil:
		s.failf("what has no name any more is written to")
	}
	s.must(h.Close())
	for range 2 {
		s.remount()
		c.settled(s, ours)
	}
}

// settled wants both contents to be there, each under its name.
func (c *contest) settled(s *scene, ours string) {
	all := look(s.m)
	under := map[bool]string{true: "d/f (conflict ", false: "d/f"}
	want := map[string]string{ours: under[c.later || c.holds]}
	if c.theirs {
		want["theirs"] = under[!c.later]
	}
	for content, name := range want {
		found := false
		for path, g := range all {
			found = found || g.kind == 'f' && g.err == nil && g.data == content && (path == name || len(name) > 3 && strings.HasPrefix(path, name))
		}
		if !found {
			s.failf("%s is not at %q in %v", brief(content), name, all)
		}
	}
	if g, there := all["d/f"]; !there || (g.err != nil) != c.holds {
		s.failf("d/f is %v", g)
	}
}

// TestKilledContests kills the process at each operation of the commit that finds another version in every cloud. Theirs is
// there afterwards, and ours, which is whole in the clouds or in the log.
func TestKilledContests(t *testing.T) {
	killed := 0
	for _, later := range []bool{false, true} {
		err := tellScene(t, 2, layout{reuse: true}, func(s *scene) {
			s.put("f", chunks("abcd"), true)
			s.remount()
			theirs := s.theirs(8, func(o *scene) {
				o.put("f", "theirs", true)
				o.steps(step{op: opUtimens, path: "f", n: map[bool]int64{true: 4_000_000_000, false: 1_500_000_000}[later]})
			})
			h := s.handle("f")
			s.must(h.Truncate(0))
			_, err := h.WriteAt([]byte(chunks("new")), 0)
			s.must(err)
			s.deliver(theirs, "f")
			s.must(h.Sync())
			var left []*box
			for op := range 120 {
				s.disk.SnapshotAfter(s.disk.Ops()+op, op%3, func(d *cloudtest.Disk) { left = append(left, s.on(d)) })
			}
			s.must(errors.Join(s.m.Commit(), h.Close()))
			for i, b := range left {
				b.disk.Kill()
				c := &scene{box: b}
				for range 2 {
					c.mount()
					func() {
						defer func() {
							if r := recover(); r != nil {
								s.failf("killed at %d of %d: %v\n%s", i, len(left), r, b.said)
							}
						}()
						c.kept("theirs", chunks("new"))
					}()
					c.unmount()
				}
				killed++
			}
		})
		if err != nil {
			t.Errorf("theirs later %v: %v", later, err)
		}
	}
	if killed < 40 {
		t.Errorf("killed %d times only", killed)
	}
}
