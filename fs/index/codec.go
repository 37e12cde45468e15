package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

// Limits of rows: what is longer was never written.
const (
	rowVersion = 1

	maxName    = 255
	maxHandle  = 128
	maxCopies  = 64
	maxHandles = 64
	maxRecords = 16      // vectors of records of one kind that are kept for one file or path
	maxPath    = 1 << 16 // bytes of a path from the root
	maxRow     = 1 << 18 // bytes of a row as it is encoded
)

// errRow is what is wrong with bytes that are no row.
var errRow = errors.New("not a row")

// An encoder appends the parts of a row. Only what check accepts is ever encoded.
type encoder struct{ b []byte }

func (e *encoder) byte(v byte)      { e.b = append(e.b, v) }
func (e *encoder) uint(v uint64)    { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) int(v int64)      { e.b = binary.AppendVarint(e.b, v) }
func (e *encoder) fixed(v uint64)   { e.b = binary.BigEndian.AppendUint64(e.b, v) }
func (e *encoder) id(v cipher.ID)   { e.b = append(e.b, v[:]...) }
func (e *encoder) text(v string)    { e.uint(uint64(len(v))); e.b = append(e.b, v...) }
func (e *encoder) place(p Place)    { e.fixed(uint64(p.Dir)); e.text(string(p.Name)) }
func (e *encoder) file(f File)      { e.byte(byte(f.Type)); e.id(f.ID) }
func (e *encoder) time(t time.Time) { e.int(t.Unix()); e.uint(uint64(t.Nanosecond())) }

func (e *encoder) vector(v cipher.Vector) {
	e.uint(uint64(len(v)))
	for _, entry := range v {
		e.b = binary.BigEndian.AppendUint32(e.b, entry.Writer)
		e.uint(entry.Counter)
	}
}

// version leaves out what a vector alone does not have.
func (e *encoder) version(v Version) {
	e.vector(v.Vector)
	bare := v.Sec == 0 && v.Nsec == 0 && v.Commit.IsZero()
	e.flag(!bare)
	if !bare {
		e.int(v.Sec)
		e.uint(uint64(v.Nsec))
		e.id(v.Commit)
	}
}

func (e *encoder) flag(v bool) {
	if v {
		e.byte(1)
	} else {
		e.byte(0)
	}
}

func (e *encoder) vectors(list []cipher.Vector) {
	e.uint(uint64(len(list)))
	for _, v := range list {
		e.vector(v)
	}
}

// A decoder takes a row apart. After the first thing that is wrong it yields zeros.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) fail() { d.b, d.bad = nil, true }

// done reports whether the row was right and nothing is left of it.
func (d *decoder) done() error {
	if d.bad || len(d.b) > 0 {
		return errRow
	}
	return nil
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.fail()
		return nil
	}
	part := d.b[:n]
	d.b = d.b[n:]
	return part
}

func (d *decoder) byte() byte {
	if part := d.take(1); part != nil {
		return part[0]
	}
	return 0
}

// flag wants what flag wrote, so that one row has one encoding.
func (d *decoder) flag() bool {
	v := d.byte()
	if v > 1 {
		d.fail()
	}
	return v == 1
}

func (d *decoder) uint(limit uint64) uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > limit {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) fixed() uint64 {
	if part := d.take(8); part != nil {
		return binary.BigEndian.Uint64(part)
	}
	return 0
}

func (d *decoder) id() (id cipher.ID) {
	copy(id[:], d.take(len(id)))
	return id
}

func (d *decoder) text(limit int) string { return string(d.take(int(d.uint(uint64(limit))))) }

func (d *decoder) place() Place {
	p := Place{Dir: Dir(d.fixed()), Name: cipher.PlainName(d.text(maxName))}
	if !d.bad && checkPlace(p) != nil {
		d.fail()
	}
	return p
}

func (d *decoder) file() File { return File{Type: cipher.Type(d.byte()), ID: d.id()} }

func (d *decoder) time() time.Time {
	sec := d.int()
	return time.Unix(sec, int64(d.uint(1e9-1))).UTC()
}

func (d *decoder) vector() cipher.Vector {
	n := int(d.uint(cipher.MaxWriters))
	if n == 0 {
		return nil
	}
	v := make(cipher.Vector, 0, n)
	for range n {
		part := d.take(4)
		if part == nil {
			return nil
		}
		v = append(v, cipher.Version{Writer: binary.BigEndian.Uint32(part), Counter: d.uint(cipher.MaxCounter - 1)})
	}
	if !d.bad && checkVector(v) != nil {
		d.fail()
	}
	return v
}

func (d *decoder) version() Version {
	v := Version{Vector: d.vector()}
	if d.flag() {
		v.Sec, v.Nsec, v.Commit = d.int(), uint32(d.uint(1e9-1)), d.id()
	}
	return v
}

func (d *decoder) vectors() []cipher.Vector {
	n := int(d.uint(maxRecords))
	var list []cipher.Vector
	for range n {
		v := d.vector()
		if d.bad || len(v) == 0 {
			d.fail()
			return nil
		}
		list = append(list, v)
	}
	return list
}

func checkVector(v cipher.Vector) error {
	if len(v) > cipher.MaxWriters {
		return fmt.Errorf("a vector of %d writers", len(v))
	}
	for i, e := range v {
		if i > 0 && e.Writer <= v[i-1].Writer || e.Counter == 0 || e.Counter >= cipher.MaxCounter {
			return fmt.Errorf("a vector that is none at writer %08x", e.Writer)
		}
	}
	return nil
}

func checkVersion(v Version) error {
	if v.Nsec >= 1e9 {
		return fmt.Errorf("a version with %d nanoseconds", v.Nsec)
	}
	return checkVector(v.Vector)
}

// checkPlace does not tell the name: the error may be logged.
func checkPlace(p Place) error {
	switch n := string(p.Name); {
	case p.Dir == 0:
		return errors.New("a place in no directory")
	case n == "" || n == "." || n == ".." || len(n) > maxName || strings.ContainsAny(n, "\x00/"):
		return fmt.Errorf("a name of %d bytes that no file can have", len(n))
	}
	return nil
}
