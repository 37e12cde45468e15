package index

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

// What a copy has, as bits of one byte. Most copies have in place what the name has, which costs nothing.
const (
	copyInPlace = 1 << iota // a version of its own
	copySame                // the version of the name
	copyStat                //
	copyBits    = 1<<iota - 1
)

// appendName encodes the row of a name. A row without a word about the name is still one if it has copies.
func appendName(b []byte, r *Row) []byte {
	e := newRow(b)
	e.place(r.Place)
	e.known(r.Known)
	e.Uint(uint64(len(r.Copies)))
	for i := range r.Copies {
		e.copy(&r.Copies[i], r.Known.Version)
	}
	return e.B
}

func parseName(b []byte) (Row, error) {
	d := openRow(b)
	r := Row{Place: d.place(), Known: d.known()}
	n := int(d.Uint(maxCopies))
	for i := range n {
		c := d.copy(r.Known.Version)
		if d.Bad || i > 0 && bytes.Compare(r.Copies[i-1].Cloud[:], c.Cloud[:]) >= 0 {
			return Row{}, errRow
		}
		r.Copies = append(r.Copies, c)
	}
	return r, d.Done()
}

func (e *encoder) known(k Known) {
	e.Byte(byte(k.Kind))
	switch k.Kind {
	case IsDir:
		e.Fixed(uint64(k.Dir))
	case IsFile, Gone, Vanished:
		e.file(k.File)
		e.version(k.Version)
	}
	if k.Kind == Gone || k.Kind == Vanished {
		e.Int(k.Since.Unix())
	}
}

func (d *decoder) known() Known {
	k := Known{Kind: Kind(d.Byte())}
	switch k.Kind {
	case Unknown:
	case IsDir:
		k.Dir = Dir(d.Fixed())
	case IsFile, Gone, Vanished:
		k.File = d.file()
		k.Version = d.version()
	default:
		d.Fail()
	}
	if k.Kind == Gone || k.Kind == Vanished {
		k.Since = time.Unix(d.Int(), 0).UTC()
	}
	if !d.Bad && checkKnown(k) != nil {
		d.Fail()
	}
	return k
}

// checkKnown refuses what no name can be. Whatever does not belong to a kind has to be zero.
func checkKnown(k Known) error {
	var none File
	switch {
	case k.Kind > IsFile:
		return fmt.Errorf("a name of kind %d", k.Kind)
	case (k.Kind == IsDir) != (k.Dir != 0) || k.Dir == Root:
		return errors.New("a name with the number of no directory, or of the root")
	case (k.Kind == Unknown || k.Kind == IsDir) && (k.File != none || !k.Version.IsZero()):
		return errors.New("a name without a file, with a file's id or version")
	case k.File == none && (k.Kind == IsFile || k.Kind == Gone && !k.Version.IsZero()):
		return errors.New("a file without an id")
	}
	return checkVersion(k.Version)
}

func (e *encoder) copy(c *Copy, name Version) {
	var bits byte
	switch {
	case c.InPlace.IsZero():
	case c.InPlace.Equal(name):
		bits |= copySame
	default:
		bits |= copyInPlace
	}
	if c.Stat != (Stat{}) {
		bits |= copyStat
	}
	e.ID(c.Cloud)
	e.Byte(bits)
	if bits&copyInPlace != 0 {
		e.version(c.InPlace)
	}
	if bits&copyStat != 0 {
		e.stat(&c.Stat)
	}
}

func (d *decoder) copy(name Version) Copy {
	c := Copy{Cloud: d.ID()}
	bits := d.Byte()
	if bits > copyBits {
		d.Fail()
	}
	if bits&copySame != 0 {
		c.InPlace = name
	}
	if bits&copyInPlace != 0 {
		c.InPlace = d.version()
	}
	if bits&copyStat != 0 {
		c.Stat = d.stat()
	}
	return c
}

func (e *encoder) stat(s *Stat) {
	e.Uint(s.Ino)
	e.Time(s.Ctime)
	e.Int(s.Size)
	e.Uint(uint64(s.Mode))
	e.Uint(uint64(s.UID))
	e.Uint(uint64(s.GID))
}

func (d *decoder) stat() Stat {
	const u32 = 1<<32 - 1
	return Stat{
		Ino: d.Uint(1<<64 - 1), Ctime: d.Time(), Size: d.Int(),
		Mode: uint32(d.Uint(u32)), UID: uint32(d.Uint(u32)), GID: uint32(d.Uint(u32)),
	}
}

// noHandles ends a directory's row: the number of what would find it in clouds wherever it stands, of which none is kept.
const noHandles = 0

// appendDir encodes the row of a directory. The root has no place.
func appendDir(b []byte, n Dir, dir *Directory) []byte {
	e := newRow(b)
	e.Fixed(uint64(n))
	placed := dir.Place != Place{}
	e.Flag(placed)
	if placed {
		e.place(dir.Place)
	}
	e.Flag(dir.Owner != nil)
	if dir.Owner != nil {
		e.Uint(uint64(dir.Owner.Mode))
		e.Uint(uint64(dir.Owner.UID))
		e.Uint(uint64(dir.Owner.GID))
	}
	e.Uint(noHandles)
	return e.B
}

func parseDir(b []byte) (n Dir, dir Directory, err error) {
	const u32 = 1<<32 - 1
	d := openRow(b)
	n = Dir(d.Fixed())
	if d.Flag() {
		dir.Place = d.place()
	}
	if d.Flag() {
		dir.Owner = &Owner{Mode: uint32(d.Uint(u32)), UID: uint32(d.Uint(u32)), GID: uint32(d.Uint(u32))}
	}
	d.Uint(noHandles)
	return n, dir, d.Done()
}

// A record is what is known of a file and follows from no name of it.
type record struct {
	file         File
	accepted     Version // zero where a name has the greatest
	ended, moved []cipher.Vector
	since        time.Time // of the last change, in whole seconds
}

func appendRecord(b []byte, r *record) []byte {
	e := newRow(b)
	e.file(r.file)
	e.version(r.accepted)
	e.Vectors(r.ended)
	e.Vectors(r.moved)
	e.Int(r.since.Unix())
	return e.B
}

func parseRecord(b []byte) (record, error) {
	d := openRow(b)
	r := record{file: d.file(), accepted: d.version(), ended: d.vectors(), moved: d.vectors()}
	r.since = time.Unix(d.Int(), 0).UTC()
	return r, d.Done()
}

// addVector adds a record's vector to those that are known: only the greatest are kept. Their maximum would say more than
// they do, and end what nobody removed. Of too many the oldest go, since a record that is missing brings back a name at worst.
func addVector(list []cipher.Vector, v cipher.Vector) []cipher.Vector {
	for _, have := range list {
		if order := cipher.Compare(v, have); order == cipher.Less || order == cipher.Equal {
			return list
		}
	}
	list = slices.DeleteFunc(slices.Clone(list), func(have cipher.Vector) bool {
		return cipher.Compare(have, v) == cipher.Less
	})
	list = append(list, v)
	return list[max(0, len(list)-maxRecords):]
}

// An ended directory is a record of the end of whatever directory stood at a path.
type ended struct {
	path    string
	vectors []cipher.Vector
	since   time.Time
}

func appendEnded(b []byte, r *ended) []byte {
	e := newRow(b)
	e.Text(r.path)
	e.Vectors(r.vectors)
	e.Int(r.since.Unix())
	return e.B
}

func parseEnded(b []byte) (ended, error) {
	d := openRow(b)
	r := ended{path: d.Text(maxPath), vectors: d.vectors()}
	r.since = time.Unix(d.Int(), 0).UTC()
	return r, d.Done()
}

func appendPlace(b []byte, p Place) []byte {
	e := newRow(b)
	e.place(p)
	return e.B
}

func parsePlace(b []byte) (Place, error) {
	d := openRow(b)
	p := d.place()
	return p, d.Done()
}

func appendDebt(b []byte, o *Owed) []byte {
	e := newRow(b)
	e.place(o.Place)
	e.Byte(byte(o.Debt.Why))
	e.Time(o.Debt.Since)
	e.known(o.Debt.Had)
	return e.B
}

func parseDebt(b []byte) (Owed, error) {
	d := openRow(b)
	o := Owed{Place: d.place(), Debt: Debt{Why: Reason(d.Byte()), Since: d.Time(), Had: d.known()}}
	return o, d.Done()
}
