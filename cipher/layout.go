package cipher

import (
	"fmt"
	"math"
)

// Sizes of the format, in bytes.
const (
	HeaderSize     = 512
	RecordOverhead = 48 // IV, and what padding and tag share
	IVSize         = 16

	MinChunkLog2 = 12 // 4 KiB
	MaxChunkLog2 = 20 // 1 MiB

	blockSize = 16 // of AES
)

// A Layout is the arithmetic between a file's plaintext and its backing file.
// Sizes and offsets are in bytes; chunks and records are counted from 0.
type Layout struct {
	ChunkLog2 uint8
}

func (l Layout) valid() bool { return l.ChunkLog2 >= MinChunkLog2 && l.ChunkLog2 <= MaxChunkLog2 }

// ChunkSize returns the plaintext bytes of a full chunk.
func (l Layout) ChunkSize() int64 { return 1 << l.ChunkLog2 }

// stride returns the size of a full record.
func (l Layout) stride() int64 { return l.ChunkSize() + RecordOverhead }

// maxRecords is the number of full records that a backing file can hold
// without its size leaving an int64.
func (l Layout) maxRecords() int64 { return (math.MaxInt64 - HeaderSize) / l.stride() }

// MaxLength returns the length of the longest plaintext, a whole number of
// chunks.
func (l Layout) MaxLength() int64 { return l.maxRecords() << l.ChunkLog2 }

// Records returns how many records n bytes of plaintext take: 0 if n is not
// positive.
func (l Layout) Records(n int64) int64 {
	if n <= 0 {
		return 0
	}
	return (n-1)>>l.ChunkLog2 + 1
}

// RecordOffset returns where record i starts in the backing file, or -1, which
// no read or write accepts, where no file can have such a record.
func (l Layout) RecordOffset(i int64) int64 {
	if i < 0 || i > l.maxRecords() {
		return -1
	}
	return HeaderSize + i*l.stride()
}

// RecordSize returns the size of record i in a file of n plaintext bytes: 0 if
// the file ends before it.
func (l Layout) RecordSize(i, n int64) int {
	records := l.Records(n)
	switch {
	case i < 0 || i >= records:
		return 0
	case i == records-1:
		return int(n-i<<l.ChunkLog2) + RecordOverhead
	}
	return int(l.stride())
}

// CipherSize returns the size of the backing file for n bytes of plaintext.
// It fails with [ErrSize] where n is negative or beyond [Layout.MaxLength].
func (l Layout) CipherSize(n int64) (int64, error) {
	if n < 0 || n > l.MaxLength() {
		return 0, fmt.Errorf("cipher: %w: %d bytes of plaintext", ErrSize, n)
	}
	return HeaderSize + n + RecordOverhead*l.Records(n), nil
}

// PlainSize is the inverse of CipherSize. It fails with [ErrSize] where no
// plaintext makes a backing file of that size: one without a whole header, or
// with a last record that has no byte of ciphertext.
func (l Layout) PlainSize(cipher int64) (int64, error) {
	body := cipher - HeaderSize
	if cipher < HeaderSize {
		return 0, fmt.Errorf("cipher: %w: backing file of %d bytes has no whole header", ErrSize, cipher)
	}
	full, tail := body/l.stride(), body%l.stride()
	if tail > 0 && tail <= RecordOverhead {
		return 0, fmt.Errorf("cipher: %w: backing file of %d bytes ends in an empty record", ErrSize, cipher)
	}
	n := full << l.ChunkLog2
	if tail > 0 {
		n += tail - RecordOverhead
	}
	if n > l.MaxLength() {
		return 0, fmt.Errorf("cipher: %w: backing file of %d bytes", ErrSize, cipher)
	}
	return n, nil
}
