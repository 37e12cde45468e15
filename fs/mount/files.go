package mount

import (
	"errors"
	"io"
	"io/fs"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/mirror"
)

// A file is what one open holds. The kernel reads through one that was opened
// for writing only, too, to fill the rest of a page.
type file struct {
	*mirror.Handle
	node  *node
	write bool
}

// Open opens a regular file. O_APPEND, O_EXCL and permissions are the kernel's
// affair; O_TRUNC is not, it comes along.
func (f *filesystem) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	n, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	h, err := f.open(n, in.Flags)
	if err != nil {
		return f.status("open", n, err)
	}
	if in.Mode&fuse.OPEN_KILL_SUIDGID != 0 {
		if err := f.dropSetID(n); err != nil {
			f.release(h)
			return f.status("open", n, err)
		}
	}
	f.opened(h, out)
	return fuse.OK
}

func (f *filesystem) open(n *node, flags uint32) (*file, error) {
	truncate := flags&unix.O_TRUNC != 0
	write := flags&unix.O_ACCMODE != unix.O_RDONLY || truncate
	h, err := n.Open(mirror.OpenOptions{Write: write, Truncate: truncate})
	if err != nil {
		return nil, err
	}
	return hold(h, n, write), nil
}

func hold(h *mirror.Handle, n *node, write bool) *file {
	n.opens.Add(1)
	if write {
		n.writers.Add(1)
	}
	return &file{Handle: h, node: n, write: write}
}

// opened answers an open. The kernel may keep the pages that it has: had they
// changed behind it, the open would have failed.
func (f *filesystem) opened(h *file, out *fuse.OpenOut) {
	out.Fh = f.files.add(h)
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
}

// Create makes and opens a regular file. Without O_EXCL it opens one that
// somebody else made in the meantime.
func (f *filesystem) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	parent, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	child, h, err := parent.Create(name, in.Mode&permBits, owner(&in.InHeader))
	if errors.Is(err, fs.ErrExist) && in.Flags&unix.O_EXCL == 0 {
		return f.openExisting(parent, in, name, out)
	}
	if err != nil {
		return f.status("create", parent, err)
	}
	n, status := f.made("create", parent, child, &out.EntryOut)
	if !status.Ok() {
		_ = h.Close() // the status says what matters
		return status
	}
	f.opened(hold(h, n, true), &out.OpenOut)
	return fuse.OK
}

func (f *filesystem) openExisting(parent *node, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	child, attr, err := parent.LookupAttr(name)
	if err != nil {
		return f.status("create", parent, err)
	}
	if attr.Mode&unix.S_IFMT != unix.S_IFREG {
		child.Forget()
		// The kernel looks the name up again and finds out what it is.
		return fuse.Status(syscall.ESTALE)
	}
	n := f.entry(child, &attr, &out.EntryOut)
	h, err := f.open(n, in.Flags)
	if err != nil {
		f.nodes.forget(n.id, 1)
		return f.status("open", n, err)
	}
	f.opened(h, &out.OpenOut)
	return fuse.OK
}

// handle returns the open file of a request, or the status to answer with.
func (f *filesystem) handle(fh uint64) (*file, fuse.Status) {
	f.requests.Add(1)
	h, ok := f.files.get(fh)
	if !ok {
		return nil, fuse.EBADF
	}
	return h, fuse.OK
}

// Read reads up to len(buf) bytes: fewer only at the end of the file, since the
// kernel takes what is missing for zeros.
func (f *filesystem) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	h, status := f.handle(in.Fh)
	if !status.Ok() {
		return nil, status
	}
	n, err := h.ReadAt(buf, int64(in.Offset))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, f.status("read", h.node, err)
	}
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

// Write writes, whole or not at all as far as the program can tell.
func (f *filesystem) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	h, status := f.handle(in.Fh)
	if !status.Ok() {
		return 0, status
	}
	if in.WriteFlags&fuse.WRITE_KILL_SUIDGID != 0 {
		if err := f.dropSetID(h.node); err != nil {
			return 0, f.status("write", h.node, err)
		}
	}
	write := h.WriteAt
	if in.WriteFlags&fuse.WRITE_CACHE != 0 {
		write = h.WriteBack // the kernel tells the mtime itself
	}
	n, err := write(data, int64(in.Offset))
	if err != nil {
		return 0, f.status("write", h.node, err)
	}
	return uint32(n), fuse.OK
}

// Flush would be sent at every close. "Not implemented" ends that, once and for
// all, and changes nothing else: the kernel has passed on what was written by
// then, and locks are its own.
func (f *filesystem) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.ENOSYS }

// Fsync returns when what was written is durable. The kernel has passed it on
// by then.
func (f *filesystem) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	h, status := f.handle(in.Fh)
	if !status.Ok() {
		return status
	}
	return f.status("fsync", h.node, h.Sync())
}

// Release closes a file. No program waits for it and none learns its status.
func (f *filesystem) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	f.requests.Add(1)
	if h, ok := f.files.remove(in.Fh); ok {
		f.release(h)
	}
}

func (f *filesystem) release(h *file) {
	if err := h.Close(); err != nil {
		f.logOnce(failure{"close", h.node.Ino(), err.Error()})
	}
	h.node.opens.Add(-1)
	if h.write {
		h.node.writers.Add(-1)
	}
}

// Fallocate allocates, punches and zeroes; the kernel asks for nothing else.
func (f *filesystem) Fallocate(_ <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	h, status := f.handle(in.Fh)
	if !status.Ok() {
		return status
	}
	// The one change of content for which the kernel does not say whether the
	// caller is privileged.
	if in.Uid != 0 {
		if err := f.dropSetID(h.node); err != nil {
			return f.status("allocate", h.node, err)
		}
	}
	return f.status("allocate", h.node, h.Allocate(in.Mode, int64(in.Offset), int64(in.Length)))
}

// Lseek finds data and holes; other seeks are the kernel's own. What the kernel
// holds back it does not look at, so it has to pass that on first.
func (f *filesystem) Lseek(_ <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	h, status := f.handle(in.Fh)
	if !status.Ok() {
		return status
	}
	if in.Whence != unix.SEEK_DATA && in.Whence != unix.SEEK_HOLE {
		return fuse.EINVAL
	}
	f.flushPages(h.node)
	off, err := h.SeekData(int64(in.Offset), in.Whence == unix.SEEK_DATA)
	if err != nil {
		return f.status("seek", h.node, err)
	}
	out.Offset = uint64(off)
	return fuse.OK
}

// StatFs describes the space that is left. It does not count as use: desktops
// ask for it all the time.
func (f *filesystem) StatFs(_ <-chan struct{}, in *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	n := f.nodes.get(in.NodeId)
	if n == nil {
		return fuse.Status(syscall.ESTALE)
	}
	s, err := f.mirror.Statfs()
	if err != nil {
		return f.status("statfs", n, err)
	}
	*out = fuse.StatfsOut{
		Blocks: s.Blocks, Bfree: s.Free, Bavail: s.Avail, Files: s.Files, Ffree: s.FilesFree,
		Bsize: uint32(s.BlockSize), Frsize: uint32(s.BlockSize), NameLen: nameMax,
	}
	return fuse.OK
}

// nameMax is the longest name in bytes, whatever a backing filesystem says:
// long names have short entries.
const nameMax = 255
