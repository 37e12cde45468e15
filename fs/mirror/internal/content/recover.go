package content

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Recovery is a file whose changes since its last version are done again, after
// a kill of the process: the log's changes in their order, over the records that
// were written directly. They stay in the log, under the reference that they
// have there, until a version holds them.
type Recovery struct {
	*File
	strays journal.Spans // what was written directly; it may be there in part
	ended  bool          // a change could not be done again: none after it is
	waits  bool          // the next mount does them again, all
}

// Recover begins the recovery of a file that is held, whose changes the log has
// from an entry on, under a reference. A cloud that cannot be asked for its copy
// goes out, as before any other change.
func (f *File) Recover(ref, from uint64) (*Recovery, error) {
	if err := (binder{f}).prepare(); err != nil {
		return nil, err
	}
	f.Recovering, f.ref = true, ref
	f.s.commits.Keep(f, from)
	return &Recovery{File: f}, nil
}

// AcquireNew opens a file that never had a version: its headers are DIRTY and
// its records are in no vector. It fails where that is not so, or the file is
// open.
func (o *Object) AcquireNew(id cipher.ID) (Holder, error) {
	s := o.s
	s.names.RLock()
	defer s.names.RUnlock()
	if o.open.Load() != nil {
		return Holder{}, ErrStale
	}
	f := s.newFile(o)
	now := s.Clock()
	f.Mtime, f.Attrs, f.Since = now, true, now
	f.Sealed.Head = cipher.Header{Type: cipher.TypeFile, FileID: id}
	f.Copies.Source = -1
	for _, cl := range s.Clouds.Ups() {
		path, ok := o.Path(cl.Index)
		c := s.Load(cl, path, ok, unix.S_IFREG)
		f.Copies.List[cl.Index] = c
		if !errors.Is(c.Err, replica.ErrArriving) || c.Head.FileID != id || len(c.Head.Version) > 0 {
			continue
		}
		if c.Err = nil; f.Copies.Source < 0 {
			f.Copies.Source = cl.Index
		}
	}
	if f.Copies.Source < 0 {
		err := f.Copies.Unreadable("recover")
		f.Copies.Close()
		return Holder{}, err
	}
	o.Ref()
	o.open.Store(f)
	return Holder{f}, nil
}

// Redo does one change again, unless one before it could not be done: without
// that, those after it would make a file that no program has seen. What is
// damaged ends the recovery; what did not answer may do so at the next mount, and
// until then the file waits as it is.
func (r *Recovery) Redo(e *journal.Entry) {
	if r.waits {
		return
	}
	if !r.ended {
		err := r.reapply(e)
		if err == nil {
			return
		}
		if r.waits = copies.NoAnswer(err); r.waits {
			r.Env.Logger.Error("the recovery of a file has to wait for the next mount", "file", r.Ino(), "entry", e.Seq, "operation", e.Op, "error", err)
			return
		}
		r.ended = true
		r.Env.Logger.Error("the recovery of a file ends before its last changes; what came before is kept",
			"file", r.Ino(), "entry", e.Seq, "operation", e.Op, "error", err)
	}
	r.leaveOut(e)
}

// Waits reports whether the file is left to the next mount. The log is to be
// kept for it, by other means.
func (r *Recovery) Waits() bool {
	if r.waits {
		r.s.commits.Untrack(r.File)
	}
	return r.waits
}

// leaveOut clears the clouds of what a change left there that is not done
// again.
func (r *Recovery) leaveOut(e *journal.Entry) {
	switch e.Op {
	case journal.OpDirect:
		r.strays.Add(e.First, e.First+e.Count)
	case journal.OpFresh:
		dir, ok := r.o.Parent()
		if !ok {
			return
		}
		for _, cl := range r.Env.Clouds.Ups() {
			if e.Temps[cl.Index] == "" {
				continue
			}
			path, _ := dir.Path(cl.Index)
			if err := cl.Dir.Remove(replica.Join(path, e.Temps[cl.Index])); err != nil && !replica.Missing(err) {
				r.Env.Logger.Warn("a temporary file stays behind", "cloud", cl.Name, "error", err)
			}
		}
	}
}

// reapply does one change again, in memory.
func (r *Recovery) reapply(e *journal.Entry) error {
	r.lock()
	defer r.unlock()
	ed := editor{r.File}
	switch e.Op {
	case journal.OpCreate, journal.OpAttr:
		a := e.Attrs
		r.Mode, r.UID, r.GID, r.Mtime = *a.Mode, *a.UID, *a.GID, *a.Mtime
		r.Attrs = true
	case journal.OpDirect:
		return r.readopt(ed, e)
	case journal.OpWrite:
		return r.rewrite(ed, e)
	case journal.OpSize:
		return ed.Resize(e.Length)
	case journal.OpZero:
		_, err := ed.Zero(e.Off, e.Off+e.Length)
		return err
	case journal.OpFresh:
		r.strays = nil
		return r.reswitch(ed, e)
	}
	return nil
}

func (r *Recovery) rewrite(ed editor, e *journal.Entry) error {
	length, flags := r.Length, r.Flags
	var err error
	if e.Off > length {
		err = ed.Grow(e.Off, true)
	}
	if err == nil {
		err = ed.WriteChunk(e.Off/r.Env.Layout.ChunkSize(), e.Data, e.Off)
	}
	if err != nil {
		r.Length, r.Flags = length, flags // no length without the bytes for which it was
	}
	return err
}

// readopt takes over records that were written directly. One that is not in
// every cloud as it should be becomes a change of the draft, which brings it
// there, and so does one of a writer that this machine is no more: since the kill
// the vault was copied, or its state was damaged, and no version would cover it.
func (r *Recovery) readopt(ed editor, e *journal.Entry) error {
	size := r.Env.Layout.ChunkSize()
	r.strays.Add(e.First, e.First+e.Count)
	for i := e.First; i < e.First+e.Count; i++ {
		n := min(size, e.Length-i*size)
		plain := make([]byte, n)
		id, everywhere, err := r.directRecord(i, plain, [2]uint64{e.Counter, e.Counter + uint64(e.Count)})
		if errors.Is(err, replica.ErrMissing) {
			continue
		}
		if err != nil {
			return err
		}
		if everywhere && id.Writer() == r.Env.Writer() {
			r.Length = max(r.Length, i*size+n)
			ed.Count(i, id)
			r.Layers.Direct.Add(i, i+1)
			for _, c := range r.Copies.Targets() {
				r.Copies.Touched(c, i, i+1)
			}
			continue
		}
		if err := ed.WriteChunk(i, plain, i*size); err != nil {
			return err
		}
	}
	return nil
}

// directRecord reads a record that was written directly, with a counter in
// window, from any copy, and tells whether every copy has it. ErrMissing means
// that none has, any other error that nobody can say.
func (r *Recovery) directRecord(i int64, plain []byte, window [2]uint64) (id cipher.WriteID, everywhere bool, err error) {
	everywhere, err = true, replica.ErrMissing
	run := replica.NewRun(i, 1, make([]byte, len(plain)))
	raw := make([]byte, run.Raw())
	for _, c := range r.Copies.Targets() {
		_, failed := c.ReadInto(run, raw)
		got := run.IDs[0]
		switch {
		case failed == nil && run.States[0] == cipher.RecordOK && got.Counter() >= window[0] && got.Counter() < window[1]:
			if err != nil {
				id, err = got, nil
				copy(plain, run.Plain)
			}
			continue
		case failed != nil && err != nil:
			err = failed
		}
		everywhere = false
	}
	return id, everywhere && err == nil, err
}

// reswitch goes on in fresh backing files that an earlier run made.
func (r *Recovery) reswitch(ed editor, e *journal.Entry) error {
	dir, ok := r.o.Parent()
	if !ok {
		return ErrStale
	}
	fresh := make([]*copies.Copy, len(r.Copies.List))
	found := 0
	for _, c := range r.Copies.Targets() {
		k := c.On.Index
		if e.Temps[k] == "" {
			continue
		}
		path, _ := dir.Path(k)
		fresh[k] = copies.New(c.On, [16]byte(e.Salts[k]))
		fresh[k].Beside = e.Temps[k]
		if err := fresh[k].Reopen(replica.Join(path, e.Temps[k])); err == nil {
			found++
		} else if !replica.Missing(err) {
			return err
		}
	}
	if found == 0 {
		return nil // it was killed before the first one was made
	}
	for k, c := range fresh {
		if c != nil && c.File == nil {
			path, _ := dir.Path(k)
			if err := c.Make(replica.Join(path, c.Beside), cipher.BackingMode(r.Mode, false), r.Sealed.Head.FileID); err != nil {
				return err
			}
		}
	}
	ed.switchTo(fresh, dir)
	return nil
}

// Finish clears what is no longer part of the file, and hands it to the next
// round, which commits it.
func (r *Recovery) Finish() error {
	r.Recovering = false
	if err := (binder{r.File}).prepare(); err != nil {
		return err
	}
	if err := r.clear(); err != nil {
		return err
	}
	r.s.commits.Enqueue(r.File)
	return nil
}

// End gives the file back.
func (r *Recovery) End() {
	r.Recovering = false
	r.Release()
}

func (r *Recovery) clear() error {
	r.lock()
	defer r.unlock()
	if err := r.clearStray(); err != nil {
		return err
	}
	if r.Since.IsZero() {
		r.Since = time.Unix(0, 0)
	}
	return nil
}

// clearStray cuts what lies beyond the recovered length, and clears records
// that were written in part, or that a change removed after they were written.
// A record that a change made shorter stays whole until its version is in the
// log: should this recovery be killed, the next one begins with it.
func (r *Recovery) clearStray() error {
	if r.Layers.Draft.Cut != layer.Uncut {
		return nil // the commit cuts all that it does not write
	}
	stored := &r.Copies.Stored
	layout := r.Env.Layout
	end := layout.RecordOffset(layout.Records(max(r.Length, stored.Head.Length)))
	return r.Copies.Each("truncate", func(c *copies.Copy) error {
		r.Copies.Touched(c, 0, 0)
		copies.Forget(&r.Copies, c, layout.Records(max(r.Length, stored.Head.Length)))
		before, err := c.File.Stat()
		if err != nil {
			return err
		}
		if err := c.Cut(end); err != nil {
			return err
		}
		if err := r.clearRecords(c); err != nil || !stored.Committed() || cipher.HeaderDecides(before.Mode) {
			return err
		}
		// What was written directly has moved the mtime, and no commit may follow.
		mtime := time.Unix(stored.Head.MtimeSec, int64(stored.Head.MtimeNsec))
		return c.File.Chtimes(cloud.Times{Mtime: &mtime})
	})
}

// clearRecords makes holes, in one copy, of records that are in no layer and in
// no version.
func (r *Recovery) clearRecords(c *copies.Copy) error {
	layout := r.Env.Layout
	records := layout.Records(r.Length)
	for _, s := range r.strays {
		for i := max(s.Lo, r.Covered); i < min(s.Hi, records); i++ {
			if _, where := r.Find(i); where != layer.InHole {
				continue
			}
			if _, err := c.File.WriteAt(make([]byte, layout.RecordSize(i, r.Length)), layout.RecordOffset(i)); err != nil {
				return err
			}
		}
	}
	return nil
}
