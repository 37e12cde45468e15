package index

import (
	"bytes"
	"fmt"

	"github.com/overcast-fs/overcast/cipher"
)

// applyDirs brings directories to where they stand, forgets those that stand nowhere, and takes in what is said of them.
func (t *txn) applyDirs(b *Batch, e *effect) error {
	key := func(d Dir) []byte { k := t.keys.dir(d); return k[:] }
	err := inOrder(e.standing, key, func(key []byte, d Dir, p Place) error {
		dir, _, err := t.directory(d)
		if err != nil {
			return err
		}
		if dir.Place != p && dir.Place != (Place{}) {
			if err := t.leave(d, dir.Place, e); err != nil {
				return err
			}
		}
		owner, owned := b.owners[d]
		if dir.Place == p && !owned {
			return nil
		}
		if dir.Place = p; owned {
			dir.Owner = &owner
		}
		return t.put(inNames, key, appendDir(t.plain, d, &dir))
	})
	if err != nil {
		return err
	}
	if err := t.forgetDirs(e); err != nil {
		return err
	}
	return inOrder(b.owners, key, func(key []byte, d Dir, owner Owner) error {
		if _, done := e.standing[d]; done {
			return nil
		}
		dir, known, err := t.directory(d)
		if err != nil || !known && d != Root {
			return err // it stands nowhere: there is nothing to say of it
		}
		dir.Owner = &owner
		return t.put(inNames, key, appendDir(t.plain, d, &dir))
	})
}

// leave makes the name that a directory had Unknown, if it is that directory's still.
func (t *txn) leave(d Dir, p Place, e *effect) error {
	key := t.keys.name(p)
	old, err := t.name(&key, p)
	if err != nil || old.Known.Kind != IsDir || old.Known.Dir != d {
		return err
	}
	return t.setName(&old, &Row{Place: p}, e)
}

// forgetDirs forgets the directories that have left their place for none, and all that was in them.
func (t *txn) forgetDirs(e *effect) error {
	for len(e.left) > 0 {
		var d Dir
		var p Place
		for d, p = range e.left {
			break
		}
		delete(e.left, d)
		if stands, ok := e.standing[d]; ok && stands != p {
			continue
		}
		dir, known, err := t.directory(d)
		if err != nil {
			return err
		}
		if known && dir.Place != p {
			continue // it went elsewhere before
		}
		if err := t.forgetNames(d, e); err != nil {
			return err
		}
	}
	return nil
}

// forgetNames removes every row of a directory, its own one first. What stood in it has left its place.
func (t *txn) forgetNames(d Dir, e *effect) error {
	dir := t.keys.dir(d)
	for {
		found, err := t.some(inNames, dir[:], 1000)
		if err != nil || len(found) == 0 {
			return err
		}
		for _, key := range found {
			if len(key) == len(nameKey{}) {
				err = t.forgetName(d, key, e)
			} else {
				err = t.del(inNames, key)
			}
			if err != nil {
				return err
			}
		}
	}
}

// some returns up to n of the keys that begin with prefix.
func (s *snapshot) some(in bucket, prefix []byte, n int) (found [][]byte, err error) {
	c := s.of(in).Cursor()
	for k, _ := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix) && len(found) < n; k, _ = c.Next() {
		if len(k) > maxKey {
			return nil, damaged(fmt.Errorf("a key of %d bytes", len(k)))
		}
		found = append(found, bytes.Clone(k))
	}
	return found, nil
}

func (t *txn) forgetName(d Dir, key []byte, e *effect) error {
	b, err := t.get(inNames, key)
	if err != nil {
		return err
	}
	old, err := parsed(parseName(b))
	if err != nil {
		return err
	}
	if old.Place.Dir != d {
		return damaged(fmt.Errorf("a name of another directory"))
	}
	copy(old.Cursor[:], key)
	return t.setName(&old, &Row{Place: old.Place}, e)
}

// applyFiles brings the live names of files up to date, and keeps versions that no name has any more.
func (t *txn) applyFiles(b *Batch, e *effect) error {
	for f := range b.files {
		at(&e.links, f)
	}
	key := func(f File) []byte { k := t.keys.file(f); return k[:] }
	return inOrder(e.links, key, func(key []byte, f File, l *linkChange) error {
		file := (*fileKey)(key)
		for p, is := range l.names {
			if !is.changed {
				continue
			}
			name := t.keys.name(p)
			link := t.keys.link(file, &name)
			var err error
			if is.live {
				err = t.put(inIDs, link[:], appendPlace(t.plain, p))
			} else {
				err = t.del(inIDs, link[:])
			}
			if err != nil {
				return err
			}
		}
		return t.applyFile(file, f, b.files[f], l)
	})
}

// applyFile writes the row of a file, if there is something that its names do not say.
func (t *txn) applyFile(key *fileKey, f File, c *fileChange, l *linkChange) error {
	var here, accepted Version
	for _, is := range l.names {
		here = here.Join(is.version)
	}
	if !here.covers(l.lost) {
		accepted = l.lost
	}
	if c == nil && accepted.IsZero() {
		return nil
	}
	r, _, err := t.record(key, f)
	if err != nil {
		return err
	}
	r.accepted = r.accepted.Join(accepted)
	if c != nil {
		r.accepted = r.accepted.Join(c.accepted)
		for _, v := range c.ended {
			r.ended = addVector(r.ended, v)
		}
		for _, v := range c.moved {
			r.moved = addVector(r.moved, v)
		}
	}
	r.since = t.now
	return t.put(inIDs, key[:], appendRecord(t.plain, &r))
}

func (t *txn) applyDebts(b *Batch) error {
	key := func(d debtor) []byte { k := t.keys.debt(d.cloud, d.place); return k[:] }
	return inOrder(b.debts, key, func(key []byte, d debtor, c *debtChange) error {
		owed := t.of(inDebts).Get(key) != nil
		switch {
		case owed && c.owed == nil:
			t.owing[d.cloud]--
			return t.del(inDebts, key)
		case c.owed == nil || owed && !c.paid:
			return nil
		case !owed:
			t.owing[d.cloud]++
		}
		return t.put(inDebts, key, appendDebt(t.plain, &Owed{Place: d.place, Debt: *c.owed}))
	})
}

func (t *txn) applyRest(b *Batch) error {
	for writer := range b.writers {
		key := t.keys.rest(writerDomain, "", uint64(writer))
		if t.of(inRest).Get(key) != nil {
			continue
		}
		e := newRow(t.plain)
		e.Fixed(uint64(writer))
		if err := t.put(inRest, key, e.B); err != nil {
			return err
		}
	}
	for path, vectors := range b.ended {
		if err := t.endDirectory(path, vectors); err != nil {
			return err
		}
	}
	if err := inOrder(b.checked, t.keys.checked, func(key []byte, _ backing, c Checked) error { return t.put(inRest, key, c.row(t.plain)) }); err != nil {
		return err
	}
	if b.applied == nil {
		return nil
	}
	return t.setApplied(*b.applied)
}

func (t *txn) endDirectory(path string, vectors []cipher.Vector) error {
	key := t.keys.rest(pathDomain, path)
	r, err := t.endedAt(key, path)
	if err != nil {
		return err
	}
	for _, v := range vectors {
		r.vectors = addVector(r.vectors, v)
	}
	r.since = t.now
	return t.put(inRest, key, appendEnded(t.plain, &r))
}

func (s *snapshot) endedAt(key []byte, path string) (ended, error) {
	b, err := s.get(inRest, key)
	if err != nil || b == nil {
		return ended{path: path}, err
	}
	return parsed(parseEnded(b))
}
