package mirror_test

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// meddled is a story in which somebody else does one thing to one cloud of
// several: a hostile provider, or a sync client that has lost its way. Nobody
// can make a version that the vault's machines have not made, so a program is
// to notice nothing, and the other clouds are as if nothing had been.
type meddled struct {
	tl   tale
	kind meddling
	rng  *rand.Rand
	step int  // before which it begins
	k    int  // the cloud
	op   int  // of that cloud, from then on
	mend bool // time passes after it, again and again, in which it is repaired
	them *cloudtest.Foreign
}

// prey is what somebody finds to meddle with.
type prey struct {
	at, other, free string         // entries of two things that a program has, and of a name that it never uses
	old             *cloudtest.Mem // the cloud as it was some steps ago
}

// was is the content of the entry as it was, or garbage if there was none.
func (p prey) was() []byte {
	f, err := p.old.Open(p.at, false)
	if err != nil {
		return []byte("garbage")
	}
	defer f.Close()
	content, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
	if err != nil {
		return []byte("garbage")
	}
	return content
}

type meddling struct {
	name  string
	moves func(p prey) []cloudtest.Move
}

// in makes up a story in which somebody meddles with a history.
func (m meddling) in(tl tale, seed uint64) *meddled {
	tl.n = 2 + int(seed%2)
	rng := rand.New(rand.NewPCG(seed, 23))
	return &meddled{
		tl: tl, kind: m, rng: rng, step: len(tl.steps)/4 + rng.IntN(max(1, len(tl.steps)/2)), k: rng.IntN(tl.n), op: 1 + rng.IntN(10),
	}
}

func one(m cloudtest.Move) []cloudtest.Move { return []cloudtest.Move{m} }

// meddlings are the kinds of what somebody does, one move before each
// operation.
var meddlings = []meddling{
	{"deleted", func(p prey) []cloudtest.Move { return one(cloudtest.Delete(p.at)) }},
	{"replaced by garbage", func(p prey) []cloudtest.Move { return one(cloudtest.Replace(p.at, []byte("garbage"))) }},
	{"rewritten with garbage", func(p prey) []cloudtest.Move { return one(cloudtest.Rewrite(p.at, random(2000))) }},
	{"rewritten with what it was", func(p prey) []cloudtest.Move { return one(cloudtest.Rewrite(p.at, p.was())) }},
	{"rewritten in pieces", func(p prey) []cloudtest.Move { return cloudtest.Deliver(p.at, p.was(), 3) }},
	{"renamed to what is foreign", func(p prey) []cloudtest.Move { return one(cloudtest.Rename(p.at, "theirs")) }},
	{"renamed over another", func(p prey) []cloudtest.Move { return one(cloudtest.Rename(p.at, p.other)) }},
	{"swapped with another", func(p prey) []cloudtest.Move { return one(cloudtest.Swap(p.at, p.other)) }},
	{"replaced by a copy of another", func(p prey) []cloudtest.Move { return one(cloudtest.Plant(p.other, p.at, false)) }},
	{"replaced by a link of another", func(p prey) []cloudtest.Move { return one(cloudtest.Plant(p.other, p.at, true)) }},
	{"copied to a free name", func(p prey) []cloudtest.Move { return one(cloudtest.Plant(p.at, p.free, false)) }},
	{"linked to a free name", func(p prey) []cloudtest.Move { return one(cloudtest.Plant(p.at, p.free, true)) }},
	{"duplicated", func(p prey) []cloudtest.Move { return one(cloudtest.Duplicate(p.at)) }},
	{"rolled back", func(p prey) []cloudtest.Move { return one(cloudtest.Rollback(p.at, p.old)) }},
	{"all rolled back", func(p prey) []cloudtest.Move { return one(cloudtest.Rollback("", p.old)) }},
}

func (s *meddled) String() string {
	return fmt.Sprintf("%v, in cloud %d, from step %d on before operation %d: %v", s.tl, s.k, s.step+1, s.op, s.them)
}

func (s *meddled) tell(t *testing.T) error {
	if err := s.play(s.tl.box(t)); err != nil {
		return fmt.Errorf("%v: %w", s, err)
	}
	return nil
}

func (s *meddled) play(b *box) error {
	s.them = b.them(s.k)
	p, err := newPlayer(b)
	if err != nil {
		return err
	}
	var past []*cloudtest.Disk
	p.before = func(i int, w *model) error {
		past = append(past, b.disk.Clone())
		if i > s.step {
			s.repair(b, p)
		}
		if i == s.step {
			found := prey{free: b.entryAt(s.k, "free"), old: past[s.rng.IntN(len(past))].Dir(cloudName(s.k))}
			found.at, found.other = s.target(b, w), s.target(b, w)
			for j, move := range s.kind.moves(found) {
				b.rigged[s.k].Inject(cloudtest.Rule{From: s.op + j, To: s.op + j, Act: s.them.Then(move)})
			}
		}
		return nil
	}
	if err := p.play(s.tl.steps); err != nil {
		return b.explain("%w", err)
	}
	for range 3 {
		s.repair(b, p)
	}
	if err := p.leave(); err != nil {
		return b.explain("unmount: %w", err)
	}
	h, last := tell(s.tl.steps), len(s.tl.steps)
	d := demand{same: true, owes: map[int]bool{s.k: true}, but: h.withoutUnheardOf}
	if s.mend {
		d.but = nil // they are in every cloud by now
	}
	return b.verify(d, func(got map[string]seen) error {
		return h.exactly(h.withoutUnheardOf(got), last, last)
	})
}

// repair has a program look at everything, and what that finds wrong repaired.
func (s *meddled) repair(b *box, p *player) {
	if s.mend && p.m != nil {
		look(p.m)
		b.clock.pass(time.Minute)
		_ = p.m.Tend() // what it cannot do is told by the end of the story
	}
}

// withoutUnheardOf leaves out directories of which their directory never had the name, and with nothing else in them: a
// directory carries no id, so that one which a cloud moves there is like one that another machine has just made there, and
// believed. In one that was made again nothing is known of what was in the one before.
func (h *history) withoutUnheardOf(got map[string]seen) map[string]seen {
	known := map[string]bool{}
	for path, g := range got {
		if g.kind == 'd' && !h.everHad(path) {
			continue
		}
		for at := len(path); at > 0; at = strings.LastIndexByte(path[:at], '/') {
			known[path[:at]] = true
		}
	}
	left := maps.Clone(got)
	maps.DeleteFunc(left, func(path string, _ seen) bool { return !known[path] })
	return left
}

// everHad reports whether the directory in which a path is in the end ever had that name, wherever it was then.
func (h *history) everHad(path string) bool {
	dir, name := split(path)
	in, below := h.paths[len(h.paths)-1][dir]
	return slices.ContainsFunc(h.paths, func(then map[string]int) bool {
		if dir == "" {
			_, had := then[name]
			return had
		}
		for at, id := range then {
			if _, had := then[at+"/"+name]; below && id == in && had {
				return true
			}
		}
		return false
	})
}

// target is the entry of something that a program has.
func (s *meddled) target(b *box, w *model) string {
	var entries []string
	w.visit(func(path string, t *thing) {
		entry := b.entryAt(s.k, spell(path))
		if t.kind != 'f' && t.kind != 'd' {
			entry += "w"
		}
		entries = append(entries, entry)
	})
	if len(entries) == 0 {
		return "nothing"
	}
	return pick(s.rng, entries...)
}

// TestMended is TestForeign where there is time for repairs, also while programs go on.
func TestMended(t *testing.T) {
	for _, m := range meddlings {
		t.Run(m.name, func(t *testing.T) {
			err := eachSeed("mended: "+m.name, faultSeeds, func(seed uint64) error {
				s := m.in(invented(seed), seed)
				s.mend = true
				if err := s.tell(t); err != nil {
					return fmt.Errorf("%w\n%s", err, script(s.tl.steps))
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestForeign lets somebody else change one cloud of several, in each history
// once.
func TestForeign(t *testing.T) {
	var ran tally
	for _, m := range meddlings {
		losing(t, "foreign: "+m.name, func(t *testing.T, name string) error {
			return eachSeed(name, faultSeeds, func(seed uint64) error {
				ran.story(m.name)
				s := m.in(invented(seed), seed)
				if err := s.tell(t); err != nil {
					return fmt.Errorf("%w\n%s", err, script(s.tl.steps))
				}
				return nil
			})
		})
	}
	t.Logf("%d stories\n%v", ran.stories, &ran)
}
