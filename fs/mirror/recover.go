package mirror

import (
	"errors"
	"io"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
)

// recover brings back, after a kill of the process, what had reached the
// mirror and was in no commit yet: the log's changes in their order, over the
// records that were written directly.
func (r *replayer) recover() error {
	files := map[uint64]*file{}
	defer func() {
		for _, f := range files {
			f.recovering = false
			f.release()
		}
	}()
	at := -1
	err := r.m.log.Replay(func(_ uint64, payload []byte) error {
		if at++; at >= len(r.entries) {
			return nil
		}
		number := r.entries[at].Ref
		f := r.refs[number]
		if number == 0 || f == nil || f.change < 0 || at <= f.commit || f.change <= f.commit {
			return nil
		}
		e, err := parseEntry(payload)
		if err != nil {
			return err
		}
		if files[number] == nil {
			if files[number] = r.reopen(f); files[number] == nil {
				f.change = -1
				return nil
			}
		}
		if err := r.reapply(files[number], e); err != nil {
			r.m.logger.Error("a change is lost", "operation", e.Op, "error", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := r.commitRecovered(f); err != nil {
			r.m.logger.Error("a recovered file cannot be committed", "error", err)
			continue
		}
		r.m.commits.enqueue(f)
	}
	return nil
}

// reopen opens a file that the log names, at the place where it is now. It
// returns nil where there is nothing left to recover.
func (r *replayer) reopen(f *ref) *file {
	m := r.m
	where, alive := r.final(f.path, f.at)
	if !alive || f.kind != unix.S_IFREG {
		return nil
	}
	n, err := m.Walk(where)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			m.logger.Error("a file cannot be recovered", "error", err)
		}
		return nil
	}
	defer n.Forget()
	var open *file
	if n.file.Load() == nil {
		open, err = r.loadNew(n, f)
	}
	if open == nil {
		open, err = m.acquire(n)
	}
	if err != nil {
		m.logger.Error("a file cannot be recovered", "error", err)
		return nil
	}
	if open.base.head.FileID != f.file {
		open.release()
		return nil
	}
	open.recovering = true
	return open
}

// loadNew opens a file that never had a version: its headers are DIRTY and its
// records are in no vector.
func (r *replayer) loadNew(n *Node, f *ref) (*file, error) {
	m := r.m
	m.names.RLock()
	defer m.names.RUnlock()
	now := m.clock()
	open := &file{
		m: m, n: n, order: m.orders.Add(1), refs: 1, copies: make([]*copyOf, len(m.members)), source: -1,
		pending: newLayer(), logged: newLayer(), moving: newLayer(),
		mtime: now, attrs: true, dirtySince: now, accs: make([]cipher.Acc, len(m.members)),
	}
	open.base.head = cipher.Header{Type: cipher.TypeFile, FileID: f.file}
	for _, mb := range m.ups() {
		c := m.loadCopy(n, mb)
		open.copies[mb.index] = c
		if !errors.Is(c.err, ErrArriving) || c.head.FileID != f.file || len(c.head.Version) > 0 {
			continue
		}
		if c.err = nil; open.source < 0 {
			open.source = mb.index
		}
	}
	if open.source < 0 {
		err := unreadable("recover", open.copies, m.members)
		for _, c := range open.copies {
			c.close()
		}
		return nil, err
	}
	n.Ref()
	n.file.Store(open)
	return open, nil
}

// reapply does one change again, in memory.
func (r *replayer) reapply(f *file, e *entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch e.Op {
	case opCreate, opAttr:
		a := e.Attrs
		f.mode, f.uid, f.gid, f.mtime = *a.Mode, *a.UID, *a.GID, *a.Mtime
		f.attrs = true
	case opDirect:
		return r.readopt(f, e)
	case opWrite:
		if e.Off > f.length {
			if err := f.grow(e.Off, true); err != nil {
				return err
			}
		}
		i := e.Off / f.m.layout.ChunkSize()
		return f.writePending(i, e.data, e.Off)
	case opSize:
		return f.resize(e.Length)
	case opZero:
		return f.zero(e.Off, e.Off+e.Length)
	case opFresh:
		return r.reswitch(f, e)
	}
	return nil
}

// readopt takes over records that were written directly. One that is not in
// every cloud as it should be becomes a pending change, which brings it there.
func (r *replayer) readopt(f *file, e *entry) error {
	size := f.m.layout.ChunkSize()
	for i := e.First; i < e.First+e.Count; i++ {
		n := min(size, e.Length-i*size)
		plain := make([]byte, n)
		id, everywhere, ok := r.directRecord(f, i, plain, [2]uint64{e.Counter, e.Counter + uint64(e.Count)})
		if !ok {
			continue
		}
		if end := i*size + n; end > f.length {
			f.length = end
		}
		if everywhere {
			f.count(i, id)
			f.fresh.add(i, i+1)
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
// window, from any copy, and tells whether every copy has it.
func (r *replayer) directRecord(f *file, i int64, plain []byte, window [2]uint64) (id cipher.WriteID, everywhere, ok bool) {
	everywhere = true
	scratch := make([]byte, len(plain))
	for _, c := range f.targets() {
		got, whole := readRecord(c, f.m.layout, i, scratch)
		if !whole || got.Counter() < window[0] || got.Counter() >= window[1] {
			everywhere = false
			continue
		}
		if !ok {
			id, ok = got, true
			copy(plain, scratch)
		}
	}
	return id, everywhere && ok, ok
}

// reswitch goes on in fresh backing files that an earlier run made.
func (r *replayer) reswitch(f *file, e *entry) error {
	dir, ok := f.n.parent()
	if !ok {
		return ErrStale
	}
	fresh := make([]*copyOf, len(f.copies))
	found := 0
	for _, c := range f.targets() {
		k := c.mb.index
		if e.Temps[k] == "" {
			continue
		}
		path, _ := dir.path(k)
		fresh[k] = &copyOf{mb: c.mb, head: &cipher.Header{Salt: [16]byte(e.Salts[k])}, temp: e.Temps[k], tempDir: dir, ours: true}
		if err := fresh[k].reopen(join(path, e.Temps[k])); err == nil {
			found++
		} else if !missing(err) {
			return err
		}
	}
	if found == 0 {
		return nil // it was killed before the first one was made
	}
	for k, c := range fresh {
		if c != nil && c.file == nil {
			path, _ := dir.path(k)
			if err := c.create(join(path, c.temp), backingMode(f.mode, false), f.base.head.FileID); err != nil {
				return err
			}
		}
	}
	return f.switchTo(fresh)
}

// reopen opens a backing file that an earlier run made under a salt that is
// known.
func (c *copyOf) reopen(path string) error {
	file, err := c.mb.dir.Open(path, true)
	if err != nil {
		return err
	}
	if c.keys, err = c.mb.keys.NewFile(cipher.TypeFile, c.head.Salt); err != nil {
		file.Close()
		return err
	}
	c.file = file
	return nil
}

// commitRecovered clears what is no longer part of a recovered file, and lets
// the next round commit it.
func (r *replayer) commitRecovered(f *file) error {
	f.recovering = false
	if err := f.begin(); err != nil {
		return err
	}
	defer f.mu.Unlock()
	if err := f.clearHoles(); err != nil {
		return err
	}
	if f.dirtySince.IsZero() {
		f.dirtySince = time.Unix(0, 0)
	}
	return nil
}

// clearHoles cuts what lies beyond the recovered length and the committed one,
// and clears records beyond the committed ones that are no part of the file.
func (f *file) clearHoles() error {
	size, err := f.m.layout.CipherSize(max(f.length, f.disk.head.Length))
	if err != nil {
		return err
	}
	return f.each("truncate", func(c *copyOf) error {
		f.touched(c, 0, 0)
		if err := c.cut(size); err != nil {
			return err
		}
		return f.clearHolesIn(c)
	})
}

func (f *file) clearHolesIn(c *copyOf) error {
	layout := f.m.layout
	for i := f.covered; i < layout.Records(f.length); i++ {
		data, err := c.file.SeekData(layout.RecordOffset(i))
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		// A hole of the backing file may be larger than any memory.
		if i = max(i, (data-cipher.HeaderSize)/(layout.ChunkSize()+cipher.RecordOverhead)); i >= layout.Records(f.length) {
			return nil
		}
		if _, where := f.find(i); where != inHole {
			continue
		}
		if _, err := c.file.WriteAt(make([]byte, layout.RecordSize(i, f.length)), layout.RecordOffset(i)); err != nil {
			return err
		}
	}
	return nil
}
