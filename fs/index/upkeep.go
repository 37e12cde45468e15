package index

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// Check reads every row, a few thousand at a time, and returns an error that wraps [ErrLost] if one is damaged or missing.
// Changes wait while it runs.
func (ix *Index) Check(ctx context.Context) error {
	ix.writing.Lock()
	defer ix.writing.Unlock()
	var sum tally
	for in := inNames; in < buckets; in++ {
		for at := []byte{}; at != nil; {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := ix.View(func(v *View) error {
				return v.read(func() (err error) {
					at, err = v.add(&sum, in, at)
					return err
				})
			}); err != nil {
				return err
			}
		}
	}
	return ix.View(func(v *View) error {
		return v.read(func() error {
			want, err := v.tally()
			if err == nil && want != sum {
				err = damaged(fmt.Errorf("rows %v, of %v", sum.count, want.count))
			}
			return err
		})
	})
}

const stride = 4096

// add opens some rows behind a key and adds them to a tally; it returns the last one's key, nil at the end.
func (s *snapshot) add(sum *tally, in bucket, after []byte) ([]byte, error) {
	c := s.of(in).Cursor()
	k, sealed := c.Seek(after)
	if bytes.Equal(k, after) {
		k, sealed = c.Next()
	}
	for n := 0; k != nil; k, sealed = c.Next() {
		if _, err := s.open(in, k, sealed); err != nil {
			return nil, err
		}
		sum.count[in]++
		sum.add(in, sealed)
		if n++; n == stride {
			return bytes.Clone(k), nil
		}
	}
	return nil, nil
}

// A sweep is how far forgetting has come: which row of a bucket is the next to be looked at.
type sweep struct {
	in  bucket
	key []byte
}

const (
	sweepStride = 1024 // rows that one transaction looks at
	maxKey      = 64
)

// prune forgets some of what has been over for longer than an age.
func (t *txn) prune(age time.Duration) error {
	if owed, _ := t.of(inDebts).Cursor().First(); age <= 0 || owed != nil {
		return nil
	}
	from, err := t.sweep()
	if err != nil {
		return err
	}
	next, over, err := t.look(from, t.now.Add(-age))
	if err != nil {
		return err
	}
	for _, key := range over {
		if err := t.del(from.in, key); err != nil {
			return err
		}
	}
	e := newRow(t.plain)
	e.Byte(byte(next.in))
	e.Text(string(next.key))
	return t.put(inHead, sweepKey, e.B)
}

// sweep returns how far forgetting has come, the first row of all for a new index.
func (s *snapshot) sweep() (sweep, error) {
	b, err := s.get(inHead, sweepKey)
	if err != nil || b == nil {
		return sweep{in: inNames}, err
	}
	d := openRow(b)
	at := sweep{bucket(d.Byte()), []byte(d.Text(maxKey))}
	if at.in == inHead || at.in >= buckets {
		d.Fail()
	}
	return at, damaged(d.Done())
}

// look returns the keys of some rows that have been over since before a time, and where to go on.
func (t *txn) look(from sweep, before time.Time) (next sweep, over [][]byte, err error) {
	c := t.of(from.in).Cursor()
	k, sealed := c.Seek(from.key)
	for n := 0; k != nil && n < sweepStride; k, sealed = c.Next() {
		n++
		dead, err := t.over(from.in, k, sealed, before)
		if err != nil {
			return sweep{}, nil, err
		}
		if dead {
			over = append(over, bytes.Clone(k))
		}
	}
	switch {
	case k != nil:
		next = sweep{from.in, bytes.Clone(k)}
	case from.in == inNames:
		next.in = inIDs
	case from.in == inIDs:
		next.in = inRest
	default:
		next.in = inNames
	}
	return next, over, nil
}

// over reports whether a row tells only of what has long been over.
func (t *txn) over(in bucket, key, sealed []byte, before time.Time) (bool, error) {
	switch {
	case in == inNames && len(key) == len(nameKey{}):
		b, err := t.open(in, key, sealed)
		if err != nil {
			return false, err
		}
		r, err := parsed(parseName(b))
		return r.Known.Kind == Gone && r.Known.Since.Before(before), err
	case in == inIDs && len(key) == len(fileKey{}):
		b, err := t.open(in, key, sealed)
		if err != nil {
			return false, err
		}
		r, err := parsed(parseRecord(b))
		if err != nil || !r.since.Before(before) {
			return false, err
		}
		others, err := t.some(inIDs, key, 2)
		return len(others) < 2, err
	case in == inRest && len(key) > 0 && key[0] == pathDomain:
		b, err := t.open(in, key, sealed)
		if err != nil {
			return false, err
		}
		r, err := parsed(parseEnded(b))
		return r.since.Before(before), err
	case in == inRest && len(key) > 0 && key[0] == idleDomain:
		return true, nil
	case len(key) == 0 || len(key) > maxKey:
		return false, damaged(fmt.Errorf("a key of %d bytes", len(key)))
	}
	return false, nil
}
