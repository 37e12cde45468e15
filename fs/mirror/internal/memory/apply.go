package memory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
)

// When a transaction is due.
const (
	MaxRows = 20_000
	MaxLog  = 32 << 20 // bytes of the log since the last one
	MaxAge  = time.Minute
)

// longOver is for how long what is gone is kept: twice as long as records of removals are brought to clouds.
const longOver = 180 * 24 * time.Hour

// tooMany rows are more than memory is for: the index has failed for long.
const tooMany = 10 * MaxRows

var errLost = fmt.Errorf("%w: it is a new one", index.ErrLost)

// note notes an index that was found damaged, and is a new one now.
func (y *Memory) note(err error) {
	if errors.Is(err, index.ErrLost) {
		y.mu.Lock()
		y.lost = true
		y.recall.forget()
		y.mu.Unlock()
	}
}

// roomy reports whether more may be told, and forgets all where it may not. The caller holds mu.
func (y *Memory) roomy() bool {
	if y.index == nil {
		return false
	}
	if !y.full && y.rows() >= tooMany {
		y.giveUp()
	}
	return !y.full
}

// giveUp stops to take in what is told, until the index was replaced by one that knows nothing. The caller holds mu.
func (y *Memory) giveUp() {
	y.full = true
	y.told, y.going = newChanges(), nil
	y.recall.forget()
}

// rows are about how many wait. The caller holds mu.
func (y *Memory) rows() int {
	n := y.told.rows()
	if y.going != nil {
		n += y.going.rows()
	}
	return n
}

// Open reads how far the index has come, and loses one that was put back from a copy: it is of another log, or has applied
// less than earlier runs have retired of this one. known tells whether the index knows anything; named, whether the last
// transaction has named what clouds miss, which one of an early version has not.
func (y *Memory) Open(retired uint64) (known, named bool, err error) {
	var a index.Applied
	var writers []uint32
	look := func(v *index.View) (err error) {
		if a, err = v.Applied(); err == nil {
			writers, err = v.Writers()
		}
		if err == nil {
			named, err = v.WasChecked(names(a))
		}
		return err
	}
	if err = y.view(look); errors.Is(err, index.ErrLost) {
		err = y.view(look)
	}
	if err != nil {
		return false, false, err
	}
	if a.Log != (cipher.ID{}) && (a.Log != y.log || a.Below < retired) {
		if err := y.index.Lose("it was put back from a copy"); err != nil {
			return false, false, err
		}
		a = index.Applied{}
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.applied, y.names, y.lost = a, a.Names, false
	y.recall.forget()
	for _, w := range writers {
		y.writers[w] = true
	}
	return a.Log != cipher.ID{}, named, nil
}

// names is the row by which a transaction says that it has named what clouds miss. No cloud has a backing file like it.
func names(a index.Applied) (row index.Checked) {
	binary.BigEndian.PutUint64(row.CommitID[:8], a.Below)
	binary.BigEndian.PutUint64(row.CommitID[8:], a.Names)
	row.Ctime = time.Unix(0, 0)
	return row
}

// Applied is how far the index has come.
func (y *Memory) Applied() index.Applied {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.applied
}

// Busy reports whether so much was told that a transaction should not wait.
func (y *Memory) Busy() bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.rows() >= MaxRows
}

// Due reports whether a transaction is due, by a log of so many bytes that could be cut below an entry; or, at once, whether
// there is anything for one.
func (y *Memory) Due(now time.Time, log int64, below uint64, atOnce bool) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	switch waits := y.rows() > 0 || y.full || y.lost || below > y.applied.Below; {
	case !waits:
		y.since = time.Time{}
		return false
	case y.since.IsZero():
		y.since, y.size = now, log
	}
	return atOnce || y.index == nil || y.rows() >= MaxRows || log-y.size >= MaxLog || now.Sub(y.since) >= MaxAge
}

// Begin takes what was told so far for the next transaction. All entries of the log below names have been told of, as far as
// they change names.
func (y *Memory) Begin(names uint64) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.going == nil {
		y.going = newChanges()
	}
	y.going.merge(y.told)
	y.told, y.names = newChanges(), names
}

// Apply makes one transaction of what Begin has taken. Behind it the log is not needed below an entry. An error that wraps
// [index.ErrLost] is to be followed by [Memory.Forget]; after any other all is as it was. missed tells that some cloud may have
// missed a change; of those that are away, which: what they miss becomes their debts in the same transaction.
func (y *Memory) Apply(below uint64, missed bool, away ...Away) error {
	y.mu.Lock()
	going, lost, full := y.going, y.lost, y.full
	out := &absence{away, y.away}
	a := index.Applied{Log: y.log, Below: below, Names: max(y.names, below)}
	y.mu.Unlock()
	if full && !lost {
		if err := y.index.Lose("it could not be read, or not written for too long"); err != nil {
			return err
		}
		y.note(errLost)
		lost = true
	}
	if lost {
		return errLost
	}
	err := y.apply(going, a, missed, out)
	y.note(err)
	y.mu.Lock()
	defer y.mu.Unlock()
	y.recall.forget()
	if err != nil {
		if errors.Is(err, index.ErrInvalid) {
			y.giveUp() // no index can hold it, now or later
		}
		return err
	}
	if y.going == going { // else it was too much
		y.going = nil
	}
	y.applied, y.since, y.away = a, time.Time{}, out.next()
	return nil
}

func (y *Memory) apply(going *changes, a index.Applied, missed bool, out *absence) error {
	if y.index == nil {
		return nil
	}
	b := &index.Batch{}
	if going != nil {
		err := y.index.View(func(v *index.View) (err error) {
			b, err = going.batch(v, missed, y.clouds, out)
			return err
		})
		if err != nil {
			return err
		}
	}
	if !missed {
		b.Prune(longOver)
	}
	b.SetApplied(a)
	b.Checked(names(a))
	return y.index.Apply(b)
}

// Forget forgets all that was told, and every number that was given to a directory: an index that is lost knows nothing of
// them. The caller sees to it that nobody goes on with one.
func (y *Memory) Forget() {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.told, y.going = newChanges(), nil
	maps.Copy(y.told.writers, y.writers)
	y.recall.forget()
	y.lost, y.full = false, false
	y.applied, y.names, y.away = index.Applied{}, 0, nil
}
