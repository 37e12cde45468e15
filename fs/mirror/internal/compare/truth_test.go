package compare

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
)

// TestSumTo: terms are found by their sum, if there is one way only.
func TestSumTo(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	draw := func() (acc cipher.Acc) {
		for i := range acc {
			acc[i] = byte(rng.Uint32())
		}
		return acc
	}
	for n := range maxUnknown + 1 {
		terms := make([]term, n)
		for j := range terms {
			terms[j].delta = draw()
		}
		var want uint64
		var sum cipher.Acc
		for j, term := range terms {
			if rng.IntN(2) == 0 {
				want |= 1 << j
				sum.XOR(term.delta)
			}
		}
		if got, ok := sumTo(terms, sum); !ok || got != want {
			t.Errorf("of %d terms: %b, %v, want %b", n, got, ok, want)
		}
		if n == 0 {
			continue
		}
		if _, ok := sumTo(terms, draw()); ok {
			t.Errorf("%d terms make any sum", n)
		}
		if n < 3 || n == maxUnknown {
			continue
		}
		both := terms[0]
		both.delta.XOR(terms[2].delta)
		if _, ok := sumTo(append(slices.Clone(terms), both), sum); ok {
			t.Errorf("there are two ways for %d terms", n)
		}
	}
}

func TestSpans(t *testing.T) {
	var spans []Span
	for _, chunk := range []int64{0, 1, 2, 5, 7, 8} {
		spans = add(spans, chunk)
	}
	if want := []Span{{0, 3}, {5, 6}, {7, 9}}; !slices.Equal(spans, want) {
		t.Errorf("spans %v, want %v", spans, want)
	}
	for chunk, want := range map[int64]bool{0: true, 2: true, 3: false, 4: false, 5: true, 6: false, 8: true, 9: false} {
		if within(spans, chunk) != want {
			t.Errorf("chunk %d: %v", chunk, !want)
		}
	}
	if got := join([]Span{{5, 6}, {0, 2}, {1, 4}, {6, 7}}); !slices.Equal(got, []Span{{0, 4}, {5, 7}}) {
		t.Errorf("joined: %v", got)
	}
}

// TestPool: everything is done once, however many workers are free, and by the
// only one where there is one.
func TestPool(t *testing.T) {
	for workers := 1; workers <= 4; workers++ {
		p := newPool(workers)
		for n := range 20 {
			done := make([]int32, n)
			p.each(n, func(i int, _ *scratch) { done[i]++ })
			if slices.ContainsFunc(done, func(d int32) bool { return d != 1 }) {
				t.Errorf("%d workers: %v", workers, done)
			}
		}
		if len(p.free) != workers {
			t.Errorf("%d of %d workers are free", len(p.free), workers)
		}
	}
}

// TestSurvey: what is seen at two places is marked at both, and what is asked
// for at its only one.
func TestSurvey(t *testing.T) {
	s := newSurvey(1)
	see := func(path string, id byte) { s.see(path, version(id)) }
	see("a/b/one", 1)
	see("a/b/one", 1) // in another cloud
	see("c/two", 2)
	see("d/two", 2)
	see("e/three", 3)
	s.judge("f/gone", []judge.Identity{version(3).Identity})
	s.close()
	for path, want := range map[string]bool{
		"a/b/one": false, "a": false, "c/two": true, "d/two": true, "d": true, "e/three": true, "f/gone": true, "f": true, "": false,
	} {
		if s.isMarked(path) != want {
			t.Errorf("%q is marked: %v", path, !want)
		}
	}
	if !s.hidden {
		t.Error("the place of what was seen first is not known by its path")
	}
}

func version(id byte) judge.Version {
	return judge.Version{Identity: judge.Identity{ID: cipher.ID{id}, Type: cipher.TypeFile}}
}
