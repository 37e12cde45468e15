package mirror_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// Where a fault is, beside the clouds by their number.
const (
	inTheState      = -2
	everywhereAlike = -3
	inTheIndex      = -4
)

// fault is what goes wrong in a history, from a step on: its rules print.
type fault struct {
	step  int
	where int
	rules []cloudtest.Rule
}

func (f fault) String() string {
	where := fmt.Sprintf("in cloud %d", f.where)
	switch f.where {
	case theLog:
		where = "in the log"
	case inTheState:
		where = "in the state"
	case everywhereAlike:
		where = "in every cloud"
	case inTheIndex:
		where = "in the index"
	}
	return fmt.Sprintf("from step %d on %s: %v", f.step+1, where, f.rules)
}

// arm lets the fault begin.
func (f fault) arm(b *box) {
	switch f.where {
	case inTheState:
		b.state.rules.Inject(f.rules...)
	case inTheIndex:
		b.index.rules.Inject(f.rules...)
	case everywhereAlike:
		for k := range b.n {
			b.inject(k, f.rules...)
		}
	default:
		b.inject(f.where, f.rules...)
	}
}

// Errors, by whose they are.
var (
	cloudFails  = []error{syscall.EIO, syscall.ESTALE, syscall.ENOTCONN}
	cloudIsFull = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS}
	ownLimits   = []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM}
)

// faultKind is a kind of story: one history, one fault, its recovery.
type faultKind struct {
	name string

	// draw makes up a fault for a history.
	draw func(rng *rand.Rand, tl tale) fault

	// mayFail: a program may be told of it. Else it sees no error.
	mayFail bool

	// blamed: the cloud of the fault may owe afterwards. Nobody else ever does.
	blamed bool

	// undone: an operation on names that a program was told of as failed is
	// not done afterwards. Without it, it may be.
	undone bool
}

var faultKinds = []faultKind{
	{name: "a cloud fails", draw: drawIn(oneCloud, cloudFails), blamed: true},
	{name: "a cloud cannot be read", draw: drawReads, blamed: true},
	{name: "a cloud is full", draw: drawIn(oneCloud, cloudIsFull), blamed: true},
	{name: "a cloud gives no answer", draw: drawNoAnswer, blamed: true},
	{name: "the process is at its limits", draw: drawIn(oneCloud, ownLimits), mayFail: true},
	{name: "all clouds fail", draw: drawIn(allClouds, cloudFails), mayFail: true},
	{name: "all clouds are full", draw: drawIn(allClouds, cloudIsFull), mayFail: true},
	{name: "what all clouds refuse is not done", draw: drawIn(allClouds, cloudFails), mayFail: true, undone: true},
	{name: "the log fails", draw: drawIn(onlyTheLog, slices.Concat(cloudFails[:1], cloudIsFull)), mayFail: true},
	{name: "the state fails", draw: drawIn(onlyTheState, slices.Concat(cloudFails[:1], cloudIsFull)), mayFail: true},
	{name: "the index fails", draw: drawIndex},
	{name: "a cloud lacks features", draw: drawLack},
	{name: "no cloud has these features", draw: drawLackEverywhere},
}

func oneCloud(rng *rand.Rand, tl tale) int { return rng.IntN(tl.n) }
func allClouds(*rand.Rand, tale) int       { return everywhereAlike }
func onlyTheLog(*rand.Rand, tale) int      { return theLog }
func onlyTheState(*rand.Rand, tale) int    { return inTheState }
func onlyTheIndex(*rand.Rand, tale) int    { return inTheIndex }

// drawIn makes up a fault of changes: once, for some operations, or from then
// on. Where all clouds fail, they fail at the same operation.
func drawIn(where func(*rand.Rand, tale) int, errs []error) func(*rand.Rand, tale) fault {
	return func(rng *rand.Rand, tl tale) fault {
		f := fault{step: rng.IntN(len(tl.steps)), where: where(rng, tl)}
		r := cloudtest.Rule{Op: "change", From: 1 + rng.IntN(6), Err: pick(rng, errs...)}
		switch f.where {
		case everywhereAlike:
			r.From = 1
		case inTheState:
			r.Op = ""
		}
		r.To = pick(rng, r.From, r.From+2, 0)
		if f.where == everywhereAlike {
			r.To = 0
		}
		f.rules = []cloudtest.Rule{r}
		return f
	}
}

// drawReads lets reads of one kind fail in one cloud.
func drawReads(rng *rand.Rand, tl tale) fault {
	f := drawIn(oneCloud, cloudFails)(rng, tl)
	f.rules[0].Op = pick(rng, "open", "readat", "stat", "readdir", "")
	return f
}

// drawNoAnswer lets one cloud stop to answer: what it was asked last may be done,
// and all that comes later fails at once.
func drawNoAnswer(rng *rand.Rand, tl tale) fault {
	at := 1 + rng.IntN(6)
	return fault{step: rng.IntN(len(tl.steps)), where: oneCloud(rng, tl), rules: []cloudtest.Rule{
		{Op: "change", From: at, To: at, Err: cloud.ErrNoAnswer, Late: rng.IntN(2) == 0},
		{Op: "change", From: at + 1, Err: cloud.ErrNoAnswer},
	}}
}

// drawIndex lets transactions of the index fail, whether they are made or not.
func drawIndex(rng *rand.Rand, tl tale) fault {
	from := 1 + rng.IntN(3)
	return fault{step: rng.IntN(len(tl.steps)), where: inTheIndex, rules: []cloudtest.Rule{{
		Op: pick(rng, "apply", "applied"), From: from, To: pick(rng, from, from+2, 0), Err: pick(rng, slices.Concat(cloudFails[:1], cloudIsFull)...),
	}}}
}

func drawLack(rng *rand.Rand, tl tale) fault {
	features := cloudtest.Features()
	rng.Shuffle(len(features), func(i, j int) { features[i], features[j] = features[j], features[i] })
	return fault{step: 0, where: oneCloud(rng, tl), rules: cloudtest.Without(features[:1+rng.IntN(3)]...)}
}

func drawLackEverywhere(rng *rand.Rand, tl tale) fault {
	f := drawLack(rng, tl)
	f.where = everywhereAlike
	return f
}

// lacks tells whether no program can do something while the fault lasts.
func (f fault) lacks(op string) bool {
	return slices.ContainsFunc(f.rules, func(r cloudtest.Rule) bool { return r.Op == op })
}

// faulted is one story.
type faulted struct {
	tl     tale
	f      fault
	kind   faultKind
	killed bool // afterwards, instead of unmounted
}

func (s faulted) String() string {
	return fmt.Sprintf("%v, %s, %v, killed %v", s.tl, s.kind.name, s.f, s.killed)
}

// in makes up a story in which the fault comes into a history.
func (kind faultKind) in(tl tale, seed uint64) faulted {
	if !kind.mayFail {
		tl.n = 2 + int(seed%2)
	}
	rng := rand.New(rand.NewPCG(seed, 17))
	s := faulted{tl: tl, f: kind.draw(rng, tl), kind: kind, killed: rng.IntN(3) == 0}
	s.tl.steps = slices.DeleteFunc(slices.Clone(tl.steps), func(st step) bool {
		return st.op == opLink && s.f.lacks("link") || (st.op == opSetxattr || st.op == opDelxattr) && s.f.lacks("setxattr")
	})
	return s
}

// tell plays the story. A program that is told of the fault stops there, and
// finds everything as it was before that step, or as after it, when the fault
// is gone.
func (s faulted) tell(t *testing.T) error {
	if err := s.play(s.tl.box(t)); err != nil {
		return fmt.Errorf("%v: %w", s, err)
	}
	return nil
}

func (s faulted) play(b *box) error {
	p, err := newPlayer(b)
	if err != nil {
		return err
	}
	done, err := s.untilTold(p)
	if err != nil {
		return b.explain("%w", err)
	}
	b.mend()
	if s.killed {
		b.disk.Kill()
	} else if err := p.leave(); err != nil {
		return b.explain("unmount after the fault: %w", err)
	}
	d := wholly
	if s.kind.blamed {
		d.owes = map[int]bool{s.f.where: true}
	}
	h := tell(s.tl.steps)
	return b.verify(d, func(got map[string]seen) error {
		if s.kind.undone && done < len(s.tl.steps) && s.tl.steps[done].onNames() {
			return h.exactly(got, done, done)
		}
		return h.afterKill(got, done)
	})
}

// onNames tells operations on names from those on contents.
func (s step) onNames() bool {
	switch s.op {
	case opCreate, opMkdir, opMknod, opSymlink, opUnlink, opRmdir, opRename, opRenameNew, opExchange, opLink:
		return true
	}
	return false
}

// untilTold returns how many steps were done, and an error that should not be.
func (s faulted) untilTold(p *player) (done int, err error) {
	w := newModel()
	for i, st := range s.tl.steps {
		if i == s.f.step {
			s.f.arm(p.b)
		}
		want := w.apply(st)
		err := p.do(st)
		switch {
		case (err == nil) == (want == nil):
		case err != nil && s.kind.mayFail && i >= s.f.step:
			return i, nil
		default:
			return i, fmt.Errorf("step %d %v: got error %v, want %v", i+1, st, err, want)
		}
	}
	return len(s.tl.steps), nil
}

// leave closes handles and mirror, if a remount has not failed to.
func (p *player) leave() error {
	if p.m == nil {
		return nil
	}
	_ = p.letGo() // what it says, Close says again
	return p.m.Close()
}

// TestFaults lets one thing fail in each history.
func TestFaults(t *testing.T) {
	var ran tally
	for _, kind := range faultKinds {
		losing(t, "faults: "+kind.name, func(t *testing.T, name string) error {
			return eachSeed(name, faultSeeds, func(seed uint64) error {
				ran.story(kind.name)
				s := kind.in(invented(seed), seed)
				if err := s.tell(t); err != nil {
					return fmt.Errorf("%w\n%s", err, script(s.tl.steps))
				}
				return nil
			})
		})
	}
	t.Logf("%d stories\n%v", ran.stories, &ran)
}
