package index

import (
	"errors"
	"fmt"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index/internal/pack"
)

// Limits of rows: what is longer was never written.
const (
	rowVersion = 1

	maxName    = 255
	maxCopies  = 64
	maxRecords = 16      // vectors of records of one kind that are kept for one file or path
	maxPath    = 1 << 16 // bytes of a path from the root
	maxRow     = 1 << 18 // bytes of a row as it is encoded
)

var errRow = pack.ErrRow

// An encoder appends the parts of a row. Only what check accepts is ever encoded.
type encoder struct{ pack.Encoder }

// A decoder takes a row apart.
type decoder struct{ pack.Decoder }

// newRow begins the encoding of a row.
func newRow(b []byte) encoder { return encoder{pack.Encoder{B: append(b[:0], rowVersion)}} }

// openRow begins to take a row apart.
func openRow(b []byte) decoder {
	d := decoder{pack.Decoder{B: b}}
	if d.Byte() != rowVersion {
		d.Fail()
	}
	return d
}

func (e *encoder) place(p Place) { e.Fixed(uint64(p.Dir)); e.Text(string(p.Name)) }
func (e *encoder) file(f File)   { e.Byte(byte(f.Type)); e.ID(f.ID) }

// version leaves out what a vector alone does not have.
func (e *encoder) version(v Version) {
	e.Vector(v.Vector)
	bare := v.Sec == 0 && v.Nsec == 0 && v.Commit.IsZero()
	e.Flag(!bare)
	if !bare {
		e.Int(v.Sec)
		e.Uint(uint64(v.Nsec))
		e.ID(v.Commit)
	}
}

func (d *decoder) place() Place {
	p := Place{Dir: Dir(d.Fixed()), Name: cipher.PlainName(d.Text(maxName))}
	if !d.Bad && checkPlace(p) != nil {
		d.Fail()
	}
	return p
}

func (d *decoder) file() File { return File{Type: cipher.Type(d.Byte()), ID: d.ID()} }

func (d *decoder) version() Version {
	v := Version{Vector: d.Vector()}
	if d.Flag() {
		v.Sec, v.Nsec, v.Commit = d.Int(), uint32(d.Uint(1e9-1)), d.ID()
	}
	return v
}

func (d *decoder) vectors() []cipher.Vector { return d.Vectors(maxRecords) }

func checkVersion(v Version) error {
	if v.Nsec >= 1e9 {
		return fmt.Errorf("a version with %d nanoseconds", v.Nsec)
	}
	return pack.CheckVector(v.Vector)
}

func checkVectors(list []cipher.Vector) error {
	for _, v := range list {
		if len(v) == 0 {
			return errors.New("a record without a vector")
		}
		if err := pack.CheckVector(v); err != nil {
			return err
		}
	}
	return nil
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
