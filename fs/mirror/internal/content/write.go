package content

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

// WriteAt changes plaintext; with moves it moves mtime.
func (f *File) WriteAt(p []byte, off int64, moves bool) error {
	if off < 0 {
		return ErrInvalid
	}
	if off > f.s.Layout.MaxLength()-int64(len(p)) {
		return ErrTooLarge
	}
	e, err := f.begin()
	if err != nil {
		return err
	}
	err = e.draft(p, off)
	if err == nil && moves {
		f.mtime = f.s.clock()
	}
	large := err == nil && int64(len(f.layers.Draft.Chunks))<<f.s.Layout.ChunkLog2 >= maxCommit
	if large {
		err = f.sealAndLog(false)
	}
	e.unlock()
	if large {
		f.s.commits.enqueue(f)
	}
	if err == nil {
		err = f.s.relieve()
	}
	return err
}

// modified moves the times and starts the clock of the next commit.
func (e editor) modified() {
	e.mtime = e.s.clock()
	e.changed()
}

// changed notes a change of attributes or content that is in no version yet.
func (f *File) changed() {
	now := f.s.clock()
	f.ctime, f.attrs = now, true
	if f.since.IsZero() {
		f.since = now
	}
}

// goesDirect reports whether chunk i has no record in any cloud and no version
// that covers it, so that writing it changes nothing that counts.
func (e editor) goesDirect(i int64) bool {
	if e.recovering || e.layers.Cut() || i < e.covered {
		return false
	}
	_, where := e.find(i)
	return where == layer.InHole
}

// writeDirect writes the chunks first to stop, of which p, at off, is the
// content, straight to every cloud.
func (e editor) writeDirect(first, stop int64, p []byte, off int64) error {
	size := e.s.Layout.ChunkSize()
	length := max(e.length, off+int64(len(p)))
	plain := p
	if start, end := first*size, min(stop*size, length); start != off || end != off+int64(len(p)) {
		plain = e.s.Buffer(int(end - start))
		defer e.s.Recycle(plain)
		clear(plain)
		copy(plain[off-start:], p)
	}
	ids, last, err := e.s.Draw(int(stop-first), e.sealed.Head.Version.Highest())
	if err != nil {
		return err
	}
	note := &journal.Entry{Op: journal.OpDirect, First: first, Count: stop - first, Length: length, Counter: last - uint64(len(ids)) + 1}
	if err := e.append(note); err != nil {
		return err
	}
	err = e.putRun(&replica.Run{First: first, Plain: plain, IDs: ids})
	if err != nil {
		e.spoil(first, stop)
		return err
	}
	for k, c := range e.copies.List {
		if c.Writes() {
			c.Keys.Terms(&e.accs[k], first, ids, nil)
		}
	}
	e.length = length
	e.layers.Direct.Add(first, stop)
	e.unsynced.Add(first, stop)
	return nil
}

// parallelRun is how many bytes of a run are worth a second thread.
const parallelRun = 128 << 10

// putRun seals a run for every copy and writes it, both halves of a long one
// at once.
func (e editor) putRun(r *replica.Run) error {
	put := func(c *copies.Copy) error { return e.putRecords(c, r) }
	if len(r.Plain) >= parallelRun {
		targets := e.copies.Targets()
		head, tail := r.Halves(e.s.Layout.ChunkSize())
		ofHead, ofTail := make([]error, len(e.copies.List)), make([]error, len(e.copies.List))
		var wg sync.WaitGroup
		wg.Go(func() {
			for _, c := range targets {
				ofHead[c.On.Index] = e.putRecords(c, head)
			}
		})
		for _, c := range targets {
			ofTail[c.On.Index] = e.putRecords(c, tail)
		}
		wg.Wait()
		put = func(c *copies.Copy) error { return cmp.Or(ofHead[c.On.Index], ofTail[c.On.Index]) }
	}
	return e.copies.Each("write", put)
}

// putRecords seals a run for one copy and writes it.
func (e editor) putRecords(c *copies.Copy, r *replica.Run) error {
	raw := e.s.Buffer(r.Raw())
	defer e.s.Recycle(raw)
	e.copies.Touched(c, r.First, r.Stop())
	return c.Put(r, raw)
}

// spoil makes chunks holes whose records may have been written in part.
func (e editor) spoil(first, stop int64) {
	for i := first; i < stop; i++ {
		e.layers.Draft.Chunks[i] = &layer.Chunk{}
	}
	e.flags |= cipher.Sparse
}

// writeDraft changes one chunk in memory and in the log.
func (e editor) writeDraft(i int64, p []byte, off int64) error {
	c, err := e.lift(i)
	if err != nil {
		return err
	}
	counter, err := e.counter()
	if err != nil {
		return err
	}
	if err := e.append(&journal.Entry{Op: journal.OpWrite, Off: off, Counter: counter}, p); err != nil {
		return err
	}
	size := e.s.Layout.ChunkSize()
	e.charge(c.Write(p, off-i*size, size))
	e.length = max(e.length, off+int64(len(p)))
	return nil
}

// counter draws the counter of a change.
func (e editor) counter() (uint64, error) {
	return e.s.state.Reserve(1, e.sealed.Head.Version.Highest())
}

// lift brings a chunk into the draft, where it may be changed. What it was no
// longer counts in acc.
func (e editor) lift(i int64) (*layer.Chunk, error) {
	if c, ok := e.layers.Draft.Chunks[i]; ok {
		return c, nil
	}
	size := e.s.Layout.ChunkSize()
	below, where := e.find(i)
	c := &layer.Chunk{}
	switch where {
	case layer.InLayer:
		if below.Data != nil {
			e.charge(size)
			c.Data = append(make([]byte, 0, size), below.Data...)
			e.count(i, below.ID)
		}
	case layer.OnClouds:
		e.charge(size)
		c.Data = make([]byte, e.chunkLen(i), size)
		r := replica.NewRun(i, 1, c.Data)
		if err := e.fetch(r); err != nil {
			e.charge(-size)
			return nil, fmt.Errorf("write: %w", err)
		}
		if r.States[0] == cipher.RecordOK {
			e.count(i, r.IDs[0])
		}
	}
	e.layers.Draft.Chunks[i] = c
	e.layers.Direct.Remove(i)
	return c, nil
}

// count adds the term of one record to every acc, or takes it away.
func (e editor) count(i int64, id cipher.WriteID) {
	e.copies.Terms(e.accs, i, []cipher.WriteID{id}, nil)
}
