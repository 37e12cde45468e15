package draft

import (
	"cmp"
	"fmt"
	"sync"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Write changes plaintext: straight in every cloud where nothing that counts is
// there, and else in the layer of the draft and in the log.
func (d *Draft) Write(p []byte, off int64) error {
	size := d.Env.Layout.ChunkSize()
	if off > 0 || int64(len(p)) < d.Length {
		d.keep()
	}
	if off > d.Length {
		if err := d.Grow(off, true); err != nil {
			return err
		}
	}
	for end := off + int64(len(p)); off < end; {
		i := off / size
		stop := i
		for stop*size < end && (stop-i)*size < maxRun && d.goesDirect(stop) {
			stop++
		}
		var n int64
		var err error
		if stop > i {
			n = min(stop*size, end) - off
			err = d.writeDirect(i, stop, p[:n], off)
		} else {
			n = min((i+1)*size, end) - off
			err = d.WriteChunk(i, p[:n], off)
		}
		if err != nil {
			d.Flags |= cipher.Sparse // it may have grown up to here, with nothing in its last chunk
			return err
		}
		p, off = p[n:], off+n
	}
	d.Changed()
	return Spill(d)
}

// maxKept is the length up to which what the clouds have of a file is kept while
// a part of it is changed.
const maxKept = 64 << 10

// keep takes the clouds' version of a short file into memory before its first
// change. Where a sync client then writes another version into every backing file,
// in place, ours is whole nevertheless.
func (d *Draft) keep() {
	size, floor := d.Env.Layout.ChunkSize(), d.Copies.Floor()
	l := &d.Layers
	if d.Recovering || floor == 0 || floor*size > maxKept || !l.Kept.Empty() || !l.Draft.Empty() || !l.Idle() {
		return
	}
	plain := make([]byte, d.Copies.Stored.Head.Length)
	r := replica.NewRun(0, int(floor), plain)
	if d.Fetch(r) != nil {
		return // what is changed may be readable all the same
	}
	for i, state := range r.States {
		c := &layer.Chunk{ID: r.IDs[i]}
		if state == cipher.RecordOK {
			lo := int64(i) * size
			hi := min(lo+size, int64(len(plain)))
			c.Data = plain[lo:hi:hi]
		}
		l.Kept.Chunks[int64(i)] = c
	}
	d.Charge(l.Kept.Memory())
}

// modified moves the times and starts the clock of the next commit.
func (d *Draft) Modified() {
	d.Mtime = d.Env.Clock()
	d.Changed()
}

// changed notes a change of attributes or content that is in no version yet.
func (d *Draft) Changed() {
	now := d.Env.Clock()
	d.Ctime, d.Attrs = now, true
	if d.Since.IsZero() {
		d.Since = now
	}
}

// goesDirect reports whether chunk i has no record in any cloud and no version
// that covers it, so that writing it changes nothing that counts.
func (d *Draft) goesDirect(i int64) bool {
	if d.Recovering || d.Layers.Cut() || i < d.Covered {
		return false
	}
	_, where := d.Find(i)
	return where == layer.InHole
}

// writeDirect writes the chunks first to stop, of which p, at off, is the
// content, straight to every cloud.
func (d *Draft) writeDirect(first, stop int64, p []byte, off int64) error {
	size := d.Env.Layout.ChunkSize()
	length := max(d.Length, off+int64(len(p)))
	plain := p
	if start, end := first*size, min(stop*size, length); start != off || end != off+int64(len(p)) {
		plain = d.Env.Buffer(int(end - start))
		defer d.Env.Recycle(plain)
		clear(plain)
		copy(plain[off-start:], p)
	}
	ids, last, err := d.Env.Draw(int(stop-first), d.Sealed.Head.Version.Highest())
	if err != nil {
		return err
	}
	note := &journal.Entry{Op: journal.OpDirect, Range: journal.Range{First: first, Count: stop - first, Length: length, Counter: last - uint64(len(ids)) + 1}}
	if err := d.Log.Append(note); err != nil {
		return err
	}
	err = d.putRun(&replica.Run{First: first, Plain: plain, IDs: ids})
	if err != nil {
		d.spoil(first, stop)
		return err
	}
	for k, c := range d.Copies.List {
		if c.Writes() {
			c.Keys.Terms(&d.Accs[k], first, ids, nil)
		}
	}
	d.Length = length
	d.Layers.Direct.Add(first, stop)
	d.Unsynced.Add(first, stop)
	return nil
}

// parallelRun is how many bytes of a run are worth a second thread.
const parallelRun = 128 << 10

// putRun seals a run for every copy and writes it, both halves of a long one
// at once.
func (d *Draft) putRun(r *replica.Run) error {
	put := func(c *copies.Copy) error { return wrote(d, c, r, d.putRecords(c, r)) }
	if len(r.Plain) >= parallelRun {
		targets := d.Copies.Targets()
		head, tail := r.Halves(d.Env.Layout.ChunkSize())
		ofHead, ofTail := make([]error, len(d.Copies.List)), make([]error, len(d.Copies.List))
		var wg sync.WaitGroup
		wg.Go(func() {
			for _, c := range targets {
				ofHead[c.On.Index] = d.putRecords(c, head)
			}
		})
		for _, c := range targets {
			ofTail[c.On.Index] = d.putRecords(c, tail)
		}
		wg.Wait()
		put = func(c *copies.Copy) error { return wrote(d, c, r, cmp.Or(ofHead[c.On.Index], ofTail[c.On.Index])) }
	}
	return d.Copies.Each("write", put)
}

// wrote notes what is in a copy once a run was written.
func wrote(d *Draft, c *copies.Copy, r *replica.Run, err error) error {
	if err != nil {
		copies.Forget(&d.Copies, c, r.First)
		return err
	}
	copies.Wrote(&d.Copies, c, r.First, r.IDs)
	return nil
}

// putRecords seals a run for one copy and writes it.
func (d *Draft) putRecords(c *copies.Copy, r *replica.Run) error {
	raw := d.Env.Buffer(r.Raw())
	defer d.Env.Recycle(raw)
	d.Copies.Touched(c, r.First, r.Stop())
	return c.Put(r, raw)
}

// spoil makes chunks holes whose records may have been written in part.
func (d *Draft) spoil(first, stop int64) {
	for i := first; i < stop; i++ {
		d.Layers.Draft.Chunks[i] = &layer.Chunk{}
	}
	d.Flags |= cipher.Sparse
}

// writeDraft changes one chunk in memory and in the log.
func (d *Draft) WriteChunk(i int64, p []byte, off int64) error {
	c, err := d.lift(i)
	if err != nil {
		return err
	}
	counter, err := d.counter()
	if err != nil {
		return err
	}
	if err := d.Log.Append(&journal.Entry{Op: journal.OpWrite, Range: journal.Range{Off: off, Counter: counter}}, p); err != nil {
		return err
	}
	size := d.Env.Layout.ChunkSize()
	d.Charge(c.Write(p, off-i*size, size))
	d.Length = max(d.Length, off+int64(len(p)))
	return nil
}

// counter draws the counter of a change.
func (d *Draft) counter() (uint64, error) {
	return d.Env.Reserve(1, d.Sealed.Head.Version.Highest())
}

// lift brings a chunk into the draft, where it may be changed. What it was no
// longer counts in acc.
func (d *Draft) lift(i int64) (*layer.Chunk, error) {
	if c, ok := d.Layers.Draft.Chunks[i]; ok {
		return c, nil
	}
	size := d.Env.Layout.ChunkSize()
	below, where := d.Find(i)
	c := &layer.Chunk{}
	switch where {
	case layer.InLayer:
		if below.Data != nil {
			d.Charge(size)
			c.Data = append(make([]byte, 0, size), below.Data...)
			d.Count(i, below.ID)
		}
	case layer.OnClouds:
		d.Charge(size)
		c.Data = make([]byte, d.ChunkLen(i), size)
		r := replica.NewRun(i, 1, c.Data)
		if err := d.Fetch(r); err != nil {
			d.Charge(-size)
			return nil, fmt.Errorf("write: %w", err)
		}
		if r.States[0] == cipher.RecordOK {
			d.Count(i, r.IDs[0])
		} else {
			d.Charge(-size)
			c.Data = nil
		}
	}
	d.Layers.Draft.Chunks[i] = c
	d.Layers.Direct.Remove(i)
	return c, nil
}

// count adds the term of one record to every acc, or takes it away.
func (d *Draft) Count(i int64, id cipher.WriteID) {
	d.Copies.Terms(d.Accs, i, []cipher.WriteID{id}, nil)
}
