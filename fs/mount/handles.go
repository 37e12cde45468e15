package mount

import "sync"

// handles numbers what programs hold open. A number is never used twice.
type handles[T any] struct {
	mu   sync.RWMutex
	open map[uint64]T
	last uint64
}

func (t *handles[T]) add(h T) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		t.open = map[uint64]T{}
	}
	t.last++
	t.open[t.last] = h
	return t.last
}

func (t *handles[T]) get(fh uint64) (T, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	h, ok := t.open[fh]
	return h, ok
}

func (t *handles[T]) remove(fh uint64) (T, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h, ok := t.open[fh]
	delete(t.open, fh)
	return h, ok
}

func (t *handles[T]) count() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.open)
}

// drain removes and returns whatever is left.
func (t *handles[T]) drain() []T {
	t.mu.Lock()
	defer t.mu.Unlock()
	var left []T
	for _, h := range t.open {
		left = append(left, h)
	}
	t.open = nil
	return left
}
