package mirror_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	firstStory = flag.Uint64("first", 0, "the seed of the first random history")
	histories  = flag.Uint64("histories", someHistories, "how many random histories")
)

// crashEndings are the ways in which a crash goes on. Each is a story of its own:
// one history, one crash, its recovery.
var crashEndings = []struct {
	name string
	run  ending
}{
	{"killed", kill},
	{"power cut", powerCut},
	{"power cut again", powerCut},
	{"power cut of one volume", powerCutOfOne},
}

// failingRecoveries are crashEndings of which the recovery has a fault.
var failingRecoveries = []struct {
	name string
	run  ending
}{
	{"killed, a cloud fails", failingRecovery(oneCloud, false)},
	{"killed, all clouds fail", failingRecovery(allClouds, false)},
	{"killed, the log fails", failingRecovery(onlyTheLog, false)},
	{"killed, the index fails", failingRecovery(onlyTheIndex, false)},
	{"killed, the state fails", failingRecovery(onlyTheState, false)},
	{"power cut, the index fails", failingRecovery(onlyTheIndex, true)},
	{"power cut, a cloud fails", failingRecovery(oneCloud, true)},
	{"power cut, all clouds fail", failingRecovery(allClouds, true)},
	{"power cut, the log fails", failingRecovery(onlyTheLog, true)},
	{"power cut, the state fails", failingRecovery(onlyTheState, true)},
}

// failingRecovery crashes, mounts while something fails, is killed, and mounts
// without the fault.
func failingRecovery(where func(*rand.Rand, tale) int, cut bool) ending {
	return func(c *crash) error {
		holds, d := c.afterKill, wholly
		if cut {
			c.cut(c.rng.Uint64())
			holds, d = c.afterCut, c.cutDemand()
		} else {
			c.b.disk.Kill()
		}
		f := drawIn(where, append(cloudFails, cloudIsFull...))(c.rng, *c.tale)
		for i := range f.rules { // reads fail, too
			if f.where == inTheIndex {
				f.rules[i].Op = pick(c.rng, "apply", "applied")
				continue
			}
			f.rules[i].Op = pick(c.rng, "", "change")
		}
		f.arm(c.b)
		c.what += fmt.Sprintf(", mounted with faults %v", f)
		if m, err := c.b.open(); err == nil {
			_ = m.Close()
		}
		c.b.mend()
		c.b.disk.Kill()
		if f.where >= 0 && c.b.n > 1 {
			d.owes = map[int]bool{f.where: true}
		}
		return c.explain(c.b.verify(d, holds))
	}
}

// TestFailingRecoveries lets recoveries fail.
func TestFailingRecoveries(t *testing.T) {
	var ran tally
	for _, e := range failingRecoveries {
		losing(t, "recovery: "+e.name, func(t *testing.T, name string) error {
			return eachSeed(name, faultSeeds, func(seed uint64) error {
				tl := invented(seed)
				ops, err := rehearse(tl.box(t), tl.steps)
				if err != nil {
					return err
				}
				rng := rand.New(rand.NewPCG(seed, 5))
				for _, c := range moments(t, tl, []int{rng.IntN(ops[len(ops)-1])}) {
					ran.story(e.name)
					if err := e.run(c); err != nil {
						return fmt.Errorf("%v: %w\n%s", tl, err, script(tl.steps))
					}
				}
				return nil
			})
		})
	}
	t.Logf("%d stories\n%v", ran.stories, &ran)
}

// invented is the random history of a seed. Clouds are one to three, and lie on
// disks of their own or on one filesystem.
func invented(seed uint64) tale {
	return tale{
		seed: seed, n: 1 + int(seed%3), on: layout{together: seed/3%2 == 1, reuse: seed/6%2 == 1},
		steps: invent(seed, 10+int(seed%5)*10),
	}
}

// TestRandomStories crashes histories of random steps at random operations,
// and their recoveries, too.
func TestRandomStories(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // every mount makes and drops buffers of a MiB
	var ran tally
	lost, start := 0, time.Now()
	for seed := *firstStory; seed < *firstStory+*histories; seed++ {
		tl := invented(seed)
		if steps, err := tellStories(t, tl, &ran); err != nil {
			tl.steps = steps
			if lost++; lost > 3 { // enough to look at
				line, _, _ := strings.Cut(err.Error(), "\n")
				t.Errorf("%v: %v", tl, line)
				continue
			}
			tl, err = shrink(t, tl, err)
			t.Errorf("%v: %v\n%s\nagain: go test ./fs/mirror -run 'TestRandomStories$' -first %d -histories 1", tl, err, script(tl.steps), seed)
		}
	}
	t.Logf("%d stories, of which %d histories fail, in %v, seeds %d to %d\n%v", ran.stories, lost, time.Since(start).Round(time.Millisecond), *firstStory, *firstStory+*histories-1, &ran)
}

func storyName(seed uint64) string { return fmt.Sprintf("story: seed %d", seed) }

// TestHardStories tells what has failed.
func TestHardStories(t *testing.T) {
	var ran tally
	for i, seed := range hardSeeds["stories"] {
		if i%everyHard != 0 {
			continue
		}
		losing(t, storyName(seed), func(t *testing.T, _ string) error {
			steps, err := tellStories(t, invented(seed), &ran)
			if err != nil {
				err = fmt.Errorf("%w\n%s", err, script(steps))
			}
			return err
		})
	}
}

// tellStories rehearses a history, and crashes it at a few operations. Of one
// that fails it returns what led there.
func tellStories(t *testing.T, tl tale, ran *tally) ([]step, error) {
	ops, err := rehearse(tl.box(t), tl.steps)
	if err != nil {
		return tl.steps, err
	}
	ran.steps(tl.steps)
	rng := rand.New(rand.NewPCG(tl.seed, 3))
	var at []int
	for range crashesPerHistory {
		at = append(at, 1+rng.IntN(ops[len(ops)-1]))
	}
	slices.Sort(at)
	for _, c := range moments(t, tl, at) {
		for _, e := range crashEndings {
			if err := e.run(c.fork()); err != nil {
				return tl.steps[:min(c.done+1, len(tl.steps))], err
			}
			ran.story(e.name)
		}
	}
	return nil, nil
}

// shrink leaves out of a history what is not needed to make it fail as it did:
// in the rehearsal, or by a crash in its last step.
func shrink(t *testing.T, tl tale, why error) (tale, error) {
	for i := len(tl.steps) - 2; i >= 0; i-- {
		fewer := tl
		fewer.steps = slices.Delete(slices.Clone(tl.steps), i, i+1)
		if err := failsAgain(t, fewer, why); err != nil {
			tl, why = fewer, err
			i = min(i, len(tl.steps)-1)
		}
	}
	return tl, why
}

func failsAgain(t *testing.T, tl tale, why error) error {
	ops, err := rehearse(tl.box(t), tl.steps)
	if err != nil {
		if kindOf(err) == kindOf(why) {
			return err
		}
		return nil
	}
	var at []int
	for op := ops[max(0, len(ops)-2)]; op <= ops[len(ops)-1]; op++ {
		at = append(at, op)
	}
	for _, c := range moments(t, tl, at) {
		for _, e := range crashEndings {
			if err := e.run(c.fork()); err != nil && kindOf(err) == kindOf(why) {
				return err
			}
		}
	}
	return nil
}

// kindOf tells failures apart.
func kindOf(err error) string {
	kind := ""
	line, _, _ := strings.Cut(err.Error(), "\n")
	for _, word := range []string{
		"killed", "power cut", "alone", "behind", "audit", "missing", "is there", "left over", "unreadable", "damaged", "arriving", "links", "mtime", "want",
	} {
		if strings.Contains(line, word) {
			kind += word + " "
		}
	}
	return kind
}

// tally counts what was tried, so that what never happens is seen.
type tally struct {
	stories int
	counts  map[string]int
}

func (y *tally) add(what string) {
	if y.counts == nil {
		y.counts = map[string]int{}
	}
	y.counts[what]++
}

func (y *tally) story(what string) {
	y.stories++
	y.add(what)
}

func (y *tally) steps(steps []step) {
	for _, s := range steps {
		y.add("step " + s.op)
	}
}

func (y *tally) String() string {
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(y.counts)) {
		fmt.Fprintf(&b, "%8d %s\n", y.counts[what], what)
	}
	return b.String()
}
