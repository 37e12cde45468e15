package replica

import (
	"errors"
	"io"

	"github.com/overcast-fs/overcast/cipher"
)

// Scan goes through records of some copies, a run at a time. What lies in a hole of all their backing files is zeros, and left out: a
// hole can be of any size.
type Scan struct {
	copies        []*Copy // none: nobody may count on holes, and every record comes
	at, stop      int64
	length, limit int64 // of runs
}

// few is how many records come in the first run behind a hole, since another hole may follow soon.
const few = 16

// NewScan goes through the records from lo on, below hi, in runs of that many at most.
func NewScan(copies []*Copy, lo, hi, limit int64) *Scan {
	return &Scan{copies: copies, at: lo, stop: hi, length: limit, limit: limit}
}

// Next is the next run; lo is hi behind the last one.
func (s *Scan) Next() (lo, hi int64, err error) {
	lo = s.at
	if len(s.copies) > 0 {
		if lo, err = NextData(s.copies, s.at, s.stop); err != nil {
			return lo, lo, err
		}
	}
	if lo > s.at {
		s.length = min(few, s.limit)
	}
	s.at = min(lo+s.length, s.stop)
	s.length = min(2*s.length, s.limit)
	return lo, s.at, nil
}

// NextData is the first record from i on, below stop, that is no hole of some copy's backing file; stop if there is none.
func NextData(list []*Copy, i, stop int64) (int64, error) {
	for _, c := range list {
		if i >= stop {
			return stop, nil
		}
		layout := c.Keys.Layout()
		from := layout.RecordOffset(i)
		off, err := c.File.SeekData(from)
		if errors.Is(err, io.EOF) {
			continue
		}
		if err != nil {
			return i, err
		}
		stop = min(stop, i+(off-from)/(layout.ChunkSize()+cipher.RecordOverhead))
	}
	return stop, nil
}

// Wholly reports whether a file with that header may have holes, and copies of it are as long as it says, so that every hole of their
// backing files is one of records.
func Wholly(h *cipher.Header, list ...*Copy) (bool, error) {
	for _, c := range list {
		size, err := c.Keys.Layout().CipherSize(h.Length)
		if err != nil || h.Flags&cipher.Sparse == 0 {
			return false, nil
		}
		if info, err := c.File.Stat(); err != nil || info.Size < size {
			return false, err
		}
	}
	return true, nil
}
