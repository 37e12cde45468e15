package removals

import (
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

// Records are what batches say, all of them together.
type Records struct {
	Ended, Moved map[cipher.ID][]cipher.Vector

	dirsEnded, dirsMade map[string][]cipher.Vector
}

// NewRecords are those of no batch.
func NewRecords() Records {
	return Records{map[cipher.ID][]cipher.Vector{}, map[cipher.ID][]cipher.Vector{}, map[string][]cipher.Vector{}, map[string][]cipher.Vector{}}
}

// Add takes into account what a batch of that age says.
func (r *Records) Add(list []cipher.Removal, age time.Duration) {
	for _, one := range list {
		switch one.Kind {
		case cipher.FileEnded:
			r.Ended[one.File] = append(r.Ended[one.File], one.Version)
		case cipher.FileMoved:
			r.Moved[one.File] = append(r.Moved[one.File], one.Version)
		}
		if age > cipher.GoneKept {
			continue
		}
		switch one.Kind {
		case cipher.DirEnded:
			r.dirsEnded[one.Path] = append(r.dirsEnded[one.Path], one.Version)
		case cipher.DirMade:
			r.dirsMade[one.Path] = append(r.dirsMade[one.Path], one.Version)
		}
	}
}

// Ends reports whether a record ends the directory at a path: one that no later making of it follows. known are further
// records of its end.
func (r *Records) Ends(path string, known []cipher.Vector) bool {
	for _, end := range append(slices.Clip(known), r.dirsEnded[path]...) {
		if !slices.ContainsFunc(r.dirsMade[path], func(made cipher.Vector) bool { return !atMost(made, end) }) {
			return true
		}
	}
	return false
}

// About reports whether any record tells of a file.
func (r *Records) About(id cipher.ID) bool { return len(r.Ended[id]) > 0 || len(r.Moved[id]) > 0 }

// Tells reports whether the batches say already of a file what a record is to say.
func (r *Records) Tells(is *cipher.Removal) bool {
	of := r.Ended
	if is.Kind == cipher.FileMoved {
		of = r.Moved
	}
	return slices.ContainsFunc(of[is.File], func(v cipher.Vector) bool { return atMost(is.Version, v) })
}

func atMost(v, w cipher.Vector) bool {
	order := cipher.Compare(v, w)
	return order == cipher.Less || order == cipher.Equal
}
