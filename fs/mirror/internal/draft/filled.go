package draft

import (
	"slices"

	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
)

// filled finds the chunks of a draft, in order, that can hold anything: those in a layer, those that were written directly, and
// those that are no hole of some backing file. What lies between them is zeros, however long it is, and nobody looks at it one by
// one.
type filled struct {
	d      *Draft
	layers []int64 // chunks with data in some layer, in order
}

func newFilled(d *Draft) *filled {
	f := &filled{d: d}
	s := &d.Layers
	for _, l := range [...]*layer.Layer{&s.Draft, &s.Sealed, &s.Applying, &s.Kept} {
		for i, c := range l.Chunks {
			if c.Data != nil {
				f.layers = append(f.layers, i)
			}
		}
	}
	slices.Sort(f.layers)
	return f
}

// next is the first of them from i on, below hi; hi if there is none.
func (f *filled) next(i, hi int64) int64 {
	if i >= hi {
		return hi
	}
	if n, _ := slices.BinarySearch(f.layers, i); n < len(f.layers) {
		hi = min(hi, f.layers[n])
	}
	hi = min(hi, f.d.Layers.Direct.Next(i, hi))
	if floor := f.d.Copies.Floor(); i < floor {
		if at := copies.NextData(&f.d.Copies, i, min(hi, floor)); at < floor {
			hi = min(hi, at)
		}
	}
	return hi
}
