package mount

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/overcast-fs/overcast/fs/mirror"
)

const (
	// cached is how long the kernel may believe entries and attributes: long
	// enough to spare a program that walks a tree most questions, and no
	// longer than a user who waits for another machine's change would notice.
	cached = time.Second

	// blockSize is st_blksize. Programs take it for a buffer size; the kernel
	// gathers larger requests by itself.
	blockSize = 4096
)

// filesystem answers the kernel's requests out of a mirror. What it does not
// answer (access, poll, locks, ioctl, copy_file_range, tmpfile, flush) gets the
// embedded default: "not implemented", upon which the kernel does it alone and
// does not ask again.
type filesystem struct {
	fuse.RawFileSystem

	mirror   *mirror.Mirror
	logger   *slog.Logger
	server   atomic.Pointer[fuse.Server]
	nodes    nodes
	files    handles[*file]
	dirs     handles[*dir]
	requests atomic.Uint64 // that are use of the mount; where it is still, the mount is idle
	evict    func([]*node) // makes the kernel forget nodes that are not in use

	mu     sync.Mutex
	logged map[failure]bool
}

// A failure is what is logged only once.
type failure struct {
	op     string
	ino    uint64
	reason string
}

// maxLogged bounds the memory of what was logged. Beyond it everything is
// forgotten, so that it may be logged a second time.
const maxLogged = 1024

func newFilesystem(m *mirror.Mirror, logger *slog.Logger) *filesystem {
	f := &filesystem{
		RawFileSystem: fuse.NewDefaultRawFileSystem(),
		mirror:        m,
		logger:        logger,
		logged:        map[failure]bool{},
	}
	f.nodes.init(m.Root())
	f.evict = f.evictEntries
	return f
}

// String is what go-fuse calls the filesystem.
func (f *filesystem) String() string { return "overcast" }

// Init is called once, before the first request.
func (f *filesystem) Init(s *fuse.Server) {
	f.server.Store(s)
	if s.KernelSettings().SupportsNotify(fuse.NOTIFY_PRUNE) {
		f.evict = f.evictNodes
	}
}

// OnUnmount is called once, after the last request. The kernel neither releases
// handles nor forgets nodes when it unmounts.
func (f *filesystem) OnUnmount() {
	for _, h := range f.files.drain() {
		f.release(h)
	}
	f.dirs.drain()
	f.nodes.drop()
}

// node returns the node of a request, or the status to answer with.
func (f *filesystem) node(id uint64) (*node, fuse.Status) {
	f.requests.Add(1)
	n := f.nodes.get(id)
	if n == nil {
		return nil, fuse.Status(syscall.ESTALE)
	}
	return n, fuse.OK
}

// status translates an error, and logs it once if the program learns nothing
// but EIO from it.
func (f *filesystem) status(op string, n *node, err error) fuse.Status {
	no := errnoOf(err)
	if no == syscall.EIO {
		f.logOnce(failure{op, n.Ino(), err.Error()})
	}
	return fuse.Status(no)
}

func (f *filesystem) logOnce(what failure) {
	f.mu.Lock()
	known := f.logged[what]
	if len(f.logged) >= maxLogged {
		clear(f.logged)
	}
	f.logged[what] = true
	f.mu.Unlock()
	if !known {
		f.logger.Error("a program gets an I/O error", "operation", what.op, "inode", what.ino, "error", what.reason)
	}
}

// panicked answers a request whose handler panicked.
func (f *filesystem) panicked(reason any, stack []byte) fuse.Status {
	f.logger.LogAttrs(context.Background(), slog.LevelError, "a request failed by a defect of this program",
		slog.Any("panic", reason), slog.String("stack", string(stack)))
	return fuse.EIO
}

// entry answers a request that found or made a node; it takes over the
// caller's reference.
func (f *filesystem) entry(m mirror.Node, a *mirror.Attr, out *fuse.EntryOut) *node {
	n := f.nodes.tell(m)
	out.NodeId = n.id
	out.SetEntryTimeout(cached)
	out.SetAttrTimeout(cached)
	fillAttr(&out.Attr, a)
	return n
}

// made answers a request that made a node: entry, with attributes yet to ask
// for.
func (f *filesystem) made(op string, parent *node, m mirror.Node, out *fuse.EntryOut) (*node, fuse.Status) {
	a, err := m.Attr()
	if err != nil {
		m.Forget()
		return nil, f.status(op, parent, err)
	}
	return f.entry(m, &a, out), fuse.OK
}

func fillAttr(out *fuse.Attr, a *mirror.Attr) {
	*out = fuse.Attr{
		Ino: a.Ino, Size: uint64(a.Size), Blocks: uint64(a.Blocks), Blksize: blockSize,
		Mode: a.Mode, Nlink: a.Nlink, Owner: fuse.Owner{Uid: a.UID, Gid: a.GID}, Rdev: a.Rdev,
		Atime: uint64(a.Atime.Unix()), Atimensec: uint32(a.Atime.Nanosecond()),
		Mtime: uint64(a.Mtime.Unix()), Mtimensec: uint32(a.Mtime.Nanosecond()),
		Ctime: uint64(a.Ctime.Unix()), Ctimensec: uint32(a.Ctime.Nanosecond()),
	}
}

func owner(in *fuse.InHeader) mirror.Owner { return mirror.Owner{UID: in.Uid, GID: in.Gid} }
