package notice

import (
	"maps"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
)

const (
	maxKept = 1000 // of either kind

	// A copy that changed since is none to be called damaged: a sync client may still
	// be writing it.
	settleTime = 30 * time.Second
)

// Damage is a copy of which a record does not verify.
type Damage struct {
	File  index.File
	Ino   uint64 // of the file in the mirror
	Cloud int
	Cut   bool // it ends too soon
	Chunk int64
	Lost  bool // no cloud could serve the record
}

// Board is what was noticed and not taken yet. It is safe for concurrent use; a nil
// one notices nothing.
type Board struct {
	clock func() time.Time

	mu        lock.Mutex[lock.Notices]
	damage    map[copyOf]Damage // the first record of each copy
	conflicts map[string]bool
	mended    map[Copy]bool
	tell      func(cloud int, f index.File, changed time.Time)
}

// A Copy is what a cloud has at a path.
type Copy struct {
	Path  string
	Cloud int
}

type copyOf struct {
	file  index.File
	cloud int
}

// New makes one.
func New(clock func() time.Time) *Board {
	return &Board{clock: clock, damage: map[copyOf]Damage{}, conflicts: map[string]bool{}, mended: map[Copy]bool{}}
}

// Tell has somebody be told of each damaged copy, and when its backing file changed
// last. It is called before there is any.
func (b *Board) Tell(tell func(cloud int, f index.File, changed time.Time)) { b.tell = tell }

// Damage notices a damaged copy, whose backing file changed last at that time.
func (b *Board) Damage(d Damage, ctime time.Time) {
	if b == nil {
		return
	}
	if b.tell != nil {
		b.tell(d.Cloud, d.File, ctime)
	}
	if b.clock().Sub(ctime) < settleTime {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	at := copyOf{d.File, d.Cloud}
	if was, known := b.damage[at]; known && (was.Lost || !d.Lost) || len(b.damage) >= maxKept && !known {
		return
	}
	b.damage[at] = d
}

// Conflict notices a path at which the loser of a conflict is kept.
func (b *Board) Conflict(path string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.conflicts) < maxKept {
		b.conflicts[path] = true
	}
}

// Mended notices that a cloud has at a path what should be there, by now.
func (b *Board) Mended(path string, cloud int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.mended) < maxKept {
		b.mended[Copy{path, cloud}] = true
	}
}

// Take returns what was noticed since it was last called: what is damaged, where
// losers of conflicts are, and what was damaged and is not any more.
func (b *Board) Take() (damage []Damage, conflicts []string, mended []Copy) {
	b.mu.Lock()
	defer b.mu.Unlock()
	damage, conflicts = slices.Collect(maps.Values(b.damage)), slices.Sorted(maps.Keys(b.conflicts))
	mended = slices.Collect(maps.Keys(b.mended))
	clear(b.damage)
	clear(b.conflicts)
	clear(b.mended)
	return damage, conflicts, mended
}
