package mirror

// An orphan is a file that no name leads to any more, and that somebody has
// open. No mount will find it, so that no version of it counts: what changes is
// written in place, without log or header, and stays in memory no longer than
// the call that changes it.

// end ends a change that has come to err so far. The caller holds file.mu.
func (f *file) end(err error) error {
	if err == nil && f.orphan {
		return f.sink()
	}
	return err
}

// sink writes to the clouds all that an orphan has in its layers. Its headers
// there stay as they are; what they would say is known here alone. The caller
// holds file.mu.
func (f *file) sink() error {
	if !f.unsealed() && f.logged.empty() && f.moving.empty() {
		return nil
	}
	indices, next, err := f.draft()
	if err != nil {
		return err
	}
	f.adoptSeal(indices, next)
	f.merge()
	w := &work{f: f, from: f.disk, to: f.base, first: true, changes: true}
	size, err := f.m.layout.CipherSize(f.length)
	if err != nil {
		return err
	}
	if err := f.each("write", func(c *copyOf) error { return w.writeInPlace(c, size) }); err != nil {
		return err
	}
	f.charge(-f.moving.bytes())
	f.moving, f.disk = newLayer(), f.base
	f.floor = f.m.layout.Records(f.length)
	f.covered, f.fresh, f.late = f.floor, nil, nil
	for _, c := range f.targets() {
		head := f.disk.Head
		head.Salt, head.Acc = c.head.Salt, f.disk.Accs[c.mb.index]
		c.head = &head
	}
	return nil
}

// writeInPlace brings the moving layer to one copy of an orphan.
func (w *work) writeInPlace(c *copyOf, size int64) error {
	f := w.f
	f.touched(c, 0, 0)
	if f.moving.cut != uncut {
		if err := c.cut(f.m.layout.RecordOffset(f.moving.cut)); err != nil {
			return err
		}
	}
	if err := w.writeChunks(c); err != nil {
		return err
	}
	info, err := c.file.Stat()
	if err != nil || info.Size == size {
		return err
	}
	return c.file.Truncate(size)
}

// orphaned makes an orphan of an open file. The caller holds Mirror.names for
// writing and the file's applying lock.
func (f *file) orphaned() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.orphan = true
	f.discard()
	f.ref, f.replacing = 0, false
	f.m.commits.orphan(f)
}

// openBeforeUnlink opens for writing what was put off, while there is a name to
// open it by. The caller holds Mirror.names.
func (f *file) openBeforeUnlink() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.copies {
		if !c.serves() || c.writable != errLater {
			continue
		}
		if path, ok := f.n.path(c.mb.index); ok && c.temp == "" {
			if err := c.openForWriting(path); err != nil {
				c.writable = err
			}
			f.touched(c, 0, 0)
		}
	}
}

// orphan lets the log go on without a file, and remembers it for as long as it
// has something in memory.
func (c *committer) orphan(f *file) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.bound, f)
	if f.reserved > 0 {
		c.orphans[f] = true
	}
}

func (c *committer) forgetOrphan(f *file) {
	c.mu.Lock()
	delete(c.orphans, f)
	c.mu.Unlock()
}

// sinkOrphans writes what orphans had in memory before they became such.
func (m *Mirror) sinkOrphans() error {
	m.commits.mu.Lock()
	orphans := m.commits.orphans
	m.commits.orphans = map[*file]bool{}
	m.commits.mu.Unlock()
	var failed error
	for f := range orphans {
		if !f.hold() {
			continue
		}
		f.mu.Lock()
		err := f.sink()
		if err != nil {
			m.commits.orphan(f)
			failed = err
		}
		f.mu.Unlock()
		f.release()
	}
	return failed
}
