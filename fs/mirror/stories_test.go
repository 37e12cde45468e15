package mirror_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// cycle is a history, and how often it goes wrong: each time is a story of its own.
type cycle struct {
	tale
	crashes int // each with all crashEndings
	mishaps int
}

// tell rehearses the history, and tells all stories. Of one that fails it returns
// what led there.
func (p cycle) tell(t *testing.T, ran *tally) ([]step, error) {
	ops, err := rehearse(p.box(t), p.steps)
	if err != nil {
		return p.steps, err
	}
	ran.steps(p.steps)
	if steps, err := p.crash(t, ops, ran); err != nil {
		return steps, err
	}
	rng := rand.New(rand.NewPCG(p.seed, 53))
	for range p.mishaps {
		m, draw := happen(rng)
		if err := m.tell(t, unlucky{p.tale, ops[len(ops)-1], draw}); err != nil {
			return p.steps, mishapped{m, draw, err}
		}
		ran.story(m.name)
	}
	return nil, nil
}

// mishapped says what has gone wrong after which mishap.
type mishapped struct {
	mishap
	draw uint64
	error
}

func (m mishapped) Error() string { return m.name + ": " + m.error.Error() }
func (m mishapped) Unwrap() error { return m.error }

// crash crashes the history at a few operations.
func (p cycle) crash(t *testing.T, ops []int, ran *tally) ([]step, error) {
	rng := rand.New(rand.NewPCG(p.seed, 3))
	var at []int
	for range p.crashes {
		at = append(at, 1+rng.IntN(max(1, ops[len(ops)-1])))
	}
	slices.Sort(at)
	for _, c := range moments(t, p.tale, at) {
		for _, e := range crashEndings {
			if err := e.run(c.fork()); err != nil {
				return p.steps[:min(c.done+1, len(p.steps))], err
			}
			ran.story(e.name)
		}
	}
	return nil, nil
}

// shrink leaves out of a history what is not needed to make it fail as it did.
func (p cycle) shrink(t *testing.T, why error) (cycle, error) {
	for i := len(p.steps) - 1; i >= 0; i-- {
		fewer := p
		fewer.steps = slices.Delete(slices.Clone(p.steps), i, i+1)
		if err := fewer.failsAgain(t, why); err != nil {
			p, why = fewer, err
			i = min(i, len(p.steps))
		}
	}
	return p, why
}

// failsAgain tells whether the history fails in the same way: in the rehearsal, by the
// same kind of mishap, or by a crash in its last step.
func (p cycle) failsAgain(t *testing.T, why error) error {
	if len(p.steps) == 0 {
		return nil
	}
	ops, err := rehearse(p.box(t), p.steps)
	if err != nil {
		return alike(err, why)
	}
	var m mishapped
	if errors.As(why, &m) {
		return p.happensAgain(t, m, ops[len(ops)-1])
	}
	var at []int
	for op := ops[max(0, len(ops)-2)]; op <= ops[len(ops)-1]; op++ {
		at = append(at, op)
	}
	for _, c := range moments(t, p.tale, at) {
		for _, e := range crashEndings {
			if err := alike(e.run(c.fork()), why); err != nil {
				return err
			}
		}
	}
	return nil
}

// happensAgain draws the mishap of a shorter history anew, since it needs another moment.
func (p cycle) happensAgain(t *testing.T, m mishapped, ops int) error {
	for i := range uint64(20) {
		draw := m.draw + 2*i // as many clouds
		if err := m.tell(t, unlucky{p.tale, ops, draw}); alike(err, m.error) != nil {
			return mishapped{m.mishap, draw, err}
		}
	}
	return nil
}

// alike gives an error that is of the same kind.
func alike(err, why error) error {
	if err == nil || kindOf(err) != kindOf(why) {
		return nil
	}
	return err
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
	w := newModel()
	for _, s := range steps {
		if err := w.apply(s); err != nil {
			y.add("step " + s.op + ", refused")
			continue
		}
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
