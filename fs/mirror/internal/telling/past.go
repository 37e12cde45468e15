package telling

import (
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/memory"
)

// Past is what is known of names that are not any more: by this machine's index, and by the batches of removals that were read.
type Past struct {
	memory.Past
	keeper *Keeper
}

// Past is that of the keeper.
func (y *Keeper) Past() Past { return Past{memory.Past{Rows: y.Rows}, y} }

// Left is [memory.Past.Left], also by the batches.
func (p Past) Left(path string, f index.File, v cipher.Vector) (bool, error) {
	left, err := p.Past.Left(path, f, v)
	if left || err != nil || !covered(v, p.keeper.Book.HasEnded(f.ID)) {
		return left, err
	}
	at, _, err := p.Find(path)
	if err != nil {
		return false, err
	}
	names, err := p.keeper.Places(f)
	return !slices.Contains(names, at), err
}

// Ended are the versions up to which a file has ended.
func (p Past) Ended(f index.File) ([]cipher.Vector, error) {
	list, err := p.Past.Ended(f)
	return append(slices.Clip(list), p.keeper.Book.HasEnded(f.ID)...), err
}

// covered reports whether a version is not above one of several.
func covered(v cipher.Vector, list []cipher.Vector) bool {
	return len(v) > 0 && slices.ContainsFunc(list, func(end cipher.Vector) bool {
		order := cipher.Compare(v, end)
		return order == cipher.Less || order == cipher.Equal
	})
}
