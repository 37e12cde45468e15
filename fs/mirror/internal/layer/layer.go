// Package layer is the changes of one file that the clouds do not have yet, as
// whole chunks in memory. It is pure: it reads and writes nothing.
//
//	layer.go  Chunk, Layer: a set of changes
//	stack.go  Stack: the layers of a file, one over the other
package layer

import (
	"math"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
)

// Chunk is the plaintext of one chunk. Bytes that are missing at its end are
// zeros; without any Data it is a hole.
type Chunk struct {
	Data []byte
	ID   cipher.WriteID // drawn when it is sealed
}

// Memory is the bytes that the chunk holds.
func (c *Chunk) Memory() int64 { return int64(cap(c.Data)) }

// Read copies data from off on, and zeros where it ends.
func (c *Chunk) Read(dst []byte, off int64) {
	n := 0
	if off < int64(len(c.Data)) {
		n = copy(dst, c.Data[off:])
	}
	clear(dst[n:])
}

// Write copies into the chunk, which grows as far as it must, and once to its
// whole size. It returns the memory that this takes.
func (c *Chunk) Write(p []byte, off, size int64) (grown int64) {
	need := int(off) + len(p)
	if cap(c.Data) < need {
		whole := make([]byte, len(c.Data), size)
		grown = int64(cap(whole) - cap(c.Data))
		copy(whole, c.Data)
		c.Data = whole
	}
	if have := len(c.Data); have < need {
		c.Data = c.Data[:need]
		if int(off) > have {
			clear(c.Data[have:off])
		}
	}
	copy(c.Data[off:], p)
	return grown
}

// Zero makes the bytes lo to hi zeros.
func (c *Chunk) Zero(lo, hi int64) {
	if n := int64(len(c.Data)); lo < n {
		clear(c.Data[lo:min(hi, n)])
	}
}

// Layer is a set of changes: whole chunks, and the least number of chunks that
// the file had meanwhile.
type Layer struct {
	Chunks map[int64]*Chunk
	Cut    int64 // what is below the layer ends here; Uncut where the file never shrank
}

// Uncut is the Cut of a layer in which the file never shrank.
const Uncut = math.MaxInt64

// New is a layer without changes.
func New() Layer { return Layer{Chunks: map[int64]*Chunk{}, Cut: Uncut} }

// Empty reports whether there are no changes.
func (l *Layer) Empty() bool { return len(l.Chunks) == 0 && l.Cut == Uncut }

// Memory is the bytes that the layer holds.
func (l *Layer) Memory() (n int64) {
	for _, c := range l.Chunks {
		n += c.Memory()
	}
	return n
}

// Indices are the chunks below records, in order.
func (l *Layer) Indices(records int64) []int64 {
	var indices []int64
	for i := range l.Chunks {
		if i < records {
			indices = append(indices, i)
		}
	}
	slices.Sort(indices)
	return indices
}

// Drop takes out the chunks from keep on, and returns the memory that they held.
func (l *Layer) Drop(keep int64) (freed int64) {
	for i, c := range l.Chunks {
		if i >= keep {
			freed += c.Memory()
			delete(l.Chunks, i)
		}
	}
	return freed
}

// Merge puts later changes over the layer, of a file that has so many records
// by then, and leaves none in them. It returns the memory that nothing holds any
// more.
func (l *Layer) Merge(later *Layer, records int64) (freed int64) {
	if later.Cut != Uncut {
		l.Cut = min(l.Cut, later.Cut)
		freed = l.Drop(later.Cut)
	}
	for i, c := range later.Chunks {
		if i >= records {
			freed += c.Memory()
			continue
		}
		if old := l.Chunks[i]; old != nil {
			freed += old.Memory()
		}
		l.Chunks[i] = c
	}
	*later = New()
	return freed
}
