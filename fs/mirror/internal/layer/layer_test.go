package layer_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
)

const size = 8

// TestChunk writes, zeroes and reads a chunk against a plain array.
func TestChunk(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var c layer.Chunk
		var want [size]byte
		memory := int64(0)
		for range 6 {
			lo := rng.Int64N(size)
			hi := lo + 1 + rng.Int64N(size-lo)
			if rng.IntN(3) == 0 {
				c.Zero(lo, hi)
				clear(want[lo:hi])
				continue
			}
			p := bytes.Repeat([]byte{byte(1 + rng.IntN(255))}, int(hi-lo))
			memory += c.Write(p, lo, size)
			copy(want[lo:], p)
		}
		off := rng.Int64N(size)
		got := bytes.Repeat([]byte{0xee}, int(size-off))
		if c.Read(got, off); !bytes.Equal(got, want[off:]) {
			t.Fatalf("from %d: % x, want % x", off, got, want[off:])
		}
		if memory != c.Memory() || memory > size {
			t.Fatalf("%d bytes were taken, it has %d", memory, c.Memory())
		}
	}
}

// TestStack holds a stack against a list of versions: each layer is a change of all that is below it.
func TestStack(t *testing.T) {
	const chunks = 6
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		floor := rng.Int64N(chunks)
		s := layer.NewStack()
		model := make([]byte, chunks) // 'c' on the clouds, 'h' a hole, or the number of a chunk
		for i := range model {
			model[i] = 'h'
			if int64(i) < floor {
				model[i] = 'c'
			}
		}
		number := byte(0)
		for _, l := range []*layer.Layer{&s.Applying, &s.Sealed, &s.Draft} {
			change(rng, l, model, &number)
		}
		compare(t, &s, floor, model)

		// What moves down, as at a commit, changes nothing that is seen.
		before := s.Memory()
		freed := s.Sealed.Merge(&s.Draft, chunks)
		compare(t, &s, floor, model)
		freed += s.Applying.Merge(&s.Sealed, chunks)
		compare(t, &s, floor, model)
		if !s.Draft.Empty() || !s.Sealed.Empty() || s.Memory() != before-freed {
			t.Fatalf("%d bytes, %d of them freed, leave %d", before, freed, s.Memory())
		}
		if got := s.Applying.Indices(chunks); !slices.IsSorted(got) || len(got) != len(s.Applying.Chunks) {
			t.Fatalf("indices %d of %d chunks", got, len(s.Applying.Chunks))
		}
	}
}

// change makes a random layer, and the model what it is with it.
func change(rng *rand.Rand, l *layer.Layer, model []byte, number *byte) {
	if rng.IntN(3) == 0 {
		l.Cut = rng.Int64N(int64(len(model)))
		for i := l.Cut; i < int64(len(model)); i++ {
			model[i] = 'h'
		}
	}
	for i := range model {
		if rng.IntN(3) == 0 {
			*number++
			l.Chunks[int64(i)] = &layer.Chunk{Data: []byte{*number}}
			model[i] = *number
		}
	}
}

func compare(t *testing.T, s *layer.Stack, floor int64, model []byte) {
	t.Helper()
	for i, want := range model {
		got := byte('c')
		switch c, where := s.Find(int64(i), floor); where {
		case layer.InLayer:
			got = c.Data[0]
		case layer.InHole:
			got = 'h'
		}
		if got != want {
			t.Fatalf("chunk %d is %d, want %d", i, got, want)
		}
	}
}

// TestDirect: what was written straight to the clouds is there, but under what came after.
func TestDirect(t *testing.T) {
	s := layer.NewStack()
	s.Direct.Add(2, 4)
	s.Sealed.Cut = 1
	s.Draft.Chunks[3] = &layer.Chunk{}
	for i, want := range []layer.Where{layer.OnClouds, layer.InHole, layer.OnClouds, layer.InLayer, layer.InHole} {
		if _, got := s.Find(int64(i), 5); got != want {
			t.Errorf("chunk %d is %d, want %d", i, got, want)
		}
	}
	if !s.Cut() || s.Idle() {
		t.Error("a sealed layer that is cut is not seen")
	}
	s = layer.NewStack()
	s.Draft.Chunks[1], s.Draft.Chunks[9] = &layer.Chunk{Data: make([]byte, 3)}, &layer.Chunk{Data: make([]byte, 5)}
	if freed := s.Sealed.Merge(&s.Draft, 5); freed != 5 || len(s.Sealed.Chunks) != 1 {
		t.Errorf("beyond the end: %d bytes freed, %d chunks left", freed, len(s.Sealed.Chunks))
	}
	if !slices.Equal(s.Direct, journal.Spans(nil)) {
		t.Error("spans from nowhere")
	}
}
