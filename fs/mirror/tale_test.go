package mirror_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
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
			d.late = true
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
				ran.story(e.name)
				rng := rand.New(rand.NewPCG(seed, 5))
				if err := e.run(moments(t, tl, []int{rng.IntN(ops[len(ops)-1])})[0]); err != nil {
					return fmt.Errorf("%v: %w\n%s", tl, err, script(tl.steps))
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

// widely is the random history of a seed with every operation.
func widely(seed uint64) tale {
	tl := invented(seed)
	tl.steps = inventWide(seed, len(tl.steps))
	return tl
}

// TestRandomStories tells what may become of histories of random steps: crashes at
// random operations, of which the recoveries crash, too, and mishaps.
func TestRandomStories(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // every mount makes and drops buffers of a MiB
	var ran tally
	lost, start := 0, time.Now()
	for seed := *firstStory; seed < *firstStory+*histories; seed++ {
		p := cycle{tale: widely(seed), crashes: crashesPerHistory - 1, mishaps: len(crashEndings)}
		if *onlyMishap != "" {
			p.crashes = 0
		}
		if steps, err := p.tell(t, &ran); err != nil {
			p.steps = steps
			if lost++; lost > 3 { // enough to look at
				line, _, _ := strings.Cut(err.Error(), "\n")
				t.Errorf("%v: %v", p, line)
				continue
			}
			p, err = p.shrink(t, err)
			t.Errorf("%v: %v\n%s\nagain: go test ./fs/mirror -run 'TestRandomStories$' -first %d -histories 1", p, err, script(p.steps), seed)
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
			steps, err := cycle{tale: invented(seed), crashes: crashesPerHistory}.tell(t, &ran)
			if err != nil {
				err = fmt.Errorf("%w\n%s", err, script(steps))
			}
			return err
		})
	}
}
