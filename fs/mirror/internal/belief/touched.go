package belief

import (
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
)

// A touch is a change by this mount that leaves a ctime that nobody has seen yet.
type touch struct {
	made    bool       // the backing file was made
	stood   index.Stat // else what it showed, which stays but for the ctime
	version index.Version
	from    time.Time
	to      time.Time // zero: this cloud's was not touched
}

// tick is how far the clock that ctimes come from may lag behind.
const tick = 11 * time.Millisecond

// manyTouches are more than are kept: those that are not are found out by a
// header.
const manyTouches = 4096

// Touched says that this mount has changed the names of a file: what stood at one
// of them stands at these, at that version, and its ctime is from then until now.
func (b *Belief) Touched(stood *index.Row, version index.Version, from time.Time, at ...index.Place) {
	touches := make([]touch, b.Clouds.N())
	any := false
	for k, cl := range b.Clouds.All() {
		if c := copyIn(stood, cl.ID); !c.InPlace.IsZero() && c.InPlace.Equal(stood.Known.Version) {
			touches[k], any = touch{stood: c.Stat, version: version, from: from.Add(-tick), to: b.Kernel()}, true
		}
	}
	if any {
		b.touched(touches, at...)
	}
}

// TouchedAll says that the ctimes of a file were moved since then, at all of its
// names.
func (b *Belief) TouchedAll(f index.File, since time.Time) {
	places, err := b.Memory.Places(f)
	if err != nil || f == (index.File{}) {
		return
	}
	for _, p := range places {
		if row, err := b.Memory.Row(p); err == nil && len(row.Copies) > 0 {
			b.Touched(&row, row.Known.Version, since, places...)
			return
		}
	}
}

// Created says that this mount has made a file of that version, whole, between then
// and now, in these clouds.
func (b *Belief) Created(version index.Version, from time.Time, at index.Place, in []bool) {
	touches := make([]touch, b.Clouds.N())
	for k := range touches {
		if in[k] {
			touches[k] = touch{made: true, version: version, from: from.Add(-tick), to: b.Kernel()}
		}
	}
	b.touched(touches, at)
}

func (b *Belief) touched(touches []touch, at ...index.Place) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.touches)+len(at) > manyTouches {
		clear(b.touches)
	}
	for _, p := range at {
		b.touches[p] = touches
	}
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
	if t.to.IsZero() || !t.version.Equal(row.Known.Version) || i.Ctime.Before(t.from) || i.Ctime.After(t.to) {
		return false
	}
	t.stood.Ctime = i.Ctime
	if !t.made && !sameStat(t.stood, i) {
		return false
	}
	b.Memory.Stands(row.Place, b.Clouds.All()[k].ID, t.version, StatOf(i))
	return true
}
