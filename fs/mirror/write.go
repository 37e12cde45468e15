package mirror

import (
	"cmp"
	"fmt"
	"sync"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// begin prepares a file for changes: the log names it, every cloud that is up
// has its version, and what an earlier crash left beyond its length is gone.
// It returns with file.mu locked.
func (f *file) begin() error {
	if err := f.m.clouds.Admit(); err != nil {
		return err
	}
	for {
		f.mu.Lock()
		if f.ref != 0 || f.orphan {
			return nil
		}
		f.mu.Unlock()
		if err := f.bind(); err != nil {
			return err
		}
	}
}

func (f *file) bind() error {
	f.m.names.RLock()
	defer f.m.names.RUnlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bindLocked()
}

// bindLocked is bind for a caller that holds Mirror.names and file.mu.
func (f *file) bindLocked() error {
	if f.ref != 0 || f.orphan {
		return nil
	}
	path, ok := f.n.plainPath()
	if !ok {
		f.m.findName(f.n)
		if path, ok = f.n.plainPath(); !ok {
			return ErrStale
		}
	}
	if err := f.requireCopies(); err != nil {
		return err
	}
	if err := f.trim(); err != nil {
		return err
	}
	id := f.base.Head.FileID
	return f.record(&journal.Entry{Op: journal.OpBind, Path: []byte(path), File: &id, Had: f.base.Head.Version, Kind: f.n.kind, Salts: salts(f.copies)})
}

// record appends an entry of this file to the log. The first one binds its
// reference. The caller holds file.mu.
func (f *file) record(e *journal.Entry, data ...[]byte) error {
	if f.orphan || f.recovering {
		return nil
	}
	e.Ref = f.ref
	if e.Ref == 0 {
		e.Ref = f.m.refs.Add(1)
	}
	seq, err := f.m.commits.track(f, e, data)
	if err != nil {
		return err
	}
	f.ref = e.Ref
	f.n.lastEntry.Store(seq)
	return nil
}

// prepare is requireCopies for a change that begin does not come before.
func (f *file) prepare() error {
	f.m.names.RLock()
	defer f.m.names.RUnlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.orphan {
		return nil
	}
	return f.requireCopies()
}

// requireCopies makes sure that the file can be changed. Copies that are not
// as they should be go without the change; clouds that fail are put behind.
func (f *file) requireCopies() error {
	var lapses []clouds.Lapse
	for _, cl := range f.m.clouds.Ups() {
		c := f.copies[cl.Index]
		if c.serves() && c.writable == errLater {
			if path, ok := f.n.path(cl.Index); ok {
				if err := c.openForWriting(path); err != nil {
					return fmt.Errorf("write: cloud %s: %w", cl.Name, err)
				}
				f.touched(c, 0, 0)
			}
		}
		if c.writes() {
			continue
		}
		reason := ErrMissing
		switch {
		case c != nil && c.err != nil:
			reason = c.err
		case c != nil && c.writable != nil:
			reason = c.writable
		}
		switch fault := cl.Fault(reason); {
		case fault.OfCloud():
			lapses = append(lapses, clouds.Lapse{Cloud: cl, Why: reason})
		case fault != clouds.Strayed:
			return fmt.Errorf("write: cloud %s: %w", cl.Name, reason)
		case c != nil && c.err == nil:
			c.err = reason
		}
	}
	if len(f.targets()) == 0 {
		if len(lapses) > 0 {
			return fmt.Errorf("write: cloud %s: %w", lapses[0].Cloud.Name, lapses[0].Why)
		}
		return unreadable("write", f.copies, f.m.clouds.All())
	}
	err := f.m.clouds.DropAll("write", lapses)
	f.targets()
	return err
}

// targets returns the copies that get this mount's changes. A copy in a cloud
// that went out is an older version from now on. The caller holds file.mu.
func (f *file) targets() []*copyOf {
	var list []*copyOf
	for _, c := range f.copies {
		switch {
		case !c.serves():
		case c.writes():
			list = append(list, c)
		default:
			c.err = ErrOlder
		}
	}
	return list
}

// each makes a change in every copy that gets them, one that no version counts
// yet, so that it may stay in one cloud and not in the other. The caller holds
// file.mu.
func (f *file) each(what string, do func(*copyOf) error) error {
	var members []*clouds.Cloud
	for _, c := range f.targets() {
		members = append(members, c.cloud)
	}
	_, err := f.m.clouds.Settle(clouds.Change{
		What: what,
		Do:   func(cl *clouds.Cloud) error { return do(f.copies[cl.Index]) },
		Undo: clouds.Harmless,
		Skip: func(cl *clouds.Cloud, why error) { f.copies[cl.Index].err = why },
	}, members)
	f.targets()
	return err
}

// trim cuts what is left over beyond the committed length. Direct writes are
// there only while they are recovered, and are none of that.
func (f *file) trim() error {
	if !f.disk.Committed() || f.replacing || len(f.fresh) > 0 {
		return nil
	}
	size, err := f.m.layout.CipherSize(f.disk.Head.Length)
	if err != nil {
		return err
	}
	return f.each("truncate", func(c *copyOf) error {
		f.touched(c, 0, 0)
		return c.cut(size)
	})
}

// writeAt changes plaintext; with moves it moves mtime.
func (f *file) writeAt(p []byte, off int64, moves bool) error {
	if off < 0 {
		return ErrInvalid
	}
	if off > f.m.layout.MaxLength()-int64(len(p)) {
		return ErrTooLarge
	}
	if err := f.begin(); err != nil {
		return err
	}
	err := f.write(p, off)
	if err == nil && moves {
		f.mtime = f.m.clock()
	}
	large := err == nil && int64(len(f.pending.chunks))<<f.m.layout.ChunkLog2 >= maxCommit
	if large {
		err = f.seal(false)
	}
	f.mu.Unlock()
	if large {
		f.m.commits.enqueue(f)
	}
	if err == nil {
		err = f.m.relieve()
	}
	return err
}

// write is writeAt for a caller that holds file.mu and has begun.
func (f *file) write(p []byte, off int64) error {
	size := f.m.layout.ChunkSize()
	if off > f.length {
		if err := f.grow(off, true); err != nil {
			return err
		}
	}
	for end := off + int64(len(p)); off < end; {
		i := off / size
		stop := i
		for stop*size < end && (stop-i)*size < maxRun && f.direct(stop) {
			stop++
		}
		var n int64
		var err error
		if stop > i {
			n = min(stop*size, end) - off
			err = f.writeDirect(i, stop, p[:n], off)
		} else {
			n = min((i+1)*size, end) - off
			err = f.writePending(i, p[:n], off)
		}
		if err != nil {
			return err
		}
		p, off = p[n:], off+n
	}
	f.changed()
	return nil
}

// modified moves the times and starts the clock of the next commit.
func (f *file) modified() {
	f.mtime = f.m.clock()
	f.changed()
}

// changed notes a change of attributes or content that no commit has yet.
func (f *file) changed() {
	now := f.m.clock()
	f.ctime, f.attrs = now, true
	if f.dirtySince.IsZero() {
		f.dirtySince = now
	}
}

// direct reports whether chunk i has no record in any cloud and no version
// that covers it, so that writing it changes nothing that counts.
func (f *file) direct(i int64) bool {
	if f.recovering || f.pending.cut != uncut || f.logged.cut != uncut || f.moving.cut != uncut || i < f.covered {
		return false
	}
	_, where := f.find(i)
	return where == inHole
}

// writeDirect writes the chunks first to stop, of which p, at off, is the
// content, straight to every cloud.
func (f *file) writeDirect(first, stop int64, p []byte, off int64) error {
	size := f.m.layout.ChunkSize()
	length := max(f.length, off+int64(len(p)))
	plain := p
	if start, end := first*size, min(stop*size, length); start != off || end != off+int64(len(p)) {
		plain = f.m.buffer(int(end - start))
		defer f.m.recycle(plain)
		clear(plain)
		copy(plain[off-start:], p)
	}
	ids, last, err := f.m.ids(int(stop-first), f.base.Head.Version.Highest())
	if err != nil {
		return err
	}
	note := &journal.Entry{Op: journal.OpDirect, First: first, Count: stop - first, Length: length, Counter: last - uint64(len(ids)) + 1}
	if err := f.record(note); err != nil {
		return err
	}
	err = f.writeRun(&run{first: first, plain: plain, ids: ids})
	if err != nil {
		f.spoil(first, stop)
		return err
	}
	for k, c := range f.copies {
		if c.writes() {
			c.keys.Terms(&f.accs[k], first, ids, nil)
		}
	}
	f.length = length
	f.fresh.Add(first, stop)
	f.late.Add(first, stop)
	return nil
}

// parallelRun is how many bytes of a run are worth a second thread.
const parallelRun = 128 << 10

// writeRun seals a run for every copy and writes it, both halves of a long one
// at once.
func (f *file) writeRun(r *run) error {
	write := func(c *copyOf) error { return f.writeRecords(c, r) }
	if len(r.plain) >= parallelRun {
		targets := f.targets()
		head, tail := r.halves(f.m.layout.ChunkSize())
		early, late := make([]error, len(f.copies)), make([]error, len(f.copies))
		var wg sync.WaitGroup
		wg.Go(func() {
			for _, c := range targets {
				early[c.cloud.Index] = f.writeRecords(c, head)
			}
		})
		for _, c := range targets {
			late[c.cloud.Index] = f.writeRecords(c, tail)
		}
		wg.Wait()
		write = func(c *copyOf) error { return cmp.Or(early[c.cloud.Index], late[c.cloud.Index]) }
	}
	return f.each("write", write)
}

// writeRecords seals a run for one copy and writes it.
func (f *file) writeRecords(c *copyOf, r *run) error {
	records := f.m.buffer(len(r.plain) + cipher.RecordOverhead*len(r.ids))
	defer f.m.recycle(records)
	if err := c.keys.Seal(records, r.plain, r.first, r.ids); err != nil {
		return err
	}
	f.touched(c, r.first, r.first+int64(len(r.ids)))
	_, err := c.file.WriteAt(records, f.m.layout.RecordOffset(r.first))
	return err
}

// halves splits a run between two of its chunks. One that is a single chunk
// has an empty head.
func (r *run) halves(size int64) (head, tail *run) {
	n := int64(len(r.ids) / 2)
	head = &run{first: r.first, plain: r.plain[:n*size], ids: r.ids[:n]}
	return head, &run{first: r.first + n, plain: r.plain[n*size:], ids: r.ids[n:]}
}

// spoil makes chunks holes whose records may have been written in part.
func (f *file) spoil(first, stop int64) {
	for i := first; i < stop; i++ {
		f.pending.chunks[i] = &chunk{}
	}
	f.flags |= cipher.Sparse
}

// writePending changes one chunk in memory and in the log.
func (f *file) writePending(i int64, p []byte, off int64) error {
	c, err := f.lift(i)
	if err != nil {
		return err
	}
	counter, err := f.m.state.Reserve(1, f.base.Head.Version.Highest())
	if err != nil {
		return err
	}
	if err := f.record(&journal.Entry{Op: journal.OpWrite, Off: off, Counter: counter}, p); err != nil {
		return err
	}
	f.put(c, p, off-i*f.m.layout.ChunkSize())
	f.length = max(f.length, off+int64(len(p)))
	return nil
}

// put copies into a pending chunk, which grows as far as it must.
func (f *file) put(c *chunk, p []byte, within int64) {
	need := int(within) + len(p)
	if cap(c.data) < need {
		grown := make([]byte, len(c.data), f.m.layout.ChunkSize())
		f.charge(int64(cap(grown) - cap(c.data)))
		copy(grown, c.data)
		c.data = grown
	}
	if have := len(c.data); have < need {
		c.data = c.data[:need]
		if int(within) > have {
			clear(c.data[have:within])
		}
	}
	copy(c.data[within:], p)
}

// lift brings a chunk into the pending layer, where it may be changed. What
// it was no longer counts in acc.
func (f *file) lift(i int64) (*chunk, error) {
	if c, ok := f.pending.chunks[i]; ok {
		return c, nil
	}
	below, where := f.find(i)
	c := &chunk{}
	switch where {
	case inLayer:
		if below.data != nil {
			f.charge(f.m.layout.ChunkSize())
			c.data = append(make([]byte, 0, f.m.layout.ChunkSize()), below.data...)
			f.count(i, below.id)
		}
	case onClouds:
		f.charge(f.m.layout.ChunkSize())
		c.data = make([]byte, f.chunkLen(i), f.m.layout.ChunkSize())
		r := newRun(i, 1, c.data)
		if err := f.fetch(r); err != nil {
			f.charge(-f.m.layout.ChunkSize())
			return nil, fmt.Errorf("write: %w", err)
		}
		if r.states[0] == cipher.RecordOK {
			f.count(i, r.ids[0])
		}
	}
	f.pending.chunks[i] = c
	f.fresh.Remove(i)
	return c, nil
}

// count adds the term of one record to every acc, or takes it away.
func (f *file) count(i int64, id cipher.WriteID) {
	for k, c := range f.copies {
		if c.serves() {
			c.keys.Terms(&f.accs[k], i, []cipher.WriteID{id}, nil)
		}
	}
}

// charge counts memory that changes take until they are applied.
func (f *file) charge(n int64) {
	f.reserved += n
	f.m.pending.Add(n)
}
