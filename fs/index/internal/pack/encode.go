// Package pack writes the small parts of a row as bytes and takes them apart again: numbers, ids, times, texts and vectors.
// What it takes apart is bounded, and whether it was right shows at the end. It is pure.
//
//	encode.go  Encoder
//	decode.go  Decoder, and what a vector has to be
package pack

import (
	"encoding/binary"
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

// An Encoder appends the parts of a row to B.
type Encoder struct{ B []byte }

// Byte appends one byte.
func (e *Encoder) Byte(v byte) { e.B = append(e.B, v) }

// Uint appends a number in as few bytes as it takes.
func (e *Encoder) Uint(v uint64) { e.B = binary.AppendUvarint(e.B, v) }

// Int appends a number that may be negative.
func (e *Encoder) Int(v int64) { e.B = binary.AppendVarint(e.B, v) }

// Fixed appends a number in eight bytes.
func (e *Encoder) Fixed(v uint64) { e.B = binary.BigEndian.AppendUint64(e.B, v) }

// ID appends an id.
func (e *Encoder) ID(v cipher.ID) { e.B = append(e.B, v[:]...) }

// Text appends any bytes, with their length.
func (e *Encoder) Text(v string) {
	e.Uint(uint64(len(v)))
	e.B = append(e.B, v...)
}

// Time appends a time, without its zone.
func (e *Encoder) Time(t time.Time) {
	e.Int(t.Unix())
	e.Uint(uint64(t.Nanosecond()))
}

// Flag appends a yes or no.
func (e *Encoder) Flag(v bool) {
	if v {
		e.Byte(1)
	} else {
		e.Byte(0)
	}
}

// Vector appends a vector that CheckVector accepts.
func (e *Encoder) Vector(v cipher.Vector) {
	e.Uint(uint64(len(v)))
	for _, entry := range v {
		e.B = binary.BigEndian.AppendUint32(e.B, entry.Writer)
		e.Uint(entry.Counter)
	}
}

// Vectors appends a list of them.
func (e *Encoder) Vectors(list []cipher.Vector) {
	e.Uint(uint64(len(list)))
	for _, v := range list {
		e.Vector(v)
	}
}
