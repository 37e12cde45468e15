package mirror_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// goOn makes up n steps that go on with a story.
func goOn(seed uint64, told []step, n int) []step {
	a := &author{rng: rand.New(rand.NewPCG(seed, 77)), w: newModel(), free: 1000 * (1 + len(told)), seed: 37 * len(told)}
	for _, s := range told {
		_ = a.w.apply(s)
	}
	for len(a.steps) < n {
		s, ok := a.next()
		if !ok || a.try(s) != nil && a.rng.IntN(8) > 0 {
			continue
		}
		_ = a.w.apply(s)
		a.steps = append(a.steps, s)
	}
	return a.steps
}

// epochs is a story that is killed again and again, and goes on each time. Some of
// its mounts are without a cloud, and in some of them one goes, and returns.
type epochs struct {
	seed uint64
	rng  *rand.Rand
	b    *box
	told []step
	what []string
}

func (e *epochs) say(format string, args ...any) {
	e.what = append(e.what, fmt.Sprintf(format, args...))
}

// spared draws a cloud that can be missed: another one owes nothing.
func (e *epochs) spared() (k int, ok bool) {
	k = e.rng.IntN(e.b.n)
	owing := e.b.state.Owes()
	for o, id := range e.b.ids {
		_, owes := owing[id]
		ok = ok || o != k && !owes
	}
	return k, ok
}

// outage is a cloud that goes before a step, and is back before another one.
type outage struct {
	trouble
	k, goes, back int
}

func (e *epochs) outage(steps int) *outage {
	k, ok := e.spared()
	if !ok || e.rng.IntN(3) == 0 {
		return nil
	}
	o := &outage{trouble: troubles[e.rng.IntN(len(troubles))], k: k, goes: e.rng.IntN(steps)}
	if o.name == "moved away" { // of which a crash knows nothing
		o.trouble = troubles[0]
	}
	o.back = o.goes + 1 + e.rng.IntN(steps)
	e.say("cloud %d goes before step %d, and is back before step %d: %s", k, len(e.told)+o.goes+1, len(e.told)+o.back+1, o.name)
	return o
}

// before is what an outage does before a step.
func (o *outage) before(i int, p *player) error {
	switch {
	case o == nil:
	case i == o.goes:
		o.trouble.goes(p.b, o.k)
	case i == o.back:
		o.comes(p.b, o.k)
		p.b.clock.pass(time.Minute)
		return p.m.Tend()
	}
	return nil
}

// next mounts without some clouds, goes on up to a kill, and tells who is away at
// the mount after that, which it holds against the story.
func (e *epochs) next(absent []int) (away []int, err error) {
	steps := goOn(e.seed*8+uint64(len(e.told)), e.told, 3+e.rng.IntN(14))
	all := append(slices.Clone(e.told), steps...)
	p := &player{b: e.b, handles: map[int]*played{}}
	if p.m, err = e.b.open(absent...); err != nil {
		return nil, fmt.Errorf("mount: %w", err)
	}
	var out *outage
	if len(absent) == 0 {
		out = e.outage(len(steps))
	}
	left, done, err := e.play(p, steps, out)
	if err != nil {
		return nil, err
	}
	e.b.mend()
	e.b.index.drop()
	e.b, done = left, done+len(e.told)
	e.b.disk.Kill()
	e.say("killed in step %d", done+1)
	if k, ok := e.spared(); ok && e.rng.IntN(2) == 0 {
		away = []int{k}
		e.say("mounted without cloud %d", k)
	}
	m, err := e.b.open(away...)
	if err != nil {
		return nil, e.b.explain("mount: %w", err)
	}
	got, h := look(m), tell(all)
	if err := h.afterKill(got, done); err != nil {
		return nil, e.b.explain("%w", err)
	}
	if err := m.Close(); err != nil {
		return nil, e.b.explain("unmount: %w", err)
	}
	if done < len(all) && h.exactly(got, done+1, done+1) == nil {
		done++
	}
	if h.exactly(got, done, done) != nil {
		return nil, errHalf
	}
	e.told = append(all[:done:done], step{op: opRemount})
	return away, nil
}

// errHalf says that a step was done in part, with which no story goes on.
var errHalf = fmt.Errorf("half a step")

// play does steps, and gives what a kill in one of them leaves.
func (e *epochs) play(p *player, steps []step, out *outage) (left *box, done int, err error) {
	w, at, op, torn := newModel(), e.rng.IntN(len(steps)), e.rng.IntN(40), e.rng.IntN(3)
	for _, s := range e.told {
		_ = w.apply(s)
	}
	for i, s := range steps {
		p.done = i
		if err := out.before(i, p); err != nil {
			return nil, 0, err
		}
		if i == at {
			b := e.b
			b.disk.SnapshotAfter(b.disk.Ops()+op, torn, func(d *cloudtest.Disk) { left, done = b.on(d), p.done })
		}
		want := w.apply(s)
		if err := p.do(s); (err == nil) != (want == nil) {
			return nil, 0, e.b.explain("step %d %v: got error %v, want %v", len(e.told)+i+1, s, err, want)
		}
		if err := p.agrees(w); err != nil {
			return nil, 0, e.b.explain("after step %d %v: %w", len(e.told)+i+1, s, err)
		}
		if left != nil {
			return left, done, nil
		}
	}
	return e.b.clone(), len(steps), nil
}

// end lets all clouds return, and holds each against what is seen then.
func (e *epochs) end() error {
	p, err := newPlayer(e.b)
	if err != nil {
		return err
	}
	if err := (journey{}).arrived(e.b, p); err != nil {
		return e.b.explain("in the end: %w", err)
	}
	return nil
}

func (e *epochs) tell() error {
	var absent []int
	for range 4 {
		away, err := e.next(absent)
		if err == errHalf {
			break
		}
		if err != nil {
			return err
		}
		absent = away
	}
	return e.end()
}

// TestEpochs tells such stories: after each kill everything is there, and in the
// end every cloud has it.
func TestEpochs(t *testing.T) {
	failed, first, stop := 0, uint64(0), uint64(epochSeeds)
	if *firstStory > 0 {
		first, stop = *firstStory, *firstStory+*histories
	}
	for seed := first; seed < stop && failed < 3; seed++ {
		e := &epochs{seed: seed, rng: rand.New(rand.NewPCG(seed, 99))}
		tl := invented(seed)
		tl.n = 2 + int(seed%2)
		e.b = tl.box(t)
		if err := e.tell(); err != nil {
			failed++
			t.Errorf("%v: %v\n%s\n%s", tl, err, strings.Join(e.what, "\n"), script(e.told))
		}
	}
}
