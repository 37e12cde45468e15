package mount

import (
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/mirror"
)

// A dir is an open directory. It is listed once, at the first read or a rewind,
// and its offsets count in that list: entries that come and go meanwhile move
// no others, so none is shown twice or left out.
type dir struct {
	node *node

	mu      sync.Mutex
	listed  bool
	entries []mirror.DirEntry
}

// OpenDir opens a directory.
func (f *filesystem) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	n, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	n.opens.Add(1)
	out.Fh = f.dirs.add(&dir{node: n})
	return fuse.OK
}

// ReleaseDir closes a directory.
func (f *filesystem) ReleaseDir(in *fuse.ReleaseIn) {
	f.requests.Add(1)
	if d, ok := f.dirs.remove(in.Fh); ok {
		d.node.opens.Add(-1)
	}
}

// FsyncDir returns when the changes of a directory's entries are durable.
func (f *filesystem) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	n, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	return f.status("fsync", n, n.Sync())
}

// from returns the entries after an offset.
func (d *dir) from(offset uint64) ([]mirror.DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.listed || offset == 0 {
		list, err := d.node.ReadDir()
		if err != nil {
			return nil, err
		}
		ino := d.node.Ino()
		dots := []mirror.DirEntry{{Name: ".", Ino: ino, Mode: unix.S_IFDIR}, {Name: "..", Mode: unix.S_IFDIR}}
		d.entries, d.listed = append(dots, list...), true
	}
	return d.entries[min(offset, uint64(len(d.entries))):], nil
}

// list starts the answer to a read of a directory.
func (f *filesystem) list(in *fuse.ReadIn) (*dir, []mirror.DirEntry, fuse.Status) {
	f.requests.Add(1)
	d, ok := f.dirs.get(in.Fh)
	if !ok {
		return nil, nil, fuse.EBADF
	}
	entries, err := d.from(in.Offset)
	if err != nil {
		return nil, nil, f.status("read directory", d.node, err)
	}
	return d, entries, fuse.OK
}

// ReadDir lists names.
func (f *filesystem) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	_, entries, status := f.list(in)
	for _, e := range entries {
		if !out.AddDirEntry(fuse.DirEntry{Name: e.Name, Ino: e.Ino, Mode: e.Mode}) {
			break
		}
	}
	return status
}

// ReadDirPlus lists names and looks each one up, which spares the kernel a
// request for each. One that cannot be looked up is listed all the same: the
// kernel asks for it when a program does.
func (f *filesystem) ReadDirPlus(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	d, entries, status := f.list(in)
	for _, e := range entries {
		slot := out.AddDirLookupEntry(fuse.DirEntry{Name: e.Name, Ino: e.Ino, Mode: e.Mode})
		if slot == nil {
			break
		}
		if e.Name == "." || e.Name == ".." {
			continue
		}
		child, attr, err := d.node.LookupAttr(e.Name)
		if err != nil {
			if errnoOf(err) != syscall.ENOENT {
				f.status("lookup", d.node, err)
			}
			continue
		}
		f.entry(child, &attr, slot)
		out.FixMode(attr.Mode)
	}
	return status
}
