package mirror

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
)

// Handle is an open file. It is safe for concurrent use until Close.
type Handle struct {
	n      Node
	f      content.Holder
	closed atomic.Bool
}

// OpenOptions says how a file is opened.
type OpenOptions struct {
	Write    bool
	Truncate bool
}

// Open opens a regular file. It fails where no cloud has a version that can be served.
func (n Node) Open(o OpenOptions) (*Handle, error) {
	if n.IsDir() {
		return nil, ErrIsDir
	}
	if n.live.Special() {
		return nil, ErrInvalid
	}
	if (o.Write || o.Truncate) && n.m.ReadOnly() {
		return nil, ErrReadOnly
	}
	if err := n.m.enter(); err != nil {
		return nil, err
	}
	defer n.m.leave()
	f, err := n.live.Content.Acquire()
	if err != nil {
		return nil, err
	}
	h := newHandle(n, f)
	if o.Truncate {
		if err := f.Truncate(0); err != nil {
			return nil, errors.Join(fmt.Errorf("truncate: %w", err), h.close())
		}
	}
	return h, nil
}

// newHandle makes a handle of a file that is held for it.
func newHandle(n Node, f content.Holder) *Handle {
	f.Opened()
	return &Handle{n: n, f: f}
}

// Node is the file's node.
func (h *Handle) Node() Node { return h.n }

// ReadAt reads plaintext; fewer bytes than asked for come with io.EOF at the end of the file, or with the reason.
func (h *Handle) ReadAt(p []byte, off int64) (int, error) {
	if err := h.n.m.enter(); err != nil {
		return 0, err
	}
	defer h.n.m.leave()
	return h.f.ReadAt(p, off)
}

// WriteAt writes plaintext. It returns when the change would survive a kill of the process.
func (h *Handle) WriteAt(p []byte, off int64) (int, error) { return h.write(p, off, true) }

// WriteBack is WriteAt for bytes that a cache above held back. The cache shows
// programs an mtime of its own and tells it by SetAttr, so that this moves none.
func (h *Handle) WriteBack(p []byte, off int64) (int, error) { return h.write(p, off, false) }

func (h *Handle) write(p []byte, off int64, moves bool) (int, error) {
	if err := h.n.m.enter(); err != nil {
		return 0, err
	}
	defer h.n.m.leave()
	if err := h.f.WriteAt(p, off, moves); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Truncate sets the length.
func (h *Handle) Truncate(size int64) error {
	if err := h.n.m.enter(); err != nil {
		return err
	}
	defer h.n.m.leave()
	return h.f.Truncate(size)
}

// Allocate is fallocate on n bytes from off on; mode has the bits of fallocate(2).
func (h *Handle) Allocate(mode uint32, off, n int64) error {
	if err := h.n.m.enter(); err != nil {
		return err
	}
	defer h.n.m.leave()
	return h.f.Allocate(mode, off, n)
}

// SeekData finds the next data, or the next hole, at or after off.
func (h *Handle) SeekData(off int64, data bool) (int64, error) {
	if err := h.n.m.enter(); err != nil {
		return 0, err
	}
	defer h.n.m.leave()
	return h.f.SeekData(off, data)
}

// Sync returns when the file's content and the names that lead to it are durable: in the log, or in one cloud.
func (h *Handle) Sync() error {
	if h.n.m.ReadOnly() {
		return nil
	}
	if err := h.n.m.enter(); err != nil {
		return err
	}
	defer h.n.m.leave()
	return h.f.Sync()
}

// Close gives the handle back and starts the commit of what it wrote. A new file is committed at once, without a sync. Where
// the mirror is being closed, that commits it.
func (h *Handle) Close() error {
	if h.n.m.enter() == nil {
		defer h.n.m.leave()
		return h.close()
	}
	if !h.closed.Swap(true) {
		h.f.Abandoned()
	}
	return nil
}

func (h *Handle) close() error {
	if h.closed.Swap(true) {
		return nil
	}
	return h.f.Closed()
}
