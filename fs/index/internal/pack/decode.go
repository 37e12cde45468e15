package pack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

// ErrRow is what is wrong with bytes that are no row.
var ErrRow = errors.New("not a row")

// A Decoder takes a row apart, from B. After the first thing that is wrong it yields zeros.
type Decoder struct {
	B   []byte
	Bad bool
}

// Fail says that something is wrong.
func (d *Decoder) Fail() { d.B, d.Bad = nil, true }

// Done returns [ErrRow] unless the row was right and nothing is left of it.
func (d *Decoder) Done() error {
	if d.Bad || len(d.B) > 0 {
		return ErrRow
	}
	return nil
}

// Take takes n bytes, nil if there are fewer.
func (d *Decoder) Take(n int) []byte {
	if n < 0 || n > len(d.B) {
		d.Fail()
		return nil
	}
	part := d.B[:n]
	d.B = d.B[n:]
	return part
}

// Byte takes one byte.
func (d *Decoder) Byte() byte {
	if part := d.Take(1); part != nil {
		return part[0]
	}
	return 0
}

// Flag takes what Flag wrote, and nothing else, so that one row has one encoding.
func (d *Decoder) Flag() bool {
	v := d.Byte()
	if v > 1 {
		d.Fail()
	}
	return v == 1
}

// Uint takes a number of up to limit.
func (d *Decoder) Uint(limit uint64) uint64 {
	v, n := binary.Uvarint(d.B)
	if n <= 0 || v > limit {
		d.Fail()
		return 0
	}
	d.B = d.B[n:]
	return v
}

// Int takes a number that may be negative.
func (d *Decoder) Int() int64 {
	v, n := binary.Varint(d.B)
	if n <= 0 {
		d.Fail()
		return 0
	}
	d.B = d.B[n:]
	return v
}

// Fixed takes a number of eight bytes.
func (d *Decoder) Fixed() uint64 {
	if part := d.Take(8); part != nil {
		return binary.BigEndian.Uint64(part)
	}
	return 0
}

// ID takes an id.
func (d *Decoder) ID() (id cipher.ID) {
	copy(id[:], d.Take(len(id)))
	return id
}

// Text takes up to limit bytes.
func (d *Decoder) Text(limit int) string { return string(d.Take(int(d.Uint(uint64(limit))))) }

// Time takes a time, in UTC.
func (d *Decoder) Time() time.Time {
	sec := d.Int()
	return time.Unix(sec, int64(d.Uint(1e9-1))).UTC()
}

// Vector takes a vector, nil for an empty one.
func (d *Decoder) Vector() cipher.Vector {
	n := int(d.Uint(cipher.MaxWriters))
	if n == 0 {
		return nil
	}
	v := make(cipher.Vector, 0, n)
	for range n {
		part := d.Take(4)
		if part == nil {
			return nil
		}
		v = append(v, cipher.Version{Writer: binary.BigEndian.Uint32(part), Counter: d.Uint(cipher.MaxCounter - 1)})
	}
	if !d.Bad && CheckVector(v) != nil {
		d.Fail()
	}
	return v
}

// Vectors takes a list of up to limit vectors, none of them empty.
func (d *Decoder) Vectors(limit int) []cipher.Vector {
	n := int(d.Uint(uint64(limit)))
	var list []cipher.Vector
	for range n {
		v := d.Vector()
		if d.Bad || len(v) == 0 {
			d.Fail()
			return nil
		}
		list = append(list, v)
	}
	return list
}

// CheckVector holds a vector against the format.
func CheckVector(v cipher.Vector) error {
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
