package redo

import "testing"

// TestLost: entries that were written whole and are not replayed are told of, until a run has gone on behind them; what a kill or a
// power cut leaves of the last write is none.
func TestLost(t *testing.T) {
	segment := func(d *fakeDisk, n uint64) *fakeFile { return d.files[segmentName(n)] }
	flip := func(f *fakeFile, fromEnd int) { f.data[len(f.data)-fromEnd] ^= 1 }
	cases := map[string]struct {
		harm func(d *fakeDisk)
		lost bool
	}{
		"whole":                    {func(*fakeDisk) {}, false},
		"the end is cut":           {func(d *fakeDisk) { f := segment(d, 3); f.data = f.data[:len(f.data)-1] }, false},
		"the end is zeros":         {func(d *fakeDisk) { f := segment(d, 3); clear(f.data[len(f.data)-25:]) }, false},
		"the last entry is spoilt": {func(d *fakeDisk) { flip(segment(d, 3), 1) }, true},
		"the last head is spoilt":  {func(d *fakeDisk) { flip(segment(d, 3), 40) }, true},
		"an earlier one is cut":    {func(d *fakeDisk) { f := segment(d, 2); f.data = f.data[:len(f.data)-1] }, true},
		"an earlier one is spoilt": {func(d *fakeDisk) { flip(segment(d, 1), 1) }, true},
		"one is missing":           {func(d *fakeDisk) { delete(d.files, segmentName(2)) }, true},
	}
	for name, c := range cases {
		d := newFakeDisk()
		l := open(t, d)
		for _, what := range []string{"1", "2", "3"} {
			appendAll(t, l, "entry "+what)
			l.finish()
		}
		c.harm(d)
		l = open(t, d)
		if l.Lost() != c.lost {
			t.Errorf("%s: lost %v: %v", name, l.Lost(), l.Losses())
		}
		if again := open(t, d); again.Lost() != c.lost {
			t.Errorf("%s: nothing was done, and lost %v", name, again.Lost())
		}
		applied, err := OpenWith(d, &testKey, Options{ID: l.ID(), Below: 4})
		if must(t, err); applied.Lost() && (name == "an earlier one is cut" || name == "one is missing") {
			t.Errorf("%s: all is applied, and lost: %v", name, applied.Losses())
		}
		appendAll(t, l, "later")
		if later := open(t, d); later.Lost() {
			t.Errorf("%s: told again behind a later run: %v", name, later.Losses())
		}
	}
}
