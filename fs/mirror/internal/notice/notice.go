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
}

type copyOf struct {
	file  index.File
	cloud int
}

// New makes one.
func New(clock func() time.Time) *Board {
	return &Board{clock: clock, damage: map[copyOf]Damage{}, conflicts: map[string]bool{}}
}

// Damage notices a damaged copy, whose backing file changed last at that time.
func (b *Board) Damage(d Damage, ctime time.Time) {
	if b == nil || b.clock().Sub(ctime) < settleTime {
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

// Take returns what was noticed since it was last called.
func (b *Board) Take() (damage []Damage, conflicts []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	damage, conflicts = slices.Collect(maps.Values(b.damage)), slices.Sorted(maps.Keys(b.conflicts))
	clear(b.damage)
	clear(b.conflicts)
	return damage, conflicts
}
