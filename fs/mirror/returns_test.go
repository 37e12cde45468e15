package mirror_test

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// A trouble is how a cloud stops to take part, and how it comes back.
type trouble struct {
	name  string
	goes  func(b *box, k int)
	comes func(b *box, k int)
}

func failing(op string, why error) trouble {
	return trouble{
		name:  fmt.Sprintf("%s: %v", op, why),
		goes:  func(b *box, k int) { b.inject(k, cloudtest.Rule{Op: op, Err: why}) },
		comes: func(b *box, k int) { b.mend() },
	}
}

// troubles are those that a cloud may have while the others are well.
var troubles = []trouble{
	failing("", syscall.EIO),
	failing("change", syscall.EIO),
	failing("change", syscall.ENOSPC),
	failing("writeat", syscall.EROFS),
	failing("", syscall.ENOTCONN),
	{
		name:  "moved away",
		goes:  func(b *box, k int) { b.disk.Dir(cloudName(k)).SetAbsent(true) },
		comes: func(b *box, k int) { b.disk.Dir(cloudName(k)).SetAbsent(false) },
	},
	{
		name: "fails once",
		goes: func(b *box, k int) {
			b.inject(k, cloudtest.Rule{Op: "change", Err: syscall.EIO, From: 1, To: 1})
		},
		comes: func(b *box, k int) { b.mend() },
	},
}

// A journey is a history in which a cloud goes, and returns.
type journey struct {
	tale
	trouble    trouble
	k          int
	goes, back int // before which step
}

func (j journey) String() string {
	return fmt.Sprintf("%v, cloud %d: %s before step %d, back before step %d", j.tale, j.k, j.trouble.name, j.goes+1, j.back+1)
}

// travels invents the journey of a seed.
func travels(seed uint64) journey {
	rng := rand.New(rand.NewPCG(seed, 21))
	return troubles[rng.IntN(len(troubles))].in(invented(seed), rng)
}

// in makes up a journey in a history.
func (tr trouble) in(tl tale, rng *rand.Rand) journey {
	j := journey{tale: tl, trouble: tr}
	j.n = 2 + rng.IntN(2)
	j.k = rng.IntN(j.n)
	j.goes = rng.IntN(len(j.steps))
	j.back = j.goes + 1 + rng.IntN(len(j.steps)-j.goes)
	return j
}

// travel plays a journey, up to its end, and holds what programs see against the model after every step.
func (j journey) travel(b *box) (*player, error) {
	p, err := newPlayer(b)
	if err != nil {
		return nil, err
	}
	w := newModel()
	for i, s := range j.steps {
		if i == j.goes {
			j.trouble.goes(b, j.k)
		}
		if i == j.back {
			if err := j.return_(b, p); err != nil {
				return p, err
			}
		}
		p.done = i
		want := w.apply(s)
		if err := p.do(s); (err == nil) != (want == nil) {
			return p, fmt.Errorf("step %d %v: got error %v, want %v", i+1, s, err, want)
		}
		if err := p.agrees(w); err != nil {
			return p, fmt.Errorf("after step %d %v: %w", i+1, s, err)
		}
	}
	if j.back == len(j.steps) {
		if err := j.return_(b, p); err != nil {
			return p, err
		}
	}
	if err := tell(j.steps).afterKill(look(p.m), len(j.steps)); err != nil {
		return p, fmt.Errorf("in the end: %w", err)
	}
	return p, nil
}

// return_ lets the cloud come back, and waits until it takes part again.
func (j journey) return_(b *box, p *player) error {
	j.trouble.comes(b, j.k)
	b.clock.pass(time.Minute)
	if err := p.m.Tend(); err != nil {
		return fmt.Errorf("the return: %w", err)
	}
	if got := p.m.Status().Clouds[j.k].State; got != "ok" && got != "owes" {
		return fmt.Errorf("after the return cloud %d is %q", j.k, got)
	}
	return nil
}

// arrived closes the mirror when all debts are paid, and holds each cloud against what was seen.
func (j journey) arrived(b *box, p *player) error {
	if err := p.letGo(); err != nil {
		return err
	}
	if err := p.m.Sync(); err != nil {
		return err
	}
	for range 5 {
		b.clock.pass(time.Minute)
		if err := p.m.Tend(); err != nil {
			return err
		}
	}
	for _, c := range p.m.Status().Clouds {
		if c.State != "ok" {
			return fmt.Errorf("in the end %+v\n%s", c, b.said)
		}
	}
	got := look(p.m)
	if err := p.m.Close(); err != nil {
		return err
	}
	if n := len(b.state.Owes()); n > 0 {
		return fmt.Errorf("%d clouds owe", n)
	}
	return b.inOrder(got, demand{same: true, tidy: true})
}

// TestReturns lets a cloud go and come back in the middle of random histories. Afterwards it holds what the others hold.
func TestReturns(t *testing.T) {
	failed, first, stop := 0, uint64(0), uint64(returnSeeds)
	if *firstStory > 0 {
		first, stop = *firstStory, *firstStory+*histories
	}
	for seed := first; seed < stop && failed < 3; seed++ {
		j := travels(seed)
		b := j.box(t)
		p, err := j.travel(b)
		if err == nil {
			err = j.arrived(b, p)
		}
		if err != nil {
			failed++
			t.Errorf("%v: %v\n%s\n%s", j, err, script(j.steps), b.said)
		}
	}
}

// TestRemovedWhileOwed removes a file of which a cloud shows something that may
// still be arriving, and its directory. The cloud keeps both for now, which keeps
// nobody from anything, and follows later.
func TestRemovedWhileOwed(t *testing.T) {
	runFindings(t, []finding{{"debris in a directory that is removed", 2, func(s *scene) {
		s.steps(step{op: opMkdir, path: "d", mode: 0o755})
		s.put("d/f", "content", true)
		s.must(s.m.Sync())
		_, h, err := s.m.Root().Create("young", 0o644, mirror.Owner{})
		s.must(err)
		s.must(s.them(1).Do(cloudtest.Replace(s.entryAt(1, "d/f"), s.backing(s.disk, 1, "young"))))
		s.must(h.Close())
		s.steps(step{op: opUnlink, path: "young"})
		s.steps(step{op: opUnlink, path: "d/f"}, step{op: opRmdir, path: "d"})
		if has := s.exists("d"); has[0] || !has[1] {
			s.failf("the directory is in %v", has)
		}
		for range 4 {
			s.missing("d")
			s.tend()
		}
		if has := s.exists("d"); has[0] || has[1] {
			s.failf("in the end the directory is in %v", has)
		}
		s.must(s.m.Sync())
		s.nobodyOwes()
		s.remount()
		s.missing("d")
		s.honest(0, 1)
	}}})
}
