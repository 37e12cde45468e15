package redo

import (
	"bytes"
	"testing"
)

// sample returns a disk with one segment of five entries, and the offsets after each of them.
func sample(t testing.TB) (*fakeDisk, []int) {
	d := newFakeDisk()
	l := open(t, d)
	var ends []int
	for _, p := range []string{"first", "", "third, a longer one", "4", "five"} {
		appendAll(t, l, p)
		ends = append(ends, len(d.files[segmentName(1)].data))
	}
	return d, ends
}

var sampleWant = []string{"1:first", "2:", "3:third, a longer one", "4:4", "5:five"}

func TestEveryTruncation(t *testing.T) {
	d, ends := sample(t)
	f := d.files[segmentName(1)]
	whole := f.data
	for n := range whole {
		f.data = whole[:n]
		survivors := 0
		for survivors < len(ends) && ends[survivors] <= n {
			survivors++
		}
		l := open(t, d)
		expect(t, replayed(t, l), sampleWant[:survivors]...)

		appendAll(t, l, "after")
		next := open(t, d)
		got := replayed(t, next)
		if len(got) != survivors+1 || next.Next() != uint64(survivors)+2 {
			t.Fatalf("cut at %d, then a new run: %q", n, got)
		}
		delete(d.files, segmentName(2))
	}
}

func TestEveryBitFlip(t *testing.T) {
	d, ends := sample(t)
	f := d.files[segmentName(1)]
	whole := f.data
	for at := range whole {
		for bit := range 8 {
			f.data = bytes.Clone(whole)
			f.data[at] ^= 1 << bit
			survivors := 0
			for survivors < len(ends) && ends[survivors] <= at {
				survivors++
			}
			l := open(t, d)
			expect(t, replayed(t, l), sampleWant[:survivors]...)
			if len(l.Losses()) != 1 {
				t.Fatalf("byte %d, bit %d: %v", at, bit, l.Losses())
			}
		}
	}
}

func TestEntriesCannotBeReordered(t *testing.T) {
	d, ends := sample(t)
	f := d.files[segmentName(1)]
	whole := f.data
	second, third := whole[ends[0]:ends[1]], whole[ends[1]:ends[2]]
	for name, data := range map[string][][]byte{
		"swapped":  {whole[:ends[0]], third, second, whole[ends[2]:]},
		"left out": {whole[:ends[0]], third, whole[ends[2]:]},
		"repeated": {whole[:ends[0]], whole[saltSize:ends[0]], whole[ends[0]:]},
	} {
		f.data = bytes.Join(data, nil)
		if got := replayed(t, open(t, d)); len(got) != 1 {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestPlan(t *testing.T) {
	seg := func(number, after, first, end, mark uint64) found {
		return found{number: number, headed: true, head: head{after: after, first: first, mark: mark, until: first}, end: end, mark: mark}
	}
	for _, c := range []struct {
		name     string
		segments []found
		pieces   []piece
		end      uint64
		next     uint64
	}{
		{"nothing", nil, nil, 1, 1},
		{"one run, rotated", []found{seg(1, 1, 1, 4, 1), seg(2, 4, 4, 6, 1)}, []piece{{1, 1, 4, ""}, {2, 4, 6, ""}}, 6, 6},
		{"a hole", []found{seg(1, 1, 1, 3, 1), seg(2, 4, 4, 6, 1)}, []piece{{1, 1, 3, ""}}, 3, 6},
		{"a hole, and a run after it", []found{seg(1, 1, 1, 3, 1), seg(2, 4, 4, 6, 1), seg(3, 3, 6, 8, 1)},
			[]piece{{1, 1, 3, ""}, {3, 6, 8, ""}}, 8, 8},
		{"a hole before a run", []found{seg(1, 1, 1, 2, 1), seg(3, 3, 6, 8, 1)}, []piece{{1, 1, 2, ""}}, 2, 8},
		{"a failed append landed", []found{seg(1, 1, 1, 5, 1), seg(2, 4, 4, 6, 1)}, []piece{{1, 1, 4, ""}, {2, 4, 6, ""}}, 6, 6},
		{"the beginning retired and gone", []found{seg(4, 9, 9, 12, 9)}, []piece{{4, 9, 12, ""}}, 12, 12},
		{"the beginning gone", []found{seg(4, 9, 9, 12, 1)}, nil, 1, 12},
		{"a mark beyond a hole", []found{seg(1, 1, 1, 3, 1), seg(2, 4, 4, 6, 4)}, []piece{{1, 1, 3, ""}, {2, 4, 6, ""}}, 6, 6},
		{"no head", []found{{number: 1}, seg(2, 1, 1, 3, 1)}, []piece{{2, 1, 3, ""}}, 3, 3},
	} {
		got := plan(c.segments)
		same := len(got.pieces) == len(c.pieces)
		for i := 0; same && i < len(c.pieces); i++ {
			same = got.pieces[i] == c.pieces[i]
		}
		if !same || got.end != c.end || got.next != c.next {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
