package redo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
)

// A found segment is what reading one to its end has shown.
type found struct {
	number uint64
	headed bool // its head opened; without that, nothing below is set
	head   head
	end    uint64 // the number after its last whole payload
	mark   uint64 // the highest retire mark in it
	size   int64  // bytes that opened
	torn   bool   // bytes follow that do not open
	spoilt bool   // and they are more than the beginning of an entry
}

// A piece is a run of sequence numbers, from first to before end, that one segment holds and that counts.
type piece struct {
	number, first, end uint64
	boot               string
}

// A course is what the segments of earlier runs amount to.
type course struct {
	pieces []piece
	end    uint64 // the number after the last payload that counts
	next   uint64 // above every number that any segment shows
	mark   uint64 // everything below is retired
	id     [idSize]byte
	lost   []uint64
}

// plan applies the rule of continuity (see the package's doc) to segments in ascending order.
func plan(segments []found) course {
	c := course{next: 1, mark: 1}
	for _, s := range segments {
		c.mark = max(c.mark, s.mark)
		c.next = max(c.next, s.mark, s.end)
	}
	c.end = c.mark
	for _, s := range segments {
		if !s.headed || s.head.after > c.end || s.head.until > s.end {
			c.lost = append(c.lost, s.number)
			continue
		}
		for i := range c.pieces {
			p := &c.pieces[i]
			p.end = max(p.first, min(p.end, s.head.after))
		}
		c.pieces = append(c.pieces, piece{s.number, s.head.first, s.end, s.head.boot})
		c.end = max(c.mark, s.end)
		c.id = s.head.id
	}
	return c
}

// survey reads every segment of the store, once they are durable: their writer may not have lived to sync them, and this
// run is about to build on them.
func survey(store Store, key *[32]byte) ([]found, error) {
	names, err := store.List()
	if err != nil {
		return nil, fmt.Errorf("redo: list segments: %w", err)
	}
	var numbers []uint64
	for _, name := range names {
		if n, ok := segmentNumber(name); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	segments := make([]found, 0, len(numbers))
	for _, n := range numbers {
		if err := syncFound(store, segmentName(n)); err != nil {
			return nil, err
		}
		f, err := scan(store, key, n, nil)
		if err != nil {
			return nil, err
		}
		segments = append(segments, f)
	}
	if len(segments) > 0 {
		if err := store.Sync(); err != nil {
			return nil, fmt.Errorf("redo: sync the directory: %w", err)
		}
	}
	return segments, nil
}

func syncFound(store Store, name string) error {
	file, err := store.Open(name)
	if err != nil {
		return fmt.Errorf("redo: open segment %s: %w", name, err)
	}
	defer file.Close()
	if s, ok := file.(interface{ Sync() error }); ok {
		if err := s.Sync(); err != nil {
			return fmt.Errorf("redo: sync segment %s: %w", name, err)
		}
	}
	return nil
}

// scan reads segment number to the first entry that does not open and passes each payload to visit, if that is not nil,
// as bytes that are valid during the call. It returns visit's error as it is.
func scan(store Store, key *[32]byte, number uint64, visit func(seq uint64, payload []byte) error) (f found, err error) {
	name := segmentName(number)
	file, err := store.Open(name)
	if err != nil {
		return found{}, fmt.Errorf("redo: open segment %s: %w", name, err)
	}
	defer file.Close()
	f.number = number
	r, err := newReader(file, key, number)
	if err == nil {
		err = f.read(r, visit)
		f.size = r.size
	}
	var stopped *visitError
	switch {
	case err == io.EOF:
		return f, nil
	case errors.Is(err, ErrTorn):
		f.torn, f.spoilt = true, !errors.Is(err, errShort)
		return f, nil
	case errors.As(err, &stopped):
		return f, stopped.error
	}
	return f, fmt.Errorf("redo: read segment %s: %w", name, err)
}

// visitError keeps an error of the caller's from being taken for one of the segment's.
type visitError struct{ error }

// read takes in entries until an error, which is never nil.
func (f *found) read(r *reader, visit func(uint64, []byte) error) error {
	var whole []byte // the parts so far of a payload that is not complete
	parts := 0
	for {
		k, body, err := r.next()
		if err != nil {
			return err
		}
		switch {
		case !f.headed:
			h, ok := parseHead(k, body)
			if !ok {
				return f.misplaced(k)
			}
			f.headed, f.head, f.end, f.mark = true, h, h.first, h.mark
		case k == kindPart && len(body) == partSize && (parts+1)*partSize <= MaxPayload:
			parts++
			if visit != nil {
				whole = append(whole, body...)
			}
		case k == kindData && parts*partSize+len(body) <= MaxPayload:
			if parts > 0 && visit != nil {
				whole = append(whole, body...)
				body = whole
			}
			if err := f.visit(visit, body); err != nil {
				return err
			}
			whole, parts = whole[:0], 0
		case k == kindRetire && len(body) == markSize && parts == 0:
			f.mark = max(f.mark, binary.BigEndian.Uint64(body))
		default:
			return f.misplaced(k)
		}
	}
}

// visit hands over one whole payload.
func (f *found) visit(visit func(uint64, []byte) error, payload []byte) error {
	if visit != nil {
		if err := visit(f.end, payload); err != nil {
			return &visitError{err}
		}
	}
	f.end++
	return nil
}

// misplaced is the error for an entry that authenticates and has no place: this version would not have written it.
func (f *found) misplaced(k kind) error {
	return fmt.Errorf("an entry of kind %d: %w", k, ErrNewer)
}

// An Entry is one entry of an earlier run.
type Entry struct {
	Seq      uint64
	Boot     string // in which it was written, "" where that is not known
	SameBoot bool   // that is this boot: what was written to files before it is still there
	Payload  []byte // valid until the next entry
}

// Entries yields the entries of earlier runs that are not retired, in order. It ends at the first entry that is missing or does
// not open, and after an error. Append and Retire may be called meanwhile; what is retired is not yielded any more.
func (l *Log) Entries() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, p := range l.past.pieces {
			if p.end <= l.Mark() {
				continue
			}
			e := Entry{Boot: p.boot, SameBoot: p.boot != "" && p.boot == l.past.boot}
			_, err := scan(l.store, &l.key, p.number, func(seq uint64, payload []byte) error {
				switch {
				case seq >= p.end:
					return errPieceDone
				case seq < l.Mark():
					return nil
				}
				e.Seq, e.Payload = seq, payload
				if !yield(e, nil) {
					return errEnough
				}
				return nil
			})
			switch {
			case err == errEnough:
				return
			case err != nil && err != errPieceDone:
				yield(Entry{}, err)
				return
			}
		}
	}
}

// Replay passes what Entries yields to fn. An error of fn ends the replay and is returned as it is.
func (l *Log) Replay(fn func(seq uint64, payload []byte) error) error {
	for e, err := range l.Entries() {
		if err == nil {
			err = fn(e.Seq, e.Payload)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// What ends a scan early; neither leaves Entries.
var (
	errPieceDone = errors.New("redo: end of piece")
	errEnough    = errors.New("redo: enough")
)

// Losses tells where the log of earlier runs ends before its bytes do: one error, wrapping ErrTorn, for each segment that is
// torn and for each that Replay cannot reach. After a kill or a power cut both are to be expected, and what Sync promised
// is not among them. One that wraps ErrLost as well is more than the write that a kill or a power cut has ended: whole
// entries behind a gap, or one that is there and does not open; and no run has gone on behind it yet.
func (l *Log) Losses() []error { return slices.Clone(l.past.losses) }

// Lost reports whether Losses tells of entries that were written whole.
func (l *Log) Lost() bool { return errors.Is(errors.Join(l.past.losses...), ErrLost) }

func losses(segments []found, c course, mark uint64) []error {
	var errs []error
	followed := uint64(0)
	if n := len(c.pieces); n > 0 {
		followed = c.pieces[n-1].number
	}
	for _, s := range segments {
		name := segmentName(s.number)
		var err error
		lost := s.spoilt && s.number >= followed
		switch {
		case s.headed && s.head.until > s.end:
			// A copy that was not finished: what it was to be a copy of is there, or is lost by itself.
		case slices.Contains(c.lost, s.number) && s.headed:
			err = fmt.Errorf("redo: segment %s: what it builds on %w", name, ErrTorn)
			lost = lost || s.number > followed && s.end > max(mark, s.head.first)
		case s.torn || !s.headed:
			err = fmt.Errorf("redo: segment %s: after %d bytes it %w", name, s.size, ErrTorn)
		}
		if err != nil && lost {
			err = fmt.Errorf("%w: %w", err, ErrLost)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
