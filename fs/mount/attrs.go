package mount

import (
	"errors"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/mirror"
)

const permBits = 0o7777

// GetAttr answers stat. The handle that may come along tells nothing that the
// node does not. A stat of the root does not count as use: df asks for it, and
// whoever wants to know whether something is mounted.
func (f *filesystem) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	n := f.nodes.get(in.NodeId)
	if n == nil {
		return fuse.Status(syscall.ESTALE)
	}
	if in.NodeId != fuse.FUSE_ROOT_ID {
		f.requests.Add(1)
	}
	a, err := n.Attr()
	if err != nil {
		return f.status("stat", n, err)
	}
	out.SetTimeout(cached)
	fillAttr(&out.Attr, &a)
	return fuse.OK
}

// SetAttr is chmod, chown, truncate and utimens.
func (f *filesystem) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	n, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	set, err := changes(n, in)
	if err != nil {
		return f.status("set attributes", n, err)
	}
	a, err := setAttr(n, set, in.Valid)
	if err != nil {
		return f.status("set attributes", n, err)
	}
	out.SetTimeout(cached)
	fillAttr(&out.Attr, &a)
	return fuse.OK
}

// writtenBack are the fields with which the kernel passes on the times that it
// keeps of a regular file: before a close of what was written, but also after
// every link, unlink and rename, which move a ctime.
const writtenBack = fuse.FATTR_MTIME | fuse.FATTR_CTIME | fuse.FATTR_FH | fuse.FATTR_LOCKOWNER

// setAttr changes attributes, except where the kernel passes on the mtime that
// the file has, or that of a file whose last name has just gone.
func setAttr(n *node, set mirror.SetAttr, valid uint32) (mirror.Attr, error) {
	if valid&^writtenBack != 0 || set.Mtime == nil {
		return n.SetAttr(set)
	}
	a, err := n.Attr()
	switch {
	case errors.Is(err, mirror.ErrStale):
		return mirror.Attr{Ino: n.Ino(), Mode: n.Kind(), Mtime: *set.Mtime, Ctime: *set.Mtime}, nil
	case err != nil || a.Mtime.Equal(*set.Mtime):
		return a, err
	}
	return n.SetAttr(set)
}

// changes reads what a request wants changed. A time that is to be "now" comes
// with the kernel's idea of it, which unlike a clock read here is the one that
// it keeps in its own cache. The ctime is the backing file's and not taken.
func changes(n *node, in *fuse.SetAttrIn) (mirror.SetAttr, error) {
	var set mirror.SetAttr
	if mode, ok := in.GetMode(); ok {
		set.Mode = &mode
	}
	if uid, ok := in.GetUID(); ok {
		set.UID = &uid
	}
	if gid, ok := in.GetGID(); ok {
		set.GID = &gid
	}
	if size, ok := in.GetSize(); ok {
		length := int64(size)
		set.Size = &length
	}
	if in.Valid&fuse.FATTR_ATIME != 0 {
		atime := time.Unix(int64(in.Atime), int64(in.Atimensec))
		set.Atime = &atime
	}
	if in.Valid&fuse.FATTR_MTIME != 0 {
		mtime := time.Unix(int64(in.Mtime), int64(in.Mtimensec))
		set.Mtime = &mtime
	}
	chown := set.UID != nil || set.GID != nil
	if set.Mode != nil || !chown && in.Valid&fuse.FATTR_KILL_SUIDGID == 0 {
		return set, nil
	}
	mode, differs, err := withoutSetID(n)
	if differs {
		set.Mode = &mode
	}
	return set, err
}

// withoutSetID returns a node's mode as a change of its owner or content
// leaves it, and whether that differs from what it is: without setuid, and
// without setgid where the group may execute (elsewhere it never meant
// anything). Directories keep theirs.
func withoutSetID(n *node) (mode uint32, differs bool, err error) {
	if n.IsDir() {
		return 0, false, nil
	}
	a, err := n.Attr()
	if err != nil {
		return 0, false, err
	}
	mode = a.Mode & permBits &^ unix.S_ISUID
	if mode&unix.S_IXGRP != 0 {
		mode &^= unix.S_ISGID
	}
	return mode, mode != a.Mode&permBits, nil
}

// dropSetID does to a node what a write by somebody without privileges must.
// The kernel asks for it (CAP_HANDLE_KILLPRIV_V2) instead of asking before each
// write whether the file has capabilities.
func (f *filesystem) dropSetID(n *node) error {
	mode, differs, err := withoutSetID(n)
	if err != nil || !differs {
		return err
	}
	if _, err = n.SetAttr(mirror.SetAttr{Mode: &mode}); err != nil {
		return err
	}
	f.forgetAttr(n)
	return nil
}
