package mirror_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// finding is something that once went wrong, with the smallest input that shows
// it. What is asked for is what is right.
type finding struct {
	name   string
	clouds int
	play   func(s *scene)
}

func runFindings(t *testing.T, list []finding) {
	for _, f := range list {
		losing(t, f.name, func(t *testing.T, _ string) error {
			return tellScene(t, f.clouds, layout{reuse: true}, f.play)
		})
	}
}

// TestFindingsOfCrashes: data that was lost, mixed or resurrected by crashes
// and by what fails.
func TestFindingsOfCrashes(t *testing.T) { runFindings(t, crashFindings) }

var crashFindings = []finding{
	{"A1 a directory gets the number of one that is gone", 2, numberGivenAgain},
	{"A2 mounted read-only after a power cut", 2, readOnlyAfterCut},
	{"A7 unlink fails", 1, func(s *scene) { refusedIsNotDone(s, "remove", step{op: opUnlink, path: "f"}) }},
	{"A7 rename over fails", 1, func(s *scene) { refusedIsNotDone(s, "rename", step{op: opRename, path: "f", to: "g"}) }},
	{"A7 mkdir fails", 1, func(s *scene) { refusedIsNotDone(s, "mkdir", step{op: opMkdir, path: "d", mode: 0o755}) }},
	{"A8 lead away after a power cut", 2, leadAwayAfterCut},
	{"A9 written to after the close", 2, writtenAfterClose},
	{"A10 newer file at the place of an old unlink", 2, newerAtUnlink},
	{"A10 newer file at the place of an old rename", 2, newerAtRename},
	{"A11 read error in a recovery", 1, readErrorInRecovery},
	{"A12 clouds on different disks", 2, differentDisks},
	{"A13 fewer clouds than min_copies", 2, tooFewCopies},
	{"A14 a debt that cannot be written down", 2, unrecordedDebt},
	{"A15 read during a commit", 1, readDuringCommit},
	{"A18 both clouds on one full disk", 2, bothFull},
	{"A19 no more descriptors", 2, func(s *scene) { ownLimit(s, syscall.EMFILE) }},
	{"A19 no more descriptors in the system", 2, func(s *scene) { ownLimit(s, syscall.ENFILE) }},
	{"A19 no memory", 2, func(s *scene) { ownLimit(s, syscall.ENOMEM) }},
	{"A19 a cloud without links", 2, withoutLinks},
	{"left over sidecars after a kill", 2, leftOverSidecars},
}

func numberGivenAgain(s *scene) {
	s.steps(step{op: opMkdir, path: "build", mode: 0o755})
	s.put("build/x", "x", true)
	s.remount()
	s.steps(
		step{op: opRename, path: "build", to: "old"},
		step{op: opUnlink, path: "old/x"},
		step{op: opRmdir, path: "old"},
		step{op: opMkdir, path: "build", mode: 0o755},
	)
	s.put("build/a", chunks("a"), false)
	s.put("build/b", chunks("b"), false)
	s.crash()
	s.missing("old")
	s.holds("build/a", chunks("a"))
	s.holds("build/b", chunks("b"))
	s.honest(0, 1)
}

func readOnlyAfterCut(s *scene) {
	s.put("synced", chunks("abc"), true)
	s.remount()
	s.must(s.patch("synced", chunks("B"), 4096))
	s.put("new", chunks("def"), false)
	for seed := range uint64(20) {
		c := &scene{box: s.clone()}
		c.cut(seed)
		c.config = func(cfg *mirror.Config) { cfg.ReadOnly = true }
		c.mount()
		c.unmount()
		c.config = nil
		c.mount()
		c.holds("synced", chunks("aBc"))
		if g := look(c.m)["new"]; g.err == nil && g.kind == 'f' && g.data != chunks("def") {
			c.failf("power cut %d: what was never synced is %v", seed, g)
		}
		c.unmount()
		for k := range c.n {
			c.alone(k, "synced", chunks("aBc"))
		}
	}
}

// refusedIsNotDone lets an operation fail in the only cloud.
func refusedIsNotDone(s *scene, op string, st step) {
	s.put("f", "f", true)
	s.put("g", "g", true)
	s.steps(step{op: opMkdir, path: "e", mode: 0o755})
	s.remount()
	before := look(s.m)
	s.inject(0, cloudtest.Rule{Op: op, Err: syscall.EIO})
	if err := s.do(st); !errors.Is(err, syscall.EIO) {
		s.failf("%v: %v", st, err)
	}
	s.mend()
	s.crash()
	after := look(s.m)
	for path, was := range before {
		if g, there := after[path]; !there || g.data != was.data || g.err != nil {
			s.failf("%q was %v, and is %v (%v)", path, was, g, there)
		}
	}
	for path, g := range after {
		if _, was := before[path]; !was {
			s.failf("%q is there: %v", path, g)
		}
	}
	s.honest(0)
}

// leadAwayAfterCut syncs what is too large for the log in the lead alone.
func leadAwayAfterCut(s *scene) {
	old, content := chunks("old"), strings.Repeat(chunks("abcdefgh"), 40)
	s.put("f", old, true)
	s.remount()
	s.put("f", content, true)
	for seed := range uint64(10) {
		c := &scene{box: s.clone()}
		c.cut(seed)
		c.mount(0)
		if got, err := tryRead(c.m, "f"); err == nil && string(got) != content && string(got) != old {
			c.failf("while the lead is away: %s", brief(string(got)))
		}
		c.unmount()
		c.mount()
		c.tend()
		c.holds("f", content)
		c.unmount()
		c.alone(0, "f", content)
	}
}

func writtenAfterClose(s *scene) {
	s.put("f", chunks("ab"), true)
	h := s.handle("f")
	_, err := h.WriteAt([]byte("before"), 0)
	s.must(err)
	s.must(h.Sync())
	s.unmount()
	_, err = h.WriteAt([]byte("after!"), 0)
	if err = errors.Join(err, h.Sync()); err == nil {
		s.failf("a write after the close succeeds")
	}
	_ = h.Close()
	s.nobodyOwes()
	s.mount()
	s.holds("f", "before"+chunks("ab")[6:])
	s.honest(0, 1)
}

// crashIn lets the log take an operation, and kills the process before any
// cloud does.
func (s *scene) crashIn(st step) {
	s.rigged[0].Inject(cloudtest.Rule{Op: "change", Act: crashNow{s.disk}})
	s.state.crashed = s.disk.Crashed
	if err := s.do(st); err == nil {
		s.failf("%v did not crash", st)
	}
	s.state.crashed = nil
	s.disk.Kill()
}

// crashNow crashes a disk.
type crashNow struct{ disk *cloudtest.Disk }

func (c crashNow) Act()           { c.disk.CrashAfter(c.disk.Ops()) }
func (c crashNow) String() string { return "crash" }

// elsewhere lets another machine go on with the same clouds, of which some are
// absent there.
func (s *scene) elsewhere(edit func(other *scene), absent ...int) {
	other := &scene{box: s.machine(8)}
	other.mount(absent...)
	edit(other)
	other.unmount()
}

func newerAtUnlink(s *scene) {
	s.put("x", "old", true)
	s.remount()
	s.crashIn(step{op: opUnlink, path: "x"})
	s.elsewhere(func(other *scene) { other.put("x", "newer", true) })
	s.mount()
	s.kept("newer")
	s.honest(0, 1)
}

func newerAtRename(s *scene) {
	s.put("x", "x", true)
	s.remount()
	s.crashIn(step{op: opRename, path: "x", to: "y"})
	s.elsewhere(func(other *scene) { other.put("y", "newer", true) })
	s.mount()
	s.kept("x", "newer")
	s.honest(0, 1)
}

func readErrorInRecovery(s *scene) {
	old := chunks("abc")
	s.put("f", old, true)
	s.remount()
	h := s.handle("f")
	versions := []string{old}
	for i, part := range []string{"first", "second", "third"} {
		_, err := h.WriteAt([]byte(part), int64(i*4096+100))
		s.must(err)
		versions = append(versions, patched(versions[i], part, i*4096+100))
	}
	s.disk.Kill()
	for n := 1; n <= 20; n++ {
		c := &scene{box: s.clone()}
		c.inject(0, cloudtest.Rule{Op: "readat", From: n, To: n, Err: syscall.EIO})
		if m, err := c.open(); err == nil {
			_ = m.Close()
		}
		c.mend()
		c.disk.Kill()
		c.mount()
		got, err := tryRead(c.m, "f")
		if err != nil || !slices.Contains(versions, string(got)) {
			s.failf("read %d failed: %s (%v)", n, brief(string(got)), err)
		}
		c.unmount()
	}
}

func differentDisks(s *scene) {
	s.steps(
		step{op: opMkdir, path: "d", mode: 0o755},
		step{op: opMkdir, path: "e", mode: 0o755},
		step{op: opRename, path: "d", to: "e/d"},
		step{op: opSymlink, path: "l", to: "x"},
		step{op: opUnlink, path: "l"},
	)
	for seed := range uint64(30) {
		c := &scene{box: s.clone()}
		c.cut(seed)
		c.mount()
		c.must(c.m.Sync())
		if err := c.inOrder(look(c.m), everywhere); err != nil {
			s.failf("power cut %d: %w", seed, err)
		}
		c.unmount()
	}
}

func tooFewCopies(s *scene) {
	s.put("f", "f", true)
	s.unmount()
	s.config = func(cfg *mirror.Config) { cfg.MinCopies = 2 }
	for _, away := range []bool{true, false} {
		if away {
			s.mount(1)
		} else {
			s.mount()
			s.inject(1, cloudtest.Rule{Op: "change", Err: syscall.EIO})
			_ = s.do(step{op: opMkdir, path: "notices", mode: 0o755}) // the cloud's failure is known from here on
		}
		for _, st := range []step{{op: opUnlink, path: "f"}, {op: opMkdir, path: "d", mode: 0o755}} {
			if err := s.do(st); err == nil {
				s.failf("%v succeeds in one cloud, cloud 1 away: %v", st, away)
			}
		}
		s.holds("f", "f")
		s.missing("d")
		s.mend()
		_ = s.m.Close()
	}
	s.mount()
	s.tend()
	s.steps(step{op: opUnlink, path: "f"}, step{op: opMkdir, path: "d", mode: 0o755})
	s.honest(0, 1)
}

func unrecordedDebt(s *scene) {
	s.put("f", "old", true)
	s.state.rules.Inject(cloudtest.Rule{Err: syscall.ENOSPC, Op: "markowes"})
	s.inject(1, cloudtest.Rule{Op: "change", Err: syscall.EIO})
	wrote := tryWrite(s.m, "f", []byte("newer"), true)
	made := s.do(step{op: opMkdir, path: "d", mode: 0o755})
	s.mend()
	s.remount()
	if got := string(read(s.t, s.m, "f")); wrote == nil && got != "newer" {
		s.failf("f holds %q", got)
	}
	if _, there := look(s.m)["d"]; made == nil && !there {
		s.failf("d is missing")
	}
	s.must(s.m.Sync())
	s.must(s.inOrder(look(s.m), everywhere))
}

// readDuringCommit appends whole chunks, of which a commit writes the header
// alone, and reads the file for the first time while that is under way.
func readDuringCommit(s *scene) {
	old := chunks("abc")
	for n := 1; n <= 6; n++ {
		name := fmt.Sprint("f", n)
		s.put(name, old, true)
		s.remount()
		h := s.handle(name)
		_, err := h.WriteAt([]byte("appended"), int64(len(old)))
		s.must(err)
		stall := cloudtest.NewStall()
		s.rigged[0].Inject(cloudtest.Rule{Op: "change", From: n, To: n, Stall: stall})
		committed := make(chan error, 1)
		go func() { committed <- s.m.Commit() }()
		select {
		case <-stall.Waiting():
		case err := <-committed:
			committed <- err
		}
		s.readMeanwhile(name, old+"appended", stall)
		s.must(<-committed)
		s.holds(name, old+"appended")
		s.must(h.Close())
	}
	s.honest(0)
}

// readMeanwhile reads a file while something stalls. A reader that waits for
// it is right, too, so the stall ends when the reader is done or has had its
// chance.
func (s *scene) readMeanwhile(path, want string, stall *cloudtest.Stall) {
	type answer struct {
		content []byte
		err     error
	}
	got := make(chan answer, 1)
	go func() {
		content, err := tryRead(s.m, path)
		got <- answer{content, err}
	}()
	select {
	case a := <-got:
		got <- a
	case <-time.After(300 * time.Millisecond):
	}
	stall.Release()
	a := <-got
	if a.err != nil || string(a.content) != want {
		s.failf("%q during a commit: %s, want %s (%v)", path, brief(string(a.content)), brief(want), a.err)
	}
}

func bothFull(s *scene) {
	s.put("f", chunks("ab"), true)
	s.remount()
	s.must(s.patch("f", "patch", 10)) // in the log, and to be committed
	for k := range s.n {
		s.inject(k, cloudtest.Rule{Op: "writeat", Err: syscall.ENOSPC}, cloudtest.Rule{Op: "create", Err: syscall.ENOSPC})
	}
	if err := tryWrite(s.m, "g", []byte(chunks("abc")), true); !errors.Is(err, syscall.ENOSPC) {
		s.failf("write to full clouds: %v", err)
	}
	if err := s.m.Commit(); !errors.Is(err, syscall.ENOSPC) {
		s.failf("commit to full clouds: %v", err)
	}
	s.nobodyOwes()
	s.mend()
	s.put("g", chunks("abc"), true)
	s.holds("f", patched(chunks("ab"), "patch", 10))
	s.honest(0, 1)
}

func ownLimit(s *scene, errno syscall.Errno) {
	s.put("f", chunks("ab"), true)
	for _, op := range []string{"open", "create", "mkdir", "writeat", "sync"} {
		s.inject(1, cloudtest.Rule{Op: op, To: 1, Err: errno})
		_ = s.patch("f", "patch", 10)
		_ = tryWrite(s.m, "g", []byte("g"), true)
		_ = s.do(step{op: opMkdir, path: "d", mode: 0o755})
		_ = s.m.Commit()
		s.mend()
		s.nobodyOwes()
	}
	s.must(s.patch("f", "patch", 10))
	s.holds("f", patched(chunks("ab"), "patch", 10))
	s.honest(0, 1)
}

func withoutLinks(s *scene) {
	s.put("f", "f", true)
	s.inject(1, cloudtest.Without(cloudtest.Links)...)
	s.remount()
	if err := s.do(step{op: opLink, path: "f", to: "g"}); !errors.Is(err, fs.ErrPermission) {
		s.failf("link: %v", err)
	}
	s.nobodyOwes()
	s.missing("g")
	s.honest(0, 1)
}

// leftOverSidecars kills between what is done for a name and for its sidecar.
func leftOverSidecars(s *scene) {
	tl := tale{n: 2, steps: []step{
		{op: opCreate, path: "L", h: 1, mode: 0o644}, {op: opClose, h: 1}, {op: opSync},
		{op: opRename, path: "L", to: "N"}, {op: opSymlink, path: "L", to: "x"}, {op: opRename, path: "L", to: "N"}, {op: opUnlink, path: "N"},
	}}
	ops, err := rehearse(tl.box(s.t), tl.steps)
	s.must(err)
	var at []int
	for op := range ops[len(ops)-1] {
		at = append(at, op)
	}
	for _, c := range moments(s.t, tl, at) {
		c.b.disk.Kill()
		s.must(c.explain(c.b.verify(demand{same: true, tidy: true}, c.afterKill)))
	}
}

// TestFindingsOfPowerCuts: names that came back, or were lost, when everything
// had been synced before.
func TestFindingsOfPowerCuts(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(powerCutFindings)) {
		losing(t, name, func(t *testing.T, _ string) error { return cutAfterSync(t, powerCutFindings[name]) })
	}
}

var powerCutFindings = map[string][]step{
	"A6 unlink and link":               {{op: opUnlink, path: "x"}, {op: opLink, path: "y", to: "x"}},
	"A6 unlink, create and exchange":   {{op: opUnlink, path: "x"}, {op: opCreate, path: "x", h: 3, mode: 0o644}, {op: opClose, h: 3}, {op: opExchange, path: "x", to: "y"}},
	"A6 unlink and link, synced":       {{op: opUnlink, path: "x"}, {op: opLink, path: "y", to: "x"}, {op: opSyncDir}},
	"A6 unlink and create, synced":     {{op: opUnlink, path: "x"}, {op: opCreate, path: "x", h: 3, mode: 0o644}, {op: opWrite, h: 3, n: 5000, seed: 3}, {op: opFsync, h: 3}, {op: opExchange, path: "x", to: "y"}, {op: opSyncDir}},
	"A6 rename away and back, synced":  {{op: opRename, path: "x", to: "z"}, {op: opRename, path: "y", to: "x"}, {op: opRename, path: "z", to: "y"}, {op: opSyncDir}},
	"A6 unlink and rename, not synced": {{op: opUnlink, path: "x"}, {op: opRename, path: "y", to: "x"}},
}

// cutAfterSync makes x and y, syncs them, does the steps and cuts the power at
// any operation since. What is left is whole a state that was.
func cutAfterSync(t *testing.T, steps []step) error {
	tl := tale{n: 2, steps: append([]step{
		{op: opCreate, path: "x", h: 1, mode: 0o644}, {op: opWrite, h: 1, n: 5000, seed: 1}, {op: opFsync, h: 1}, {op: opClose, h: 1},
		{op: opCreate, path: "y", h: 2, mode: 0o644}, {op: opWrite, h: 2, n: 6000, seed: 2}, {op: opFsync, h: 2}, {op: opClose, h: 2},
		{op: opSync},
	}, steps...)}
	ops, err := rehearse(tl.box(t), tl.steps)
	if err != nil {
		return err
	}
	var at []int
	for op := ops[8]; op <= ops[len(ops)-1]; op++ {
		at = append(at, op)
	}
	for _, c := range moments(t, tl, at) {
		for seed := range uint64(10) {
			f := c.fork()
			f.cut(seed)
			if err := f.b.verify(byItself, f.afterCutWhole); err != nil {
				return fmt.Errorf("%s, power cut %d: %w", c.what, seed, err)
			}
		}
	}
	return nil
}

// afterCutWhole is afterCut, and all names are those of one step.
func (c *crash) afterCutWhole(got map[string]seen) error {
	if err := c.afterCut(got); err != nil {
		return err
	}
	h, last := c.h, min(c.done+1, len(c.h.steps))
	since := max(0, lastUpTo(h.logged, c.done))
	for _, then := range h.paths[since : last+1] {
		fits := len(then) == len(got)
		for path, id := range then {
			g, there := got[path]
			fits = fits && there && h.things[id].afterCut(g, c.done, last) == nil
		}
		if fits {
			return nil
		}
	}
	return fmt.Errorf("%v is the state of no step from %d to %d", got, since, last)
}
