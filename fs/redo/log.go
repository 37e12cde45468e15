package redo

import (
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

// A Log appends to one directory of segments. All methods may be called at the same time as any other, except Close.
//
// Lock order: syncing, then mu. Neither is held while a caller's function runs, and mu never during an fdatasync, so an
// Append waits for other Appends only.
type Log struct {
	store  Store
	course course // what earlier runs left; fixed by Open
	losses []error

	syncing sync.Mutex // one fdatasync at a time, which serves all who wait for it
	durable uint64     // every entry up to this position is on the disk; guarded by syncing

	mu       sync.Mutex // guards all below
	key      [32]byte
	current  *writer
	unsynced []*writer // written to their end, to be synced and closed
	resting  []resting // all segments but current, by ascending number
	number   uint64    // of the newest segment
	after    uint64    // for the next head: above everything that this run has appended or found
	next     uint64    // the number of the next payload
	mark     uint64    // everything below is retired
	written  uint64    // the highest mark that a segment of this run holds
	position uint64    // entries written by this run, retire entries included
	unnamed  bool      // segments were created since the last sync of the store
	doubtful uint64    // payloads below this may be lost: a sync failed
	doubt    error     // why
	closed   bool
}

// A resting segment is not written any more; end is above every number in it.
type resting struct {
	number, end uint64
	size        int64
}

// Open finds the segments of earlier runs and makes them durable, and changes nothing. It copies the key.
func Open(store Store, stateKey *[32]byte) (*Log, error) {
	segments, err := survey(store, stateKey)
	if err != nil {
		return nil, err
	}
	c := plan(segments)
	l := &Log{
		store:  store,
		course: c,
		losses: losses(segments, c),
		key:    *stateKey,
		after:  c.end,
		next:   c.next,
		mark:   c.mark,
	}
	l.raiseMark(c.mark)
	for _, s := range segments {
		r := resting{number: s.number, end: c.next, size: s.size}
		if i := slices.IndexFunc(c.pieces, func(p piece) bool { return p.number == s.number }); i >= 0 {
			r.end = c.pieces[i].end
		}
		l.resting = append(l.resting, r)
		l.number = s.number
	}
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
	if l.current != nil && l.current.size >= rotateSize {
		l.finish()
	}
	if l.current == nil {
		if err := l.begin(); err != nil {
			return 0, fmt.Errorf("redo: append: %w", err)
		}
	}
	if err := l.current.writePayload(parts); err != nil {
		l.poison()
		return 0, fmt.Errorf("redo: append: %w", err)
	}
	seq = l.next
	l.next++
	l.after = l.next
	l.position++
	return seq, nil
}

// begin creates the next segment. The caller holds mu.
func (l *Log) begin() error {
	l.number++
	w, err := createSegment(l.store, &l.key, l.number, head{after: l.after, first: l.next, mark: l.mark})
	if err != nil {
		return err
	}
	l.current = w
	l.written = l.mark
	l.unnamed = true
	l.position++
	return nil
}

// finish ends the current segment. The caller holds mu.
func (l *Log) finish() {
	w := l.current
	l.current = nil
	l.resting = append(l.resting, resting{w.number, l.next, w.size})
	l.unsynced = append(l.unsynced, w)
}

// poison ends the current segment after a failed write. One without payloads is removed at once, so that a full disk does
// not fill up with empty segments; should that fail, a later Retire gets it. The caller holds mu.
func (l *Log) poison() {
	w := l.current
	if w.first != l.next {
		l.finish()
		return
	}
	l.current = nil
	l.written = 0
	_ = w.segment.Close()
	if l.store.Remove(segmentName(w.number)) != nil {
		l.resting = append(l.resting, resting{w.number, l.next, w.size})
	}
}

// Sync returns when everything appended before the call is durable. Callers that wait at the same time share one
// fdatasync. After it has failed, it goes on failing until all entries that may be lost are retired.
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
	if l.mark < l.doubtful {
		defer l.mu.Unlock()
		return fmt.Errorf("redo: entries before %d may be lost: %w", l.doubtful, l.doubt)
	}
	if l.durable >= position {
		l.mu.Unlock()
		return nil
	}
	position = l.position
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
	l.durable = position
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

// condemn gives up what is written and not durable: after a failed fsync the kernel may have dropped the pages, and a second
// one would claim success. The caller holds syncing.
func (l *Log) condemn(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != nil {
		l.finish()
	}
	for _, w := range l.unsynced {
		_ = w.segment.Close()
	}
	l.unsynced = nil
	l.unnamed = true
	l.written = 0
	l.doubtful, l.doubt = l.next, err
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

// raiseMark sets the mark. With all that Replay yields below it, nothing of earlier runs is left, and it covers the numbers
// that no entry has. The caller holds mu.
func (l *Log) raiseMark(below uint64) {
	l.mark = max(l.mark, below)
	if l.mark >= l.course.end {
		l.mark = max(l.mark, l.course.next)
	}
}

func (l *Log) retired() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mark
}

// writeMark brings the mark into the log, if there is a log. The caller holds mu.
func (l *Log) writeMark() error {
	if l.written >= l.mark || l.current == nil && len(l.resting) == 0 {
		return nil
	}
	if l.current == nil {
		return l.begin()
	}
	if err := l.current.writeMark(l.mark); err != nil {
		l.poison()
		return err
	}
	l.written = l.mark
	l.position++
	return nil
}

// drop removes the resting segments that hold only numbers below mark.
func (l *Log) drop(mark uint64) error {
	l.mu.Lock()
	n := 0
	for n < len(l.resting) && l.resting[n].end <= mark {
		n++
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
	return nil
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

// Close syncs the log and wipes the key. If everything is retired it leaves an empty directory. A second Close does nothing.
func (l *Log) Close() error {
	err := l.Sync()
	if err == ErrClosed {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	clear(l.key[:])
	if l.current != nil {
		l.finish()
	}
	for _, w := range l.unsynced {
		err = errors.Join(err, w.segment.Close())
	}
	l.unsynced = nil
	if l.mark < l.next || len(l.resting) == 0 {
		return err
	}
	return errors.Join(err, l.clear())
}

// clear removes every segment, the one with the mark last. The caller holds mu.
func (l *Log) clear() error {
	for len(l.resting) > 0 {
		if err := l.store.Remove(segmentName(l.resting[0].number)); err != nil {
			return fmt.Errorf("redo: close: %w", err)
		}
		l.resting = l.resting[1:]
	}
	if err := l.store.Sync(); err != nil {
		return fmt.Errorf("redo: close: %w", err)
	}
	return nil
}
