//go:build !race || long

package mirror_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// A shuffle is what puts something under a temporary name for a moment: while
// programs do it, or when a replay does it after a kill.
type shuffle struct {
	name   string
	before []step
	steps  []step
}

// both makes x and y, whole and synced.
var both = []step{
	{op: opCreate, path: "x", h: 1, mode: 0o644}, {op: opWrite, h: 1, n: 5000, seed: 1}, {op: opClose, h: 1},
	{op: opCreate, path: "y", h: 2, mode: 0o644}, {op: opWrite, h: 2, n: 6000, seed: 2}, {op: opClose, h: 2},
	{op: opSync},
}

var shuffles = []shuffle{
	{"a name of two is replaced", both, []step{{op: opLink, path: "y", to: "z"}, {op: opRename, path: "x", to: "y"}}},
	{"a name of two is replaced, in backing files that the log has made", both, []step{
		{op: opReplace, path: "y", h: 3}, {op: opWrite, h: 3, n: 700, seed: 3}, {op: opRound, n: 1},
		{op: opLink, path: "y", to: "z"}, {op: opRename, path: "x", to: "y"},
	}},
	{"the other name of two is replaced", both, []step{
		{op: opReplace, path: "y", h: 3}, {op: opWrite, h: 3, n: 700, seed: 3}, {op: opClose, h: 3},
		{op: opLink, path: "y", to: "z"}, {op: opRename, path: "x", to: "z"},
	}},
	{"a name of two is removed", both, []step{
		{op: opReplace, path: "y", h: 3}, {op: opWrite, h: 3, n: 700, seed: 3}, {op: opRound, n: 1}, {op: opLink, path: "y", to: "z"}, {op: opUnlink, path: "y"},
	}},
	{"two files are exchanged", both, []step{{op: opExchange, path: "x", to: "y"}}},
	{"two files are exchanged, one of which has two names", both, []step{{op: opLink, path: "y", to: "z"}, {op: opExchange, path: "x", to: "y"}}},
	{"a file and a symlink are exchanged", append(both[:len(both):len(both)], step{op: opSymlink, path: "l", to: "x"}, step{op: opSync}), []step{{op: opExchange, path: "l", to: "y"}}},
	{"two directories are exchanged", append(both[:len(both):len(both)], step{op: opMkdir, path: "d", mode: 0o755}, step{op: opMkdir, path: "e", mode: 0o755}, step{op: opSync}), []step{
		{op: opRename, path: "x", to: "d/x"}, {op: opExchange, path: "d", to: "e"},
	}},
	{"a file is saved", both, []step{{op: opReplace, path: "y", h: 3}, {op: opWrite, h: 3, n: 9000, seed: 3}, {op: opFsync, h: 3}, {op: opClose, h: 3}}},
	{"a file is saved by a rename", both, []step{{op: opRename, path: "x", to: "y"}}},
	{"two files change places by renames", both, []step{{op: opRename, path: "x", to: "z"}, {op: opRename, path: "y", to: "x"}, {op: opRename, path: "z", to: "y"}}},
	{"a directory in the place of a file", both, []step{{op: opUnlink, path: "x"}, {op: opMkdir, path: "x", mode: 0o700}, {op: opRename, path: "y", to: "x/y"}}},
}

// TestNothingStaysParked kills the process at each operation of what puts
// something under a temporary name, and the recovery too; and one cloud may be
// away for the mount after that, when the log goes. In the end nothing lies
// under such a name, and everything is under its own.
func TestNothingStaysParked(t *testing.T) {
	for _, sh := range shuffles {
		for _, on := range []layout{{}, {lacks: []cloudtest.Feature{cloudtest.Exchange, cloudtest.Handles}}} {
			t.Run(fmt.Sprintf("%s/%v", sh.name, on.lacks), func(t *testing.T) {
				tl := tale{n: 2, on: on, steps: append(sh.before[:len(sh.before):len(sh.before)], sh.steps...)}
				ops, err := rehearse(tl.box(t), tl.steps)
				check(t, err)
				var at []int
				for op := ops[len(sh.before)-1]; op <= ops[len(ops)-1]; op++ {
					at = append(at, op)
				}
				for _, c := range moments(t, tl, at) {
					if err := c.parked(); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

// parked recovers from a kill: at once; after recoveries that were killed; and
// with one of the clouds away.
func (c *crash) parked() error {
	c.b.disk.Kill()
	f := c.fork()
	if err := f.nothingParked(); err != nil {
		return err
	}
	for ops := 0; ; ops++ {
		f := c.fork()
		f.what += fmt.Sprintf(", recovery killed after %d operations", ops)
		f.b.disk.CrashAfter(f.b.disk.Ops() + ops)
		m, err := f.b.open()
		if err == nil {
			_ = m.Close()
			return nil
		}
		f.b.disk.Kill()
		for _, absent := range [][]int{nil, {0}, {1}} {
			if err := f.fork().nothingParked(absent...); err != nil {
				return err
			}
		}
	}
}

// nothingParked mounts without some clouds, and then with all.
func (c *crash) nothingParked(absent ...int) error {
	b := c.b
	if len(absent) > 0 {
		c.what += fmt.Sprintf(", without %v", absent)
		m, err := b.open(absent...)
		if err != nil {
			return c.explain(b.explain("mount: %w", err))
		}
		if err := m.Close(); err != nil {
			return c.explain(b.explain("unmount: %w", err))
		}
		b.clock.pass(11 * time.Minute)
	}
	m, err := b.open()
	if err != nil {
		return c.explain(b.explain("mount: %w", err))
	}
	for range 4 {
		b.clock.pass(time.Minute)
		if err := m.Tend(); err != nil {
			return c.explain(b.explain("tend: %w", err))
		}
	}
	got := look(m)
	err = c.afterKill(got)
	if failed := m.Close(); err == nil {
		err = failed
	}
	if err == nil {
		err = b.inOrder(got, demand{same: true, tidy: true, indexed: true})
	}
	if err != nil {
		return c.explain(b.explain("%w", err))
	}
	return nil
}

// TestRotatedBesideAnother has two machines rotate the same files while a power cut takes from the
// cloud what the log of the one has of it: the name that its oldest file is to have is the other's by
// then, and its own is in the way. It goes on beside it.
func TestRotatedBesideAnother(t *testing.T) {
	tried := 0
	for seed := range uint64(12) {
		err := tellScene(t, 1, layout{reuse: true}, func(s *scene) {
			s.put("log.1", "one", true)
			s.put("log", "two", true)
			s.must(s.m.Sync())
			s.steps(step{op: opRename, path: "log.1", to: "log.2"}, step{op: opRename, path: "log", to: "log.1"}, step{op: opSyncDir})
			s.disk.Kill()
			s.disk.PowerCut(rand.New(rand.NewPCG(seed, 1)), cloudName(0))
			s.state.powerCut()
			other := &scene{box: s.machine(9)}
			other.mount()
			if other.exists("log.2")[0] {
				return // the cloud has it
			}
			tried++
			other.put("log.2", "theirs", true)
			other.unmount()
			for range 2 {
				s.mount()
				s.kept("one", "two", "theirs")
				s.holds("log.2", "theirs")
				s.holds("log.1", "two")
				s.unmount()
				s.clock.pass(time.Hour)
			}
			tree, err := s.audit(0)
			s.must(err)
			if slices.ContainsFunc(tree.Strange, func(at string) bool { return strings.HasPrefix(at, ".~") }) {
				s.failf("left over: %q", tree.Strange)
			}
		})
		if err != nil {
			t.Errorf("power cut %d: %v", seed, err)
		}
	}
	if tried == 0 {
		t.Error("the cloud has always kept the renames")
	}
}
