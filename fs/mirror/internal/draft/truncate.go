package draft

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Allocate is fallocate with the mode bits of fallocate(2): more length, a hole,
// or zeros. Space cannot be promised.
func (d *Draft) Allocate(mode uint32, off, n int64) error {
	end := off + n
	d.keep()
	zero := mode&(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_ZERO_RANGE) != 0
	if stop := min(end, d.Length); zero && stop > off {
		if err := d.Zero(off, stop); err != nil {
			return err
		}
	}
	if mode&unix.FALLOC_FL_KEEP_SIZE == 0 && end > d.Length {
		if err := d.Grow(end, false); err != nil {
			return err
		}
		d.Modified()
	} else if zero {
		d.Modified()
	}
	return nil
}

// resize sets the length.
func (d *Draft) Resize(to int64) error {
	if to > 0 {
		d.keep()
	}
	var err error
	switch {
	case to == d.Length:
	case to > d.Length:
		err = d.Grow(to, false)
	default:
		err = d.shrink(to)
	}
	if err == nil {
		d.Modified()
	}
	return err
}

// noteSize tells the log of a new length.
func (d *Draft) noteSize(to int64) error {
	counter, err := d.counter()
	if err != nil {
		return err
	}
	return d.Log.Append(&journal.Entry{Op: journal.OpSize, Range: journal.Range{Length: to, Counter: counter}})
}

// grow makes the file longer; what is added reads as zeros. With written the
// chunk that holds byte to is about to be written.
func (d *Draft) Grow(to int64, written bool) error {
	size := d.Env.Layout.ChunkSize()
	if d.Length%size != 0 {
		tail := d.Length / size
		// Of a hole, too, a sealed version has a short record, or will have.
		if _, where := d.Find(tail); where != layer.InHole || tail < d.Covered {
			if _, err := d.lift(tail); err != nil {
				return err
			}
		}
	}
	if err := d.noteSize(to); err != nil {
		return err
	}
	last := (to + size - 1) / size
	if written {
		last = to / size
	}
	if last > (d.Length+size-1)/size {
		d.Flags |= cipher.Sparse
	}
	d.Length = to
	return nil
}

// shrink makes the file shorter. Records that no version covers are cut at
// once; others stay in the clouds until the commit. Until the log was told, nothing
// is changed that counts: the file goes on as it was where that fails.
func (d *Draft) shrink(to int64) error {
	size := d.Env.Layout.ChunkSize()
	keep := d.Env.Layout.Records(to)
	within, tail := to%size, &layer.Chunk{}
	if _, where := d.Find(to / size); within != 0 && where != layer.InHole {
		var err error
		if tail, err = d.lift(to / size); err != nil {
			return err
		}
	}
	accs, err := d.accsOf(keep)
	if err != nil {
		return err
	}
	if err := d.noteSize(to); err != nil {
		return err
	}
	d.Accs, tail.Data = accs, tail.Data[:min(int64(len(tail.Data)), within)]
	d.Charge(-d.Layers.Draft.Drop(keep))
	d.Layers.Direct.Cut(keep)
	d.Unsynced.Cut(keep)
	d.Length = to
	if d.Covered == 0 && d.Recovering {
		return nil
	}
	if d.Covered == 0 && d.Layers.Idle() {
		err := d.Copies.Each("truncate", func(c *copies.Copy) error {
			return copies.Truncate(&d.Copies, c, keep, d.Env.Layout.RecordOffset(keep))
		})
		if err == nil {
			return nil
		}
		d.Env.Logger.Warn("the next commit must cut a file", "file", d.Copies.Owner.Ino(), "error", err)
	}
	d.Layers.Draft.Cut = min(d.Layers.Draft.Cut, keep)
	return nil
}

// accsOf is acc without the chunks from keep on, from whichever side has fewer
// records.
func (d *Draft) accsOf(keep int64) ([]cipher.Acc, error) {
	records := d.Env.Layout.Records(d.Length)
	if records-keep <= keep {
		accs := slices.Clone(d.Accs)
		return accs, d.countRange(keep, records, accs)
	}
	accs := make([]cipher.Acc, len(d.Accs))
	return accs, d.countRange(0, keep, accs)
}

// countRange adds to accs the terms of the chunks lo to hi, those that are in
// the draft and have none excepted.
func (d *Draft) countRange(lo, hi int64, accs []cipher.Acc) error {
	size := d.Env.Layout.ChunkSize()
	plain := d.Env.Buffer(maxRun)
	defer d.Env.Recycle(plain)
	for i := lo; i < hi; {
		stop := i
		for stop < hi && (stop-i)*size < maxRun {
			if _, where := d.Find(stop); where != layer.OnClouds {
				break
			}
			stop++
		}
		var r *replica.Run
		if stop > i {
			r = replica.NewRun(i, int(stop-i), plain[:min(stop*size, d.Length)-i*size])
			if err := d.Fetch(r); err != nil {
				return err
			}
		} else {
			r = d.termInLayer(i)
			stop = i + 1
		}
		d.Copies.Terms(accs, i, r.IDs, r.States)
		i = stop
	}
	return nil
}

// termInLayer is the id of a chunk that a sealed version has and no cloud yet.
func (d *Draft) termInLayer(i int64) *replica.Run {
	r := replica.NewRun(i, 1, nil)
	if _, drafted := d.Layers.Draft.Chunks[i]; drafted {
		return r
	}
	if c, where := d.Find(i); where == layer.InLayer && c.Data != nil {
		r.IDs[0], r.States[0] = c.ID, cipher.RecordOK
	}
	return r
}

// zero makes off to end, within the file, read as zeros; whole chunks become
// holes.
func (d *Draft) Zero(off, end int64) error {
	size := d.Env.Layout.ChunkSize()
	counter, err := d.counter()
	if err != nil {
		return err
	}
	if err := d.Log.Append(&journal.Entry{Op: journal.OpZero, Range: journal.Range{Off: off, Length: end - off, Counter: counter}}); err != nil {
		return err
	}
	for at := off; at < end; {
		i := at / size
		stop := min((i+1)*size, end)
		if err := d.zeroChunk(i, at-i*size, stop-i*size); err != nil {
			return err
		}
		at = stop
	}
	return nil
}

func (d *Draft) zeroChunk(i, lo, hi int64) error {
	if _, where := d.Find(i); where == layer.InHole {
		return nil
	}
	c, err := d.lift(i)
	if err != nil {
		return err
	}
	if lo == 0 && hi >= d.ChunkLen(i) {
		d.Charge(-c.Memory())
		c.Data = nil
		d.Flags |= cipher.Sparse
		return nil
	}
	c.Zero(lo, hi)
	return nil
}
