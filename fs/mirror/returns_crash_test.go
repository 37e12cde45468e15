package mirror_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// upTo plays a journey to where its cloud is back, but for that.
func (j journey) upTo(b *box) (*player, error) {
	short := j
	short.steps = j.steps[:j.back]
	p, err := newPlayer(b)
	if err != nil {
		return nil, err
	}
	w := newModel()
	for i, s := range short.steps {
		if i == j.goes {
			j.trouble.goes(b, j.k)
		}
		want := w.apply(s)
		if err := p.do(s); (err == nil) != (want == nil) {
			return p, fmt.Errorf("step %d %v: got error %v, want %v", i+1, s, err, want)
		}
	}
	j.trouble.comes(b, j.k)
	b.clock.pass(time.Minute)
	return p, nil
}

// TestKilledReturns kills the process at operations of a return. The next mount goes on with it.
func TestKilledReturns(t *testing.T) {
	killed, failed := 0, 0
	first, stop := uint64(0), uint64(killedReturns)
	if *firstStory > 0 {
		first, stop = *firstStory, *firstStory+*histories
	}
	for seed := first; seed < stop && failed < 3; seed++ {
		j := travels(seed)
		b := j.box(t)
		p, err := j.upTo(b)
		check(t, err)
		var left []*box
		for op := 1; op < 600; op += 1 + int(seed%3) {
			b.disk.SnapshotAfter(b.disk.Ops()+op, op%3, func(d *cloudtest.Disk) { left = append(left, b.on(d)) })
		}
		check(t, p.m.Tend())
		h := tell(j.steps[:j.back])
		for i, c := range left {
			killed++
			c.disk.Kill()
			if err := j.goesOn(c, h); err != nil {
				failed++
				t.Errorf("%v, killed at moment %d of %d: %v\n%s\n%s", j, i, len(left), err, script(j.steps[:j.back]), c.said)
				break
			}
		}
	}
	t.Logf("%d returns killed", killed)
}

// goesOn mounts after a kill, and holds each cloud against what was seen when all have returned.
func (j journey) goesOn(b *box, h *history) error {
	p, err := newPlayer(b)
	if err != nil {
		return err
	}
	if err := h.afterKill(look(p.m), j.back); err != nil {
		return fmt.Errorf("mounted again: %w", err)
	}
	if err := j.arrived(b, p); err != nil {
		return fmt.Errorf("mounted again: %w", err)
	}
	return nil
}

// TestReturnsUnderLoad goes on with a history while its cloud returns.
func TestReturnsUnderLoad(t *testing.T) {
	failed := 0
	first, stop := uint64(0), uint64(loadedReturns)
	if *firstStory > 0 {
		first, stop = *firstStory, *firstStory+*histories
	}
	for seed := first; seed < stop && failed < 3; seed++ {
		j := travels(seed)
		b := j.box(t)
		p, err := j.underLoad(b)
		if err == nil {
			err = j.arrived(b, p)
		}
		if err != nil {
			failed++
			t.Errorf("%v: %v\n%s\n%s", j, err, script(j.steps), b.said)
		}
	}
}

func (j journey) underLoad(b *box) (*player, error) {
	p, err := newPlayer(b)
	if err != nil {
		return nil, err
	}
	w := newModel()
	returned := make(chan error, 1)
	for i, s := range j.steps {
		if i == j.goes {
			j.trouble.goes(b, j.k)
		}
		if i == j.back {
			j.trouble.comes(b, j.k)
			b.clock.pass(time.Minute)
			b.inject(j.k, cloudtest.Rule{Act: pause{}})
			m := p.m
			go func() { returned <- m.Tend() }()
		}
		if s.op == opRemount && i >= j.back {
			continue
		}
		want := w.apply(s)
		if err := p.do(s); (err == nil) != (want == nil) {
			return p, errors.Join(fmt.Errorf("step %d %v: got error %v, want %v", i+1, s, err, want), <-returned)
		}
		if err := p.agrees(w); err != nil {
			return p, fmt.Errorf("after step %d %v: %w", i+1, s, err)
		}
	}
	if j.back < len(j.steps) {
		if err := <-returned; err != nil {
			return p, err
		}
	}
	j.trouble.comes(b, j.k)
	b.mend()
	return p, nil
}

// pause makes a cloud slow.
type pause struct{}

func (pause) Act()           { time.Sleep(50 * time.Microsecond) }
func (pause) String() string { return "a pause" }
