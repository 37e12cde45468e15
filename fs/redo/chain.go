package redo

import (
	"fmt"
)

// A chain is the segments of a log: those that are there, and the one that is being written. Whoever calls its methods has it
// to himself.
type chain struct {
	store Store // fixed by Open, like past
	past  past

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
	doubt    doubt
}

// A doubt is over payloads that may not be on the disk although they were to be: those below, because a sync failed.
type doubt struct {
	below uint64
	cause error
}

// A resting segment is not written any more. Its payloads are those from first to before end, of which end is all that counts
// in one of an earlier run.
type resting struct {
	number, first, end uint64
	size               int64
	blank              bool // no payloads, and a mark that retires all before it: enough to remember the numbers
}

// append writes one payload.
func (c *chain) append(parts [][]byte) (seq uint64, err error) {
	if c.current != nil && c.current.size >= rotateSize {
		c.finish()
	}
	if c.current == nil {
		if err := c.begin(); err != nil {
			return 0, err
		}
	}
	if err := c.current.writePayload(parts); err != nil {
		c.poison()
		return 0, err
	}
	seq = c.next
	c.next++
	c.after = c.next
	c.position++
	return seq, nil
}

// begin creates the next segment.
func (c *chain) begin() error {
	c.number++
	w, err := createSegment(c.store, &c.key, c.number, c.head(c.after, c.next))
	if err != nil {
		return err
	}
	c.current = w
	c.written = c.mark
	c.unnamed = true
	c.position++
	return nil
}

// head is that of a segment whose first payload is first.
func (c *chain) head(after, first uint64) head {
	return head{after: after, first: first, mark: c.mark, until: first, id: c.past.id, boot: c.past.boot}
}

// finish ends the current segment.
func (c *chain) finish() {
	w := c.current
	c.current = nil
	c.resting = append(c.resting, resting{w.number, w.first, c.next, w.size, w.first == c.next && c.written >= c.next})
	c.unsynced = append(c.unsynced, w)
}

// poison ends the current segment after a failed write. One without payloads is removed at once, so that a full disk does
// not fill up with empty segments; should that fail, a later Retire gets it.
func (c *chain) poison() {
	w := c.current
	if w.first != c.next {
		c.finish()
		return
	}
	c.current = nil
	c.written = 0
	_ = w.segment.Close()
	if c.store.Remove(segmentName(w.number)) != nil {
		c.resting = append(c.resting, resting{number: w.number, first: w.first, end: c.next, size: w.size})
	}
}

// raiseMark sets the mark. With all that Replay yields below it, nothing of earlier runs is left, and it covers the numbers
// that no entry has.
func (c *chain) raiseMark(below uint64) {
	c.mark = max(c.mark, below)
	if c.mark >= c.past.end {
		c.mark = max(c.mark, c.past.next)
	}
}

// writeMark brings the mark into the log, if there is a log.
func (c *chain) writeMark() error {
	if c.written >= c.mark || c.current == nil && len(c.resting) == 0 {
		return nil
	}
	if c.current == nil {
		return c.begin()
	}
	if err := c.current.writeMark(c.mark); err != nil {
		c.poison()
		return err
	}
	c.written = c.mark
	c.position++
	return nil
}

// dropLast is drop where nothing else is left than one segment with payloads.
func (c *chain) dropLast(mark uint64) error {
	if c.current != nil || len(c.resting) != 1 || c.resting[0].end > mark || c.resting[0].blank {
		return nil
	}
	r := c.resting[0]
	if c.begin() == nil {
		return nil // the next Retire, or Close, removes the other, once the new one is on the disk
	}
	if err := c.store.Remove(segmentName(r.number)); err != nil {
		return fmt.Errorf("redo: remove a retired segment: %w", err)
	}
	c.resting = nil
	_ = c.begin() // there may be room now; without it, numbers go on from what the caller has applied
	return nil
}

// remember makes a segment without payloads, on the disk, unless the newest one is.
func (c *chain) remember() error {
	if c.current != nil {
		c.finish()
	}
	n := len(c.resting)
	if n == 0 && c.next == 1 || n > 0 && c.resting[n-1].blank && c.resting[n-1].first == c.next {
		return nil
	}
	if err := c.begin(); err != nil {
		return fmt.Errorf("redo: close: %w", err)
	}
	if err := syncFiles(c.store, nil, c.current, true); err != nil {
		return fmt.Errorf("redo: close: %w", err)
	}
	return nil
}

// clear removes every segment but the newest.
func (c *chain) clear() error {
	if len(c.resting) < 2 {
		return nil
	}
	for len(c.resting) > 1 {
		if err := c.store.Remove(segmentName(c.resting[0].number)); err != nil {
			return fmt.Errorf("redo: close: %w", err)
		}
		c.resting = c.resting[1:]
	}
	if err := c.store.Sync(); err != nil {
		return fmt.Errorf("redo: close: %w", err)
	}
	return nil
}
