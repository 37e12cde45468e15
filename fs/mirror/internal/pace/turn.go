package pace

import (
	"sync"
	"time"
)

// A Turn is whose turn it is where long work goes on beside programs: theirs first.
type Turn struct {
	Begun func() uint64 // how many operations programs have begun, ever
	Now   func() time.Time
	Sleep func(time.Duration)

	mu    sync.Mutex
	seen  uint64
	since time.Time // the last slice of work began
}

const (
	share    = 2 // so many times as long as it has worked, it rests while programs work
	longRest = 100 * time.Millisecond
)

// Rest is called between slices of the work, some milliseconds each. Where programs
// have begun something since the last one, it lets them have their turn.
func (t *Turn) Rest() {
	t.mu.Lock()
	defer t.mu.Unlock()
	begun := t.Begun()
	if begun != t.seen && !t.since.IsZero() {
		t.Sleep(min(share*t.Now().Sub(t.since), longRest))
	}
	t.seen, t.since = t.Begun(), t.Now()
}
