package mirror

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// work is one sealed version on its way to the clouds. While it exists its
// changes are the file's moving layer and file.applying is held.
type work struct {
	f        *file
	from, to journal.Sealed
	first    bool // nothing committed is at stake: no DIRTY header, no sync
	replace  bool // the copies are fresh backing files, which replace the old ones
	changes  bool // records change, and not only the header

	results []error // by cloud, of those that were tried
}

// take moves the logged layer to the moving one. It returns nil if the clouds
// have the version already. The caller holds file.applying.
func (f *file) take() *work {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.orphan || f.base.Head.CommitID == f.disk.Head.CommitID {
		return nil
	}
	if f.moving.empty() {
		f.moving, f.logged = f.logged, newLayer()
	} else {
		f.merge()
	}
	w := &work{f: f, from: f.disk, to: f.base, replace: f.replacing, first: f.first()}
	w.changes = !f.moving.empty() || f.disk.Head.Length != f.base.Head.Length || f.replacing
	return w
}

// first reports whether nothing committed is at stake in the next commit: the
// clouds have no version, and no fsync has one in the log. The caller holds
// file.mu.
func (f *file) first() bool { return !f.disk.Committed() && !f.replacing && !f.promised }

// merge puts the logged layer over a moving one that a failure left behind.
func (f *file) merge() {
	if f.logged.cut != uncut {
		f.moving.cut = min(f.moving.cut, f.logged.cut)
		for i, c := range f.moving.chunks {
			if i >= f.logged.cut {
				f.charge(-int64(cap(c.data)))
				delete(f.moving.chunks, i)
			}
		}
	}
	for i, c := range f.logged.chunks {
		if old := f.moving.chunks[i]; old != nil {
			f.charge(-int64(cap(old.data)))
		}
		f.moving.chunks[i] = c
	}
	f.logged = newLayer()
}

// overwrites reports whether the work changes records that a version on the
// clouds covers, which makes the header DIRTY meanwhile.
func (w *work) overwrites() bool {
	if w.first || w.replace {
		return false
	}
	records := w.f.m.layout.Records(w.from.Head.Length)
	if w.f.moving.cut < records {
		return true
	}
	for i := range w.f.moving.chunks {
		if i < records {
			return true
		}
	}
	return false
}

// write brings the records to one copy, under a DIRTY header where committed
// ones change.
func (w *work) write(c *copyOf) error {
	f := w.f
	if !w.changes {
		return nil
	}
	f.touched(c, 0, 0)
	if w.overwrites() {
		dirty := w.from
		dirty.Head.Flags |= cipher.Dirty
		if err := w.f.writeHeader(c, &dirty); err != nil {
			return err
		}
	}
	if f.moving.cut != uncut {
		if err := c.cut(f.m.layout.RecordOffset(f.moving.cut)); err != nil {
			return err
		}
	}
	if err := w.writeChunks(c); err != nil {
		return err
	}
	return w.fit(c)
}

// cut removes what a backing file has from off on.
func (c *copyOf) cut(off int64) error {
	info, err := c.file.Stat()
	if err != nil || info.Size <= off {
		return err
	}
	return c.file.Truncate(off)
}

// fit gives the backing file the size of the version: a hole at its end makes
// it longer, and a tail chunk that became shorter leaves something behind. If
// the file itself is longer by now, that is a record of the next version.
func (w *work) fit(c *copyOf) error {
	size, err := w.f.m.layout.CipherSize(w.to.Head.Length)
	if err != nil {
		return err
	}
	w.f.mu.RLock()
	defer w.f.mu.RUnlock()
	info, err := c.file.Stat()
	if err != nil || info.Size == size || info.Size > size && w.f.length > w.to.Head.Length {
		return err
	}
	return c.file.Truncate(size)
}

// writeChunks seals and writes the moving layer in runs of consecutive chunks.
func (w *work) writeChunks(c *copyOf) error {
	f, layout := w.f, w.f.m.layout
	records := layout.Records(w.to.Head.Length)
	var indices []int64
	for i := range f.moving.chunks {
		if i < records {
			indices = append(indices, i)
		}
	}
	slices.Sort(indices)
	for len(indices) > 0 {
		n := 1
		hole := f.moving.chunks[indices[0]].data == nil
		for n < len(indices) && indices[n] == indices[0]+int64(n) && int64(n)<<layout.ChunkLog2 < maxRun &&
			(f.moving.chunks[indices[n]].data == nil) == hole {
			n++
		}
		if err := w.writeRun(c, indices[:n], hole); err != nil {
			return err
		}
		f.touched(c, indices[0], indices[0]+int64(n))
		indices = indices[n:]
	}
	return nil
}

func (w *work) writeRun(c *copyOf, indices []int64, hole bool) error {
	m := w.f.m
	first, stop := indices[0], indices[len(indices)-1]+1
	bytes := min(stop<<m.layout.ChunkLog2, w.to.Head.Length) - first<<m.layout.ChunkLog2
	records := m.buffer(int(bytes) + cipher.RecordOverhead*len(indices))
	defer m.recycle(records)
	if hole {
		clear(records)
	} else {
		plain := m.buffer(int(bytes))
		defer m.recycle(plain)
		clear(plain)
		ids := make([]cipher.WriteID, len(indices))
		for n, i := range indices {
			chunk := w.f.moving.chunks[i]
			copy(plain[n<<m.layout.ChunkLog2:], chunk.data)
			ids[n] = chunk.id
		}
		if err := c.keys.Seal(records, plain, first, ids); err != nil {
			return err
		}
	}
	_, err := c.file.WriteAt(records, m.layout.RecordOffset(first))
	return err
}

// finish writes the clean header of one copy, and what the backing entry
// shows.
func (w *work) finish(c *copyOf) error {
	if err := w.f.writeHeader(c, &w.to); err != nil {
		return err
	}
	if w.replace {
		if err := w.f.m.copyXattrs(w.f.n, c); err != nil {
			return err
		}
	}
	if err := w.f.m.showAttrs(c, &w.from, &w.to); err != nil {
		return err
	}
	if w.replace {
		return w.f.m.putInPlace(w.f.n, c)
	}
	return nil
}

// writeHeader writes a header with no reader at work, who would take one that
// is not noted here yet for somebody else's.
func (f *file) writeHeader(c *copyOf, s *journal.Sealed) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.touched(c, 0, 0)
	return c.writeHeader(s)
}

// writeHeader seals and writes a version's header for this copy.
func (c *copyOf) writeHeader(s *journal.Sealed) error {
	h := s.Head
	h.Salt, h.Acc = c.head.Salt, s.Accs[c.cloud.Index]
	raw, err := c.keys.SealCommitHeader(&h)
	if err != nil {
		return err
	}
	if _, err := c.file.WriteAt(raw, 0); err != nil {
		return err
	}
	c.head = &h
	return nil
}

// showAttrs gives the backing file owner, mode and, last of all, mtime.
func (m *Mirror) showAttrs(c *copyOf, from, to *journal.Sealed) error {
	moved := from.Committed() && from.Head.Length == to.Head.Length &&
		from.Head.MtimeSec == to.Head.MtimeSec && from.Head.MtimeNsec == to.Head.MtimeNsec
	made := c.made
	c.made = nil
	chown := from.Head.UID != to.Head.UID || from.Head.GID != to.Head.GID || !from.Committed()
	if made != nil {
		chown = made.UID != to.Head.UID || made.GID != to.Head.GID
	}
	if m.owners && chown {
		if err := c.file.Chown(int(to.Head.UID), int(to.Head.GID)); err != nil {
			return err
		}
	}
	if mode := cipher.BackingMode(to.Head.Mode, moved); made == nil || made.Mode != mode || chown {
		if err := c.file.Chmod(mode); err != nil {
			return err
		}
	}
	mtime := time.Unix(to.Head.MtimeSec, int64(to.Head.MtimeNsec))
	if moved {
		mtime = m.clock()
	}
	return c.file.Chtimes(cloud.Times{Mtime: &mtime})
}

// done ends the work. The caller holds file.applying.
func (w *work) done(made bool) {
	f := w.f
	f.mu.Lock()
	defer f.mu.Unlock()
	f.targets()
	if !made {
		return
	}
	f.m.commits.committed(w)
	f.charge(-f.moving.bytes())
	f.moving, f.disk = newLayer(), w.to
	f.promised = f.promised && f.base.Head.CommitID != w.to.Head.CommitID
	f.floor = f.m.layout.Records(w.to.Head.Length)
	f.covered = max(f.floor, f.m.layout.Records(f.base.Head.Length))
	f.fresh.CutBelow(f.floor)
	if w.replace {
		f.replacing = false
	}
}

// inPlace reports whether the path still names the file that is open here.
func (w *work) inPlace(c *copyOf) error {
	if w.replace {
		return nil
	}
	m := w.f.m
	m.names.RLock()
	defer m.names.RUnlock()
	path, ok := w.f.n.path(c.cloud.Index)
	if !ok {
		return nil
	}
	there, err := c.cloud.Dir.Stat(path)
	if err != nil {
		return err
	}
	here, err := c.file.Stat()
	if err == nil && here.Ino != there.Ino {
		err = fmt.Errorf("%w while it was open", ErrStale)
	}
	return err
}

// apply brings sealed versions to cloud after cloud. Every file's applying
// lock is held. It returns the errors that no other cloud made good; files
// that can be committed are, whatever becomes of the others.
func (m *Mirror) apply(works []*work) error {
	for _, w := range works {
		w.results = make([]error, m.clouds.N())
	}
	tried := m.clouds.Ups()
	for _, cl := range tried {
		m.applyTo(cl, works)
	}
	var errs []error
	for _, w := range works {
		made, err := m.conclude(w, tried)
		w.done(made)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// applyTo brings them to one cloud: at once, or, where that fails, each by
// itself, so that an error is that of one file.
func (m *Mirror) applyTo(cl *clouds.Cloud, works []*work) {
	var there []*work
	for _, w := range works {
		if w.f.copies[cl.Index].writes() {
			there = append(there, w)
		} else {
			w.results[cl.Index] = errNoCopy
		}
	}
	err := m.applySteps(cl, there)
	for _, w := range there {
		if w.results[cl.Index] = err; err != nil && len(there) > 1 {
			w.results[cl.Index] = m.applySteps(cl, []*work{w})
		}
	}
}

// errNoCopy says that a cloud has no copy that a commit could change.
var errNoCopy = fmt.Errorf("commit: %w", ErrMissing)

// conclude gives the errors of a commit to whom they belong, as Mirror.settle
// does. Committed records are gone where it was made, so that it cannot be
// taken back: where the process lacked something it is made again, until every
// cloud has it; a cloud that will not take it at all is put behind.
func (m *Mirror) conclude(w *work, tried []*clouds.Cloud) (made bool, err error) {
	var lapses []clouds.Lapse
	var first error
	for _, cl := range tried {
		why := w.results[cl.Index]
		if why == nil {
			made = true
			continue
		}
		if first == nil || first == errNoCopy {
			first = why
		}
		switch f := cl.Fault(why); f {
		case clouds.Strayed:
			w.stray(cl, why)
		case clouds.Starved, clouds.Closing:
			return false, fmt.Errorf("commit: cloud %s: %w", cl.Name, why)
		default:
			lapses = append(lapses, clouds.Lapse{Cloud: cl, Why: why})
		}
	}
	switch {
	case made:
		return true, errors.Join(m.clouds.DropAll("commit", lapses), m.clouds.Record())
	case first == nil:
		first = ErrNoCloud
	}
	return false, fmt.Errorf("commit: %w", first)
}

// stray takes a copy out that is not what was opened any more.
func (w *work) stray(cl *clouds.Cloud, why error) {
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	if c := w.f.copies[cl.Index]; c.serves() {
		c.err = why
		w.f.m.logger.Warn("a copy is not the one that was opened", "cloud", cl.Name, "file", w.f.n.ino, "error", why)
	}
}

func (m *Mirror) applySteps(cl *clouds.Cloud, works []*work) error {
	if err := cl.Dir.Check(); err != nil {
		return err
	}
	var sync []*copyOf
	for _, w := range works {
		c := w.f.copies[cl.Index]
		if err := w.inPlace(c); err != nil {
			return err
		}
		if err := w.write(c); err != nil {
			return err
		}
		// A record that a power cut takes from a sparse file would be a hole.
		if w.changes && (!w.first || w.to.Head.Flags&cipher.Sparse != 0) {
			sync = append(sync, c)
		}
	}
	if err := m.syncCopies(cl, sync); err != nil {
		return err
	}
	for _, w := range works {
		if err := w.finish(w.f.copies[cl.Index]); err != nil {
			return err
		}
	}
	return nil
}

// syncCopies makes records durable before a clean header says so: one file by
// itself, several by one syncfs, unless that is not to be trusted.
func (m *Mirror) syncCopies(cl *clouds.Cloud, copies []*copyOf) error {
	if len(copies) == 0 {
		return nil
	}
	if len(copies) > 1 {
		if s, err := cl.Dir.Statfs(); err == nil && !s.Fuse {
			return cl.Dir.Syncfs()
		}
	}
	for _, c := range copies {
		if err := c.file.Sync(); err != nil {
			return fmt.Errorf("sync: %w", err)
		}
	}
	return nil
}
