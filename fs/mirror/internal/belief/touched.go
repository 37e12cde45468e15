package belief

import (
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
)

// A touch is a change of names by this mount, which moves the ctime of a backing
// file that stood until then, and changes nothing else of it.
type touch struct {
	ino     uint64
	size    int64
	version index.Version
	from    time.Time
	to      time.Time
}

// tick is how far the clock that ctimes come from may lag behind.
const tick = 11 * time.Millisecond

// manyTouches are more than are kept: those that are not are found out by a
// header.
const manyTouches = 4096

// Touched says that this mount has changed the names of a file: what stood at a
// name stands at another one, and its ctime is from this time until now.
func (b *Belief) Touched(a *Answer, to index.Place, version index.Version, from time.Time) {
	touches := make([]touch, len(a.Shown))
	any := false
	for k, s := range a.Shown {
		if a.Serves[k] && Stands(&a.Row, b.Clouds[k].ID, s.Info) {
			touches[k] = touch{s.Info.Ino, s.Info.Size, version, from.Add(-tick), b.Kernel()}
			any = true
		}
	}
	if !any {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.touches) >= manyTouches {
		clear(b.touches)
	}
	b.touches[to] = touches
}

// ours reports whether a backing file is one that this mount has touched, and
// that nobody has since. It then stands.
func (b *Belief) ours(row *index.Row, k int, i cloud.Info) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.touches[row.Place]
	if list == nil {
		return false
	}
	t := list[k]
	if t.ino != i.Ino || t.size != i.Size || !t.version.Equal(row.Known.Version) || i.Ctime.Before(t.from) || i.Ctime.After(t.to) {
		return false
	}
	b.Memory.Stands(row.Place, b.Clouds[k].ID, t.version, StatOf(i))
	return true
}
