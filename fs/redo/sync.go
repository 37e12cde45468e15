package redo

import (
	"fmt"
	"io"
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
	if err := l.settle(); err != nil {
		defer l.mu.Unlock()
		return fmt.Errorf("redo: entries before %d may be lost: %w (%w)", l.doubt.below, l.doubt.cause, err)
	}
	position, next := l.position, l.next
	ended, current, unnamed := l.unsynced, l.current, l.unnamed
	l.unsynced, l.unnamed = nil, false
	l.mu.Unlock()

	err := l.syncFiles(ended, current, unnamed)
	for _, w := range ended {
		_ = w.segment.Close() // synced or condemned: nothing is left for it to say
	}
	if err != nil {
		l.condemn(err)
		return fmt.Errorf("redo: sync: %w", err)
	}
	l.durable, l.safe = position, next
	return nil
}

func (l *Log) syncFiles(ended []*writer, current *writer, names bool) error {
	if current != nil {
		ended = append(ended[:len(ended):len(ended)], current)
	}
	for _, w := range ended {
		if err := w.segment.Sync(); err != nil {
			return fmt.Errorf("segment %s: %w", segmentName(w.number), err)
		}
	}
	if names {
		return l.store.Sync()
	}
	return nil
}

// condemn gives up what is written and not durable. The caller holds syncing.
func (l *Log) condemn(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != nil {
		l.finish()
	}
	l.closeUnsynced()
	l.unnamed = true
	l.written = 0
	l.doubt = doubt{l.next, err}
}

// closeUnsynced gives up syncing what is written to its end. The caller holds mu.
func (l *Log) closeUnsynced() {
	for _, w := range l.unsynced {
		_ = w.segment.Close()
	}
	l.unsynced = nil
}

// settle ends a doubt: it copies every payload that is neither durable nor retired to a new segment. Until that is whole it
// counts for nothing, and a kill leaves what was there before. The caller holds syncing and mu.
func (l *Log) settle() error {
	if l.mark >= l.doubt.below {
		if l.doubt.below > 0 && l.current == nil {
			_ = l.begin() // the mark itself may be lost: without room for it, numbers go on from what the caller has applied
		}
		l.doubt = doubt{}
		return nil
	}
	from := max(l.safe, l.mark)
	if l.current != nil {
		l.finish()
	}
	l.number++
	h := l.head(from, from)
	h.until = l.next
	w, err := createSegment(l.store, &l.key, l.number, h)
	if err != nil {
		return err
	}
	if err := l.copyTo(w, from); err != nil {
		// It is not whole, and so not followed should it stay behind.
		_ = w.segment.Close()
		_ = l.store.Remove(segmentName(w.number))
		return err
	}
	l.closeUnsynced()
	for i := range l.resting {
		l.resting[i].end = min(l.resting[i].end, from)
	}
	l.current, l.written = w, l.mark
	l.unnamed = true
	l.position++
	l.doubt = doubt{}
	return nil
}

// copyTo writes all payloads from a number on to a segment of their own. The caller holds mu.
func (l *Log) copyTo(w *writer, from uint64) error {
	at := from
	for _, r := range l.resting {
		if r.number <= l.past.number || r.end <= at {
			continue
		}
		var err error
		if at, err = l.copySegment(w, r, at); err != nil {
			return fmt.Errorf("segment %s: %w", segmentName(r.number), err)
		}
	}
	if at != l.next {
		return fmt.Errorf("entry %d: %w", at, ErrTorn)
	}
	return nil
}

// copySegment copies the payloads of one segment from a number on, entry by entry as they are, and returns the number after
// the last.
func (l *Log) copySegment(w *writer, r resting, at uint64) (next uint64, err error) {
	file, err := l.store.Open(segmentName(r.number))
	if err != nil {
		return at, err
	}
	defer file.Close()
	from, err := newReader(file, &l.key, r.number)
	if err != nil {
		return at, err
	}
	for seq := r.first; seq < r.end; {
		k, body, err := from.next()
		switch {
		case err == io.EOF:
			return at, ErrTorn
		case err != nil:
			return at, err
		case k != kindData && k != kindPart:
			continue
		}
		if seq == at {
			if err := w.write(nil, k, body); err != nil {
				return at, err
			}
		}
		if k == kindData {
			if seq == at {
				at++
			}
			seq++
		}
	}
	return at, nil
}
