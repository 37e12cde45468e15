package mirror

import (
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// grow makes the file longer; what is added reads as zeros. With written the
// chunk that holds byte to is about to be written. The caller holds file.mu
// and has begun.
func (f *file) grow(to int64, written bool) error {
	size := f.m.layout.ChunkSize()
	if f.length%size != 0 {
		tail := f.length / size
		// Of a hole, too, a sealed version has a short record, or will have.
		if _, where := f.find(tail); where != inHole || tail < f.covered {
			if _, err := f.lift(tail); err != nil {
				return err
			}
		}
	}
	counter, err := f.m.state.Reserve(1, f.base.Head.Version.Highest())
	if err != nil {
		return err
	}
	if err := f.record(&journal.Entry{Op: journal.OpSize, Length: to, Counter: counter}); err != nil {
		return err
	}
	last := (to + size - 1) / size
	if written {
		last = to / size
	}
	if last > (f.length+size-1)/size {
		f.flags |= cipher.Sparse
	}
	f.length = to
	return nil
}

// resize sets the length. The caller holds file.mu and has begun.
func (f *file) resize(to int64) error {
	var err error
	switch {
	case to == f.length:
	case to > f.length:
		err = f.grow(to, false)
	default:
		err = f.shrink(to)
	}
	if err == nil {
		f.modified()
	}
	return err
}

// shrink makes the file shorter. Records that no version covers are cut at
// once; others stay in the clouds until the commit.
func (f *file) shrink(to int64) error {
	size := f.m.layout.ChunkSize()
	keep := f.m.layout.Records(to)
	if within := to % size; within != 0 {
		if _, where := f.find(to / size); where != inHole {
			c, err := f.lift(to / size)
			if err != nil {
				return err
			}
			c.data = c.data[:min(int64(len(c.data)), within)]
		}
	}
	if err := f.uncount(keep); err != nil {
		return err
	}
	counter, err := f.m.state.Reserve(1, f.base.Head.Version.Highest())
	if err != nil {
		return err
	}
	if err := f.record(&journal.Entry{Op: journal.OpSize, Length: to, Counter: counter}); err != nil {
		return err
	}
	for i, c := range f.pending.chunks {
		if i >= keep {
			f.charge(-int64(cap(c.data)))
			delete(f.pending.chunks, i)
		}
	}
	f.fresh.Cut(keep)
	f.late.Cut(keep)
	f.length = to
	if f.covered == 0 && f.recovering {
		return nil
	}
	if f.covered == 0 && f.logged.empty() && f.moving.empty() {
		err := f.each("truncate", func(c *copyOf) error {
			f.touched(c, 0, 0)
			return c.file.Truncate(f.m.layout.RecordOffset(keep))
		})
		if err == nil {
			return nil
		}
		f.m.logger.Warn("the next commit must cut a file", "file", f.n.ino, "error", err)
	}
	f.pending.cut = min(f.pending.cut, keep)
	return nil
}

// uncount takes the chunks from keep on out of acc, from whichever side has
// fewer records.
func (f *file) uncount(keep int64) error {
	records := f.m.layout.Records(f.length)
	if records-keep <= keep {
		return f.countRange(keep, records, f.accs)
	}
	accs := make([]cipher.Acc, len(f.accs))
	if err := f.countRange(0, keep, accs); err != nil {
		return err
	}
	f.accs = accs
	return nil
}

// countRange adds to accs the terms of the chunks lo to hi, those that are
// pending and have none excepted.
func (f *file) countRange(lo, hi int64, accs []cipher.Acc) error {
	size := f.m.layout.ChunkSize()
	plain := f.m.buffer(maxRun)
	defer f.m.recycle(plain)
	for i := lo; i < hi; {
		stop := i
		for stop < hi && (stop-i)*size < maxRun {
			if _, where := f.find(stop); where != onClouds {
				break
			}
			stop++
		}
		var r *run
		if stop > i {
			r = newRun(i, int(stop-i), plain[:min(stop*size, f.length)-i*size])
			if err := f.fetch(r); err != nil {
				return err
			}
		} else {
			r = f.layerTerm(i)
			stop = i + 1
		}
		for k, c := range f.copies {
			if c.serves() {
				c.keys.Terms(&accs[k], i, r.ids, r.states)
			}
		}
		i = stop
	}
	return nil
}

// layerTerm is the id of a chunk that a commit holds and no cloud yet.
func (f *file) layerTerm(i int64) *run {
	r := newRun(i, 1, nil)
	if _, pending := f.pending.chunks[i]; pending {
		return r
	}
	if c, where := f.find(i); where == inLayer && c.data != nil {
		r.ids[0], r.states[0] = c.id, cipher.RecordOK
	}
	return r
}

// allocate is fallocate with the mode bits of fallocate(2): more length, a hole,
// or zeros. Space cannot be promised. The caller holds file.mu and has begun.
func (f *file) allocate(mode uint32, off, n int64) error {
	end := off + n
	zero := mode&(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_ZERO_RANGE) != 0
	if stop := min(end, f.length); zero && stop > off {
		if err := f.zero(off, stop); err != nil {
			return err
		}
	}
	if mode&unix.FALLOC_FL_KEEP_SIZE == 0 && end > f.length {
		if err := f.grow(end, false); err != nil {
			return err
		}
		f.modified()
	} else if zero {
		f.modified()
	}
	return nil
}

// checkAllocate refuses what no file here has.
func checkAllocate(mode uint32) error {
	switch mode {
	case 0, unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE,
		unix.FALLOC_FL_ZERO_RANGE, unix.FALLOC_FL_ZERO_RANGE | unix.FALLOC_FL_KEEP_SIZE:
		return nil
	}
	return ErrUnsupported
}

// zero makes off to end, within the file, read as zeros; whole chunks become
// holes.
func (f *file) zero(off, end int64) error {
	size := f.m.layout.ChunkSize()
	counter, err := f.m.state.Reserve(1, f.base.Head.Version.Highest())
	if err != nil {
		return err
	}
	if err := f.record(&journal.Entry{Op: journal.OpZero, Off: off, Length: end - off, Counter: counter}); err != nil {
		return err
	}
	for at := off; at < end; {
		i := at / size
		stop := min((i+1)*size, end)
		if err := f.zeroChunk(i, at-i*size, stop-i*size); err != nil {
			return err
		}
		at = stop
	}
	return nil
}

func (f *file) zeroChunk(i, lo, hi int64) error {
	if _, where := f.find(i); where == inHole {
		return nil
	}
	c, err := f.lift(i)
	if err != nil {
		return err
	}
	if lo == 0 && hi >= f.chunkLen(i) {
		f.charge(-int64(cap(c.data)))
		c.data = nil
		f.flags |= cipher.Sparse
		return nil
	}
	if lo < int64(len(c.data)) {
		clear(c.data[lo:min(hi, int64(len(c.data)))])
	}
	return nil
}

// seek finds the next data or hole at or after off; the end of the file is a
// hole.
func (f *file) seek(off int64, data bool) (int64, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if off < 0 || off >= f.length {
		return 0, ErrNoData
	}
	size := f.m.layout.ChunkSize()
	if f.flags&cipher.Sparse == 0 {
		if data {
			return off, nil
		}
		return f.length, nil
	}
	plain := f.m.buffer(int(size))
	defer f.m.recycle(plain)
	for i := off / size; i*size < f.length; i++ {
		hole := false
		switch c, where := f.find(i); where {
		case inHole:
			hole = true
		case inLayer:
			hole = c.data == nil
		case onClouds:
			r := newRun(i, 1, plain[:f.chunkLen(i)])
			if err := f.fetch(r); err != nil {
				return 0, err
			}
			hole = r.states[0] == cipher.RecordHole
		}
		if hole != data {
			return max(off, i*size), nil
		}
	}
	if data {
		return 0, ErrNoData
	}
	return f.length, nil
}
