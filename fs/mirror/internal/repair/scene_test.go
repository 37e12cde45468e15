package repair_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// plan is what a scene is made from; a seed makes all of it.
type plan struct {
	seed   uint64
	clouds int
	lacks  []lacks
	reuse  bool
	direct bool
	steps  int
}

// scene is clouds that a history reached in part, and the history.
type scene struct {
	*box
	*story
	log     []*event
	reached []string // how far each cloud came
	waits   bool     // versions may wait in the log
}

// planOf varies everything by the seed.
func planOf(seed uint64) plan {
	rng := rand.New(rand.NewPCG(seed, 2))
	p := plan{seed: seed, clouds: 1 + rng.IntN(3), reuse: rng.IntN(2) == 0, direct: rng.IntN(3) > 0, steps: 4 + rng.IntN(14)}
	p.lacks = make([]lacks, p.clouds)
	for k := range p.lacks {
		p.lacks[k] = lacks{handles: rng.IntN(3) == 0, exchange: rng.IntN(3) == 0, links: rng.IntN(6) == 0}
	}
	return p
}

// begin is clouds that all have the same tree, synced, and a history that goes
// on from there and reached none of them.
func begin(t testing.TB, p plan) *scene {
	sc := &scene{box: newBox(t, p.clouds, p.reuse)}
	copy(sc.lacks, p.lacks)
	sc.story = newStory(p.seed, sc.keys)
	for _, l := range p.lacks {
		sc.links = sc.links && !l.links
	}
	sc.settled = true
	sc.goOn(10)
	for _, ev := range sc.settle() {
		sc.carryAll(ev)
	}
	for k := range sc.keys {
		sc.must(sc.cloud(k).Dir.Syncfs())
	}
	sc.settled, sc.direct = false, p.direct
	if slices.ContainsFunc(p.lacks, func(l lacks) bool { return l.handles }) {
		sc.once = map[spot]bool{}
		sc.walk(func(q spot) {
			if q.node().dir() {
				sc.stands(q)
			}
		})
	}
	sc.goOn(p.steps)
	sc.log = sc.events
	sc.learnHandles()
	return sc
}

func (sc *scene) carryAll(ev *event) {
	for k := range sc.keys {
		if err := (carrier{sc.cloud(k)}).do(ev); err != nil {
			sc.t.Fatalf("%v: %v", ev, err)
		}
	}
}

// learnHandles carries everything out elsewhere, and gives the entries the
// handles that the log has of directories.
func (sc *scene) learnHandles() {
	all := *sc
	all.box = sc.clone()
	for _, ev := range sc.log {
		for k := range sc.keys {
			(carrier{all.cloud(k)}).learn(ev.entry)
		}
		all.carryAll(ev)
	}
}

// reach carries out a random part of the history in each cloud: entries from the
// first on, and of the one after them a few operations. The lead, at least,
// has what was written directly.
func (sc *scene) reach(seed uint64) {
	sc.waits = true
	rng := rand.New(rand.NewPCG(seed, 3))
	last := 0
	for i, ev := range sc.log {
		if ev.entry.Op == journal.OpDirect {
			last = i + 1
		}
	}
	for k := range sc.keys {
		n := rng.IntN(len(sc.log) + 1)
		if k == 0 {
			n = max(n, last)
		}
		more := rng.IntN(7)
		if n < len(sc.log) && makesFile(sc.log[n]) && slices.ContainsFunc(sc.log[n+1:], makesFile) {
			more = 0 // a kill comes in the middle of the last file that is made, and of no other
		}
		sc.reachTo(k, n, more)
	}
}

func makesFile(ev *event) bool {
	return ev.entry.Op == journal.OpCreate || ev.entry.Op == journal.OpSpecial
}

// reachTo carries out n entries in a cloud, and some operations of the next.
func (sc *scene) reachTo(k, n, more int) {
	c, late := carrier{sc.cloud(k)}, sc.late(k, n, more)
	sc.reached = append(sc.reached, fmt.Sprintf("%d and %d more operations", n, more))
	for i, ev := range sc.log[:n] {
		if late[i] {
			continue
		}
		if err := c.do(ev); err != nil {
			sc.t.Fatalf("cloud %d: %v: %v", k, ev, err)
		}
	}
	if n < len(sc.log) {
		sc.disk.CrashAfter(sc.disk.Ops() + more)
		if err := c.do(sc.log[n]); err != nil && !errors.Is(err, cloudtest.ErrCrashed) {
			sc.t.Fatalf("cloud %d: %v: %v", k, sc.log[n], err)
		}
		sc.disk.Kill()
	}
	sc.burn(k, n)
}

// late are versions that wait in the log while names go on: the last ones of
// their files, where those are in the backing files that they were in.
func (sc *scene) late(k, n, more int) map[int]bool {
	rng := rand.New(rand.NewPCG(uint64(k*1000+n*10+more), 7))
	late := map[int]bool{}
	for i, ev := range sc.log[:n] {
		e := ev.entry
		if e.Op != journal.OpCommit || ev.temps != nil || !sc.waits || rng.IntN(3) > 0 {
			continue
		}
		late[i] = !slices.ContainsFunc(sc.log[i+1:], func(o *event) bool {
			return o.entry.Ref == e.Ref || o.entry.Commit != nil && slices.EqualFunc(o.entry.Salts, e.Salts, bytes.Equal)
		})
	}
	return late
}

// burn makes inodes for a moment, so that what is made from now on has handles
// that no entry tells, as on a filesystem where these count up.
func (sc *scene) burn(k, n int) {
	d := sc.cloud(k).Dir
	for range 2 * (len(sc.log) - n) {
		f, err := d.Create(burned, 0o600)
		sc.must(err)
		sc.must(f.Close())
		sc.must(d.Remove(burned))
	}
}

const burned = "burned"

func (ev *event) String() string {
	e := ev.entry
	s := fmt.Sprintf("%s %s", opNames[e.Op], short(string(e.Path)))
	if e.To != nil {
		s += " → " + short(string(e.To))
	}
	if e.Path == nil {
		s += short(ev.at)
	}
	if e.Ref != 0 {
		s += fmt.Sprintf(" (file %d)", e.Ref)
	}
	if e.Also != nil {
		s += " also " + short(string(e.Also))
	}
	if v := e.Commit; v != nil {
		s += fmt.Sprintf(" version %v length %d", v.Head.Version, v.Head.Length)
		if v.Cut != nil {
			s += fmt.Sprintf(" cut %d", *v.Cut)
		}
		if len(v.Direct) > 0 {
			s += fmt.Sprintf(" direct %v", v.Direct)
		}
		for _, ch := range v.Chunks {
			s += fmt.Sprintf(" #%d", ch.Index)
		}
		if v.Fresh {
			s += " fresh"
		}
	}
	return s
}

var opNames = map[journal.Op]string{
	journal.OpBind: "bind", journal.OpCreate: "create", journal.OpDirect: "direct", journal.OpFresh: "fresh", journal.OpCommit: "commit",
	journal.OpSpecial: "special", journal.OpMkdir: "mkdir", journal.OpRename: "rename", journal.OpExchange: "exchange", journal.OpLink: "link",
	journal.OpUnlink: "unlink", journal.OpRmdir: "rmdir", journal.OpDirAttr: "dirattr",
}

// tell is the history, for whoever has to find out.
func (sc *scene) tell() string {
	var b strings.Builder
	for k, n := range sc.reached {
		fmt.Fprintf(&b, "  cloud %d has %s; lacks %+v\n", k, n, sc.lacks[k])
	}
	for i, ev := range sc.log {
		fmt.Fprintf(&b, "  %d: %v\n", i, ev)
	}
	return b.String()
}

// check compares every cloud with the story's end.
func (sc *scene) check(b *box, w wish) error {
	var errs []error
	for k := range b.keys {
		errs = append(errs, sc.compare(b, k, w))
	}
	return errors.Join(errs...)
}
