package mirror

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
)

// Handle is an open file. It is safe for concurrent use until Close.
type Handle struct {
	f      *file
	closed atomic.Bool
}

// OpenOptions says how a file is opened.
type OpenOptions struct {
	Write    bool
	Truncate bool
}

// Open opens a regular file. It fails where no cloud has a version that can be
// served.
func (n *Node) Open(o OpenOptions) (*Handle, error) {
	if n.IsDir() {
		return nil, ErrIsDir
	}
	if n.special() {
		return nil, ErrInvalid
	}
	if (o.Write || o.Truncate) && n.m.clouds.ReadOnly() {
		return nil, ErrReadOnly
	}
	if err := n.m.enter(); err != nil {
		return nil, err
	}
	defer n.m.leave()
	f, err := n.m.acquire(n)
	if err != nil {
		return nil, err
	}
	h := f.handle()
	if o.Truncate {
		if err := f.truncate(0); err != nil {
			return nil, errors.Join(fmt.Errorf("truncate: %w", err), h.close())
		}
	}
	return h, nil
}

// handle makes a handle of a file that is held for it.
func (f *file) handle() *Handle {
	f.openers.Add(1)
	return &Handle{f: f}
}

// Node is the file's node.
func (h *Handle) Node() *Node { return h.f.n }

// ReadAt reads plaintext; fewer bytes than asked for come with io.EOF at the
// end of the file, or with the reason.
func (h *Handle) ReadAt(p []byte, off int64) (int, error) {
	if err := h.f.m.enter(); err != nil {
		return 0, err
	}
	defer h.f.m.leave()
	return h.f.readAt(p, off)
}

// WriteAt writes plaintext. It returns when the change would survive a kill of
// the process.
func (h *Handle) WriteAt(p []byte, off int64) (int, error) { return h.write(p, off, true) }

// WriteBack is WriteAt for bytes that a cache above held back. The cache shows
// programs an mtime of its own and tells it by SetAttr, so that this moves none.
func (h *Handle) WriteBack(p []byte, off int64) (int, error) { return h.write(p, off, false) }

func (h *Handle) write(p []byte, off int64, moves bool) (int, error) {
	if err := h.f.m.enter(); err != nil {
		return 0, err
	}
	defer h.f.m.leave()
	if err := h.f.writeAt(p, off, moves); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Truncate sets the length.
func (h *Handle) Truncate(size int64) error {
	if err := h.f.m.enter(); err != nil {
		return err
	}
	defer h.f.m.leave()
	return h.f.truncate(size)
}

func (f *file) truncate(size int64) error {
	if size < 0 {
		return ErrInvalid
	}
	if size > f.m.layout.MaxLength() {
		return ErrTooLarge
	}
	if size == 0 {
		return f.empty()
	}
	if err := f.begin(); err != nil {
		return err
	}
	err := f.resize(size)
	f.mu.Unlock()
	if err == nil {
		err = f.m.relieve()
	}
	return err
}

// Allocate is fallocate on n bytes from off on; mode has the bits of
// fallocate(2).
func (h *Handle) Allocate(mode uint32, off, n int64) error {
	f := h.f
	if err := checkAllocate(mode); err != nil {
		return err
	}
	if off < 0 || n <= 0 {
		return ErrInvalid
	}
	if off > f.m.layout.MaxLength()-n {
		return ErrTooLarge
	}
	if err := f.m.enter(); err != nil {
		return err
	}
	defer f.m.leave()
	if err := f.begin(); err != nil {
		return err
	}
	err := f.allocate(mode, off, n)
	f.mu.Unlock()
	if err == nil {
		err = f.m.relieve()
	}
	return err
}

// SeekData finds the next data, or the next hole, at or after off.
func (h *Handle) SeekData(off int64, data bool) (int64, error) {
	if err := h.f.m.enter(); err != nil {
		return 0, err
	}
	defer h.f.m.leave()
	return h.f.seek(off, data)
}

// Sync returns when the file's content and the names that lead to it are
// durable: in the log, or in one cloud.
func (h *Handle) Sync() error {
	if h.f.m.clouds.ReadOnly() {
		return nil
	}
	if err := h.f.m.enter(); err != nil {
		return err
	}
	defer h.f.m.leave()
	return h.f.sync()
}

func (f *file) sync() error {
	m := f.m
	onWay, err := f.sealDurable()
	if err != nil {
		return err
	}
	if err := errors.Join(m.log.Sync(), m.clouds.Record()); err != nil {
		return err
	}
	if m.fsyncAll {
		if f.hold() {
			return errors.Join(m.round([]*file{f}), m.retire())
		}
		return nil
	}
	if onWay {
		m.commits.enqueue(f)
	}
	return nil
}

// sealDurable seals what is in no commit yet, once the direct writes that the
// commit counts on are durable: in the log with it, or in one cloud before it.
// onWay means that the clouds do not have the file's version yet.
func (f *file) sealDurable() (onWay bool, err error) {
	f.m.names.RLock()
	defer f.m.names.RUnlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.orphan {
		return false, nil
	}
	switch {
	case f.n.late() || len(f.late) > 0 && !f.copyLate():
		err = f.syncLead()
	case f.copyLate():
		err = f.bindLocked()
	}
	if err == nil {
		err = f.seal(true)
	}
	onWay = f.base.Head.CommitID != f.disk.Head.CommitID
	f.promised = f.promised || onWay
	return onWay, err
}

// syncLead makes direct writes durable in the first cloud that can, together
// with the directories that lead there. The caller holds Mirror.names and
// file.mu.
func (f *file) syncLead() error {
	var err error = ErrNoCloud
	var lapses []clouds.Lapse
	for _, c := range f.targets() {
		if err = f.syncCopy(c); err == nil {
			f.late = nil
			f.n.lateEntry.Store(0)
			return f.m.clouds.DropAll("sync", lapses)
		}
		switch fault := c.cloud.Fault(err); {
		case fault.OfCloud():
			lapses = append(lapses, clouds.Lapse{Cloud: c.cloud, Why: err})
		case fault != clouds.Strayed:
			return fmt.Errorf("sync: cloud %s: %w", c.cloud.Name, err)
		}
	}
	return err
}

func (f *file) syncCopy(c *copyOf) error {
	if err := c.file.Sync(); err != nil {
		return err
	}
	for at, ok := f.n.parent(); ok; at, ok = at.parent() {
		path, _ := at.path(c.cloud.Index)
		if err := c.cloud.Dir.SyncDir(path); err != nil {
			return err
		}
		if at == f.m.root {
			break
		}
	}
	return nil
}

// Close gives the handle back and starts the commit of what it wrote. A new
// file is committed at once, without a sync. Where the mirror is being closed,
// that commits it.
func (h *Handle) Close() error {
	if h.f.m.enter() == nil {
		defer h.f.m.leave()
		return h.close()
	}
	if h.closed.Swap(true) {
		return nil
	}
	f := h.f
	f.openers.Add(-1)
	if f.unfinished() {
		f.m.commits.enqueue(f)
	}
	f.release()
	return nil
}

func (h *Handle) close() error {
	if h.closed.Swap(true) {
		return nil
	}
	f := h.f
	f.openers.Add(-1)
	err := f.closeCommit()
	f.release()
	return err
}

// leave gives the file back after a change that needed no handle. While one is
// open, its close commits the change together with what is written through it.
// The change comes before the look at openers here, and leaving them before
// the look for changes in Close, so that one of the two commits.
func (f *file) leave() error {
	var err error
	if f.openers.Load() == 0 {
		err = f.closeCommit()
	}
	f.release()
	return err
}

func (f *file) closeCommit() error {
	f.mu.RLock()
	dirty := f.ref != 0 && !f.orphan
	first := !f.disk.Committed() && !f.replacing
	f.mu.RUnlock()
	if !dirty {
		return nil
	}
	if !first {
		f.m.commits.enqueue(f)
		return nil
	}
	f.applying.Lock()
	err := f.m.commit([]*file{f})
	f.settled()
	f.applying.Unlock()
	if err != nil {
		f.m.commits.enqueue(f)
	}
	return err
}

// closeFiles closes what openers left open, when the mirror ends.
func (m *Mirror) closeFiles() {
	m.tree.Lock()
	var files []*file
	for _, n := range m.nodes.byIno {
		if f := n.file.Load(); f != nil {
			files = append(files, f)
		}
	}
	m.tree.Unlock()
	for _, f := range files {
		f.mu.Lock()
		for _, c := range f.copies {
			c.close()
		}
		f.mu.Unlock()
	}
}
