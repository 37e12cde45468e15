package mirror_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// shift is a story of two machines that have the same clouds, and are mounted
// in turn: each finds what the other left.
func shift(t *testing.T, tl tale) error {
	// Where the story says "remount", the other machine goes on, and also every
	// few steps.
	for i := len(tl.steps) - 1; i > 0; i -= 6 {
		tl.steps = slices.Insert(slices.Clone(tl.steps), i, step{op: opRemount})
	}
	here := tl.box(t)
	machines := []*box{here, here.machine(8)}
	p, err := newPlayer(here)
	check(t, err)
	turns := 0
	p.before = func(i int, _ *model) error {
		if tl.steps[i].op == opRemount {
			turns++
			p.b = machines[turns%2]
		}
		return nil
	}
	if err := p.play(tl.steps); err != nil {
		return p.b.explain("%w", err)
	}
	if err := p.leave(); err != nil {
		return p.b.explain("unmount: %w", err)
	}
	h, last := tell(tl.steps), len(tl.steps)
	for _, b := range machines {
		err := b.verify(demand{same: true, tidy: true}, func(got map[string]seen) error { return h.exactly(got, last, last) })
		if err != nil {
			return fmt.Errorf("machine %s: %w", b.logs, err)
		}
	}
	return nil
}

// TestMachinesInTurn lets two machines take turns.
func TestMachinesInTurn(t *testing.T) {
	losing(t, "machines: in turn", func(t *testing.T, name string) error {
		return eachSeed(name, faultSeeds, func(seed uint64) error {
			if err := shift(t, invented(seed)); err != nil {
				return fmt.Errorf("seed %d: %w", seed, err)
			}
			return nil
		})
	})
}

// atOnce is a story of two machines that are mounted at the same time, each in
// a directory of its own: in the end both show what both did.
func atOnce(t *testing.T, tl, other tale) error {
	here := tl.box(t)
	machines := []*box{here, here.machine(8)}
	stories := [][]step{below("A", tl.steps), below("B", other.steps)}
	var players []*player
	for i, b := range machines {
		p, err := newPlayer(b)
		check(t, err)
		if i == 0 { // before the other looks
			for _, dir := range []string{"A", "B"} {
				check(t, p.do(step{op: opMkdir, path: dir, mode: 0o755}))
			}
			check(t, p.m.Sync())
		}
		players = append(players, p)
	}
	rng := rand.New(rand.NewPCG(tl.seed, 31))
	models, at := []*model{newModel(), newModel()}, []int{0, 0}
	for i, w := range models {
		check(t, w.apply(step{op: opMkdir, path: string(rune('A' + i)), mode: 0o755}))
	}
	for at[0] < len(stories[0]) || at[1] < len(stories[1]) {
		i := rng.IntN(2)
		if at[i] == len(stories[i]) {
			continue
		}
		s := stories[i][at[i]]
		want := models[i].apply(s)
		if err := players[i].do(s); (err == nil) != (want == nil) {
			return fmt.Errorf("machine %d, step %d %v: got error %w, want %v", i, at[i]+1, s, err, want)
		}
		at[i]++
	}
	for _, p := range players {
		if err := p.leave(); err != nil {
			return p.b.explain("unmount: %w", err)
		}
	}
	for _, b := range machines {
		if err := b.verify(everywhere, func(got map[string]seen) error { return bothThere(got, stories) }); err != nil {
			return fmt.Errorf("machine %s: %w", b.logs, err)
		}
	}
	return nil
}

// bothThere holds each directory against its own story.
func bothThere(got map[string]seen, stories [][]step) error {
	for i, steps := range stories {
		dir := string(rune('A' + i))
		own := map[string]seen{}
		for path, g := range got {
			if path == dir || strings.HasPrefix(path, dir+"/") {
				own[path] = g
			}
		}
		h := tell(append([]step{{op: opMkdir, path: dir, mode: 0o755}}, steps...))
		if err := h.exactly(own, len(steps)+1, len(steps)+1); err != nil {
			return err
		}
	}
	return nil
}

// below moves a story into a directory.
func below(dir string, steps []step) []step {
	var moved []step
	for _, s := range steps {
		if s.path != "" || s.op == opSyncDir {
			s.path = strings.TrimSuffix(dir+"/"+s.path, "/")
		}
		if s.to != "" && s.op != opSymlink && s.op != opSetxattr && s.op != opDelxattr {
			s.to = dir + "/" + s.to
		}
		moved = append(moved, s)
	}
	return moved
}

// TestMachinesAtOnce lets two machines work side by side.
func TestMachinesAtOnce(t *testing.T) {
	losing(t, "machines: at once", func(t *testing.T, name string) error {
		return eachSeed(name, faultSeeds, func(seed uint64) error {
			if err := atOnce(t, invented(seed), invented(seed+1_000_000)); err != nil {
				return fmt.Errorf("seed %d: %w", seed, err)
			}
			return nil
		})
	})
}
