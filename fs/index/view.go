package index

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/overcast-fs/overcast/cipher"
)

// A View is one state of the index: what a transaction changes meanwhile is not seen. It is used by one goroutine, during the
// function that View called.
//
// Where a row turns out to be damaged, the method returns an error that wraps [ErrLost]; what the function does then does not
// matter, except that it should return.
type View struct {
	snapshot
	since time.Time
	lost  error // the damage that was found
	looks int64
}

// View calls fn with a snapshot and returns its error. fn must not call methods of the Index, and must not take long: pages
// that it may still read are not used again.
func (ix *Index) View(fn func(*View) error) error {
	db, damage, err := ix.view(fn)
	if damage != nil {
		return ix.lose(db, damage)
	}
	return err
}

func (ix *Index) view(fn func(*View) error) (db *bolt.DB, damage, err error) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if ix.closed {
		return nil, nil, ErrClosed
	}
	db = ix.db
	if db == nil {
		return nil, damaged(errors.New("it could not be replaced before")), nil
	}
	v := &View{since: ix.since}
	var tx *bolt.Tx
	err = guard(func() (err error) {
		tx, err = db.Begin(false)
		v.snapshot = snapshot{tx: tx, keys: ix.keys}
		return err
	})
	if tx != nil {
		defer tx.Rollback()
	}
	if errors.As(err, new(*damageError)) {
		return db, err, nil
	}
	if err != nil {
		return db, nil, fmt.Errorf("index: %w", err)
	}
	err = fn(v)
	ix.unmap(tx, v.looks)
	return db, v.lost, err
}

// read runs one look at the database and notes damage.
func (v *View) read(look func() error) error {
	v.looks++
	if v.lost != nil {
		return v.failed()
	}
	err := guard(look)
	if errors.As(err, new(*damageError)) {
		v.lost = err
		return v.failed()
	}
	return err
}

func (v *View) failed() error { return fmt.Errorf("%w: %w", ErrLost, v.lost) }

// Name returns what is known of a name; Unknown, without copies, if nothing is.
func (v *View) Name(p Place) (r Row, err error) {
	err = v.read(func() (err error) {
		key := v.keys.name(p)
		r, err = v.name(&key, p)
		return err
	})
	return r, err
}

// Name is View.Name in a snapshot of its own.
func (ix *Index) Name(p Place) (r Row, err error) {
	err = ix.View(func(v *View) (err error) {
		r, err = v.Name(p)
		return err
	})
	return r, err
}

// Directory returns what is known of a directory, and whether it stands anywhere.
func (v *View) Directory(d Dir) (dir Directory, known bool, err error) {
	err = v.read(func() (err error) {
		dir, known, err = v.directory(d)
		return err
	})
	return dir, known, err
}

// maxDepth bounds how deep a directory can be.
const maxDepth = 1 << 14

// Path returns the path of a directory from the root, "" for the root, and whether it leads there.
func (v *View) Path(d Dir) (path string, ok bool, err error) {
	var names []string
	for d != Root {
		dir, known, err := v.Directory(d)
		if err != nil || !known || len(names) == maxDepth {
			return "", false, err
		}
		names = append(names, string(dir.Place.Name))
		d = dir.Place.Dir
	}
	slices.Reverse(names)
	return strings.Join(names, "/"), true, nil
}

// ID returns what is known of a file. It reads the row of each of its names.
func (v *View) ID(f File) (id ID, err error) {
	err = v.read(func() error {
		key := v.keys.file(f)
		r, met, err := v.record(&key, f)
		if err != nil {
			return err
		}
		id = ID{Greatest: r.accepted, Ended: r.ended, Moved: r.moved}
		id.Names, err = v.links(&key)
		id.Met = met || len(id.Names) > 0
		return err
	})
	for _, p := range id.Names {
		r, failed := v.Name(p)
		if failed != nil {
			return ID{}, failed
		}
		id.Greatest = id.Greatest.Join(r.Known.Version)
	}
	return id, err
}

// Names returns the live names of a file, in no order that means anything.
func (v *View) Names(f File) (names []Place, err error) {
	err = v.read(func() (err error) {
		key := v.keys.file(f)
		names, err = v.links(&key)
		return err
	})
	return names, err
}

// Debt returns what a cloud owes at a name, if it owes that.
func (v *View) Debt(cloud cipher.ID, p Place) (d Debt, owes bool, err error) {
	err = v.read(func() error {
		key := v.keys.debt(cloud, p)
		b, err := v.get(inDebts, key[:])
		if err != nil || b == nil {
			return err
		}
		o, err := parsed(parseDebt(b))
		if err == nil && o.Place != p {
			err = damaged(errors.New("a debt is another's"))
		}
		d, owes = o.Debt, err == nil
		return err
	})
	return d, owes, err
}

// Owed returns how many names a cloud owes.
func (v *View) Owed(cloud cipher.ID) (n uint64, err error) {
	err = v.read(func() (err error) {
		n, err = v.owed(cloud)
		return err
	})
	return n, err
}

// EndedDirectory returns the records of the end of directories at a path.
func (v *View) EndedDirectory(path string) (vectors []cipher.Vector, err error) {
	err = v.read(func() error {
		r, err := v.endedAt(v.keys.rest(pathDomain, path), path)
		vectors = r.vectors
		return err
	})
	return vectors, err
}

// Applied returns how far the index has taken in which log; zero for a new index.
func (v *View) Applied() (a Applied, err error) {
	err = v.read(func() (err error) {
		a, err = v.appliedRow()
		return err
	})
	return a, err
}

// Since returns since when the index knows.
func (v *View) Since() time.Time { return v.since }
