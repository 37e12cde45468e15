package mount

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/mirror"
)

// Lookup finds a name. That there is none is an answer too, which the kernel
// remembers.
func (f *filesystem) Lookup(_ <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	parent, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	child, attr, err := parent.LookupAttr(name)
	if errors.Is(err, fs.ErrNotExist) {
		out.SetEntryTimeout(cached)
		return fuse.OK
	}
	if err != nil {
		return f.status("lookup", parent, err)
	}
	f.entry(child, &attr, out)
	return fuse.OK
}

// Forget is the kernel giving back what it was told of.
func (f *filesystem) Forget(id, lookups uint64) { f.nodes.forget(id, lookups) }

// Mkdir makes a directory.
func (f *filesystem) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	parent, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	child, err := parent.Mkdir(name, in.Mode, owner(&in.InHeader))
	if err != nil {
		return f.status("mkdir", parent, err)
	}
	_, status = f.made("mkdir", parent, child, out)
	return status
}

// Mknod makes a FIFO, a socket, a device, or an empty regular file.
func (f *filesystem) Mknod(_ <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	parent, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	child, err := mknod(parent.Node, in, name)
	if err != nil {
		return f.status("mknod", parent, err)
	}
	_, status = f.made("mknod", parent, child, out)
	return status
}

func mknod(parent mirror.Node, in *fuse.MknodIn, name string) (mirror.Node, error) {
	if in.Mode&unix.S_IFMT != unix.S_IFREG {
		return parent.Mknod(name, in.Mode, in.Rdev, owner(&in.InHeader))
	}
	child, h, err := parent.Create(name, in.Mode&permBits, owner(&in.InHeader))
	if err != nil {
		return mirror.Node{}, err
	}
	if err := h.Close(); err != nil {
		child.Forget()
		return mirror.Node{}, err
	}
	return child, nil
}

// Symlink makes a symbolic link.
func (f *filesystem) Symlink(_ <-chan struct{}, in *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status {
	parent, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	child, err := parent.Symlink(name, target, owner(in))
	if err != nil {
		return f.status("symlink", parent, err)
	}
	_, status = f.made("symlink", parent, child, out)
	return status
}

// Readlink reads a symbolic link.
func (f *filesystem) Readlink(_ <-chan struct{}, in *fuse.InHeader) ([]byte, fuse.Status) {
	n, status := f.node(in.NodeId)
	if !status.Ok() {
		return nil, status
	}
	target, err := n.Readlink()
	if kept := n.kept.Load(); err != nil && kept != nil {
		target, err = kept.target, nil
	}
	if err != nil {
		return nil, f.status("readlink", n, err)
	}
	return []byte(target), fuse.OK
}

// Link gives a node another name.
func (f *filesystem) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	parent, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	target, status := f.node(in.Oldnodeid)
	if !status.Ok() {
		return status
	}
	if err := parent.Link(name, target.Node); err != nil {
		return f.status("link", parent, err)
	}
	target.Ref()
	_, status = f.made("link", parent, target.Node, out)
	return status
}

// Unlink removes a name that is no directory's.
func (f *filesystem) Unlink(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	parent, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	return f.status("unlink", parent, parent.Unlink(name))
}

// Rmdir removes an empty directory.
func (f *filesystem) Rmdir(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	parent, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	return f.status("rmdir", parent, parent.Rmdir(name))
}

// Rename moves, replaces or exchanges.
func (f *filesystem) Rename(_ <-chan struct{}, in *fuse.RenameIn, name, newName string) fuse.Status {
	from, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	to, status := f.node(in.Newdir)
	if !status.Ok() {
		return status
	}
	if in.Flags&^(unix.RENAME_NOREPLACE|unix.RENAME_EXCHANGE) != 0 {
		return fuse.EINVAL
	}
	flags := mirror.RenameFlags{
		NoReplace: in.Flags&unix.RENAME_NOREPLACE != 0,
		Exchange:  in.Flags&unix.RENAME_EXCHANGE != 0,
	}
	var discard func()
	if in.Flags == 0 {
		discard = f.keep(to, newName)
	}
	err := from.Node.Rename(name, to.Node, newName, flags)
	if err != nil && discard != nil {
		discard()
	}
	status = f.status("rename", from, err)
	if status == fuse.Status(syscall.EOPNOTSUPP) && in.Flags != 0 {
		// What rename(2) says of a filesystem that does not know a flag.
		return fuse.EINVAL
	}
	return status
}
