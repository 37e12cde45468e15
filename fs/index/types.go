package index

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

// A Dir is the number of a directory: 64 random bits, which stay the directory's when it moves.
type Dir uint64

// Root is the root's number. No other directory is ever given 0 or 1.
const Root Dir = 1

// NewDir draws a number.
func NewDir() Dir {
	for {
		var b [8]byte
		rand.Read(b[:])
		if d := Dir(binary.BigEndian.Uint64(b[:])); d > Root {
			return d
		}
	}
}

// A Place is a name in a directory.
type Place struct {
	Dir  Dir
	Name cipher.PlainName
}

// A File is a file id with its type: one id under another type is another file.
type File struct {
	ID   cipher.ID
	Type cipher.Type
}

// A Version is what headers say of one version of a file.
type Version struct {
	Vector cipher.Vector // empty for none
	Sec    int64         // mtime
	Nsec   uint32
	Commit cipher.ID
}

// IsZero reports whether there is no version.
func (v Version) IsZero() bool { return len(v.Vector) == 0 }

// Equal reports whether v and o are the same in everything.
func (v Version) Equal(o Version) bool {
	return slices.Equal(v.Vector, o.Vector) && v.Sec == o.Sec && v.Nsec == o.Nsec && v.Commit == o.Commit
}

// Join returns the version that stands for both: the greater one, or of two that neither is, the one with the greater (mtime,
// commit id) and the maximum of both vectors.
func (v Version) Join(o Version) Version {
	switch {
	case o.IsZero():
		return v
	case v.IsZero():
		return o
	}
	switch cipher.Compare(v.Vector, o.Vector) {
	case cipher.Greater:
		return v
	case cipher.Less:
		return o
	}
	winner := v
	if cmp.Or(cmp.Compare(v.Sec, o.Sec), cmp.Compare(v.Nsec, o.Nsec), bytes.Compare(v.Commit[:], o.Commit[:])) < 0 {
		winner = o
	}
	winner.Vector = v.Vector.Max(o.Vector)
	return winner
}

// covers reports whether nothing of o is lost with v alone.
func (v Version) covers(o Version) bool { return v.Join(o).Equal(v) }

// A Kind is what should be at a name.
type Kind uint8

// The kinds. Their numbers are on the disk.
const (
	Unknown  Kind = 0 // nothing was ever known there, or it is forgotten
	Gone     Kind = 1 // File was removed there, at Version (its vector alone counts), or a directory where File is zero
	Vanished Kind = 2 // File was there at Version, or a directory where File is zero, and every cloud lost it
	IsDir    Kind = 3
	IsFile   Kind = 4 // File, at the Version last in place at this name
)

// Known is what should be at a name.
type Known struct {
	Kind    Kind
	File    File
	Version Version
	Dir     Dir
	Since   time.Time // of Gone and Vanished, in whole seconds; Apply sets it
}

// A Row is all that is known of a name.
type Row struct {
	Place  Place
	Known  Known
	Copies []Copy // by cloud, in the order of their ids

	Cursor Cursor // where a list goes on behind this row
}

// Copy returns the copy of a cloud, the zero Copy where none is known.
func (r *Row) Copy(cloud cipher.ID) Copy {
	i, ok := findCopy(r.Copies, cloud)
	if !ok {
		return Copy{Cloud: cloud}
	}
	return r.Copies[i]
}

func findCopy(copies []Copy, cloud cipher.ID) (int, bool) {
	return slices.BinarySearchFunc(copies, cloud, func(c Copy, id cipher.ID) int { return bytes.Compare(c.Cloud[:], id[:]) })
}

// A Copy is what one cloud has at a name, as this machine last saw or made it.
type Copy struct {
	Cloud   cipher.ID
	InPlace Version // last in place there: what is older now was rolled back, or is stale
	Stat    Stat    // of the backing file, right after our own write or check
}

// A Stat is what a backing file's inode said. As long as number and ctime stay, so does the rest.
type Stat struct {
	Ino      uint64
	Ctime    time.Time
	Size     int64
	Mode     uint32
	UID, GID uint32
}

// An Owner is the mode and owner of a directory.
type Owner struct {
	Mode, UID, GID uint32
}

// A Directory is what is known of one by its number.
type Directory struct {
	Place Place  // zero for the root
	Owner *Owner // nil where not known
}

// An ID is what is known of a file, wherever it is.
type ID struct {
	Met      bool            // anything is known of it: it has a name here, or had one, with a version or without
	Greatest Version         // the greatest that was accepted, at any name
	Names    []Place         // its live names
	Ended    []cipher.Vector // no version ≤ one of them is to be shown at any name
	Moved    []cipher.Vector // the same, as soon as another version is seen
}

// A Reason is why a cloud owes a name.
type Reason uint8

// The reasons. Their numbers are on the disk, and further ones may be added.
const (
	Away    Reason = 1 // the cloud did not answer when it was changed
	Full    Reason = 2 // the cloud took nothing
	Failed  Reason = 3 // the change failed there, or nobody knows
	Differs Reason = 4 // judgement found it to differ
)

// String returns the reason for status.
func (r Reason) String() string {
	switch r {
	case Away:
		return "away"
	case Full:
		return "full"
	case Failed:
		return "failed"
	case Differs:
		return "differs"
	}
	return "unknown"
}

// A Debt is why a cloud owes a name, since when, and what it had there when that began: once that is wanted again, the debt
// is gone.
type Debt struct {
	Why   Reason
	Since time.Time
	Had   Known // Gone where it had nothing, Unknown where nobody knew
}

// An Owed is a place with its debt.
type Owed struct {
	Place  Place
	Debt   Debt
	Cursor Cursor
}

// Applied says how far the index has taken in a redo log.
type Applied struct {
	Log   cipher.ID // zero: of no log
	Below uint64    // every entry below: nothing more of it is needed
	Names uint64    // what every entry below has made of names, also where the log is still needed for contents
}

// A Cursor is a place in a list; the zero Cursor is its beginning. It stays good for as long as the index does.
type Cursor [24]byte
