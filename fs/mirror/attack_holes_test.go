//go:build !race || long

package mirror_test

import (
	"flag"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

var (
	firstHoles  = flag.Uint64("holes-first", 0, "the seed of the first random history of holes")
	holeStories = flag.Uint64("holes", 6, "how many random histories of holes")
)

const punches = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE

// inventHoles makes a story of n steps on two files, in which most are writes of many chunks, other lengths, and holes over all that.
func inventHoles(seed uint64, n int) []step {
	a := &author{rng: rand.New(rand.NewPCG(seed, 47)), w: newModel(), free: 1}
	for len(a.steps) < n {
		s, ok := a.hole()
		if !ok || a.try(s) != nil {
			continue
		}
		_ = a.w.apply(s)
		a.steps = append(a.steps, s)
	}
	return a.steps
}

// hole makes up a step of such a story.
func (a *author) hole() (step, bool) {
	a.seed++
	names := []string{"a", "b", "L"}
	if len(a.w.handles) == 0 || a.rng.IntN(14) == 0 && len(a.w.handles) < 4 {
		a.free++
		return step{op: pick(a.rng, opCreate, opOpen, opOpen), path: pick(a.rng, names...), h: a.free, mode: 0o644}, true
	}
	h, _ := a.handle()
	length := int64(len(a.w.handles[h].data))
	edge := func(most int64) int64 {
		at := a.rng.Int64N(most + 1)
		if a.rng.IntN(2) == 0 {
			at = at / 4096 * 4096
		}
		return at
	}
	switch a.rng.IntN(24) {
	case 0, 1, 2, 3, 4:
		return step{op: opWrite, h: h, off: edge(length + pick[int64](a.rng, 0, 0, 60_000)), n: 1 + edge(pick[int64](a.rng, 100, 9000, 80_000)), seed: a.seed}, length < 400_000
	case 5, 6:
		return step{op: opTruncate, h: h, n: edge(length + pick[int64](a.rng, 0, 50_000))}, length < 400_000
	case 7, 8, 9, 10, 11, 12:
		mode := pick[uint32](a.rng, punches, punches, punches, unix.FALLOC_FL_ZERO_RANGE, unix.FALLOC_FL_ZERO_RANGE|unix.FALLOC_FL_KEEP_SIZE, 0)
		return step{op: opAllocate, h: h, mode: mode, off: edge(length), n: 1 + edge(pick(a.rng, 5000, 60_000, length+1))}, length < 400_000
	case 13, 14, 15:
		return step{op: opFsync, h: h}, true
	case 16, 17:
		return step{op: opRound, n: pick[int64](a.rng, 0, 1), off: pick[int64](a.rng, 0, 6)}, true
	case 18:
		return step{op: pick(a.rng, opSync, opRetire, opRetire), path: ""}, true
	case 19:
		return step{op: opLink, path: pick(a.rng, names...), to: pick(a.rng, names...)}, true
	case 20:
		return step{op: pick(a.rng, opUnlink, opRename), path: pick(a.rng, names...), to: pick(a.rng, names...)}, true
	case 21:
		return step{op: opCut, path: pick(a.rng, names...), n: edge(length)}, true
	case 22:
		return step{op: opClose, h: h}, true
	}
	return step{op: opRemount}, a.rng.IntN(6) == 0
}

// holed is the random history of holes of a seed.
func holed(seed uint64) tale {
	tl := invented(seed)
	tl.steps = inventHoles(seed, 12+int(seed%4)*8)
	if seed%5 == 4 {
		tl.on.lacks = []cloudtest.Feature{cloudtest.Holes}
	}
	return tl
}

// TestStoriesOfHoles tells what may become of histories of writes, lengths and holes: crashes, and mishaps.
func TestStoriesOfHoles(t *testing.T) {
	var ran tally
	for seed := *firstHoles; seed < *firstHoles+*holeStories; seed++ {
		p := cycle{tale: holed(seed), crashes: 2 * crashesPerHistory, mishaps: 2}
		if steps, err := p.tell(t, &ran); err != nil {
			p.steps = steps
			p, err = p.shrink(t, err)
			t.Errorf("%v: %v\n%s", p, err, script(p.steps))
		}
	}
	t.Logf("%d stories\n%v", ran.stories, &ran)
}
