package index

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/overcast-fs/overcast/cipher"
)

// A walk goes through the rows of a bucket whose keys begin with a prefix.
type walk struct {
	v       *View
	in      bucket
	prefix  []byte
	after   []byte // a key to go on behind; nil for none
	size    int    // of the keys that count
	cursor  *bolt.Cursor
	key     []byte
	started bool
}

// next moves to the next row of the walk's size and returns it; nil at the end. Between two steps the caller's code runs,
// outside of any guard.
func (w *walk) next() (row []byte, err error) {
	err = w.v.read(func() error {
		for {
			k, sealed := w.step()
			if k == nil || !bytes.HasPrefix(k, w.prefix) {
				return nil
			}
			if len(k) != w.size {
				continue
			}
			w.key = append(w.key[:0], k...)
			row, err = w.v.open(w.in, w.key, sealed)
			return err
		}
	})
	if err != nil {
		return nil, err
	}
	return row, nil
}

func (w *walk) step() (k, sealed []byte) {
	if w.started {
		return w.cursor.Next()
	}
	w.started = true
	w.cursor = w.v.of(w.in).Cursor()
	if w.after == nil {
		return w.cursor.Seek(w.prefix)
	}
	k, sealed = w.cursor.Seek(w.after)
	if bytes.Equal(k, w.after) {
		return w.cursor.Next()
	}
	return k, sealed
}

// rows yields what parse makes of each row of a walk, and ends after an error.
func rows[T any](w *walk, parse func(key, row []byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			row, err := w.next()
			if err == nil && row == nil {
				return
			}
			var v T
			if err == nil {
				err = w.v.read(func() (err error) {
					v, err = parse(w.key, row)
					return damaged(err)
				})
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// List yields the rows of a directory, in no order that means anything, from a cursor on. Names that are gone are among them.
// It needs memory for one row.
func (v *View) List(d Dir, from Cursor) iter.Seq2[Row, error] {
	dir := v.keys.dir(d)
	w := &walk{v: v, in: inNames, prefix: dir[:], size: len(nameKey{})}
	if from != (Cursor{}) {
		w.after = from[:]
	}
	return rows(w, func(key, b []byte) (Row, error) {
		r, err := parseName(b)
		if err == nil && r.Place.Dir != d {
			err = errors.New("a name of another directory")
		}
		copy(r.Cursor[:], key)
		return r, err
	})
}

// Debts yields what a cloud owes from a cursor on, directory by directory, in no order that means anything. A place whose
// directory stands nowhere any more is among them: what the cloud has there goes with the directory, which it owes as well.
func (v *View) Debts(cloud cipher.ID, from Cursor) iter.Seq2[Owed, error] {
	prefix := v.keys.cloud(cloud)
	w := &walk{v: v, in: inDebts, prefix: prefix[:], size: len(debtKey{})}
	if from != (Cursor{}) {
		w.after = slices.Concat(prefix[:], from[:])
	}
	debts := rows(w, func(key, b []byte) (Owed, error) {
		o, err := parseDebt(b)
		copy(o.Cursor[:], key[len(prefix):])
		return o, err
	})
	if w.after != nil {
		return debts
	}
	return v.counted(cloud, debts)
}

// counted ends with an error where fewer or more debts come than there are.
func (v *View) counted(cloud cipher.ID, debts iter.Seq2[Owed, error]) iter.Seq2[Owed, error] {
	return func(yield func(Owed, error) bool) {
		var n uint64
		for o, err := range debts {
			n++
			if !yield(o, err) || err != nil {
				return
			}
		}
		if err := v.read(func() error {
			owed, err := v.owed(cloud)
			if err == nil && owed != n {
				err = damaged(fmt.Errorf("%d debts, of %d", n, owed))
			}
			return err
		}); err != nil {
			yield(Owed{}, err)
		}
	}
}

// links returns the live names of a file.
func (s *snapshot) links(key *fileKey) (names []Place, err error) {
	c := s.of(inIDs).Cursor()
	for k, sealed := c.Seek(key[:]); k != nil && bytes.HasPrefix(k, key[:]); k, sealed = c.Next() {
		if len(k) != len(linkKey{}) {
			continue
		}
		b, err := s.open(inIDs, k, sealed)
		if err != nil {
			return nil, err
		}
		p, err := parsed(parsePlace(b))
		if err != nil {
			return nil, err
		}
		names = append(names, p)
	}
	return names, nil
}

// Writers returns every writer that was ever seen, in ascending order.
func (v *View) Writers() (writers []uint32, err error) {
	w := &walk{v: v, in: inRest, prefix: []byte{writerDomain}, size: 1 + 16}
	for writer, err := range rows(w, func(_, b []byte) (uint32, error) {
		d := openRow(b)
		n := d.Fixed()
		return uint32(n), d.Done()
	}) {
		if err != nil {
			return nil, err
		}
		writers = append(writers, writer)
	}
	slices.Sort(writers)
	return writers, nil
}
