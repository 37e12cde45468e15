package redo

import (
	"fmt"
)

// Sync returns when everything appended before the call is durable. Callers that wait at the same time share one fdatasync.
//
// After a failed fdatasync the kernel may have dropped what it was to write, and a second one would claim success. So what
// may be lost is read back, and what authenticates is appended once more, to a new segment, under the same numbers; only what
// cannot be read or written makes Sync fail, and go on failing until it is retired.
func (l *Log) Sync() error {
	l.mu.Lock()
	position, closed := l.position, l.closed
	l.mu.Unlock()
	if closed {
		return ErrClosed
	}
	return l.syncTo(position)
}

func (l *Log) syncTo(position uint64) error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.mu.Lock()
	certain := l.mark >= l.doubt.below
	l.mu.Unlock()
	if certain && l.durable >= position {
		return nil
	}
	err := l.syncOnce()
	if err != nil && certain {
		err = l.syncOnce() // a new segment, with a copy
	}
	return err
}

// syncOnce makes all durable that is written, a copy first of what is in doubt. The caller holds syncing.
func (l *Log) syncOnce() error {
	l.mu.Lock()
	if err := l.endDoubt(l.safe); err != nil {
		defer l.mu.Unlock()
		return fmt.Errorf("redo: entries before %d may be lost: %w (%w)", l.doubt.below, l.doubt.cause, err)
	}
	position, next := l.position, l.next
	ended, current, unnamed := l.unsynced, l.current, l.unnamed
	l.unsynced, l.unnamed = nil, false
	l.mu.Unlock()

	err := syncFiles(l.store, ended, current, unnamed)
	for _, w := range ended {
		_ = w.segment.Close() // synced or condemned: nothing is left for it to say
	}
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.condemn(err)
		return fmt.Errorf("redo: sync: %w", err)
	}
	l.durable, l.safe = position, next
	return nil
}

// syncFiles syncs segments, and with names the store.
func syncFiles(store Store, ended []*writer, current *writer, names bool) error {
	if current != nil {
		ended = append(ended[:len(ended):len(ended)], current)
	}
	for _, w := range ended {
		if err := w.segment.Sync(); err != nil {
			return fmt.Errorf("segment %s: %w", segmentName(w.number), err)
		}
	}
	if names {
		return store.Sync()
	}
	return nil
}
