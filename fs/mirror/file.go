package mirror

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// chunk is the plaintext of one chunk that no cloud has yet. Bytes that are
// missing at its end are zeros; without any data it is a hole.
type chunk struct {
	data []byte
	id   cipher.WriteID // drawn when it is journal.Sealed
}

// layer is a set of changes on their way to the clouds: whole chunks, and the
// least length that the file had meanwhile.
type layer struct {
	chunks map[int64]*chunk
	cut    int64 // uncut: it never shrank
}

const uncut = math.MaxInt64

func newLayer() layer { return layer{chunks: map[int64]*chunk{}, cut: uncut} }

func (l *layer) empty() bool { return len(l.chunks) == 0 && l.cut == uncut }

// bytes is the memory that the layer holds.
func (l *layer) bytes() (n int64) {
	for _, c := range l.chunks {
		n += int64(cap(c.data))
	}
	return n
}

// file is an open file: one for each node that somebody holds open or that a
// commit still works on.
//
// Changes go through three layers. pending: not in a commit yet. logged: in a
// commit that the log holds. applying: in a commit that is being written to
// the clouds. A chunk's content is in the first layer that has it, else in
// the clouds.
type file struct {
	m     *Mirror
	n     *Node
	order uint64 // among files, the order of their applying locks

	refs    int          // openers and commits; guarded by Node.opening
	openers atomic.Int32 // handles that are not closed

	applying lock.Mutex[lock.Applying] // see the package's lock order

	mu     lock.RWMutex[lock.File]
	copies []*copyOf // by cloud
	source int       // the cloud that is read

	length     int64
	mode       uint32
	uid, gid   uint32
	flags      cipher.Flags
	mtime      time.Time
	ctime      time.Time      // of the last change that no cloud has yet
	attrs      bool           // attributes changed since base
	base       journal.Sealed // the last sealed version; empty before the first
	disk       journal.Sealed // the version in the headers of the clouds
	accs       []cipher.Acc
	floor      int64         // chunks below it are in the version of the clouds
	covered    int64         // chunks below it are in a sealed version
	fresh      journal.Spans // chunks from floor on whose records were written directly
	late       journal.Spans // direct writes that the log does not hold and no cloud has synced
	pending    layer
	logged     layer
	moving     layer // being applied
	promised   bool  // an fsync counts on a sealed version that no cloud has
	replacing  bool  // the copies are fresh backing files
	orphan     bool  // no name is left
	reserved   int64 // bytes counted in Mirror.pending
	dirtySince time.Time
	ref        uint64 // names the file in the log; 0 is unbound
	recovering bool   // replay does changes again: nothing is logged or written

	trust lock.Mutex[lock.Trust] // guards what copies say of belief
}

// acquire returns the node's open file, loading it if need be, and holds it.
func (m *Mirror) acquire(n *Node) (*file, error) {
	n.opening.Lock()
	defer n.opening.Unlock()
	if n.stale.Load() {
		return nil, ErrStale
	}
	if f := n.file.Load(); f != nil {
		if m.replacedBehind(f) {
			n.stale.Store(true)
			return nil, ErrStale
		}
		f.refs++
		return f, nil
	}
	f, err := m.load(n)
	if err != nil {
		return nil, err
	}
	if err := m.waiting.file(f.base.Head.FileID); err != nil {
		f.closeCopies()
		return nil, err
	}
	if !n.version.IsZero() && n.version != f.base.Head.CommitID || m.misled(n, f) {
		n.stale.Store(true)
		f.closeCopies()
		return nil, ErrStale
	}
	n.version = f.base.Head.CommitID
	n.Ref()
	n.file.Store(f)
	return f, nil
}

// release gives the file back. The last holder closes it.
func (f *file) release() {
	f.n.opening.Lock()
	f.refs--
	last := f.refs == 0
	if last {
		f.n.file.Store(nil)
		f.mu.Lock()
		f.n.version = f.base.Head.CommitID
		f.n.setFileID(&f.base.Head)
		f.n.shown.Store(f.length + 1)
		f.look()
		if len(f.late) > 0 {
			f.n.lateEntry.Store(f.n.lastEntry.Load() + 1)
		}
		f.closeCopies()
		f.m.pending.Add(-f.reserved)
		f.mu.Unlock()
	}
	f.n.opening.Unlock()
	if last {
		f.n.Forget()
	}
}

// look remembers what the file that is about to be closed shows.
func (f *file) look() {
	c := f.copies[f.source]
	seen := sight{}
	if c.serves() {
		if info, err := c.file.Stat(); err == nil {
			seen = sight{true, c.cloud.Index, info.Size, info.Mtime}
		}
	}
	f.m.tree.Lock()
	f.n.seen = seen
	f.m.tree.Unlock()
}

func (f *file) closeCopies() {
	for _, c := range f.copies {
		c.close()
	}
}

// hold takes another reference; ok is false for a file that was closed.
func (f *file) hold() (ok bool) {
	f.n.opening.Lock()
	defer f.n.opening.Unlock()
	if f.refs == 0 {
		return false
	}
	f.refs++
	return true
}

// replacedBehind reports whether a sync client put another file in the place
// of one that is open here and has nothing on its way, or another version into
// it.
func (m *Mirror) replacedBehind(f *file) bool {
	m.names.RLock()
	defer m.names.RUnlock()
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.orphan || f.replacing || f.ref != 0 {
		return false
	}
	c := f.copies[f.source]
	path, ok := f.n.path(f.source)
	if !ok || !c.serves() {
		return false
	}
	there, err := c.cloud.Dir.Stat(path)
	if err != nil {
		return false
	}
	here, err := c.file.Stat()
	return err == nil && here.Ino != there.Ino || errors.Is(f.refresh(c), ErrArriving)
}

// load opens every cloud's copy and compares their headers.
func (m *Mirror) load(n *Node) (*file, error) {
	m.names.RLock()
	defer m.names.RUnlock()
	if n.gone() {
		return nil, ErrStale
	}
	f := &file{m: m, n: n, order: m.orders.Add(1), refs: 1, copies: make([]*copyOf, m.clouds.N()), pending: newLayer(), logged: newLayer(), moving: newLayer()}
	for k, cl := range m.clouds.All() {
		if cl.Dir != nil {
			f.copies[k] = m.loadCopy(n, cl)
		}
	}
	best := compare(f.copies)
	if err := starvation(f.copies); err != nil {
		f.closeCopies()
		return nil, fmt.Errorf("open: %w", err)
	}
	if best == nil {
		err := unreadable("open", f.copies, m.clouds.All())
		f.closeCopies()
		m.logger.Error("a file cannot be opened", "file", n.ino, "error", err)
		return nil, err
	}
	f.adoptVersion(best)
	for _, c := range f.copies {
		f.recall(c)
	}
	n.setFileID(best)
	if err := m.state.Observed(best.Version); err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return f, nil
}

// adoptVersion makes a header that was read the file's state.
func (f *file) adoptVersion(h *cipher.Header) {
	f.base = journal.Sealed{Head: *h, Accs: make([]cipher.Acc, len(f.copies))}
	f.source = -1
	for k, c := range f.copies {
		if !c.serves() {
			continue
		}
		f.base.Accs[k] = c.head.Acc
		if f.source < 0 || !f.copies[f.source].cloud.Up() && c.cloud.Up() {
			f.source = k
		}
	}
	f.disk = f.base
	f.accs = append([]cipher.Acc(nil), f.base.Accs...)
	f.length, f.mode, f.uid, f.gid, f.flags = h.Length, h.Mode, h.UID, h.GID, h.Flags
	f.mtime = time.Unix(h.MtimeSec, int64(h.MtimeNsec))
	f.floor = f.m.layout.Records(h.Length)
	f.covered = f.floor
}

// attr is what stat shows of an open file.
func (f *file) attr() (Attr, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	c := f.copies[f.source]
	if c.file == nil {
		return Attr{}, ErrStale
	}
	info, err := c.file.Stat()
	if err != nil {
		return Attr{}, fmt.Errorf("stat: cloud %s: %w", c.cloud.Name, err)
	}
	a := fromInfo(f.n.ino, info)
	a.Size, a.Mode, a.Mtime = f.length, f.n.kind|f.mode, f.mtime
	if f.n.kind != unix.S_IFREG && f.n.kind != unix.S_IFLNK {
		a.Size = 0
	}
	if f.m.owners {
		a.UID, a.GID = f.uid, f.gid
	}
	if f.ctime.After(a.Ctime) {
		a.Ctime = f.ctime
	}
	if f.orphan {
		a.Nlink = 0
	}
	if f.replacing {
		a.Nlink = 1
	}
	return a, nil
}

// current returns the copy that is read, moving on when its cloud went out.
func (f *file) current() *copyOf {
	if c := f.copies[f.source]; c.serves() && (c.cloud.Up() || c.temp == "") {
		return c
	}
	for k, c := range f.copies {
		if c.serves() {
			f.source = k
			return c
		}
	}
	return f.copies[f.source]
}
