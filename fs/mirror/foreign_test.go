package mirror_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// meddled is a story in which somebody else does one thing to one cloud of
// several: a hostile provider, or a sync client that has lost its way. Nobody
// can make a version that the vault's machines have not made, so a program is
// to notice nothing, and the other clouds are as if nothing had been.
type meddled struct {
	tl   tale
	rng  *rand.Rand
	step int // before which it begins
	k    int // the cloud
	op   int // of that cloud, from then on
	them *cloudtest.Foreign
}

// meddlings are the kinds of what somebody does to the entry of one path, with
// that of another, and with what the cloud was some steps ago.
var meddlings = []struct {
	name string
	move func(at, other string, old *cloudtest.Mem) cloudtest.Move
}{
	{"deleted", func(at, _ string, _ *cloudtest.Mem) cloudtest.Move { return cloudtest.Delete(at) }},
	{"replaced by garbage", func(at, _ string, _ *cloudtest.Mem) cloudtest.Move { return cloudtest.Replace(at, []byte("garbage")) }},
	{"rewritten with garbage", func(at, _ string, _ *cloudtest.Mem) cloudtest.Move { return cloudtest.Rewrite(at, random(2000)) }},
	{"renamed to what is foreign", func(at, _ string, _ *cloudtest.Mem) cloudtest.Move { return cloudtest.Rename(at, "theirs") }},
	{"renamed over another", func(at, other string, _ *cloudtest.Mem) cloudtest.Move { return cloudtest.Rename(at, other) }},
	{"swapped with another", func(at, other string, _ *cloudtest.Mem) cloudtest.Move { return cloudtest.Swap(at, other) }},
	{"replaced by a copy of another", func(at, other string, _ *cloudtest.Mem) cloudtest.Move { return cloudtest.Plant(other, at, false) }},
	{"replaced by a link of another", func(at, other string, _ *cloudtest.Mem) cloudtest.Move { return cloudtest.Plant(other, at, true) }},
	{"duplicated", func(at, _ string, _ *cloudtest.Mem) cloudtest.Move { return cloudtest.Duplicate(at) }},
	{"rolled back", func(at, _ string, old *cloudtest.Mem) cloudtest.Move { return cloudtest.Rollback(at, old) }},
	{"all rolled back", func(_, _ string, old *cloudtest.Mem) cloudtest.Move { return cloudtest.Rollback("", old) }},
}

func (s *meddled) String() string {
	return fmt.Sprintf("%v, in cloud %d, from step %d on before operation %d: %v", s.tl, s.k, s.step+1, s.op, s.them)
}

func (s *meddled) tell(t *testing.T, move func(at, other string, old *cloudtest.Mem) cloudtest.Move) error {
	b := s.tl.box(t)
	s.them = b.them(s.k)
	p, err := newPlayer(b)
	check(t, err)
	var past []*cloudtest.Disk
	p.before = func(i int, w *model) error {
		past = append(past, b.disk.Clone())
		if i == s.step {
			old := past[s.rng.IntN(len(past))].Dir(cloudName(s.k))
			b.faulty[s.k].Inject(cloudtest.Rule{From: s.op, To: s.op, Act: s.them.Then(move(s.target(b, w), s.target(b, w), old))})
		}
		return nil
	}
	if err := p.play(s.tl.steps); err != nil {
		return b.explain("%w", err)
	}
	if err := p.leave(); err != nil {
		return b.explain("unmount: %w", err)
	}
	h, last := tell(s.tl.steps), len(s.tl.steps)
	return b.verify(demand{same: true, owes: map[int]bool{s.k: true}}, func(got map[string]seen) error {
		return h.exactly(got, last, last)
	})
}

// target is the entry of something that a program has.
func (s *meddled) target(b *box, w *model) string {
	var entries []string
	w.visit(func(path string, t *thing) {
		entry := b.entry(s.k, spell(path))
		if t.kind == 'l' {
			entry += "w"
		}
		entries = append(entries, entry)
	})
	if len(entries) == 0 {
		return "nothing"
	}
	return pick(s.rng, entries...)
}

// TestForeign lets somebody else change one cloud of several, in each history
// once.
func TestForeign(t *testing.T) {
	var ran tally
	for _, m := range meddlings {
		losing(t, "foreign: "+m.name, func(t *testing.T, name string) error {
			return eachSeed(name, faultSeeds, func(seed uint64) error {
				ran.story(m.name)
				tl := invented(seed)
				tl.n = 2 + int(seed%2)
				rng := rand.New(rand.NewPCG(seed, 23))
				s := &meddled{tl: tl, rng: rng, step: len(tl.steps)/4 + rng.IntN(len(tl.steps)/2), k: rng.IntN(tl.n), op: 1 + rng.IntN(10)}
				if err := s.tell(t, m.move); err != nil {
					return fmt.Errorf("%v: %w\n%s", s, err, script(tl.steps))
				}
				return nil
			})
		})
	}
	t.Logf("%d stories\n%v", ran.stories, &ran)
}
