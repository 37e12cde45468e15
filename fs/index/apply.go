package index

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Apply makes the changes of a batch in one transaction, which is on the disk when it returns. Where the disk is full, what is
// kept in reserve for that is given to it. The batch is not changed.
func (ix *Index) Apply(b *Batch) error {
	if err := b.check(); err != nil {
		return fmt.Errorf("index: %w: %w", ErrInvalid, err)
	}
	ix.writing.Lock()
	defer ix.writing.Unlock()
	apply := func() error { return ix.write(func(t *txn) error { return t.apply(b) }) }
	err := apply()
	ours := errors.Is(err, ErrLost) || errors.Is(err, ErrInvalid) || errors.Is(err, ErrClosed)
	if err != nil && !ours && ix.reserve.Full(err) && ix.reserve.Release() {
		err = apply()
	}
	switch {
	case err == nil:
		ix.reserve.Restore()
		return nil
	case errors.Is(err, ErrClosed):
		return err
	}
	return fmt.Errorf("index: applying %d rows: %w", b.Len(), err)
}

// An effect is what follows from the changed names of a transaction.
type effect struct {
	links    map[File]*linkChange
	standing map[Dir]Place // where directories are named now
	left     map[Dir]Place // where they were
}

// A linkChange is what becomes of one file's live names, and the greatest version that one of them had before.
type linkChange struct {
	names map[Place]link
	lost  Version
}

// A link is one name: whether it is the file's now, whether that has changed, and at which version it is.
type link struct {
	live, changed bool
	version       Version
}

// apply makes all changes of a batch. What is in a directory comes before the directory, which may end; what follows from
// names comes behind both.
func (t *txn) apply(b *Batch) error {
	e := &effect{links: map[File]*linkChange{}, standing: map[Dir]Place{}, left: map[Dir]Place{}}
	for _, step := range []func() error{
		func() error { return t.applyNames(b, e) },
		func() error { return t.applyDirs(b, e) },
		func() error { return t.applyFiles(b, e) },
		func() error { return t.applyDebts(b) },
		func() error { return t.applyRest(b) },
		func() error { return t.prune(b.prune) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// inOrder calls fn for each change by ascending key, as bbolt likes it.
func inOrder[K comparable, V any](m map[K]V, key func(K) []byte, fn func(key []byte, k K, v V) error) error {
	type keyed struct {
		key []byte
		of  K
	}
	list := make([]keyed, 0, len(m))
	for k := range m {
		list = append(list, keyed{key(k), k})
	}
	slices.SortFunc(list, func(a, b keyed) int { return bytes.Compare(a.key, b.key) })
	for _, k := range list {
		if err := fn(k.key, k.of, m[k.of]); err != nil {
			return err
		}
	}
	return nil
}

func (t *txn) applyNames(b *Batch, e *effect) error {
	for p, c := range b.names {
		if c.known == nil || c.known.Kind != IsDir {
			continue
		}
		if other, ok := e.standing[c.known.Dir]; ok && other != p {
			return fmt.Errorf("%w: a directory at two names", ErrInvalid)
		}
		e.standing[c.known.Dir] = p
	}
	key := func(p Place) []byte { k := t.keys.name(p); return k[:] }
	return inOrder(b.names, key, func(key []byte, p Place, c *nameChange) error {
		old, err := t.name((*nameKey)(key), p)
		if err != nil {
			return err
		}
		next := c.apply(old, t.now)
		if len(next.Copies) > maxCopies {
			return fmt.Errorf("%w: %d copies of a name", ErrInvalid, len(next.Copies))
		}
		return t.setName(&old, &next, e)
	})
}

// apply returns the row as the change makes it.
func (c *nameChange) apply(r Row, now time.Time) Row {
	if c.known != nil {
		before := r.Known
		r.Known = *c.known
		r.Known.Since = time.Time{}
		if r.Known.Kind == Gone || r.Known.Kind == Vanished {
			r.Known.Since = now
			if before.Kind == r.Known.Kind && before.File == r.Known.File {
				r.Known.Since = before.Since
			}
		}
		if r.Known.Kind == Unknown {
			r.Copies = nil
		}
	}
	for cloud, copied := range c.copies {
		i, ok := findCopy(r.Copies, cloud)
		if ok {
			r.Copies[i] = copied
		} else {
			r.Copies = slices.Insert(r.Copies, i, copied)
		}
	}
	return r
}

// setName writes a name's row, or removes it where nothing is left to know, and notes what follows.
func (t *txn) setName(old, next *Row, e *effect) error {
	e.note(old, next)
	if next.Known.Kind == Unknown && len(next.Copies) == 0 {
		return t.del(inNames, old.Cursor[:])
	}
	return t.put(inNames, old.Cursor[:], appendName(t.plain, next))
}

// note takes up what the change of a name means for its file and directory.
func (e *effect) note(old, next *Row) {
	was, is := old.Known, next.Known
	if was.Kind == IsDir && (is.Kind != IsDir || is.Dir != was.Dir) {
		e.left[was.Dir] = old.Place
	}
	if was.Kind == IsFile {
		l := at(&e.links, was.File)
		l.lost = l.lost.Join(was.Version)
		put(&l.names, old.Place, link{changed: true})
	}
	if is.Kind == IsFile {
		put(&at(&e.links, is.File).names, old.Place, link{
			live: true, changed: was.Kind != IsFile || was.File != is.File, version: is.Version,
		})
	}
}
