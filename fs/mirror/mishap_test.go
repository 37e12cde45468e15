package mirror_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// unlucky is a history to which something happens, and what draws it.
type unlucky struct {
	tale
	ops  int // that it takes
	draw uint64
}

// mishap is a kind of what goes wrong in a story, beside a crash and its recovery. Its
// telling finds everything as that kind has it.
type mishap struct {
	name string
	tell func(t *testing.T, u unlucky) error
}

var onlyMishap = flag.String("mishap", "", "the only kind of mishap that random stories have, and no crashes")

// drawn tells whether stories have such a mishap.
func (m mishap) drawn() bool {
	if *onlyMishap != "" {
		return m.name == *onlyMishap
	}
	return !slices.Contains(knownLosses, m.name)
}

// happen draws a mishap, and what draws it.
func happen(rng *rand.Rand) (mishap, uint64) {
	for kinds := mishaps(); ; {
		if m := pick(rng, kinds...); m.drawn() {
			return m, rng.Uint64()
		}
	}
}

// mishaps are all kinds.
func mishaps() []mishap {
	var list []mishap
	for _, kind := range faultKinds {
		list = append(list, mishap{"faults: " + kind.name, func(t *testing.T, u unlucky) error { return kind.in(u.lasting().tale, u.draw).tell(t) }})
	}
	for _, kind := range meddlings {
		list = append(list, mishap{"foreign: " + kind.name, func(t *testing.T, u unlucky) error { return kind.in(u.lasting().tale, u.draw).tell(t) }},
			mishap{"mended: " + kind.name, func(t *testing.T, u unlucky) error {
				s := kind.in(u.lasting().tale, u.draw)
				s.mend = true
				return s.tell(t)
			}})
	}
	for _, e := range failingRecoveries {
		list = append(list, mishap{"recovery: " + e.name, func(t *testing.T, u unlucky) error { return e.run(u.crash(t)) }})
	}
	for _, tr := range append(slices.Clip(troubles), noAnswer) {
		list = append(list, mishap{"returns: " + tr.name, func(t *testing.T, u unlucky) error { return u.lasting().travel(t, tr) }})
	}
	list = append(list,
		mishap{"machines: in turn", func(t *testing.T, u unlucky) error { return shift(t, u.tale) }},
		mishap{"machines: at once", func(t *testing.T, u unlucky) error { return atOnce(t, u.tale, widely(u.draw)) }},
		mishap{"machines: another after a kill", func(t *testing.T, u unlucky) error { return u.crash(t).meetAnother() }},
		mishap{"load: close", func(t *testing.T, u unlucky) error { return u.closeAmid(t) }},
	)
	return list
}

// lasting leaves out what takes an extended attribute away: a cloud that was out lacks those
// that were set meanwhile, and would not find it.
func (u unlucky) lasting() unlucky {
	u.steps = slices.DeleteFunc(slices.Clone(u.steps), func(s step) bool { return s.op == opDelxattr })
	return u
}

// noAnswer is a cloud that stalls: what calls it has its answer from the bound that is set to calls.
var noAnswer = failing("", cloud.ErrNoAnswer)

// crash is a moment of the history.
func (u unlucky) crash(t *testing.T) *crash {
	rng := rand.New(rand.NewPCG(u.draw, 5))
	return moments(t, u.tale, []int{rng.IntN(u.ops)})[0]
}

// travel lets a cloud go and return.
func (u unlucky) travel(t *testing.T, tr trouble) error {
	j := tr.in(u.tale, rand.New(rand.NewPCG(u.draw, 21)))
	b := j.box(t)
	p, err := j.travel(b)
	if err == nil {
		err = j.arrived(b, p)
	}
	if err != nil {
		return fmt.Errorf("%v: %w\n%s", j, err, b.said)
	}
	return nil
}

// meetAnother kills the process. Before it comes back, another machine mounts the same
// clouds, of which it knows nothing: it shows no content that never was, and ours finds
// everything as if it had been alone.
func (c *crash) meetAnother() error {
	c.what += ", killed, another machine"
	c.b.disk.Kill()
	other := c.b.machine(8)
	m, err := other.open()
	if err != nil {
		return c.explain(fmt.Errorf("the other mounts: %w", err))
	}
	if err := c.h.ever(look(m), c.done); err != nil {
		return c.explain(other.explain("the other: %w", err))
	}
	if err := m.Close(); err != nil {
		return c.explain(fmt.Errorf("the other unmounts: %w", err))
	}
	return c.explain(c.b.verify(everywhere, c.afterKill))
}

// ever wants all that can be read to be something that was at its path.
func (h *history) ever(got map[string]seen, done int) error {
	last := min(done+1, len(h.steps))
	for path, g := range got {
		was := slices.ContainsFunc(h.paths[:last+1], func(then map[string]int) bool {
			id, there := then[path]
			p := h.things[id]
			return there && g.kind == p.kind && slices.ContainsFunc(p.versions, func(v version) bool { return v.from <= last && v.data == g.data })
		})
		if g.err == nil && !was {
			return fmt.Errorf("%q is %v, which it never was", path, g)
		}
	}
	return nil
}

// closing closes a mirror in the middle of an operation of a cloud, which goes on when that lets nobody in.
type closing struct {
	begun atomic.Bool
	m     *mirror.Mirror
	done  chan error
}

// Act may come to be called by what it does itself.
func (c *closing) Act() {
	if c.begun.Swap(true) {
		return
	}
	go func() { c.done <- c.m.Close() }()
	for {
		if _, err := c.m.Statfs(); errors.Is(err, mirror.ErrClosed) {
			return
		}
		runtime.Gosched()
	}
}

func (c *closing) String() string { return "a close" }

// closeAmid closes the mirror while a program goes on. From some step on that is refused:
// that step is not done, all before it are, and no cloud is blamed.
func (u unlucky) closeAmid(t *testing.T) error {
	b := u.box(t)
	p, err := newPlayer(b)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(u.draw, 47))
	at, k, op := rng.IntN(len(u.steps)), rng.IntN(b.n), 1+rng.IntN(20)
	if err := p.play(u.steps[:at]); err != nil {
		return b.explain("%w", err)
	}
	c := &closing{m: p.m, done: make(chan error, 1)}
	b.inject(k, cloudtest.Rule{From: op, To: op, Act: c})
	done, err := p.untilClosed(u.steps, at)
	c.Act()
	if err = errors.Join(err, <-c.done, p.letGo()); err == nil {
		b.mend()
		h := tell(u.steps)
		err = b.verify(wholly, func(got map[string]seen) error { return h.exactly(got, done, done) })
	}
	if err != nil {
		return b.explain("closed at operation %d of cloud %d from step %d on, which ends step %d: %w", op, k, at+1, done+1, err)
	}
	return nil
}

// untilClosed goes on with a history at a step, and returns how many are done when the mirror is closed.
func (p *player) untilClosed(steps []step, at int) (done int, err error) {
	w := newModel()
	for _, s := range steps[:at] {
		_ = w.apply(s)
	}
	for i, s := range steps[at:] {
		if s.op == opRemount {
			return at + i, nil
		}
		want, err := w.apply(s), p.do(s)
		if errors.Is(err, mirror.ErrClosed) {
			return at + i, nil
		}
		if (err == nil) != (want == nil) {
			return at + i, fmt.Errorf("step %d %v: got error %w, want %v", at+i+1, s, err, want)
		}
	}
	return len(steps), nil
}

// letGo closes all handles.
func (p *player) letGo() error {
	var errs []error
	for h, open := range p.handles {
		errs = append(errs, open.close())
		delete(p.handles, h)
	}
	return errors.Join(errs...)
}
