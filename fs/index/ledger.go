package index

import (
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

// A Checked is a whole backing file that was checked, as it was then: as long as its ctime stays, so does what was found.
type Checked struct {
	Cloud    cipher.ID
	Ino      uint64
	CommitID cipher.ID
	Ctime    time.Time
}

// Checked says what was checked.
func (b *Batch) Checked(c Checked) {
	put(&b.checked, backing{c.Cloud, c.Ino}, c)
}

// A backing is an inode of a cloud.
type backing struct {
	cloud cipher.ID
	ino   uint64
}

func (k *keys) checked(b backing) []byte { return k.rest(checkedDomain, string(b.cloud[:]), b.ino) }

func (c Checked) row(b []byte) []byte {
	e := newRow(b)
	e.ID(c.CommitID)
	e.Time(c.Ctime)
	return e.B
}

// WasChecked reports whether exactly this was recorded as checked.
func (v *View) WasChecked(c Checked) (ok bool, err error) {
	err = v.read(func() error {
		b, err := v.get(inRest, v.keys.checked(backing{c.Cloud, c.Ino}))
		ok = b != nil && string(b) == string(c.row(nil))
		return err
	})
	return ok && err == nil, err
}
