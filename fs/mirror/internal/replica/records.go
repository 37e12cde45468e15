package replica

import (
	"errors"
	"fmt"
	"io"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
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

// NewRun is a run that is to be read, of which plain gets the content.
func NewRun(first int64, count int, plain []byte) *Run {
	return &Run{first, plain, make([]cipher.WriteID, count), make([]cipher.RecordState, count)}
}

// Stop is the chunk after the last one.
func (r *Run) Stop() int64 { return r.First + int64(len(r.IDs)) }

// One is the part of a run that is chunk i of it, of that size.
func (r *Run) One(i int, size int64) *Run {
	lo := int64(i) * size
	hi := min(lo+size, int64(len(r.Plain)))
	return &Run{r.First + int64(i), r.Plain[lo:hi], r.IDs[i : i+1], r.States[i : i+1]}
}

// Halves splits a run that is to be written between two of its chunks. One that
// is a single chunk has an empty head.
func (r *Run) Halves(size int64) (head, tail *Run) {
	n := int64(len(r.IDs) / 2)
	head = &Run{First: r.First, Plain: r.Plain[:n*size], IDs: r.IDs[:n]}
	return head, &Run{First: r.First + n, Plain: r.Plain[n*size:], IDs: r.IDs[n:]}
}

// Refuse marks all of the run as damaged.
func (r *Run) Refuse() {
	clear(r.States)
	clear(r.Plain)
}

// ClearDamaged leaves nothing of the records that are damaged.
func (r *Run) ClearDamaged(size int64) {
	for i, state := range r.States {
		if state == cipher.RecordDamaged {
			clear(r.One(i, size).Plain)
			r.IDs[i] = cipher.WriteID{}
		}
	}
}

// Raw is how many bytes the records of the run take in a backing file.
func (r *Run) Raw() int { return len(r.Plain) + cipher.RecordOverhead*len(r.IDs) }

// Read reads and verifies the records first to stop of a file of that length.
// A record that is missing at the end is damaged; only what is whole can be a
// hole.
func (c *Copy) Read(first, stop, length int64) (*Run, error) {
	size := c.Keys.Layout().ChunkSize()
	r := NewRun(first, int(stop-first), make([]byte, min(stop*size, length)-first*size))
	if _, err := c.ReadInto(r, make([]byte, r.Raw())); err != nil {
		return nil, err
	}
	return r, nil
}

// ReadInto is Read into a run, through raw, which has the size for it and then
// the records as they were read. short says that the backing file ends before
// they do. Where none could be had, all of the run is damaged.
func (c *Copy) ReadInto(r *Run, raw []byte) (short bool, err error) {
	layout := c.Keys.Layout()
	got, err := c.File.ReadAt(raw, layout.RecordOffset(r.First))
	if err != nil && !errors.Is(err, io.EOF) {
		r.Refuse()
		return false, err
	}
	clear(raw[got:])
	if err := c.Keys.Open(r.Plain, raw, r.First, r.IDs, r.States); err != nil {
		r.Refuse()
		return false, err
	}
	stride := layout.ChunkSize() + cipher.RecordOverhead
	for i := int64(got) / stride; i < int64(len(r.States)); i++ {
		if min((i+1)*stride, int64(len(raw))) > int64(got) {
			r.States[i] = cipher.RecordDamaged
		}
	}
	return got < len(raw), nil
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
func (c *Copy) Each(length int64, do func(*Run) error) error { return c.each(nil, length, do) }

// EachData is Each without the records that lie in holes of the backing file.
// Those are zeros, and never looked at one by one: a hole can be of any size.
func (c *Copy) EachData(length int64, do func(*Run) error) error {
	return c.each([]*Copy{c}, length, do)
}

// EachFilled is EachData for a file with that header, and other copies of it: what is a hole in all of them is left out. Where the copy is
// not as long as the header says, holes tell nothing, and all records come.
func (c *Copy) EachFilled(h *cipher.Header, do func(*Run) error, others ...*Copy) error {
	whole, err := Wholly(h, c)
	if err != nil {
		return err
	}
	if !whole {
		return c.Each(h.Length, do)
	}
	if err := c.each(append(others, c), h.Length, do); err != nil {
		return err
	}
	if whole, err = Wholly(h, c); err == nil && !whole {
		err = fmt.Errorf("%w: it became shorter meanwhile", cipher.ErrDamaged)
	}
	return err
}

func (c *Copy) each(filled []*Copy, length int64, do func(*Run) error) error {
	layout := c.Keys.Layout()
	scan := NewScan(filled, 0, layout.Records(length), int64(maxRun)/layout.ChunkSize())
	for {
		lo, hi, ok := scan.Next()
		if !ok {
			return nil
		}
		c.Cloud.rest()
		r, err := c.Read(lo, hi, length)
		if err != nil {
			return err
		}
		c.Cloud.rest()
		if err := do(r); err != nil {
			return err
		}
	}
}

// Check computes acc over the records that are there, as a version with that
// header. It lists the chunks whose record cannot be of that version at all.
func (c *Copy) Check(h *cipher.Header) (acc cipher.Acc, bad []int64, err error) {
	err = c.EachFilled(h, func(r *Run) error { // what is in a hole is right, and in no sum
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

// Sound reports whether a file is at a commit, and every record of it right.
func Sound(c *Cloud, path string, commit cipher.ID) bool {
	cp, err := c.Open(path, false)
	if err != nil {
		return false
	}
	defer cp.Close()
	acc, bad, err := cp.Check(cp.Head)
	return err == nil && len(bad) == 0 && acc == cp.Head.Acc && cp.Head.CommitID == commit
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

// WriteChunk is Write for a chunk of the log, whose entry ends where the content did:
// of a file of that length.
func (c *Copy) WriteChunk(ch journal.Chunk, plain []byte, length int64) error {
	whole := make([]byte, c.Keys.Layout().RecordSize(ch.Index, length)-cipher.RecordOverhead)
	copy(whole, plain)
	var id cipher.WriteID
	copy(id[:], ch.ID)
	return c.Write(ch.Index, whole, id)
}

// AccOf is acc over the write ids that an entry of the log has for every record. The
// entries of what is no regular file hold none.
func (c *Cloud) AccOf(kind cipher.Type, salt [16]byte, chunks []journal.Chunk) (acc cipher.Acc) {
	keys, err := c.Keys.NewFile(kind, salt)
	if err != nil {
		return acc
	}
	defer keys.Wipe()
	for _, ch := range chunks {
		if len(ch.ID) == len(cipher.WriteID{}) {
			keys.Terms(&acc, ch.Index, []cipher.WriteID{cipher.WriteID(ch.ID)}, nil)
		}
	}
	return acc
}

// Put seals all records of a run and writes them at once, through raw, which
// has the size for it.
func (c *Copy) Put(r *Run, raw []byte) error {
	if err := c.Keys.Seal(raw, r.Plain, r.First, r.IDs); err != nil {
		return err
	}
	_, err := c.File.WriteAt(raw, c.Keys.Layout().RecordOffset(r.First))
	return err
}

// FillFrom writes the records of another copy, of a file with that header, into one that has holes in their place. It returns acc of what was
// written, by the other one's keys: that can have changed since it was checked.
func (c *Copy) FillFrom(o *Copy, h *cipher.Header) (acc cipher.Acc, err error) {
	err = o.EachFilled(h, func(r *Run) error {
		o.Keys.Terms(&acc, r.First, r.IDs, r.States)
		return c.WriteRun(r)
	})
	return acc, err
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

// FitBefore is Fit for a file behind whose length there are records: those of these
// chunks stay, and between them are holes.
func (c *Copy) FitBefore(length int64, after journal.Spans) error {
	layout := c.Keys.Layout()
	size, err := layout.CipherSize(length)
	if err != nil {
		return err
	}
	info, err := c.File.Stat()
	if err != nil {
		return err
	}
	if info.Size < size {
		return c.File.Truncate(size)
	}
	end := after[len(after)-1].Hi
	for i := layout.Records(length); i < end && layout.RecordOffset(i) < info.Size; i++ {
		if after.Has(i) {
			continue
		}
		n := min(layout.RecordOffset(i+1), info.Size) - layout.RecordOffset(i)
		if _, err := c.File.WriteAt(make([]byte, n), layout.RecordOffset(i)); err != nil {
			return err
		}
	}
	if stop := max(size, layout.RecordOffset(end)); info.Size > stop {
		return c.File.Truncate(stop)
	}
	return nil
}

// Cut removes what the backing file has from off on.
func (c *Copy) Cut(off int64) error {
	info, err := c.File.Stat()
	if err != nil || info.Size <= off {
		return err
	}
	return c.File.Truncate(off)
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
