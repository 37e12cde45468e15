package cipher

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Limits of version vectors.
const (
	MaxWriters = 27      // entries in a vector
	MaxCounter = 1 << 48 // counters are above 0 and below this
)

// A Version is the greatest counter of one writer that a commit covers.
type Version struct {
	Writer  uint32
	Counter uint64
}

// A Vector is a version vector: strictly ascending by writer, every counter
// above 0 and below [MaxCounter], at most [MaxWriters] entries. Vectors are
// compared only between headers of the same file id and type. The methods
// never change their receiver.
type Vector []Version

// An Order is how one vector stands to another.
type Order int

// The four ways in which two vectors can stand.
const (
	Equal Order = iota
	Less
	Greater
	Concurrent
)

// String returns the order in a word.
func (o Order) String() string {
	switch o {
	case Equal:
		return "equal"
	case Less:
		return "less"
	case Greater:
		return "greater"
	}
	return "concurrent"
}

// Compare tells how a stands to b; a writer without an entry counts as one
// that wrote nothing.
func Compare(a, b Vector) Order {
	var less, greater bool
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Writer < b[0].Writer:
			greater = true
			a = a[1:]
		case len(a) == 0 || b[0].Writer < a[0].Writer:
			less = true
			b = b[1:]
		default:
			greater = greater || a[0].Counter > b[0].Counter
			less = less || a[0].Counter < b[0].Counter
			a, b = a[1:], b[1:]
		}
	}
	switch {
	case less && greater:
		return Concurrent
	case less:
		return Less
	case greater:
		return Greater
	}
	return Equal
}

// find returns the place of a writer's entry, or the place it would take.
func (v Vector) find(writer uint32) (int, bool) {
	return slices.BinarySearchFunc(v, writer, func(e Version, w uint32) int { return cmp.Compare(e.Writer, w) })
}

// Get returns a writer's counter, 0 if it has no entry.
func (v Vector) Get(writer uint32) uint64 {
	if i, ok := v.find(writer); ok {
		return v[i].Counter
	}
	return 0
}

// Highest returns the greatest counter of any writer, 0 for an empty vector.
func (v Vector) Highest() uint64 {
	var highest uint64
	for _, e := range v {
		highest = max(highest, e.Counter)
	}
	return highest
}

// smallest returns the place of the entry with the smallest counter, the first
// of several. The vector is not empty.
func (v Vector) smallest() int {
	least := 0
	for i, e := range v {
		if e.Counter < v[least].Counter {
			least = i
		}
	}
	return least
}

// Covers reports whether a record with this write id belongs to the version v
// or to one before it: its counter is at most the writer's entry. A full vector
// may have dropped the writer, and then answers by the smallest counter in it,
// since only an entry no greater than those that stayed was ever dropped.
func (v Vector) Covers(id WriteID) bool {
	counter := id.Counter()
	if counter == 0 {
		return false
	}
	if i, ok := v.find(id.Writer()); ok {
		return counter <= v[i].Counter
	}
	return len(v) >= MaxWriters && counter <= v[v.smallest()].Counter
}

// With returns v with the writer's entry raised to the counter. A 28th writer
// takes the place of the entry with the smallest counter.
func (v Vector) With(writer uint32, counter uint64) Vector {
	out := slices.Clone(v)
	i, ok := out.find(writer)
	if ok {
		out[i].Counter = max(out[i].Counter, counter)
		return out
	}
	if len(out) >= MaxWriters {
		least := out.smallest()
		out = slices.Delete(out, least, least+1)
		i, _ = out.find(writer)
	}
	return slices.Insert(out, i, Version{writer, counter})
}

// Max returns the maximum of both vectors, writer by writer. Where that has
// more than [MaxWriters] entries, those with the smallest counters are dropped.
func (v Vector) Max(o Vector) Vector {
	out := make(Vector, 0, len(v)+len(o))
	for len(v) > 0 || len(o) > 0 {
		switch {
		case len(o) == 0 || len(v) > 0 && v[0].Writer < o[0].Writer:
			out = append(out, v[0])
			v = v[1:]
		case len(v) == 0 || o[0].Writer < v[0].Writer:
			out = append(out, o[0])
			o = o[1:]
		default:
			out = append(out, Version{v[0].Writer, max(v[0].Counter, o[0].Counter)})
			v, o = v[1:], o[1:]
		}
	}
	for len(out) > MaxWriters {
		least := out.smallest()
		out = slices.Delete(out, least, least+1)
	}
	return out
}

// entrySize is the size in bytes of an entry: writer u32 ‖ counter u64.
const entrySize = 12

// append appends the entries' bytes.
func (v Vector) append(b []byte) []byte {
	for _, e := range v {
		b = binary.BigEndian.AppendUint32(b, e.Writer)
		b = binary.BigEndian.AppendUint64(b, e.Counter)
	}
	return b
}

// parseVector reads the first n entries of b, and checks nothing of them.
func parseVector(b []byte, n int) Vector {
	v := make(Vector, n)
	for i := range v {
		entry := b[i*entrySize:]
		v[i] = Version{binary.BigEndian.Uint32(entry), binary.BigEndian.Uint64(entry[4:])}
	}
	return v
}

// check holds a vector against the format.
func (v Vector) check() error {
	if len(v) > MaxWriters {
		return fmt.Errorf("%d writers, at most %d", len(v), MaxWriters)
	}
	for i, e := range v {
		if i > 0 && e.Writer <= v[i-1].Writer {
			return errors.New("writers are not ascending")
		}
		if e.Counter == 0 || e.Counter >= MaxCounter {
			return fmt.Errorf("counter %d of writer %08x", e.Counter, e.Writer)
		}
	}
	return nil
}
