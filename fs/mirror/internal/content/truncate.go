package content

import (
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Truncate sets the length.
func (f *File) Truncate(size int64) error {
	if size < 0 {
		return ErrInvalid
	}
	if size > f.s.Layout.MaxLength() {
		return ErrTooLarge
	}
	if size == 0 {
		return f.empty()
	}
	e, err := f.begin()
	if err != nil {
		return err
	}
	err = e.resize(size)
	e.unlock()
	if err == nil {
		err = f.s.relieve()
	}
	return err
}

// Allocate is fallocate with the mode bits of fallocate(2): more length, a hole,
// or zeros. Space cannot be promised.
func (f *File) Allocate(mode uint32, off, n int64) error {
	switch mode {
	case 0, unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE,
		unix.FALLOC_FL_ZERO_RANGE, unix.FALLOC_FL_ZERO_RANGE | unix.FALLOC_FL_KEEP_SIZE:
	default:
		return ErrUnsupported
	}
	if off < 0 || n <= 0 {
		return ErrInvalid
	}
	if off > f.s.Layout.MaxLength()-n {
		return ErrTooLarge
	}
	e, err := f.begin()
	if err != nil {
		return err
	}
	err = e.allocate(mode, off, n)
	e.unlock()
	if err == nil {
		err = f.s.relieve()
	}
	return err
}

func (e editor) allocate(mode uint32, off, n int64) error {
	end := off + n
	zero := mode&(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_ZERO_RANGE) != 0
	if stop := min(end, e.length); zero && stop > off {
		if err := e.zero(off, stop); err != nil {
			return err
		}
	}
	if mode&unix.FALLOC_FL_KEEP_SIZE == 0 && end > e.length {
		if err := e.grow(end, false); err != nil {
			return err
		}
		e.modified()
	} else if zero {
		e.modified()
	}
	return nil
}

// resize sets the length.
func (e editor) resize(to int64) error {
	var err error
	switch {
	case to == e.length:
	case to > e.length:
		err = e.grow(to, false)
	default:
		err = e.shrink(to)
	}
	if err == nil {
		e.modified()
	}
	return err
}

// noteSize tells the log of a new length.
func (e editor) noteSize(to int64) error {
	counter, err := e.counter()
	if err != nil {
		return err
	}
	return e.append(&journal.Entry{Op: journal.OpSize, Length: to, Counter: counter})
}

// grow makes the file longer; what is added reads as zeros. With written the
// chunk that holds byte to is about to be written.
func (e editor) grow(to int64, written bool) error {
	size := e.s.Layout.ChunkSize()
	if e.length%size != 0 {
		tail := e.length / size
		// Of a hole, too, a sealed version has a short record, or will have.
		if _, where := e.find(tail); where != layer.InHole || tail < e.covered {
			if _, err := e.lift(tail); err != nil {
				return err
			}
		}
	}
	if err := e.noteSize(to); err != nil {
		return err
	}
	last := (to + size - 1) / size
	if written {
		last = to / size
	}
	if last > (e.length+size-1)/size {
		e.flags |= cipher.Sparse
	}
	e.length = to
	return nil
}

// shrink makes the file shorter. Records that no version covers are cut at
// once; others stay in the clouds until the commit.
func (e editor) shrink(to int64) error {
	size := e.s.Layout.ChunkSize()
	keep := e.s.Layout.Records(to)
	if within := to % size; within != 0 {
		if _, where := e.find(to / size); where != layer.InHole {
			c, err := e.lift(to / size)
			if err != nil {
				return err
			}
			c.Data = c.Data[:min(int64(len(c.Data)), within)]
		}
	}
	if err := e.uncount(keep); err != nil {
		return err
	}
	if err := e.noteSize(to); err != nil {
		return err
	}
	e.charge(-e.layers.Draft.Drop(keep))
	e.layers.Direct.Cut(keep)
	e.unsynced.Cut(keep)
	e.length = to
	if e.covered == 0 && e.recovering {
		return nil
	}
	if e.covered == 0 && e.layers.Idle() {
		err := e.copies.Each("truncate", func(c *copies.Copy) error {
			e.copies.Touched(c, 0, 0)
			return c.File.Truncate(e.s.Layout.RecordOffset(keep))
		})
		if err == nil {
			return nil
		}
		e.s.Logger.Warn("the next commit must cut a file", "file", e.o.Ino(), "error", err)
	}
	e.layers.Draft.Cut = min(e.layers.Draft.Cut, keep)
	return nil
}

// uncount takes the chunks from keep on out of acc, from whichever side has
// fewer records.
func (e editor) uncount(keep int64) error {
	records := e.s.Layout.Records(e.length)
	if records-keep <= keep {
		return e.countRange(keep, records, e.accs)
	}
	accs := make([]cipher.Acc, len(e.accs))
	if err := e.countRange(0, keep, accs); err != nil {
		return err
	}
	e.accs = accs
	return nil
}

// countRange adds to accs the terms of the chunks lo to hi, those that are in
// the draft and have none excepted.
func (e editor) countRange(lo, hi int64, accs []cipher.Acc) error {
	size := e.s.Layout.ChunkSize()
	plain := e.s.Buffer(maxRun)
	defer e.s.Recycle(plain)
	for i := lo; i < hi; {
		stop := i
		for stop < hi && (stop-i)*size < maxRun {
			if _, where := e.find(stop); where != layer.OnClouds {
				break
			}
			stop++
		}
		var r *replica.Run
		if stop > i {
			r = replica.NewRun(i, int(stop-i), plain[:min(stop*size, e.length)-i*size])
			if err := e.fetch(r); err != nil {
				return err
			}
		} else {
			r = e.termInLayer(i)
			stop = i + 1
		}
		e.copies.Terms(accs, i, r.IDs, r.States)
		i = stop
	}
	return nil
}

// termInLayer is the id of a chunk that a sealed version has and no cloud yet.
func (e editor) termInLayer(i int64) *replica.Run {
	r := replica.NewRun(i, 1, nil)
	if _, drafted := e.layers.Draft.Chunks[i]; drafted {
		return r
	}
	if c, where := e.find(i); where == layer.InLayer && c.Data != nil {
		r.IDs[0], r.States[0] = c.ID, cipher.RecordOK
	}
	return r
}

// zero makes off to end, within the file, read as zeros; whole chunks become
// holes.
func (e editor) zero(off, end int64) error {
	size := e.s.Layout.ChunkSize()
	counter, err := e.counter()
	if err != nil {
		return err
	}
	if err := e.append(&journal.Entry{Op: journal.OpZero, Off: off, Length: end - off, Counter: counter}); err != nil {
		return err
	}
	for at := off; at < end; {
		i := at / size
		stop := min((i+1)*size, end)
		if err := e.zeroChunk(i, at-i*size, stop-i*size); err != nil {
			return err
		}
		at = stop
	}
	return nil
}

func (e editor) zeroChunk(i, lo, hi int64) error {
	if _, where := e.find(i); where == layer.InHole {
		return nil
	}
	c, err := e.lift(i)
	if err != nil {
		return err
	}
	if lo == 0 && hi >= e.chunkLen(i) {
		e.charge(-c.Memory())
		c.Data = nil
		e.flags |= cipher.Sparse
		return nil
	}
	c.Zero(lo, hi)
	return nil
}
