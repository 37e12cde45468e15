package removals

import (
	"slices"

	"github.com/overcast-fs/overcast/cipher"
)

// gathered is what was removed and is not on record yet.
type gathered struct {
	ended map[cipher.ID]cipher.Vector
	moved map[cipher.ID]cipher.Vector // that have lost a name, and have another
	again []cipher.Removal            // what other records say of what came back
}

func newGathered() *gathered {
	return &gathered{ended: map[cipher.ID]cipher.Vector{}, moved: map[cipher.ID]cipher.Vector{}}
}

func (g *gathered) empty() bool { return len(g.ended)+len(g.moved)+len(g.again) == 0 }

// merge adds what was gathered later.
func (g *gathered) merge(later *gathered) {
	for id, v := range later.ended {
		g.ended[id] = g.ended[id].Max(v)
	}
	for id, v := range later.moved {
		g.moved[id] = g.moved[id].Max(v)
	}
	for i := range later.again {
		g.remind(&later.again[i])
	}
}

// remind adds a record of what came back, once.
func (g *gathered) remind(r *cipher.Removal) {
	if !slices.ContainsFunc(g.again, func(o cipher.Removal) bool {
		return o.Kind == r.Kind && o.File == r.File && slices.Equal(o.Version, r.Version)
	}) {
		g.again = append(g.again, *r)
	}
}

// records are what a batch is to say of it.
func (g *gathered) records() []cipher.Removal {
	list := slices.Clone(g.again)
	for id, v := range g.ended {
		list = append(list, cipher.Removal{Kind: cipher.FileEnded, File: id, Version: v})
	}
	for id, v := range g.moved {
		list = append(list, cipher.Removal{Kind: cipher.FileMoved, File: id, Version: v})
	}
	return list
}
