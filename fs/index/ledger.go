package index

import (
	"encoding/binary"
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

// A Committed is the last version that this machine committed of a file.
type Committed struct {
	FileID  cipher.ID
	Version cipher.Version // the writer that this machine then was, and its counter
}

// A Checked is a whole backing file that was checked, as it was then: as long
// as its ctime stays, so does what was found.
type Checked struct {
	Cloud    cipher.ID
	Ino      uint64
	CommitID cipher.ID
	Ctime    time.Time
}

// Committed says what was committed.
func (b *Batch) Committed(c Committed) {
	e := newRow(nil)
	e.Fixed(uint64(c.Version.Writer))
	e.Fixed(c.Version.Counter)
	b.addRest(restRow{domain: committedDomain, text: string(c.FileID[:]), row: e.B})
}

// Checked says what was checked.
func (b *Batch) Checked(c Checked) {
	b.addRest(restRow{domain: checkedDomain, text: string(c.Cloud[:]), number: c.Ino, row: c.row()})
}

func (b *Batch) addRest(r restRow) {
	id := binary.BigEndian.AppendUint64([]byte{r.domain}, r.number)
	put(&b.rest, string(append(id, r.text...)), r)
}

func (c Checked) row() []byte {
	e := newRow(nil)
	e.ID(c.CommitID)
	e.Time(c.Ctime)
	return e.B
}

// CommittedBy returns the last version of a file that this machine committed and recorded, if the index knows it.
func (v *View) CommittedBy(file cipher.ID) (last cipher.Version, ok bool, err error) {
	err = v.read(func() error {
		b, err := v.get(inRest, v.keys.rest(committedDomain, string(file[:]), 0))
		if err != nil || b == nil {
			return err
		}
		d := openRow(b)
		last = cipher.Version{Writer: uint32(d.Fixed()), Counter: d.Fixed()}
		ok = d.Done() == nil
		return damaged(d.Done())
	})
	return last, ok && err == nil, err
}

// WasChecked reports whether exactly this was recorded as checked.
func (v *View) WasChecked(c Checked) (ok bool, err error) {
	err = v.read(func() error {
		b, err := v.get(inRest, v.keys.rest(checkedDomain, string(c.Cloud[:]), c.Ino))
		ok = b != nil && string(b) == string(c.row())
		return err
	})
	return ok && err == nil, err
}
