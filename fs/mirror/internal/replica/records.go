package replica

import (
	"errors"
	"fmt"
	"io"

	"github.com/overcast-fs/overcast/cipher"
)

// maxRun is how many bytes of plaintext are read at a time.
const maxRun = 1 << 20

// Run is consecutive records as they were read: the plaintext of those that
// verify, zeros for the others, and for each its write id and state.
type Run struct {
	First  int64
	Plain  []byte
	IDs    []cipher.WriteID
	States []cipher.RecordState
}

// Read reads and verifies the records first to stop of a file of that length.
// A record that is missing at the end is damaged; only what is whole can be a
// hole.
func (c *Copy) Read(first, stop, length int64) (*Run, error) {
	layout := c.Keys.Layout()
	size := layout.ChunkSize()
	n := int(stop - first)
	r := &Run{first, make([]byte, min(stop*size, length)-first*size), make([]cipher.WriteID, n), make([]cipher.RecordState, n)}
	raw := make([]byte, len(r.Plain)+cipher.RecordOverhead*n)
	got, err := c.File.ReadAt(raw, layout.RecordOffset(first))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	clear(raw[got:])
	if err := c.Keys.Open(r.Plain, raw, first, r.IDs, r.States); err != nil {
		return nil, err
	}
	stride := size + cipher.RecordOverhead
	for i := range r.States {
		if min(int64(i+1)*stride, int64(len(raw))) > int64(got) {
			r.States[i] = cipher.RecordDamaged
		}
	}
	return r, nil
}

// One reads a single record of a file of that length.
func (c *Copy) One(i, length int64) (plain []byte, id cipher.WriteID, state cipher.RecordState) {
	r, err := c.Read(i, i+1, length)
	if err != nil {
		return nil, id, cipher.RecordDamaged
	}
	return r.Plain, r.IDs[0], r.States[0]
}

// Each calls do for all records of a file of that length, a run at a time.
func (c *Copy) Each(length int64, do func(*Run) error) error {
	layout := c.Keys.Layout()
	records, step := layout.Records(length), int64(maxRun)/layout.ChunkSize()
	for at := int64(0); at < records; at += step {
		r, err := c.Read(at, min(at+step, records), length)
		if err != nil {
			return err
		}
		if err := do(r); err != nil {
			return err
		}
	}
	return nil
}

// Check computes acc over the records that are there, as a version with that
// header. It lists the chunks whose record cannot be of that version at all.
func (c *Copy) Check(h *cipher.Header) (acc cipher.Acc, bad []int64, err error) {
	err = c.Each(h.Length, func(r *Run) error {
		for i, state := range r.States {
			switch {
			case state == cipher.RecordDamaged, state == cipher.RecordHole && h.Flags&cipher.Sparse == 0,
				state == cipher.RecordOK && !h.Version.Covers(r.IDs[i]):
				r.States[i] = cipher.RecordDamaged
				bad = append(bad, r.First+int64(i))
			}
		}
		c.Keys.Terms(&acc, r.First, r.IDs, r.States)
		return nil
	})
	return acc, bad, err
}

// Write seals one record and writes it; without an id it writes a hole.
func (c *Copy) Write(i int64, plain []byte, id cipher.WriteID) error {
	record := make([]byte, len(plain)+cipher.RecordOverhead)
	if !id.IsZero() {
		if err := c.Keys.Seal(record, plain, i, []cipher.WriteID{id}); err != nil {
			return err
		}
	}
	_, err := c.File.WriteAt(record, c.Keys.Layout().RecordOffset(i))
	return err
}

// WriteRun seals and writes the records of a run that are there into a file that
// has holes in their place: those that follow one another in one piece.
func (c *Copy) WriteRun(r *Run) error {
	size := c.Keys.Layout().ChunkSize()
	for n := 0; n < len(r.States); {
		stop := n
		for stop < len(r.States) && r.States[stop] == cipher.RecordOK {
			stop++
		}
		if stop == n {
			n++
			continue
		}
		plain := r.Plain[int64(n)*size : min(int64(stop)*size, int64(len(r.Plain)))]
		sealed := make([]byte, len(plain)+cipher.RecordOverhead*(stop-n))
		first := r.First + int64(n)
		if err := c.Keys.Seal(sealed, plain, first, r.IDs[n:stop]); err != nil {
			return err
		}
		if _, err := c.File.WriteAt(sealed, c.Keys.Layout().RecordOffset(first)); err != nil {
			return err
		}
		n = stop
	}
	return nil
}

// Fit gives the backing file the size of a file of that length; what is added is
// a hole.
func (c *Copy) Fit(length int64) error {
	size, err := c.Keys.Layout().CipherSize(length)
	if err != nil {
		return err
	}
	info, err := c.File.Stat()
	if err != nil || info.Size == size {
		return err
	}
	return c.File.Truncate(size)
}

// CopyFrom takes one record, as it is or as a hole, from another cloud's copy of
// the same version.
func (c *Copy) CopyFrom(o *Copy, i, length int64) error {
	plain, id, state := o.One(i, length)
	if state == cipher.RecordDamaged {
		return fmt.Errorf("chunk %d: %w", i, cipher.ErrDamaged)
	}
	return c.Write(i, plain, id)
}
