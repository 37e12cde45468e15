package index

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

// A Batch is the changes of one transaction, gathered in memory; the zero Batch is empty. Of what is set twice the later
// counts. It is a value: it can be applied again after an error, and applying it twice does no harm. It is not safe for
// concurrent use.
type Batch struct {
	names   map[Place]*nameChange
	owners  map[Dir]Owner
	files   map[File]*fileChange
	ended   map[string][]cipher.Vector
	debts   map[debtor]*debtChange
	writers map[uint32]struct{}
	checked map[backing]Checked
	applied *Applied
	prune   time.Duration
}

// A debtor is a cloud at a place.
type debtor struct {
	cloud cipher.ID
	place Place
}

type nameChange struct {
	known  *Known
	copies map[cipher.ID]Copy
}

type fileChange struct {
	accepted     Version
	ended, moved []cipher.Vector
}

// A debtChange: what was owed before may be paid, and then something may be owed.
type debtChange struct {
	paid bool
	owed *Debt
}

// at returns the change at a key, made if it is the first.
func at[K comparable, V any](m *map[K]*V, key K) *V {
	if *m == nil {
		*m = map[K]*V{}
	}
	v := (*m)[key]
	if v == nil {
		v = new(V)
		(*m)[key] = v
	}
	return v
}

func put[K comparable, V any](m *map[K]V, key K, v V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[key] = v
}

// Len returns how many rows the batch is about to write, roughly.
func (b *Batch) Len() int {
	return len(b.names) + len(b.owners) + len(b.files) + len(b.ended) + len(b.debts) + len(b.writers) + len(b.checked)
}

// SetName says what should be at a name. What the clouds have there stays known, unless the name is Unknown now.
//
// The live names of a file, and a directory's place, follow from this: a directory stands where it was named last, its
// earlier name, if it still has it, becomes Unknown, and a directory that is named nowhere any more is forgotten with all that
// was known of the names in it. Naming one directory at two names in a batch is refused by Apply.
func (b *Batch) SetName(p Place, k Known) {
	k.Version.Vector = slices.Clone(k.Version.Vector)
	at(&b.names, p).known = &k
}

// SetCopy says what one cloud has at a name.
func (b *Batch) SetCopy(p Place, c Copy) {
	c.InPlace.Vector = slices.Clone(c.InPlace.Vector)
	put(&at(&b.names, p).copies, c.Cloud, c)
}

// SetOwner says a directory's mode and owner.
func (b *Batch) SetOwner(d Dir, o Owner) { put(&b.owners, d, o) }

// Accept says that a version of a file was accepted wherever it was seen. What SetName says need not be said again. The zero
// Version is that of a file that was never committed: it is known from then on.
func (b *Batch) Accept(f File, v Version) {
	c := at(&b.files, f)
	c.accepted = c.accepted.Join(v)
}

// End adds a record that a file ended at a version. Records are only ever added.
func (b *Batch) End(f File, v cipher.Vector) {
	c := at(&b.files, f)
	c.ended = addVector(c.ended, slices.Clone(v))
}

// Move adds a record that a version of a file moved away from where it was.
func (b *Batch) Move(f File, v cipher.Vector) {
	c := at(&b.files, f)
	c.moved = addVector(c.moved, slices.Clone(v))
}

// EndDirectory adds a record that the directory at a path ended; the path is from the root, without a slash at either end.
func (b *Batch) EndDirectory(path string, v cipher.Vector) {
	put(&b.ended, path, addVector(b.ended[path], slices.Clone(v)))
}

// Owe says that a cloud owes a name. A debt that is there stays as it is: it knows what the cloud had when it began.
func (b *Batch) Owe(cloud cipher.ID, p Place, d Debt) {
	d.Had.Version.Vector = slices.Clone(d.Had.Version.Vector)
	if c := at(&b.debts, debtor{cloud, p}); c.owed == nil {
		c.owed = &d
	}
}

// Pay says that a cloud owes a name no more.
func (b *Batch) Pay(cloud cipher.ID, p Place) {
	*at(&b.debts, debtor{cloud, p}) = debtChange{paid: true}
}

// AddWriter says that a writer was seen.
func (b *Batch) AddWriter(writer uint32) { put(&b.writers, writer, struct{}{}) }

// Prune says to forget what has been over for longer than an age: names that are gone, files that have no name, records of
// directories. The transaction looks at some rows, and the next one that is to prune goes on behind them, also after the index
// was closed. As long as a cloud owes anything nothing is forgotten: what is over may be what it shows.
func (b *Batch) Prune(age time.Duration) { b.prune = age }

// SetApplied says how far the index has taken in a log, with this batch.
func (b *Batch) SetApplied(a Applied) { b.applied = &a }

// check refuses what no row can hold. Its errors tell no names.
func (b *Batch) check() error {
	for p, c := range b.names {
		if err := c.check(p); err != nil {
			return err
		}
	}
	if _, ok := b.owners[0]; ok {
		return errors.New("directory 0")
	}
	for _, c := range b.files {
		if err := errors.Join(checkVersion(c.accepted), checkVectors(c.ended), checkVectors(c.moved)); err != nil {
			return err
		}
	}
	for path, list := range b.ended {
		if len(path) > maxPath {
			return fmt.Errorf("a path of %d bytes", len(path))
		}
		if err := checkVectors(list); err != nil {
			return err
		}
	}
	return b.checkDebts()
}

func (b *Batch) checkDebts() error {
	for key, c := range b.debts {
		if err := checkPlace(key.place); err != nil {
			return err
		}
		if c.owed != nil {
			if err := checkKnown(c.owed.Had); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *nameChange) check(p Place) error {
	if err := checkPlace(p); err != nil {
		return err
	}
	if len(c.copies) > maxCopies {
		return fmt.Errorf("%d copies of a name", len(c.copies))
	}
	for _, copied := range c.copies {
		if err := checkVersion(copied.InPlace); err != nil {
			return err
		}
	}
	if c.known == nil {
		return nil
	}
	return checkKnown(*c.known)
}
