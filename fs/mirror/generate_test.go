package mirror_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// storyNames are the names that stories use; see spell.
func storyNames() []string { return []string{"a", "b", "c", "L", "N"} }

// author makes up stories.
type author struct {
	rng   *rand.Rand
	w     *model
	steps []step
	seed  int
	free  int  // the next handle
	wide  bool // uses every operation
}

// invent makes a story of n steps. Equal seeds give equal stories.
func invent(seed uint64, n int) []step {
	a := &author{rng: rand.New(rand.NewPCG(seed, 11)), w: newModel(), free: 1}
	return a.write(n)
}

// write makes up steps until there are n.
func (a *author) write(n int) []step {
	for len(a.steps) < n {
		s, ok := a.next()
		if !ok {
			continue
		}
		// Most steps succeed; some are to fail.
		if err := a.try(s); err != nil && a.rng.IntN(8) > 0 {
			continue
		}
		_ = a.w.apply(s)
		a.steps = append(a.steps, s)
	}
	return a.steps
}

// try tells what a step would give.
func (a *author) try(s step) error { return a.w.clone().apply(s) }

func (a *author) next() (step, bool) {
	a.seed++
	if a.wide && a.rng.IntN(4) == 0 {
		return a.widely()
	}
	switch a.rng.IntN(20) {
	case 0, 1, 2, 3, 4, 5, 6, 7:
		return a.content()
	case 8, 9, 10:
		a.free++
		op := pick(a.rng, opCreate, opCreate, opOpen, opReplace)
		return step{op: op, path: a.path(op != opCreate), h: a.free, mode: a.mode(op == opCreate)}, len(a.w.handles) < 6
	case 11, 12, 13, 14:
		return a.names()
	case 15:
		return a.attr()
	case 16, 17:
		return a.closing()
	}
	return a.upkeep()
}

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

// dirs are the paths of all directories.
func (a *author) dirs() []string {
	list := []string{""}
	a.w.visit(func(path string, t *thing) {
		if t.kind == 'd' && strings.Count(path, "/") < 2 {
			list = append(list, path)
		}
	})
	return list
}

// path makes up a path, of something that is there or, mostly, of anything.
func (a *author) path(there bool) string {
	if there && a.rng.IntN(10) > 0 {
		var list []string
		a.w.visit(func(path string, _ *thing) { list = append(list, path) })
		if len(list) > 0 {
			return pick(a.rng, list...)
		}
	}
	dir := pick(a.rng, a.dirs()...)
	if dir != "" {
		dir += "/"
	}
	return dir + pick(a.rng, storyNames()...)
}

func (a *author) mode(wanted bool) uint32 {
	if !wanted {
		return 0
	}
	return pick[uint32](a.rng, 0o644, 0o644, 0o600, 0o755, 0o444, 0o200, 0o4755)
}

func (a *author) handle() (int, bool) {
	open := slices.Sorted(maps.Keys(a.w.handles))
	if len(open) == 0 {
		return 0, false
	}
	return pick(a.rng, open...), true
}

// size is a length in bytes: of a few, about a chunk, or of many.
func (a *author) size() int64 {
	switch a.rng.IntN(5) {
	case 0:
		return 1 + a.rng.Int64N(60)
	case 1:
		return 4096 * (1 + a.rng.Int64N(5))
	case 2:
		return 4000 + a.rng.Int64N(200)
	}
	return 1 + a.rng.Int64N(30_000)
}

func (a *author) content() (step, bool) {
	h, ok := a.handle()
	s := step{op: opWrite, h: h, n: a.size(), seed: a.seed}
	if !ok {
		return s, false
	}
	length := int64(len(a.w.handles[h].data))
	s.off = a.rng.Int64N(length + 1)
	switch a.rng.IntN(16) {
	case 0, 1, 2, 3:
		s.off = -1
	case 4:
		s.off = length + a.rng.Int64N(20_000)
	case 5:
		s.off = s.off / 4096 * 4096
	case 6:
		s.off = 0
	case 7, 8:
		return step{op: opTruncate, h: h, n: a.rng.Int64N(length + 5000)}, true
	case 9:
		return step{op: opTruncate, h: h}, true
	case 10, 11:
		return step{op: opAllocate, h: h, off: s.off, n: s.n, mode: pick[uint32](a.rng, 0, unix.FALLOC_FL_KEEP_SIZE,
			unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_ZERO_RANGE)}, true
	}
	return s, true
}

func (a *author) names() (step, bool) {
	switch a.rng.IntN(10) {
	case 0, 1, 2, 3:
		return step{op: opRename, path: a.path(true), to: a.path(a.rng.IntN(2) == 0)}, true
	case 4:
		return step{op: opExchange, path: a.path(true), to: a.path(true)}, true
	case 5:
		return step{op: opLink, path: a.path(true), to: a.path(false)}, true
	case 6:
		return step{op: opUnlink, path: a.path(true)}, true
	case 7:
		return step{op: opRmdir, path: a.path(true)}, true
	case 8:
		return step{op: opSymlink, path: a.path(false), to: pick(a.rng, "x", "some/where", strings.Repeat("t", 5000)[:4000+a.rng.IntN(90)])}, true
	}
	return step{op: opMkdir, path: a.path(false), mode: pick[uint32](a.rng, 0o755, 0o700)}, true
}

func (a *author) attr() (step, bool) {
	path := a.path(true)
	t := a.w.find(path)
	switch {
	case t == nil || t.kind == 'l':
		return step{}, false
	case t.kind == 'd':
		return step{op: opChmod, path: path, mode: pick[uint32](a.rng, 0o755, 0o700, 0o777)}, true
	case t.kind == 's':
		return step{op: opChmod, path: path, mode: sticky | pick[uint32](a.rng, 0o600, 0o666)}, true
	case a.rng.IntN(2) == 0:
		return step{op: opUtimens, path: path, n: 1_000_000_000 + a.rng.Int64N(1_000_000)}, true
	}
	return step{op: opChmod, path: path, mode: a.mode(true)}, true
}

func (a *author) closing() (step, bool) {
	h, ok := a.handle()
	return step{op: pick(a.rng, opFsync, opFsync, opClose), h: h}, ok
}

// upkeep is what the mirror does by itself, and what is done to it.
func (a *author) upkeep() (step, bool) {
	switch a.rng.IntN(9) {
	case 0:
		return step{op: opSync}, true
	case 1, 2, 3:
		return step{op: opRound, n: 1}, true
	case 4, 5:
		return step{op: opRound, off: pick[int64](a.rng, 0, 6, 40)}, true
	case 6:
		return step{op: opRetire}, true
	case 7:
		return step{op: opSyncDir, path: pick(a.rng, a.dirs()...)}, true
	}
	return step{op: opRemount}, a.rng.IntN(2) == 0
}
