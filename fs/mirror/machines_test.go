package mirror_test

import (
	"fmt"
	"slices"
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
			return fmt.Errorf("machine %s: %w", b.log, err)
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
