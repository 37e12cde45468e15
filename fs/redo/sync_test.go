package redo

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// failing makes the next n operations that begin with what fail.
func (d *fakeDisk) failing(what string, n int) {
	d.fault = func(_ int, w string) error {
		if n > 0 && strings.HasPrefix(w, what) {
			n--
			return errFlaky
		}
		return nil
	}
}

// One failed sync costs nobody anything: what may be lost is appended again.
func TestFailedSyncIsMadeGood(t *testing.T) {
	for _, what := range []string{"sync 0", "sync directory"} {
		d := newFakeDisk()
		l := open(t, d)
		appendAll(t, l, "a")
		must(t, l.Sync())
		large := strings.Repeat("x", 2*partSize+5)
		short := func(got []string) []string { // for messages
			for i := range got {
				got[i] = strings.Replace(got[i], large, "large", 1)
			}
			return got
		}
		appendAll(t, l, "b", large)
		l.finish()
		appendAll(t, l, "c")
		d.failing(what, 1)
		must(t, l.Sync())
		for seed := range uint64(cutSeeds) {
			got := replayed(t, open(t, d.powerCut(newRand(seed))))
			expect(t, short(got), "1:a", "2:b", "3:large", "4:c")
		}
		appendAll(t, l, "d")
		must(t, l.Sync())
		expect(t, short(replayed(t, open(t, d.powerCut(newRand(1))))), "1:a", "2:b", "3:large", "4:c", "5:d")
		must(t, l.Retire(2))
		must(t, l.Retire(4))
		must(t, l.Sync())
		expect(t, replayed(t, open(t, d.powerCut(newRand(1)))), "4:c", "5:d")
		must(t, l.Retire(6))
		must(t, l.Close())
		if len(d.files) != 1 {
			t.Errorf("%d segments left", len(d.files))
		}
	}
}

// While every sync fails, Sync says so, appends go on, and with the first one that succeeds all is durable.
func TestSyncFailsForAWhile(t *testing.T) {
	d := newFakeDisk()
	l := open(t, d)
	d.failing("sync", 1000)
	var want []string
	for _, p := range []string{"a", "b", "c"} {
		appendAll(t, l, p)
		want = append(want, string(rune('1'+len(want)))+":"+p)
		if err := l.Sync(); !errors.Is(err, errFlaky) {
			t.Fatal(err)
		}
		expect(t, replayed(t, open(t, d.copy())), want...)
	}
	d.fault = nil
	must(t, l.Sync())
	for seed := range uint64(20) {
		expect(t, replayed(t, open(t, d.powerCut(newRand(seed)))), want...)
	}
}

// copy is what a kill at this moment leaves.
func (d *fakeDisk) copy() *fakeDisk {
	after := newFakeDisk()
	for name, f := range d.files {
		after.files[name] = &fakeFile{data: bytes.Clone(f.data), synced: len(f.data)}
	}
	return after
}

// What cannot be read back may be lost: Sync says so until it is retired.
func TestWhatIsLostStaysLostUntilRetired(t *testing.T) {
	d := newFakeDisk()
	l := open(t, d)
	appendAll(t, l, "a", "b")
	d.failing("sync 0", 1)
	f := d.files[segmentName(1)]
	f.data[len(f.data)-1] ^= 1 // the page is gone
	if err := l.Sync(); !errors.Is(err, errFlaky) || !errors.Is(err, ErrTorn) {
		t.Fatal(err)
	}
	appendAll(t, l, "c")
	if l.Sync() == nil {
		t.Fatal("c builds on what may be lost")
	}
	must(t, l.Retire(3))
	must(t, l.Sync())
	for seed := range uint64(20) {
		expect(t, replayed(t, open(t, d.powerCut(newRand(seed)))), "3:c")
	}
}

// Where there is no room for the copy it is tried again.
func TestNoRoomForTheCopy(t *testing.T) {
	d := newFakeDisk()
	l := open(t, d)
	appendAll(t, l, "a", "b")
	full := errors.New("disk full")
	failed := false
	d.fault = func(_ int, what string) error {
		switch {
		case strings.HasPrefix(what, "sync") && !failed:
			failed = true
			return errFlaky
		case strings.HasPrefix(what, "write") && failed:
			return full
		}
		return nil
	}
	for range 3 {
		if err := l.Sync(); !errors.Is(err, errFlaky) || !errors.Is(err, full) {
			t.Fatal(err)
		}
	}
	if len(d.files) != 1 {
		t.Errorf("%d segments", len(d.files))
	}
	d.fault = nil
	must(t, l.Sync())
	for seed := range uint64(20) {
		expect(t, replayed(t, open(t, d.powerCut(newRand(seed)))), "1:a", "2:b")
	}
}

// A kill at any operation of making a failed sync good leaves every entry; so does a power cut afterwards what was durable.
func TestCrashWhileMadeGood(t *testing.T) {
	for op := 1; ; op++ {
		d := newFakeDisk()
		l := open(t, d)
		appendAll(t, l, "a")
		must(t, l.Sync())
		appendAll(t, l, "b", "c")
		d.ops = 0
		d.crashAt(op+1, 20)
		crash := d.fault
		d.fault = func(n int, what string) error {
			if n == 1 {
				return errFlaky // the sync of the segment
			}
			return crash(n, what)
		}
		err := l.Sync()
		killed := open(t, d.kill())
		expect(t, replayed(t, killed), "1:a", "2:b", "3:c")
		appendAll(t, killed, "d")
		must(t, killed.Sync())
		for seed := range uint64(20) {
			got := replayed(t, open(t, d.powerCut(newRand(seed))))
			if len(got) == 0 || got[0] != "1:a" {
				t.Fatalf("operation %d, seed %d: %q", op, seed, got)
			}
		}
		if err == nil {
			return
		}
	}
}
