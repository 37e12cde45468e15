package index

import (
	"bytes"
	"context"
	"errors"
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
	c := s.in[in].Cursor()
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

// A sweep is how far Prune has come.
type sweep struct {
	in  bucket
	key []byte
}

// Prune forgets what is over since before a time: names that are gone, files that have no name, records of directories. It
// looks at a few thousand rows and goes on from there the next time; done is true where it has come to the end.
func (ix *Index) Prune(before time.Time) (forgotten int, done bool, err error) {
	ix.writing.Lock()
	defer ix.writing.Unlock()
	var next sweep
	err = ix.write(func(t *txn) (err error) {
		forgotten, next, err = t.prune(ix.pruned, before)
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("index: prune: %w", err)
	}
	ix.pruned = next
	return forgotten, next.key == nil && next.in == inHead, nil
}

func (t *txn) prune(from sweep, before time.Time) (forgotten int, next sweep, err error) {
	if from.in == inHead {
		from.in = inNames
	}
	c := t.in[from.in].Cursor()
	k, sealed := c.Seek(from.key)
	var over [][]byte
	for n := 0; k != nil && n < stride; k, sealed = c.Next() {
		n++
		next.key = append(next.key[:0], k...)
		dead, err := t.over(from.in, k, sealed, before)
		if err != nil {
			return 0, sweep{}, err
		}
		if dead {
			over = append(over, bytes.Clone(k))
		}
	}
	switch next.in = from.in; {
	case k != nil: // the last row is looked at again, which does no harm
	case from.in == inNames:
		next = sweep{in: inIDs}
	case from.in == inIDs:
		next = sweep{in: inRest}
	default:
		next = sweep{}
	}
	for _, key := range over {
		if err := t.del(from.in, key); err != nil {
			return 0, sweep{}, err
		}
	}
	return len(over), next, nil
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
	case len(key) == 0:
		return false, damaged(errors.New("a row without a key"))
	}
	return false, nil
}
