package queue

import (
	"cmp"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/heal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
)

const (
	settleTime = 30 * time.Second // a sync client may still be at it
	patience   = 10 * time.Minute // after so long nothing is waited for that goes on changing
	restLimit  = time.Hour        // what cannot be repaired is tried again at least so often

	maxWaiting = 10_000 // names, of each cloud; of more, the next lookup tells again
	maxAtOnce  = 1000   // are repaired in one round
	maxSteps   = 10_000 // are remembered
	maxSame    = 2      // so often the same step is done at a name
)

// A Name is one at which a cloud has something wrong: a place, or a file of which a record does not verify, wherever it is.
type Name struct {
	Cloud int
	Place index.Place
	File  index.File
}

// A wait is how long a name has to wait.
type wait struct {
	since time.Time // when it was found wrong
	due   time.Time
	tries int
	wide  bool // what is elsewhere in the tree counts
	left  bool // to who heals by hand
}

// A deed is a step that was done unasked.
type deed struct {
	cloud  int
	path   string
	op     heal.Op
	commit cipher.ID // of what is wanted
	first  int64     // of chunks
}

// Queue is the names that wait to be repaired.
type Queue struct {
	mu    lock.Mutex[lock.Queue]
	waits map[Name]*wait
	names map[int]int // how many of each cloud wait
	deeds map[deed]int
}

func (q *Queue) init() { q.waits, q.names, q.deeds = map[Name]*wait{}, map[int]int{}, map[deed]int{} }

// Add puts a name into the queue that may have changed at a time; wide: what is
// right there, what is elsewhere tells, too.
func (q *Queue) Add(n Name, changed, now time.Time, wide bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w := q.waits[n]; w != nil {
		w.wide = w.wide || wide
		return
	}
	if q.names[n.Cloud] >= maxWaiting {
		return
	}
	q.names[n.Cloud]++
	due := now
	if settled := changed.Add(settleTime); settled.After(due) {
		due = settled
	}
	if last := now.Add(patience); due.After(last) {
		due = last
	}
	q.waits[n] = &wait{since: now, due: due, wide: wide}
}

// Drop takes a name off the queue, at which all is right.
func (q *Queue) Drop(n Name) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waits[n] != nil {
		q.names[n.Cloud]--
	}
	delete(q.waits, n)
}

// due are names whose turn it is, those that have waited longest first.
func (q *Queue) due(now time.Time) (list []Name) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for n, w := range q.waits {
		if !w.left && !now.Before(w.due) {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b Name) int { return q.waits[a].due.Compare(q.waits[b].due) })
	return list[:min(len(list), maxAtOnce)]
}

// A how is how names are repaired.
type how struct {
	wide bool
	old  bool // nothing is waited for any more
}

// sorted are names by how they are repaired.
func (q *Queue) sorted(list []Name, now time.Time) map[how][]Name {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := map[how][]Name{}
	for _, n := range list {
		if w := q.waits[n]; w != nil {
			h := how{w.wide, now.Sub(w.since) >= patience}
			all[h] = append(all[h], n)
		}
	}
	return all
}

// again has a name wait once more: longer each time, if it was tried.
func (q *Queue) again(n Name, now time.Time, tried bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := q.waits[n]
	if w == nil {
		return
	}
	rest := settleTime
	if tried {
		if now.Sub(w.since) >= patience { // else it may just be arriving
			w.tries++
		}
		rest = min(settleTime<<min(w.tries, 8), restLimit)
	}
	w.due = now.Add(rest)
}

// leave leaves a name to who heals by hand.
func (q *Queue) leave(n Name) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w := q.waits[n]; w != nil {
		w.left = true
	}
}

// may reports whether a step may be done, and counts it.
func (q *Queue) may(d deed) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deeds[d] >= maxSame {
		return false
	}
	if len(q.deeds) >= maxSteps {
		clear(q.deeds)
	}
	q.deeds[d]++
	return true
}

// undone: a step that was counted was not done.
func (q *Queue) undone(d deed) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.deeds[d] = max(0, q.deeds[d]-1)
}

// hurry has all names tried at once, those that were left, too: somebody heals by hand.
func (q *Queue) hurry(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.deeds)
	for _, w := range q.waits {
		w.due, w.left, w.tries = now, false, 0
	}
}

// waiting are the names of a cloud that wait, and how many are left to who heals by hand.
func (q *Queue) waiting(k int) (list []Name, left int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for n, w := range q.waits {
		switch {
		case n.Cloud != k:
		case w.left:
			left++
		default:
			list = append(list, n)
		}
	}
	return list, left
}

// of are names of a cloud, in an order that stays.
func (q *Queue) of(k int) (list []Name) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for n := range q.waits {
		if n.Cloud == k {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b Name) int { return cmp.Compare(a.Place.Name, b.Place.Name) })
	return list
}
