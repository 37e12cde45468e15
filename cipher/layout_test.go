package cipher

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestLayoutLimits(t *testing.T) {
	for log2 := uint8(MinChunkLog2); log2 <= MaxChunkLog2; log2++ {
		l := Layout{log2}
		longest, err := l.CipherSize(l.MaxLength())
		if err != nil || longest <= 0 {
			t.Errorf("2^%d: CipherSize(MaxLength) = %d, %v", log2, longest, err)
		}
		if n, err := l.PlainSize(longest); err != nil || n != l.MaxLength() {
			t.Errorf("2^%d: PlainSize(%d) = %d, %v", log2, longest, n, err)
		}
		for _, n := range []int64{math.MinInt64, -1, l.MaxLength() + 1, math.MaxInt64} {
			if size, err := l.CipherSize(n); !errors.Is(err, ErrSize) {
				t.Errorf("2^%d: CipherSize(%d) = %d, %v", log2, n, size, err)
			}
		}
		for _, n := range []int64{math.MinInt64, -1, longest + 1, longest + RecordOverhead + 1} {
			if size, err := l.PlainSize(n); !errors.Is(err, ErrSize) {
				t.Errorf("2^%d: PlainSize(%d) = %d, %v", log2, n, size, err)
			}
		}
	}
}

func TestLayoutRecords(t *testing.T) {
	l := Layout{MinChunkLog2}
	for _, test := range []struct {
		n, records, i int64
		size          int
	}{
		{n: math.MinInt64},
		{n: -1},
		{n: 0},
		{n: 1, records: 1, size: 49},
		{n: 1, records: 1, i: 1, size: 0},
		{n: 4095, records: 1, size: 4143},
		{n: 4096, records: 1, size: 4144},
		{n: 4097, records: 2, size: 4144},
		{n: 4097, records: 2, i: 1, size: 49},
		{n: 4097, records: 2, i: -1, size: 0},
		{n: math.MaxInt64, records: 1 << 51, i: 1<<51 - 1, size: 4095 + 48},
		{n: math.MaxInt64, records: 1 << 51, i: math.MaxInt64, size: 0},
	} {
		if got := l.Records(test.n); got != test.records {
			t.Errorf("Records(%d) = %d, want %d", test.n, got, test.records)
		}
		if got := l.RecordSize(test.i, test.n); got != test.size {
			t.Errorf("RecordSize(%d, %d) = %d, want %d", test.i, test.n, got, test.size)
		}
	}
	for i, want := range map[int64]int64{
		0: 512, 1: 512 + 4144, 1 << 40: 512 + 4144<<40,
		-1: -1, math.MinInt64: -1, math.MaxInt64: -1, l.maxRecords() + 1: -1,
	} {
		if got := l.RecordOffset(i); got != want {
			t.Errorf("RecordOffset(%d) = %d, want %d", i, got, want)
		}
	}
}

func TestLayoutProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Layout{rapid.Uint8Range(MinChunkLog2, MaxChunkLog2).Draw(t, "log2")}
		n := rapid.Int64Range(0, l.MaxLength()).Draw(t, "n")
		size, err := l.CipherSize(n)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := l.PlainSize(size); err != nil || back != n {
			t.Fatalf("PlainSize(%d) = %d, %v, want %d", size, back, err, n)
		}
		records := l.Records(n)
		if end := l.RecordOffset(records-1) + int64(l.RecordSize(records-1, n)); n > 0 && end != size {
			t.Fatalf("the last record ends at %d, want %d", end, size)
		}
		// A size is impossible exactly where no length makes it.
		odd := rapid.Int64Range(0, 4*l.stride()).Draw(t, "odd size")
		if back, err := l.PlainSize(odd); err == nil {
			if again, err := l.CipherSize(back); err != nil || again != odd {
				t.Fatalf("PlainSize(%d) = %d, which makes %d, %v", odd, back, again, err)
			}
		} else if tail := (odd - HeaderSize) % l.stride(); odd >= HeaderSize && (tail == 0 || tail > RecordOverhead) {
			t.Fatalf("PlainSize(%d): %v", odd, err)
		}
	})
}
