package redo

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// rotateSize is the size in bytes from which a segment gets no further payload.
const rotateSize = 16 << 20

var (
	// ErrClosed is returned by every method but Close after Close.
	ErrClosed = errors.New("redo: log is closed")
	// ErrTooLarge is wrapped by the error of Append for a payload above MaxPayload; nothing is written.
	ErrTooLarge = errors.New("payload too large")
)

// A Log appends to one directory of segments. All methods may be called at the same time as any other, except Close. Its
// locks are on the package's list.
type Log struct {
	syncing sync.Mutex // one fdatasync at a time, which serves all who wait for it
	durable uint64     // every entry up to this position is on the disk; guarded by syncing
	safe    uint64     // every payload below is on the disk; guarded by syncing

	mu     sync.Mutex // guards all below, except what chain says is fixed
	closed bool
	chain
}

// The past is what earlier runs left, and what this one is known by.
type past struct {
	course
	losses []error
	boot   string
	number uint64 // of the newest segment that there was: those of this run are above
}

// Options are what a caller knows of the log from elsewhere.
type Options struct {
	// Boot names this boot of the machine, "" where that is not known. Up to 64 bytes of it count.
	Boot string
	// ID and Below are what the caller has applied: everything below, of the log of that id. If it is this one, that is
	// retired, and numbers begin there at the least; a directory without segments goes on as that log.
	ID    [16]byte
	Below uint64
}

// Open is OpenWith without options.
func Open(store Store, stateKey *[32]byte) (*Log, error) {
	return OpenWith(store, stateKey, Options{})
}

// OpenWith finds the segments of earlier runs and makes them durable, and changes nothing. It copies the key.
func OpenWith(store Store, stateKey *[32]byte, o Options) (*Log, error) {
	segments, err := survey(store, stateKey)
	if err != nil {
		return nil, err
	}
	c := plan(segments)
	l := &Log{chain: chain{
		store: store,
		past:  past{course: c, boot: o.Boot[:min(len(o.Boot), maxBoot)]},
		key:   *stateKey,
		after: c.end,
		next:  c.next,
		mark:  c.mark,
	}}
	none := [idSize]byte{}
	switch {
	case c.id != none:
	case o.ID != none: // nothing says otherwise: there are no segments, or those of an earlier version
		l.past.id = o.ID
	default:
		rand.Read(l.past.id[:])
	}
	if l.past.id == o.ID {
		l.mark = max(l.mark, o.Below)
	}
	l.past.losses = losses(segments, c, l.mark)
	l.raiseMark(l.mark)
	l.next = max(l.next, l.mark)
	l.safe = l.next
	for _, s := range segments {
		r := resting{number: s.number, first: s.head.first, end: c.next, size: s.size}
		r.blank = s.headed && s.head.first == s.end && s.mark >= s.end
		if i := slices.IndexFunc(c.pieces, func(p piece) bool { return p.number == s.number }); i >= 0 {
			r.end = c.pieces[i].end
		}
		l.resting = append(l.resting, r)
		l.number = s.number
	}
	l.past.number = l.number
	return l, nil
}

// String keeps the key out of whatever prints a Log.
func (l *Log) String() string { return "redo log [redacted]" }

// GoString is String.
func (l *Log) GoString() string { return l.String() }

// Append writes payload, of up to MaxPayload bytes, as the next entry and returns its number. It does not sync. After an
// error nothing of payload counts, and the next Append begins a new segment.
func (l *Log) Append(payload []byte) (seq uint64, err error) { return l.AppendV(payload) }

// AppendV is Append of the concatenation of parts.
func (l *Log) AppendV(parts ...[]byte) (seq uint64, err error) {
	total := 0
	for _, p := range parts {
		total += len(p)
	}
	if total > MaxPayload {
		return 0, fmt.Errorf("redo: append %d bytes: %w", total, ErrTooLarge)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0, ErrClosed
	}
	if seq, err = l.append(parts); err != nil {
		return 0, fmt.Errorf("redo: append: %w", err)
	}
	return seq, nil
}

// Retire declares that everything below is done everywhere. Replay will not yield it, and segments that hold nothing else are
// removed, once the mark is durable. An error leaves the log whole; a later Retire tries again.
func (l *Log) Retire(below uint64) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrClosed
	}
	if below > l.next {
		defer l.mu.Unlock()
		return fmt.Errorf("redo: retire below %d: the log ends at %d", below, l.next)
	}
	l.raiseMark(below)
	mark, all := l.mark, l.mark == l.next
	idle := len(l.resting) == 0 || l.resting[0].end > mark
	err := l.writeMark()
	position := l.position
	l.mu.Unlock()

	if err == nil && !idle {
		err = l.syncTo(position)
	}
	// With everything retired, nothing depends on the mark: whatever part of the segments a crash brings back, Replay
	// yields nothing, or what may be done twice. So a full disk, where no mark can be written, does not stay full.
	if err != nil && !all {
		return fmt.Errorf("redo: retire below %d: %w", below, err)
	}
	return l.drop(mark)
}

// Retired returns the number below which earlier runs had retired everything, as their segments tell.
func (l *Log) Retired() uint64 { return l.past.course.mark }

// Mark returns the number below which everything is retired.
func (l *Log) Mark() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mark
}

// drop removes the resting segments that hold only numbers below mark. One that remembers the numbers stays, or a new one takes
// its place, except on a disk that is too full even for that: so that it does not stay full.
func (l *Log) drop(mark uint64) error {
	l.mu.Lock()
	n := 0
	for n < len(l.resting) && l.resting[n].end <= mark {
		n++
	}
	last := l.current == nil && n == len(l.resting) && n > 0
	if last {
		n--
	}
	done := slices.Clone(l.resting[:n])
	l.resting = slices.Delete(l.resting, 0, n)
	l.mu.Unlock()
	for i, r := range done {
		if err := l.store.Remove(segmentName(r.number)); err != nil {
			l.mu.Lock()
			l.resting = append(done[i:], l.resting...)
			l.mu.Unlock()
			return fmt.Errorf("redo: remove a retired segment: %w", err)
		}
	}
	if !last {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropLast(mark)
}

// Next returns the number that the next Append gives; Retire(Next()) retires everything.
func (l *Log) Next() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// Size returns the bytes of all segments, as far as they open.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var n int64
	for _, r := range l.resting {
		n += r.size
	}
	if l.current != nil {
		n += l.current.size
	}
	return n
}

// ID returns what names the log for as long as its numbers go on: random, and kept in every segment.
func (l *Log) ID() [16]byte { return l.past.id }

// Close syncs the log and wipes the key. If everything is retired it leaves one small segment, which remembers the numbers, or
// none where there was never an entry. A second Close does nothing.
func (l *Log) Close() error {
	err := l.Sync()
	if err == ErrClosed {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	defer clear(l.key[:])
	empty := l.mark == l.next
	if empty {
		err = errors.Join(err, l.remember())
	}
	if l.current != nil {
		l.finish()
	}
	for _, w := range l.unsynced {
		err = errors.Join(err, w.segment.Close())
	}
	l.unsynced = nil
	if !empty || err != nil {
		return err
	}
	return l.clear()
}
