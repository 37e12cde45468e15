package belief

import (
	"errors"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// manyEntries are more than are looked at in a directory to find out whether it is back from the past.
const manyEntries = 256

// doubt asks a cloud nothing that is the only one to show a directory where this machine has removed
// something. A directory carries no id, so that nothing tells one of the past from one that another machine has
// just made: it is believed when another cloud shows it, too, or when something is in it that is not of the
// past. Until then nothing is lost by that it is not shown, since nobody touches it.
func doubt(b *Belief, q *Question, row *index.Row, at *compare.Where) {
	if k := revenant(q); k >= 0 && removed(b, q, row) && past(b, q, k) {
		at.Asked[k] = false
		b.Logger.Warn("a cloud shows a directory where one was removed, and nothing new in it: it is not shown", "cloud", b.Clouds.All()[k].Name)
	}
}

// removed reports whether this machine has removed something at a name, or a directory there in one that was made again since.
func removed(b *Belief, q *Question, row *index.Row) bool {
	if row.Known.Kind != index.Unknown {
		return row.Known.Kind == index.Gone
	}
	path, ok := q.Path()
	ended, err := b.Memory.Ended(path)
	return ok && err == nil && len(ended) > 0
}

// revenant is the one cloud of several that shows anything at a name, and that is a directory; -1 for none.
func revenant(q *Question) int {
	one, asked := -1, 0
	for k, s := range q.Shown {
		if s.Asked {
			asked++
		}
		if !s.There {
			continue
		}
		if one >= 0 || !s.Info.Dir {
			return -1
		}
		one = k
	}
	if asked < 2 {
		return -1
	}
	return one
}

// past reports whether the directory that a cloud shows at a name holds nothing that this machine does not know
// to have ended, or to be in place or outdone elsewhere.
func past(b *Belief, q *Question, k int) bool {
	cl := b.Clouds.All()[k]
	name, err := cl.Keys.EncodeName(q.Place.Name)
	if err != nil {
		return false
	}
	left := manyEntries
	return allPast(b, cl, replica.Join(q.Dirs[k], replica.Entry(name, false)), &left)
}

func allPast(b *Belief, cl *clouds.Cloud, dir string, left *int) bool {
	entries, err := cl.Dir.ReadDir(dir)
	if *left -= len(entries); err != nil || *left < 0 {
		return false
	}
	for _, e := range entries {
		at := replica.Join(dir, e.Name)
		_, err := cl.DecodeEntry(dir, e.Name)
		switch {
		case errors.Is(err, cipher.ErrSidecar):
			return false // it has a name that nobody can tell yet
		case err != nil || !e.Dir && !e.Regular:
			continue // foreign, or metadata
		case e.Dir && !allPast(b, cl, at, left):
			return false
		case e.Dir:
			continue
		}
		if h, err := cl.Header(at); err != nil || !b.Outlived(h) && !NeverWhole(b, h) {
			return false
		}
	}
	return true
}

// NeverWhole reports whether a header is of a file that this machine has met, in no version.
func NeverWhole(b *Belief, h *cipher.Header) bool {
	of, err := b.Memory.Of(index.File{ID: h.FileID, Type: h.Type})
	return len(h.Version) == 0 && err == nil && of.Met
}
