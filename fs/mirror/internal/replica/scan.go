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
	limit = max(1, limit)
	return &Scan{copies: copies, at: lo, stop: hi, length: limit, limit: limit}
}

// ScanWhole is NewScan for copies of a file with that header. Where one is not as long as that says, holes tell nothing.
func ScanWhole(h *cipher.Header, copies []*Copy, lo, hi, limit int64) *Scan {
	if whole, err := Wholly(h, copies...); err != nil || !whole {
		copies = nil
	}
	return NewScan(copies, lo, hi, limit)
}

// Next is the next run; ok is false behind the last one. Where holes cannot be told all comes.
func (s *Scan) Next() (lo, hi int64, ok bool) {
	lo = s.at
	if len(s.copies) > 0 {
		var err error
		if lo, err = NextData(s.copies, s.at, s.stop); err != nil {
			s.copies = nil
		}
	}
	if lo > s.at {
		s.length = min(few, s.limit)
	}
	s.at = min(lo+s.length, s.stop)
	s.length = min(2*s.length, s.limit)
	return lo, s.at, lo < s.at
}

// Parts are the first records of all parts of so many that are not holes throughout.
func (s *Scan) Parts() (list []int64) {
	for {
		lo, _, ok := s.Next()
		if !ok {
			return list
		}
		list = append(list, lo-lo%s.limit)
		s.at, s.length = min(lo-lo%s.limit+s.limit, s.stop), s.limit
	}
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
