package repair_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// TestStories holds the harness against itself: a cloud that a whole history
// reached has what the model has.
func TestStories(t *testing.T) {
	eachSeed(t, func(t *testing.T, p plan) {
		sc := begin(t, p)
		for k := range sc.keys {
			sc.reachTo(k, len(sc.log), 0)
		}
		if err := sc.check(sc.box, wish{sameBoot: true}); err != nil {
			t.Fatalf("%v\n%s", err, sc.tell())
		}
	})
}

// eachSeed runs a test once for every seed; the name of one that fails is what
// -run needs to run it again.
func eachSeed(t *testing.T, do func(t *testing.T, p plan)) {
	first, stop := seeds()
	for seed := first; seed < stop; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { do(t, planOf(seed)) })
	}
}

// TestReplay: whatever part of a history reached each cloud, a replay makes the
// rest; and a second one finds nothing to do.
func TestReplay(t *testing.T) {
	eachSeed(t, func(t *testing.T, p plan) {
		for _, sameBoot := range []bool{true, false} {
			sc := begin(t, p)
			sc.reach(p.seed)
			r := replay{events: sc.log, sameBoot: sameBoot, revoked: p.seed%2 == 0}
			err := sc.finish(r)
			if err == nil {
				err = sc.check(sc.box, wish{sameBoot: sameBoot})
			}
			if err != nil {
				t.Fatalf("same boot: %v: %v\n%s", sameBoot, err, sc.tell())
			}
			ops := sc.disk.Ops()
			if err := sc.finish(r); err != nil {
				t.Fatal(err)
			}
			if again := mutations(since(sc.disk, ops)); len(again) > 0 {
				t.Errorf("same boot: %v: done again:\n%s\n%s", sameBoot, strings.Join(again, "\n"), sc.tell())
			}
		}
	})
}

// moments are operations of a replay after which it is stopped, all of them
// where they are few. It is run to its end on a clone, to count them.
func moments(sc *scene, r replay) []int {
	c := sc.clone()
	start := c.disk.Ops()
	c.run(r)
	total := c.disk.Ops() - start
	step := max(1, total/killsPerScene)
	var list []int
	for n := 0; n < total; n += step {
		list = append(list, start+n)
	}
	return list
}

// TestReplayKilled stops a replay after any operation, and the one that goes on
// from there once more. In the end everything is as if nothing had been stopped.
func TestReplayKilled(t *testing.T) {
	eachSeed(t, func(t *testing.T, p plan) {
		sc := begin(t, p)
		sc.reach(p.seed)
		r := replay{events: sc.log, sameBoot: true}
		rng := rand.New(rand.NewPCG(p.seed, 4))
		for _, n := range moments(sc, r) {
			c := sc.clone()
			c.disk.CrashAfter(n)
			c.run(r)
			c.disk.Kill()
			c.disk.CrashAfter(c.disk.Ops() + rng.IntN(12))
			c.run(r)
			c.disk.Kill()
			err := c.finish(r)
			if err == nil {
				err = sc.check(c, wish{sameBoot: true})
			}
			if err != nil {
				t.Fatalf("killed before operation %d: %v\n%s", n+1, err, sc.tell())
			}
		}
	})
}

// TestReplayPowerCut takes the power away before a replay and in the middle of
// one. What the log holds is there in the end; what it does not hold is there
// whole or not at all.
func TestReplayPowerCut(t *testing.T) {
	eachSeed(t, func(t *testing.T, p plan) {
		sc := begin(t, p)
		sc.reach(p.seed)
		r := replay{events: sc.log}
		rng := rand.New(rand.NewPCG(p.seed, 5))
		list := moments(sc, r)
		for cut := range cutsPerScene {
			c := sc.clone()
			at := 0
			if cut > 0 && len(list) > 0 {
				at = list[rng.IntN(len(list))]
				c.disk.CrashAfter(at)
				c.run(r)
			}
			c.disk.PowerCut(rand.New(rand.NewPCG(p.seed, uint64(cut))))
			if err := sc.afterCut(c, r); err != nil {
				t.Fatalf("cut %d before operation %d: %v\n%s", cut, at+1, err, sc.tell())
			}
		}
	})
}

// afterCut replays after a power cut. Only files can be missing that the log
// does not hold.
func (sc *scene) afterCut(c *box, r replay) error {
	frail := 0
	sc.walk(func(q spot) {
		if q.node().frail {
			frail++
		}
	})
	out := c.run(r)
	for k := range c.keys {
		if out.Errors[k] != nil || out.Missing[k] > frail {
			return fmt.Errorf("cloud %d: %d not finished: %q (%w)", k, out.Missing[k], c.warnings, out.Errors[k])
		}
	}
	return sc.check(c, wish{})
}

// TestReplayWithout: clouds that are away take no part, and get what they lack
// the next time.
func TestReplayWithout(t *testing.T) {
	eachSeed(t, func(t *testing.T, p plan) {
		sc := begin(t, p)
		sc.reach(p.seed)
		r := replay{events: sc.log, sameBoot: true, away: func(k int) bool { return k > 0 }}
		before := sc.disk.Ops()
		out := sc.run(r)
		if out.Errors[0] != nil || out.Missing[0] > 0 {
			t.Fatalf("%d not finished: %q (%v)\n%s", out.Missing[0], sc.warnings, out.Errors[0], sc.tell())
		}
		if err := sc.compare(sc.box, 0, wish{sameBoot: true}); err != nil {
			t.Fatalf("%v\n%s", err, sc.tell())
		}
		for line := range strings.Lines(since(sc.disk, before)) {
			if !strings.Contains(line, cloudName(0)+":") {
				t.Errorf("done in a cloud that is away: %s", line)
			}
		}
		r.away = nil
		err := sc.finish(r)
		if err == nil {
			err = sc.check(sc.box, wish{sameBoot: true})
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, sc.tell())
		}
	})
}

// TestReplayFails: where something fails in one cloud, that one takes no further
// part and the others are finished; the next replay finishes it too.
func TestReplayFails(t *testing.T) {
	eachSeed(t, func(t *testing.T, p plan) {
		rng := rand.New(rand.NewPCG(p.seed, 8))
		sc := begin(t, p)
		sc.reach(p.seed)
		n := 1 + rng.IntN(20)
		for _, op := range []string{"change", "open", "stat", "readdir", "readat"} {
			c := sc.clone()
			r := replay{events: sc.log, sameBoot: true}
			bad := len(c.keys) - 1
			faulty := cloudtest.Rule{Op: op, From: n, Err: syscall.EIO}
			r.wrap = func(k int, d cloud.Dir) cloud.Dir {
				if k == bad {
					return cloudtest.NewFaulty(d, faulty)
				}
				return d
			}
			out := c.run(r)
			for k := range c.keys {
				if k != bad && out.Errors[k] != nil {
					t.Fatalf("%v in cloud %d: cloud %d: %v\n%s", faulty, bad, k, out.Errors[k], sc.tell())
				}
				if k == bad || out.Missing[k] > 0 {
					continue
				}
				if err := sc.compare(c, k, wish{sameBoot: true}); err != nil {
					t.Fatalf("%v in cloud %d: %v\n%s", faulty, bad, err, sc.tell())
				}
			}
			r.wrap = nil
			err := c.finish(r)
			if err == nil {
				err = sc.check(c, wish{sameBoot: true})
			}
			if err != nil {
				t.Fatalf("after %v in cloud %d: %v\n%s", faulty, bad, err, sc.tell())
			}
		}
	})
}
