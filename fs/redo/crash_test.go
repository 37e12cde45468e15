package redo

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }

// A history is what a workload knows about its log: what it may and what it must see again.
type history struct {
	payloads map[uint64]string // by number, of the Append that returned or was under way
	appended uint64            // above every number whose Append returned
	synced   uint64            // above every number that a Sync covered
	marked   uint64            // the highest mark whose Retire returned
	asked    uint64            // the highest mark that was asked for
}

// work runs a workload of rng's choosing until something fails or it is done, and keeps h. Where the disk is flaky, a sync that
// fails is only one that promises nothing.
func (h *history) work(l *Log, rng *rand.Rand, flaky bool) error {
	for range 30 {
		switch rng.IntN(8) {
		default:
			p := fmt.Sprintf("%d-%d-%*d", l.Next(), rng.IntN(1000), rng.IntN(200), 0)
			h.payloads[l.Next()] = p
			if _, err := l.AppendV([]byte(p[:1]), []byte(p[1:])); err != nil {
				return err
			}
			h.appended = l.Next()
			if rng.IntN(4) == 0 {
				l.mu.Lock()
				l.finish() // as at the rotation size
				l.mu.Unlock()
			}
		case 0, 1:
			upTo := l.Next()
			err := l.Sync()
			if err == nil {
				h.synced = max(h.synced, upTo)
			} else if !flaky || errors.Is(err, errCrashed) {
				return err
			}
		case 2:
			mark := h.marked + uint64(rng.IntN(int(l.Next()-h.marked)+1))
			h.asked = max(h.asked, mark)
			err := l.Retire(mark)
			if err == nil {
				h.marked = max(h.marked, mark)
			} else if !flaky || errors.Is(err, errCrashed) {
				return err
			}
		}
	}
	return nil
}

// check replays the log of a disk after a crash and holds it against h, then makes h what the next run starts from.
func (h *history) check(d *fakeDisk, power bool) (*Log, error) {
	l, err := Open(d, &testKey)
	if err != nil {
		return nil, err
	}
	first, next := uint64(0), uint64(0)
	err = l.Replay(func(seq uint64, payload []byte) error {
		if next == 0 {
			first = seq
		} else if _, known := h.payloads[next]; known && seq != next {
			return fmt.Errorf("entry %d follows %d", seq, next-1)
		}
		next = seq + 1
		if h.payloads[seq] != string(payload) {
			return fmt.Errorf("entry %d is %q, was %q", seq, payload, h.payloads[seq])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	must := h.appended
	if power {
		must = h.synced
	}
	switch {
	case l.Next() < must:
		return nil, fmt.Errorf("the next number is %d, and %d was given before", l.Next(), must-1)
	case next == 0 && must > h.asked && h.has(h.asked, must):
		return nil, fmt.Errorf("nothing is replayed, but entries up to %d had to be, with mark %d", must, h.asked)
	case next != 0 && first > h.asked && h.has(h.asked, first):
		return nil, fmt.Errorf("entry %d is the first, but only those below %d were retired", first, h.asked)
	case next != 0 && next < must && h.has(max(next, h.asked), must):
		return nil, fmt.Errorf("the replay ends before %d, but entries up to %d had to survive", next, must)
	case !power && next != 0 && first < h.marked:
		return nil, fmt.Errorf("entry %d was retired, with mark %d", first, h.marked)
	}
	for seq := range h.payloads {
		if seq < first || seq >= next {
			delete(h.payloads, seq) // gone for good: a later run must not bring it back
		}
	}
	h.marked, h.asked, h.appended = l.Mark(), l.Mark(), next
	if power {
		h.synced = next
	}
	return l, nil
}

func (h *history) has(from, to uint64) bool {
	for seq := from; seq < to; seq++ {
		if _, ok := h.payloads[seq]; ok {
			return true
		}
	}
	return false
}

// TestCrashAtEveryOperation runs a few generations of one log. Each is cut short at some operation, by a kill or a power
// cut; every operation of the first generation has its turn.
func TestCrashAtEveryOperation(t *testing.T) {
	for seed := range uint64(crashSeeds) {
		for _, power := range []bool{false, true} {
			for op := 1; crashOnce(t, seed, op, power); op++ {
			}
		}
	}
}

// flaky makes a third of the syncs fail that come before a crash, on every other seed.
func flaky(d *fakeDisk, seed uint64) bool {
	if seed%2 == 0 {
		return false
	}
	crash, rng := d.fault, newRand(seed)
	d.fault = func(op int, what string) error {
		if err := crash(op, what); err != nil {
			return err
		}
		if strings.HasPrefix(what, "sync") && rng.IntN(3) == 0 {
			return errFlaky
		}
		return nil
	}
	return true
}

var errFlaky = errors.New("I/O error")

// crashOnce reports whether operation op was reached.
func crashOnce(t *testing.T, seed uint64, op int, power bool) (reached bool) {
	d := newFakeDisk()
	rng := newRand(seed)
	torn := newRand(uint64(op)).IntN(120)
	h := &history{payloads: map[uint64]string{}, appended: 1, synced: 1, marked: 1, asked: 1}
	l := open(t, d)
	for generation := range 4 {
		if generation == 0 {
			d.crashAt(op, torn)
		} else {
			d.crashAt(1+rng.IntN(60), rng.IntN(120))
		}
		err := h.work(l, rng, flaky(d, seed))
		if err == nil && generation == 0 && !d.down {
			return false
		}
		if cut := power != (generation == 2); cut {
			d = d.powerCut(rng)
			l, err = h.check(d, true)
		} else {
			d = d.kill()
			l, err = h.check(d, false)
			if err == nil && generation == 0 && l.Lost() {
				err = fmt.Errorf("a kill has lost: %v", l.Losses())
			}
		}
		if err != nil {
			t.Fatalf("seed %d, crash at operation %d, power cut %v, generation %d: %v", seed, op, power, generation, err)
		}
	}
	return true
}

// However Close is cut short, nothing is replayed afterwards, and the numbers go on.
func TestCloseAtAnyOperation(t *testing.T) {
	for op := 1; ; op++ {
		d := newFakeDisk()
		l := open(t, d)
		for range 3 {
			appendAll(t, l, "x")
			l.finish()
		}
		must(t, l.Sync())
		must(t, l.Retire(l.Next()))
		d.ops = 0
		d.crashAt(op, 0)
		err := l.Close()
		if err == nil && len(d.files) != 1 {
			t.Fatalf("Close left %d segments", len(d.files))
		}
		for seed := range uint64(20) {
			after := open(t, d.powerCut(newRand(seed)))
			expect(t, replayed(t, after))
			if after.Next() != 4 || after.ID() != l.ID() {
				t.Fatalf("operation %d, seed %d: the next number is %d", op, seed, after.Next())
			}
		}
		after := open(t, d.kill())
		expect(t, replayed(t, after))
		if after.Lost() {
			t.Fatalf("operation %d: a kill has lost: %v", op, after.Losses())
		}
		if after.Next() != 4 || after.ID() != l.ID() {
			t.Fatalf("operation %d: the next number is %d", op, after.Next())
		}
		if err == nil {
			return
		}
	}
}

// A hole within one run ends the replay; what a later run writes follows the place where it ended.
func TestPowerCutHoleInAnEarlierSegment(t *testing.T) {
	d := newFakeDisk()
	l := open(t, d)
	appendAll(t, l, "a", "b")
	l.finish()
	appendAll(t, l, "c")
	l.finish()
	appendAll(t, l, "d")
	f := d.files[segmentName(1)]
	f.data = f.data[:len(f.data)-1]
	open(t, d) // makes all durable

	done := d.powerCut(newRand(1)) // with nothing to lose, a copy
	l = open(t, done)
	must(t, l.Retire(2))
	must(t, l.Close())
	if len(done.files) != 1 || open(t, done).Next() != 5 {
		t.Fatalf("%d segments left of a run that ended in a hole", len(done.files))
	}

	l = open(t, d)
	expect(t, replayed(t, l), "1:a")
	if n := len(l.Losses()); n != 3 {
		t.Fatal(l.Losses())
	}
	if seqs := appendAll(t, l, "e"); seqs[0] != 5 {
		t.Fatalf("number %d was given before", seqs[0])
	}
	expect(t, replayed(t, open(t, d)), "1:a", "5:e")

	l = open(t, d)
	must(t, l.Retire(2))
	expect(t, replayed(t, open(t, d)), "5:e")
	must(t, l.Retire(6))
	must(t, l.Close())
	if len(d.files) != 1 {
		t.Fatalf("%d segments left", len(d.files))
	}
}

// What an earlier run left is durable before this run builds on it.
func TestEarlierRunIsSyncedBeforeItIsBuiltOn(t *testing.T) {
	d := newFakeDisk()
	appendAll(t, open(t, d), "a") // killed here, never synced
	l := open(t, d)
	appendAll(t, l, "b")
	must(t, l.Sync())
	for seed := range uint64(20) {
		expect(t, replayed(t, open(t, d.powerCut(newRand(seed)))), "1:a", "2:b")
	}
}
