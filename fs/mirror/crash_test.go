package mirror_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// plot has every kind of operation next to every kind of sync.
func plot() []step {
	var list []step
	handle := 0
	file := func(op, path string, sync bool, do ...step) {
		handle++
		list = append(list, step{op: op, path: path, h: handle, mode: 0o644})
		for _, s := range do {
			s.h = handle
			list = append(list, s)
		}
		if sync {
			list = append(list, step{op: opFsync, h: handle})
		}
		list = append(list, step{op: opClose, h: handle})
	}
	write := func(off, n int64) step { return step{op: opWrite, off: off, n: n, seed: 100 + len(list)} }
	list = append(list, step{op: opMkdir, path: "d", mode: 0o755})
	file(opCreate, "d/new", false, write(0, 5000))
	file(opCreate, "d/fsynced", true, write(0, 9000))
	file(opOpen, "d/fsynced", true, write(1000, 3000))
	file(opOpen, "d/fsynced", false, write(8950, 100))
	list = append(list, step{op: opSync})
	file(opOpen, "d/new", false, write(4096, 4096))
	file(opOpen, "d/new", true, step{op: opTruncate, n: 6000})
	file(opReplace, "d/fsynced", false, write(0, 7000))
	file(opCreate, "tmp", false, write(0, 4500))
	list = append(list, step{op: opRename, path: "tmp", to: "d/fsynced"},
		step{op: opSymlink, path: "link", to: "d/fsynced"},
		step{op: opLink, path: "d/new", to: "hard"})
	file(opOpen, "hard", true, write(10, 50))
	list = append(list, step{op: opUnlink, path: "d/new"},
		step{op: opMkdir, path: "e", mode: 0o755},
		step{op: opRename, path: "d", to: "e/d"})
	file(opCreate, "e/d/late", true, write(0, 20000))
	file(opOpen, "e/d/late", false, step{op: opTruncate})
	file(opOpen, "e/d/late", true, write(0, 300))
	file(opOpen, "e/d/late", false, step{op: opTruncate, n: 50000})
	list = append(list, step{op: opSync},
		step{op: opRename, path: "e/d/late", to: "late"},
		step{op: opUnlink, path: "link"})
	file(opOpen, "late", true, write(8192, 8192))
	list = append(list, step{op: opUnlink, path: "hard"},
		step{op: opRename, path: "late", to: "e/late"},
		step{op: opMkdir, path: "gone", mode: 0o755},
		step{op: opRmdir, path: "gone"})
	file(opOpen, "e/late", false, write(49999, 1))
	return list
}

// TestKill crashes the process at operations on clouds and log. What had
// reached the mirror is there after the next mount, in every cloud.
func TestKill(t *testing.T) {
	crashEverywhere(t, func(c *crash) error { return c.kill() })
}

// TestPowerCut is TestKill for the machine: what was synced, or a later
// version of it, is there; of the rest nothing is a mixture.
func TestPowerCut(t *testing.T) {
	crashEverywhere(t, func(c *crash) error { return c.powerCut() })
}

func crashEverywhere(t *testing.T, then func(*crash) error) {
	steps := plot()
	for _, n := range []int{1, 2} {
		ops, err := rehearse(newBox(t, n), steps)
		if err != nil {
			t.Fatalf("%d clouds: %v\n%s", n, err, script(steps))
		}
		for at := 1; at <= ops[len(ops)-1]; at += everyNth {
			if err := then(newCrash(t, n, steps, at)); err != nil {
				t.Fatalf("%v\n%s", err, script(steps))
			}
		}
	}
}

// TestRandomStories crashes stories of random steps at random operations, and
// their recoveries, too.
func TestRandomStories(t *testing.T) {
	first, stop := storySeeds()
	for seed := first; seed < stop; seed++ {
		n := 1 + int(seed%3)
		steps := invent(seed, 10+int(seed%5)*10)
		if steps, err := tryStory(t, n, seed, steps); err != nil {
			steps, err = shrink(t, n, steps, err)
			t.Errorf("seed %d, %d clouds: %v\n%s", seed, n, err, script(steps))
		}
	}
}

// tryStory rehearses a story, and crashes it at a few operations. Of a story
// that fails it returns what led there.
func tryStory(t *testing.T, n int, seed uint64, steps []step) ([]step, error) {
	ops, err := rehearse(newBox(t, n), steps)
	if err != nil {
		return steps, err
	}
	rng := rand.New(rand.NewPCG(seed, 3))
	for range crashesPerStory {
		at := 1 + rng.IntN(ops[len(ops)-1])
		if done, err := crashAt(t, n, steps, at); err != nil {
			return steps[:min(done+1, len(steps))], err
		}
	}
	return nil, nil
}

func crashAt(t *testing.T, n int, steps []step, at int) (done int, err error) {
	for _, then := range []func(*crash) error{(*crash).kill, (*crash).powerCut} {
		c := newCrash(t, n, steps, at)
		if err := then(c); err != nil {
			return c.done, err
		}
	}
	return 0, nil
}

// shrink leaves out of a story what is not needed to make it fail as it did: in
// the rehearsal, or by a crash in its last step.
func shrink(t *testing.T, n int, steps []step, why error) ([]step, error) {
	for i := len(steps) - 2; i >= 0; i-- {
		fewer := slices.Delete(slices.Clone(steps), i, i+1)
		if err := failsAgain(t, n, fewer, why); err != nil {
			steps, why = fewer, err
			i = min(i, len(steps)-1)
		}
	}
	return steps, why
}

func failsAgain(t *testing.T, n int, steps []step, why error) error {
	ops, err := rehearse(newBox(t, n), steps)
	if err != nil {
		if kindOf(err) == kindOf(why) {
			return err
		}
		return nil
	}
	last := 0
	if len(ops) > 1 {
		last = ops[len(ops)-2]
	}
	for at := last; at <= ops[len(ops)-1]; at++ {
		if _, err := crashAt(t, n, steps, at); err != nil && kindOf(err) == kindOf(why) {
			return err
		}
	}
	return nil
}

// kindOf tells failures apart.
func kindOf(err error) string {
	kind := ""
	for _, word := range []string{"killed", "power cut", "alone", "behind", "missing", "is there", "unreadable", "damaged", "arriving", "links", "mtime", "want"} {
		if line, _, _ := strings.Cut(err.Error(), "\n"); strings.Contains(line, word) {
			kind += word + " "
		}
	}
	return kind
}

// crash is a story that ended at operation at, in the step after done.
type crash struct {
	b    *box
	what string
	h    *history
	at   int
	done int
	rng  *rand.Rand
}

func newCrash(t *testing.T, n int, steps []step, at int) *crash {
	b := newBox(t, n)
	c := &crash{b: b, h: tell(steps), at: at, rng: rand.New(rand.NewPCG(uint64(at), uint64(n)))}
	p, err := newPlayer(b)
	check(t, err)
	b.disk.TearAfter(b.disk.Ops()+at, c.rng.IntN(3))
	b.state.crashed = b.disk.Crashed
	if c.done, err = p.play(steps); err != nil {
		t.Fatalf("%v\n%s", err, script(steps))
	}
	c.what = fmt.Sprintf("%d clouds, operation %d, in step %d", n, at, c.done+1)
	return c
}

func (c *crash) kill() error {
	c.what += ", killed"
	c.b.disk.Kill()
	if err := c.crashAgain(c.b, true); err != nil {
		return c.explain(err)
	}
	return c.explain(c.b.verify(true, func(w map[string]seen) error { return c.h.afterKill(w, c.done) }))
}

func (c *crash) powerCut() error {
	what := c.what
	for seed := range cutsPerCrash {
		c.what = fmt.Sprintf("%s, power cut %d", what, seed)
		b := c.b.clone()
		b.disk.PowerCut(rand.New(rand.NewPCG(seed, uint64(c.at))))
		b.state.boot = false
		if err := c.crashAgain(b, false); err != nil {
			return c.explain(err)
		}
		if err := b.verify(false, func(w map[string]seen) error { return c.h.afterCut(w, c.done) }); err != nil {
			return c.explain(err)
		}
	}
	return nil
}

func (c *crash) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", c.what, err)
}

// crashAgain crashes recoveries, too, one after the other.
func (c *crash) crashAgain(b *box, kill bool) error {
	for range c.rng.IntN(3) {
		trial := b.clone()
		before := trial.disk.Ops()
		m, err := trial.open()
		if err != nil {
			return fmt.Errorf("mount: %w", err)
		}
		if err := m.Close(); err != nil {
			return fmt.Errorf("unmount: %w", err)
		}
		total := trial.disk.Ops() - before
		if total == 0 {
			return nil
		}
		at := c.rng.IntN(total)
		b.disk.TearAfter(b.disk.Ops()+at, c.rng.IntN(3))
		b.state.crashed = b.disk.Crashed
		if m, err := b.open(); err == nil {
			_ = m.Close()
		}
		if kill || c.rng.IntN(2) == 0 {
			c.what += fmt.Sprintf(", recovery killed after %d of %d operations", at, total)
			b.disk.Kill()
			continue
		}
		seed := c.rng.Uint64()
		c.what += fmt.Sprintf(", power cut (%d) in the recovery after %d of %d operations", seed, at, total)
		b.disk.PowerCut(rand.New(rand.NewPCG(seed, 0)))
		b.state.boot = false
	}
	return nil
}

// verify mounts after a crash, holds what is there against the story and the
// format, and then again from each cloud alone; with same every cloud must
// show the same. A power cut may take operations on names from the log that one
// cloud has and another has not: of those clouds one is then behind.
func (b *box) verify(same bool, holds func(map[string]seen) error) error {
	b.state.crashed = nil
	m, err := b.open()
	if err != nil {
		return b.explain("mount: %w", err)
	}
	w := look(m)
	if err := holds(w); err != nil {
		return b.explain("%w", err)
	}
	if len(b.state.Behind()) > 0 && same {
		return b.explain("behind: %v", b.state.Behind())
	}
	if err := m.Close(); err != nil {
		return b.explain("unmount: %w", err)
	}
	if same {
		if err := b.inOrder(w); err != nil {
			return b.explain("%w", err)
		}
	}
	for k := range b.n {
		if _, behind := b.state.Behind()[b.ids[k]]; behind {
			continue
		}
		if err := b.verifyAlone(k, w, same, holds); err != nil {
			return b.explain("cloud %d alone: %w", k, err)
		}
	}
	return nil
}

// explain adds what the mirror said, and what happened on the disk.
func (b *box) explain(format string, args ...any) error {
	return fmt.Errorf("%w\n%s%s", fmt.Errorf(format, args...), b.said, b.disk.Trace())
}

func (b *box) verifyAlone(k int, all map[string]seen, same bool, holds func(map[string]seen) error) error {
	alone := b.clone()
	m, err := alone.open(without(b.n, k)...)
	if err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	got := look(m)
	if err := holds(got); err != nil {
		return err
	}
	for path := range all {
		if same && (got[path].data != all[path].data || got[path].mode != all[path].mode) {
			return fmt.Errorf("%q is %v, and with all clouds %v", path, got[path], all[path])
		}
	}
	return m.Close()
}
