package redo

import (
	"fmt"
	"io"
)

// condemn gives up what is written and not durable.
func (c *chain) condemn(err error) {
	if c.current != nil {
		c.finish()
	}
	c.closeUnsynced()
	c.unnamed = true
	c.written = 0
	c.doubt = doubt{c.next, err}
}

// closeUnsynced gives up syncing what is written to its end.
func (c *chain) closeUnsynced() {
	for _, w := range c.unsynced {
		_ = w.segment.Close()
	}
	c.unsynced = nil
}

// endDoubt copies every payload that is neither durable nor retired to a new segment. Until that is whole it
// counts for nothing, and a kill leaves what was there before.
func (c *chain) endDoubt(safe uint64) error {
	if c.mark >= c.doubt.below {
		if c.doubt.below > 0 && c.current == nil {
			_ = c.begin() // the mark itself may be lost: without room for it, numbers go on from what the caller has applied
		}
		c.doubt = doubt{}
		return nil
	}
	from := max(safe, c.mark)
	if c.current != nil {
		c.finish()
	}
	c.number++
	h := c.head(from, from)
	h.until = c.next
	w, err := createSegment(c.store, &c.key, c.number, h)
	if err != nil {
		return err
	}
	if err := c.copyTo(w, from); err != nil {
		// It is not whole, and so not followed should it stay behind.
		_ = w.segment.Close()
		_ = c.store.Remove(segmentName(w.number))
		return err
	}
	c.closeUnsynced()
	for i := range c.resting {
		c.resting[i].end = min(c.resting[i].end, from)
	}
	c.current, c.written = w, c.mark
	c.unnamed = true
	c.position++
	c.doubt = doubt{}
	return nil
}

// copyTo writes all payloads from a number on to a segment of their own.
func (c *chain) copyTo(w *writer, from uint64) error {
	at := from
	for _, r := range c.resting {
		if r.number <= c.past.number || r.end <= at {
			continue
		}
		var err error
		if at, err = c.copySegment(w, r, at); err != nil {
			return fmt.Errorf("segment %s: %w", segmentName(r.number), err)
		}
	}
	if at != c.next {
		return fmt.Errorf("entry %d: %w", at, ErrTorn)
	}
	return nil
}

// copySegment copies the payloads of one segment from a number on, entry by entry as they are, and returns the number after
// the last.
func (c *chain) copySegment(w *writer, r resting, at uint64) (next uint64, err error) {
	file, err := c.store.Open(segmentName(r.number))
	if err != nil {
		return at, err
	}
	defer file.Close()
	from, err := newReader(file, &c.key, r.number)
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
