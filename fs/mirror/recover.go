package mirror

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// recovered is a file whose changes since its last commit are done again.
type recovered struct {
	*file
	strays journal.Spans // what was written directly; it may be there in part
	ended  bool          // a change could not be done again: none after it is
	waits  bool          // the next mount does them again, all
}

// recover brings back, after a kill of the process, what had reached the
// mirror and was in no commit yet: the log's changes in their order, over the
// records that were written directly. They stay in the log, under the names
// that they have there, until a commit holds them.
func (r *replayer) recover() error {
	files := map[uint64]*recovered{}
	defer func() {
		for _, f := range files {
			if f != nil {
				f.recovering = false
				f.release()
			}
		}
	}()
	err := r.each(func(at int, e *journal.Entry) error {
		f := r.refs[e.Ref]
		if e.Ref == 0 || f == nil || at <= f.commit || f.change <= f.commit {
			return nil
		}
		open, known := files[e.Ref]
		if !known {
			open = r.reopen(e.Ref, f)
			files[e.Ref] = open
		}
		if open == nil {
			return nil
		}
		r.redoChange(open, r.seqs[at], e)
		return nil
	})
	if err != nil {
		return err
	}
	for _, number := range slices.Sorted(maps.Keys(files)) {
		switch f := files[number]; {
		case f == nil:
		case f.waits:
			r.m.commits.untrack(f.file)
			r.wait(r.fold.Ref(number))
		default:
			if err := r.commitRecovered(f); err != nil {
				return err
			}
			r.m.commits.enqueue(f.file)
		}
	}
	return nil
}

// wait leaves a file to the next mount.
func (r *replayer) wait(thing *journal.Thing) {
	r.m.commits.pin = r.seqs[0]
	r.m.waiting.add(thing)
}

// reopen opens a file that the log names, at the place where it is now. It
// returns nil where there is nothing left to recover.
func (r *replayer) reopen(number uint64, f *ref) *recovered {
	m := r.m
	thing := r.fold.Ref(number)
	where, alive := thing.Path()
	if !alive || thing.Kind != unix.S_IFREG {
		return nil
	}
	n, open, err := r.walkOpen(where, thing.ID())
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			m.logger.Error("a file cannot be recovered", "error", err)
			if noAnswer(err) {
				r.wait(thing)
			}
		}
		return nil
	}
	defer n.Forget()
	if open.base.Head.FileID != thing.ID() {
		open.release()
		return nil
	}
	if f.known && cipher.Compare(open.base.Head.Version, f.on) != cipher.Equal {
		m.logger.Error("changes that were in no version yet are not done again: the file has another version now", "file", n.ino)
		m.commits.pin = r.seqs[0]
		open.release()
		return nil
	}
	open.recovering, open.ref = true, number
	m.commits.keep(open, r.seqs[f.at])
	return &recovered{file: open}
}

// walkOpen finds a file and opens it. What was written beyond the length in its
// header makes it stale, once.
func (r *replayer) walkOpen(path string, id cipher.ID) (n *Node, open *file, err error) {
	for range 2 {
		if n, err = r.m.Walk(path); err != nil {
			return nil, nil, err
		}
		if n.file.Load() == nil {
			if open, err = r.loadNew(n, id); err == nil {
				return n, open, nil
			}
		}
		if open, err = r.m.acquire(n); err == nil {
			return n, open, nil
		}
		n.Forget()
		if !errors.Is(err, ErrStale) {
			break
		}
	}
	return nil, nil, err
}

// loadNew opens a file that never had a version: its headers are DIRTY and its
// records are in no vector.
func (r *replayer) loadNew(n *Node, id cipher.ID) (*file, error) {
	m := r.m
	m.names.RLock()
	defer m.names.RUnlock()
	now := m.clock()
	open := &file{
		m: m, n: n, order: m.orders.Add(1), refs: 1, copies: make([]*copyOf, m.clouds.N()), source: -1,
		pending: newLayer(), logged: newLayer(), moving: newLayer(),
		mtime: now, attrs: true, dirtySince: now, accs: make([]cipher.Acc, m.clouds.N()),
	}
	open.base.Head = cipher.Header{Type: cipher.TypeFile, FileID: id}
	for _, cl := range m.clouds.Ups() {
		c := m.loadCopy(n, cl)
		open.copies[cl.Index] = c
		if !errors.Is(c.err, ErrArriving) || c.head.FileID != id || len(c.head.Version) > 0 {
			continue
		}
		if c.err = nil; open.source < 0 {
			open.source = cl.Index
		}
	}
	if open.source < 0 {
		err := unreadable("recover", open.copies, m.clouds.All())
		for _, c := range open.copies {
			c.close()
		}
		return nil, err
	}
	n.Ref()
	n.file.Store(open)
	return open, nil
}

// redoChange does one change again, unless one before it could not be done:
// without that, those after it would make a file that no program has seen. What
// is damaged ends the recovery; what did not answer may do so at the next mount,
// and until then the file waits as it is.
func (r *replayer) redoChange(f *recovered, seq uint64, e *journal.Entry) {
	if f.waits {
		return
	}
	if !f.ended {
		err := r.reapply(f, e)
		if err == nil {
			return
		}
		if f.waits = noAnswer(err); f.waits {
			r.m.logger.Error("the recovery of a file has to wait for the next mount", "file", f.n.ino, "entry", seq, "operation", e.Op, "error", err)
			return
		}
		f.ended = true
		r.m.logger.Error("the recovery of a file ends before its last changes; what came before is kept",
			"file", f.n.ino, "entry", seq, "operation", e.Op, "error", err)
	}
	r.leaveOut(f, e)
}

// noAnswer reports an error that says nothing of what is there, of any cloud.
func noAnswer(err error) bool {
	var all *UnreadableError
	if errors.As(err, &all) {
		return slices.ContainsFunc(all.Clouds, func(c CloudError) bool { return noAnswer(c.Err) })
	}
	return clouds.FaultOf(err) != clouds.Strayed
}

// leaveOut clears the clouds of what a change left there that is not done
// again.
func (r *replayer) leaveOut(f *recovered, e *journal.Entry) {
	switch e.Op {
	case journal.OpDirect:
		f.strays.Add(e.First, e.First+e.Count)
	case journal.OpFresh:
		dir, ok := f.n.parent()
		if !ok {
			return
		}
		for _, cl := range r.m.clouds.Ups() {
			if e.Temps[cl.Index] == "" {
				continue
			}
			path, _ := dir.path(cl.Index)
			if err := cl.Dir.Remove(replica.Join(path, e.Temps[cl.Index])); err != nil && !replica.Missing(err) {
				r.m.logger.Warn("a temporary file stays behind", "cloud", cl.Name, "error", err)
			}
		}
	}
}

// reapply does one change again, in memory.
func (r *replayer) reapply(f *recovered, e *journal.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch e.Op {
	case journal.OpCreate, journal.OpAttr:
		a := e.Attrs
		f.mode, f.uid, f.gid, f.mtime = *a.Mode, *a.UID, *a.GID, *a.Mtime
		f.attrs = true
	case journal.OpDirect:
		return r.readopt(f, e)
	case journal.OpWrite:
		return r.rewritePending(f, e)
	case journal.OpSize:
		return f.resize(e.Length)
	case journal.OpZero:
		return f.zero(e.Off, e.Off+e.Length)
	case journal.OpFresh:
		f.strays = nil
		return r.reswitch(f.file, e)
	}
	return nil
}

func (r *replayer) rewritePending(f *recovered, e *journal.Entry) error {
	length, flags := f.length, f.flags
	var err error
	if e.Off > length {
		err = f.grow(e.Off, true)
	}
	if err == nil {
		err = f.writePending(e.Off/f.m.layout.ChunkSize(), e.Data, e.Off)
	}
	if err != nil {
		f.length, f.flags = length, flags // no length without the bytes for which it was
	}
	return err
}

// readopt takes over records that were written directly. One that is not in
// every cloud as it should be becomes a pending change, which brings it there.
func (r *replayer) readopt(f *recovered, e *journal.Entry) error {
	size := f.m.layout.ChunkSize()
	f.strays.Add(e.First, e.First+e.Count)
	for i := e.First; i < e.First+e.Count; i++ {
		n := min(size, e.Length-i*size)
		plain := make([]byte, n)
		id, everywhere, err := r.directRecord(f.file, i, plain, [2]uint64{e.Counter, e.Counter + uint64(e.Count)})
		if errors.Is(err, ErrMissing) {
			continue
		}
		if err != nil {
			return err
		}
		if everywhere {
			f.length = max(f.length, i*size+n)
			f.count(i, id)
			f.fresh.Add(i, i+1)
			for _, c := range f.targets() {
				f.touched(c, i, i+1)
			}
			continue
		}
		if err := f.writePending(i, plain, i*size); err != nil {
			return err
		}
	}
	return nil
}

// directRecord reads a record that was written directly, with a counter in
// window, from any copy, and tells whether every copy has it. ErrMissing means
// that none has, any other error that nobody can say.
func (r *replayer) directRecord(f *file, i int64, plain []byte, window [2]uint64) (id cipher.WriteID, everywhere bool, err error) {
	everywhere, err = true, ErrMissing
	scratch := make([]byte, len(plain))
	for _, c := range f.targets() {
		got, failed := recordAt(c, f.m.layout, i, scratch)
		switch {
		case failed == nil && got.Counter() >= window[0] && got.Counter() < window[1]:
			if err != nil {
				id, err = got, nil
				copy(plain, scratch)
			}
			continue
		case failed != nil && err != nil && !errors.Is(failed, ErrTruncated) && !errors.Is(failed, ErrDamaged):
			err = failed
		}
		everywhere = false
	}
	return id, everywhere && err == nil, err
}

// reswitch goes on in fresh backing files that an earlier run made.
func (r *replayer) reswitch(f *file, e *journal.Entry) error {
	dir, ok := f.n.parent()
	if !ok {
		return ErrStale
	}
	fresh := make([]*copyOf, len(f.copies))
	found := 0
	for _, c := range f.targets() {
		k := c.cloud.Index
		if e.Temps[k] == "" {
			continue
		}
		path, _ := dir.path(k)
		fresh[k] = &copyOf{cloud: c.cloud, head: &cipher.Header{Salt: [16]byte(e.Salts[k])}, temp: e.Temps[k], tempDir: dir, ours: true}
		if err := fresh[k].reopen(replica.Join(path, e.Temps[k])); err == nil {
			found++
		} else if !replica.Missing(err) {
			return err
		}
	}
	if found == 0 {
		return nil // it was killed before the first one was made
	}
	for k, c := range fresh {
		if c != nil && c.file == nil {
			path, _ := dir.path(k)
			if err := c.create(replica.Join(path, c.temp), cipher.BackingMode(f.mode, false), f.base.Head.FileID); err != nil {
				return err
			}
		}
	}
	return f.switchTo(fresh)
}

// reopen opens a backing file that an earlier run made under a salt that is
// known.
func (c *copyOf) reopen(path string) error {
	file, err := c.cloud.Dir.Open(path, true)
	if err != nil {
		return err
	}
	if c.keys, err = c.cloud.Keys.NewFile(cipher.TypeFile, c.head.Salt); err != nil {
		file.Close()
		return err
	}
	c.file = file
	return nil
}

// commitRecovered clears what is no longer part of a recovered file, and lets
// the next round commit it.
func (r *replayer) commitRecovered(f *recovered) error {
	f.recovering = false
	if err := f.prepare(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.clearStray(); err != nil {
		return err
	}
	if f.dirtySince.IsZero() {
		f.dirtySince = time.Unix(0, 0)
	}
	return nil
}

// clearStray cuts what lies beyond the recovered length, and clears records
// that were written in part, or that a change removed after they were written.
// A record that a change made shorter stays whole until its commit is in the
// log: should this recovery be killed, the next one begins with it.
func (f *recovered) clearStray() error {
	if f.pending.cut != uncut {
		return nil // the commit cuts all that it does not write
	}
	layout := f.m.layout
	end := layout.RecordOffset(layout.Records(max(f.length, f.disk.Head.Length)))
	return f.each("truncate", func(c *copyOf) error {
		f.touched(c, 0, 0)
		before, err := c.file.Stat()
		if err != nil {
			return err
		}
		if err := c.cut(end); err != nil {
			return err
		}
		if err := f.clearRecords(c); err != nil || !f.disk.Committed() || cipher.HeaderDecides(before.Mode) {
			return err
		}
		// What was written directly has moved the mtime, and no commit may follow.
		mtime := time.Unix(f.disk.Head.MtimeSec, int64(f.disk.Head.MtimeNsec))
		return c.file.Chtimes(cloud.Times{Mtime: &mtime})
	})
}

// clearRecords makes holes, in one copy, of records that are in no layer and in
// no version.
func (f *recovered) clearRecords(c *copyOf) error {
	layout := f.m.layout
	records := layout.Records(f.length)
	for _, s := range f.strays {
		for i := max(s.Lo, f.covered); i < min(s.Hi, records); i++ {
			if _, where := f.find(i); where != inHole {
				continue
			}
			if _, err := c.file.WriteAt(make([]byte, layout.RecordSize(i, f.length)), layout.RecordOffset(i)); err != nil {
				return err
			}
		}
	}
	return nil
}
