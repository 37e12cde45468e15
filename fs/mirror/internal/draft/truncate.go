package draft

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Allocate is fallocate with the mode bits of fallocate(2), from off to end: more length, a hole, or zeros. Space cannot be promised. It
// can stop before the end, at what it returns, where a version has enough to do.
func (d *Draft) Allocate(mode uint32, off, end int64) (int64, error) {
	d.keep()
	zero := mode&(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_ZERO_RANGE) != 0
	if stop := min(end, d.Length); zero && stop > off {
		at, err := d.Zero(off, stop)
		if err == nil {
			err = Spill(d)
		}
		if err != nil || at < stop {
			return at, err
		}
	}
	if mode&unix.FALLOC_FL_KEEP_SIZE == 0 && end > d.Length {
		if err := d.Grow(end, false); err != nil {
			return off, err
		}
		d.Modified()
	} else if zero {
		d.Modified()
	}
	return end, nil
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
	plain := d.Env.Buffer(maxRun)
	defer d.Env.Recycle(plain)
	f := newFilled(d)
	for i := f.next(lo, hi); i < hi; i = f.next(i, hi) {
		r := d.termInLayer(i)
		if stop := onClouds(d, i, hi); stop > i {
			r = replica.NewRun(i, int(stop-i), plain[:min(stop*d.Env.Layout.ChunkSize(), d.Length)-i*d.Env.Layout.ChunkSize()])
			if err := d.Fetch(r); err != nil {
				return err
			}
		}
		d.Copies.Terms(accs, i, r.IDs, r.States)
		i = r.Stop()
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

// maxHoles is how many chunks become holes in one version: the log takes no entry of any size.
const maxHoles = 1 << 16

// Full reports whether a draft has as many changes as one version takes.
func Full(d *Draft) bool { return len(d.Layers.Draft.Chunks) >= maxHoles }

// Zero makes off to end, within the file, read as zeros; whole chunks become holes. It can stop before the end, at what it returns, where a
// version has enough to do.
func (d *Draft) Zero(off, end int64) (int64, error) {
	counter, err := d.counter()
	if err != nil {
		return off, err
	}
	if err := d.Log.Append(&journal.Entry{Op: journal.OpZero, Range: journal.Range{Off: off, Length: end - off, Counter: counter}}); err != nil {
		return off, err
	}
	size := d.Env.Layout.ChunkSize()
	first, last := (off+size-1)/size, end/size
	if end == d.Length {
		last = d.Env.Layout.Records(end)
	}
	if first > last { // within one chunk
		return end, d.zeroChunk(last, off-last*size, end-last*size)
	}
	if off < first*size {
		if err := d.zeroChunk(first-1, off-(first-1)*size, size); err != nil {
			return off, err
		}
	}
	stop, err := zeroChunks(d, first, last)
	if err != nil || stop < last {
		return max(off, stop*size), err
	}
	if last*size < end {
		err = d.zeroChunk(last, 0, end-last*size)
	}
	return end, err
}

// zeroChunk makes a part of a chunk zeros.
func (d *Draft) zeroChunk(i, lo, hi int64) error {
	if _, where := d.Find(i); where == layer.InHole {
		return nil
	}
	c, err := d.lift(i)
	if err == nil {
		c.Zero(lo, hi)
	}
	return err
}

// zeroChunks makes holes of the chunks first to last, up to the one that it returns.
func zeroChunks(d *Draft, first, last int64) (stop int64, err error) {
	size := d.Env.Layout.ChunkSize()
	plain := d.Env.Buffer(maxRun)
	defer d.Env.Recycle(plain)
	f := newFilled(d)
	for i := f.next(first, last); i < last; i = f.next(i, last) {
		if Full(d) && !d.Recovering {
			return i, nil
		}
		stop := onClouds(d, i, last)
		if stop == i {
			dropChunk(d, i)
			i++
			continue
		}
		r := replica.NewRun(i, int(stop-i), plain[:min(stop*size, d.Length)-i*size])
		if err := d.Fetch(r); err != nil {
			return i, fmt.Errorf("write: %w", err)
		}
		d.Copies.Terms(d.Accs, i, r.IDs, r.States)
		for n, state := range r.States {
			if state == cipher.RecordOK {
				makeHole(d, i+int64(n))
			}
		}
		i = stop
	}
	return last, nil
}

// dropChunk makes a hole of a chunk that is in a layer.
func dropChunk(d *Draft, i int64) {
	c, where := d.Find(i)
	if where == layer.InHole || c.Data == nil {
		return
	}
	if c == d.Layers.Draft.Chunks[i] {
		d.Charge(-c.Memory())
	} else {
		d.Count(i, c.ID)
	}
	makeHole(d, i)
}

func makeHole(d *Draft, i int64) {
	d.Layers.Draft.Chunks[i] = &layer.Chunk{}
	d.Layers.Direct.Remove(i)
	d.Flags |= cipher.Sparse
}
