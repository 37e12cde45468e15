package cipher

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestCompare(t *testing.T) {
	for _, test := range []struct {
		a, b Vector
		want Order
	}{
		{nil, nil, Equal},
		{nil, Vector{{1, 1}}, Less},
		{Vector{{1, 1}}, nil, Greater},
		{Vector{{1, 1}}, Vector{{1, 1}}, Equal},
		{Vector{{1, 1}}, Vector{{1, 2}}, Less},
		{Vector{{1, 1}}, Vector{{2, 1}}, Concurrent},
		{Vector{{1, 1}, {2, 1}}, Vector{{1, 1}}, Greater},
		{Vector{{1, 1}, {2, 1}}, Vector{{2, 1}}, Greater},
		{Vector{{1, 1}, {2, 1}}, Vector{{2, 2}}, Concurrent},
		{Vector{{1, 1}, {3, 1}}, Vector{{1, 1}, {2, 1}, {3, 1}}, Less},
		{Vector{{1, 2}, {3, 1}}, Vector{{1, 1}, {2, 1}, {3, 1}}, Concurrent},
		{Vector{{0, 5}, {0xffffffff, 7}}, Vector{{0, 5}, {0xffffffff, 6}}, Greater},
	} {
		if got := Compare(test.a, test.b); got != test.want {
			t.Errorf("Compare(%v, %v) = %v, want %v", test.a, test.b, got, test.want)
		}
	}
}

// full is a vector of 27 writers 10, 20, …, 270, whose counters are 100 and
// more, the smallest of them at writer 140.
func full() Vector {
	var v Vector
	for i := range uint32(MaxWriters) {
		v = append(v, Version{10 * (i + 1), 200 + uint64(i)})
	}
	v[13].Counter = 100
	return v
}

func TestVectorFull(t *testing.T) {
	v := full()
	with := v.With(145, 1000)
	if err := with.check(); err != nil || len(with) != MaxWriters {
		t.Fatalf("%v: %d writers, %v", with, len(with), err)
	}
	if with.Get(145) != 1000 || with.Get(140) != 0 {
		t.Errorf("a 28th writer did not take the place of the smallest counter: %v", with)
	}
	if !slices.Equal(v, full()) {
		t.Error("With changed its receiver")
	}
	if more := v.With(10, 1000); len(more) != MaxWriters || more.Get(140) != 100 {
		t.Errorf("raising an entry dropped another: %v", more)
	}
	if Compare(v, with) != Concurrent {
		t.Errorf("a dropped writer counts as absent in comparisons, got %v", Compare(v, with))
	}
	other := full().With(145, 1000).With(275, 1001)
	both := v.Max(other)
	if err := both.check(); err != nil || len(both) != MaxWriters || both.Get(275) != 1001 || both.Get(140) != 0 {
		t.Errorf("Max = %v, %v", both, err)
	}
	// Ties: the first entry goes.
	tied := v.With(140, 200)
	if out := tied.With(5, 2000); out.Get(10) != 0 || out.Get(140) != 200 {
		t.Errorf("of two smallest counters the wrong one went: %v", out)
	}
}

func TestCovers(t *testing.T) {
	id := func(writer uint32, counter uint64) WriteID { return NewWriteID(writer, counter, [6]byte{1}) }
	for _, test := range []struct {
		v    Vector
		id   WriteID
		want bool
	}{
		{nil, id(1, 1), false},
		{Vector{{1, 5}}, id(1, 5), true},
		{Vector{{1, 5}}, id(1, 4), true},
		{Vector{{1, 5}}, id(1, 6), false},
		{Vector{{1, 5}}, id(2, 1), false},
		{Vector{{1, 5}}, id(1, 0), false},
		{full(), id(145, 100), true}, // may have been dropped
		{full(), id(145, 101), false},
		{full(), id(140, 101), false}, // has an entry
		{full(), id(10, 150), true},
		{full(), id(145, 0), false},
		{full()[:MaxWriters-1], id(145, 1), false},
	} {
		if got := test.v.Covers(test.id); got != test.want {
			t.Errorf("%v.Covers(%v) = %v", test.v, test.id, got)
		}
	}
}

func TestVectorCheck(t *testing.T) {
	for _, bad := range []Vector{
		{{1, 0}},
		{{1, MaxCounter}},
		{{1, 1}, {1, 2}},
		{{2, 1}, {1, 2}},
		append(full(), Version{1000, 1}),
	} {
		if bad.check() == nil {
			t.Errorf("%v passed", bad)
		}
	}
	for _, good := range []Vector{nil, full(), {{0, 1}, {0xffffffff, MaxCounter - 1}}} {
		if err := good.check(); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
}

func drawVector(t *rapid.T, label string) Vector {
	counters := rapid.MapOfN(rapid.Uint32Range(0, 40), rapid.Uint64Range(1, 8), 0, MaxWriters).Draw(t, label)
	var v Vector
	for writer, counter := range counters {
		v = v.With(writer, counter)
	}
	return v
}

func TestVectorProperties(t *testing.T) {
	opposite := map[Order]Order{Equal: Equal, Less: Greater, Greater: Less, Concurrent: Concurrent}
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawVector(t, "a"), drawVector(t, "b")
		writer, counter := rapid.Uint32Range(0, 40).Draw(t, "writer"), rapid.Uint64Range(9, 20).Draw(t, "counter")
		highest := max(a.Highest(), b.Highest())
		both := a.Max(b)
		for _, v := range []Vector{a, b, both, a.With(writer, counter)} {
			if err := v.check(); err != nil {
				t.Fatalf("%v: %v", v, err)
			}
		}
		if Compare(a, b) != opposite[Compare(b, a)] {
			t.Fatalf("Compare(a, b) = %v, Compare(b, a) = %v", Compare(a, b), Compare(b, a))
		}
		if both.Highest() != highest || !slices.Equal(both, b.Max(a)) {
			t.Fatalf("Max is %v and %v", both, b.Max(a))
		}
		if len(both) < MaxWriters && (Compare(both, a) == Less || Compare(both, a) == Concurrent) {
			t.Fatalf("the maximum %v is not above %v", both, a)
		}
		with := a.With(writer, counter)
		if with.Get(writer) != counter || (len(a) < MaxWriters && Compare(with, a) != Greater) {
			t.Fatalf("%v with %d:%d is %v", a, writer, counter, with)
		}
		// What a version covered, a later one covers, dropped writers included.
		for _, e := range a {
			if id := NewWriteID(e.Writer, e.Counter, [6]byte{}); !with.Covers(id) || !both.Covers(id) {
				t.Fatalf("%v is covered by %v, but not by %v or %v", id, a, with, both)
			}
		}
	})
}

func TestNewWriter(t *testing.T) {
	a, b := NewWriter(), NewWriter()
	if a == 0 || b == 0 || a == b {
		t.Errorf("drew %d and %d", a, b)
	}
}
