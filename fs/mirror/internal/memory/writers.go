package memory

import (
	"maps"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
)

// meet notes the writers of a version. The caller holds mu.
func meet(y *Memory, v cipher.Vector) {
	for _, e := range v {
		if !y.writers[e.Writer] {
			y.writers[e.Writer], y.told.writers[e.Writer] = true, true
		}
	}
}

// Met says that a writer was seen.
func (y Rows) Met(writer uint32) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.roomy() {
		meet(y.Memory, cipher.Vector{{Writer: writer}})
	}
}

// Writers returns the writers that were ever seen.
func (y Rows) Writers() []uint32 {
	y.mu.Lock()
	defer y.mu.Unlock()
	return slices.Sorted(maps.Keys(y.writers))
}
