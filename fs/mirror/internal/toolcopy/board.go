package toolcopy

import (
	"slices"
	"strings"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
)

const (
	settleTime = 30 * time.Second // a sync tool may still be at it
	maxNoted   = 4096             // of names, and of copies that were settled
	maxTries   = 2                // the same is not done a third time
	maxAtOnce  = 16               // directories are listed for each
)

// A Copy is one entry that a sync tool made of a name.
type Copy struct {
	Cloud int
	Path  string // plain: of the name
	Entry string // its backing path
	Ino   uint64
	Dir   bool
}

// Board is the copies that listings have shown and nobody has settled. It is safe for
// concurrent use.
type Board struct {
	clock func() time.Time

	mu    lock.Mutex[lock.Notices]
	noted map[Copy]time.Time // when they are due
	tries map[Copy]int
}

// NewBoard makes one.
func NewBoard(clock func() time.Time) *Board {
	return &Board{clock: clock, noted: map[Copy]time.Time{}, tries: map[Copy]int{}}
}

// Note notes a copy that a listing shows in a cloud, of a name at a plain path; e has its backing path.
func (b *Board) Note(path string, k int, e cloud.Entry) {
	b.note(Copy{Cloud: k, Path: path, Entry: e.Name, Ino: e.Ino, Dir: e.Dir})
}

func (b *Board) note(c Copy) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, noted := b.noted[c]; noted || b.tries[c] >= maxTries || len(b.noted) >= maxNoted {
		return
	}
	b.noted[c] = b.clock().Add(settleTime)
}

// again has a copy settled later, which was in use.
func (b *Board) again(c Copy) {
	b.mu.Lock()
	b.tries[c]--
	b.mu.Unlock()
	b.note(c)
}

// Due takes copies that are due, those above others first; not too many at once.
func (b *Board) Due() (list []Copy) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.tries) > maxNoted {
		clear(b.tries)
	}
	now := b.clock()
	for c, when := range b.noted {
		if !now.Before(when) {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b Copy) int { return strings.Compare(a.Path+"\x00"+a.Entry, b.Path+"\x00"+b.Entry) })
	list = list[:min(len(list), maxAtOnce)]
	for _, c := range list {
		delete(b.noted, c)
		b.tries[c]++
	}
	return list
}
