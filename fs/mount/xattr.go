package mount

import (
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// userPrefix is the namespace of extended attributes that programs may use
// freely, and the only one that is kept.
const userPrefix = "user."

// foreignAttr answers for the other namespaces, at no cost: reading one finds
// nothing, setting one is not supported. POSIX ACLs are not supported either
// way, by which programs know that modes are all there is.
func foreignAttr(name string, reading bool) (status fuse.Status, foreign bool) {
	switch {
	case strings.HasPrefix(name, userPrefix) && len(name) > len(userPrefix):
		return fuse.OK, false
	case reading && !strings.HasPrefix(name, "system."):
		return fuse.ENODATA, true
	}
	return fuse.Status(syscall.EOPNOTSUPP), true
}

// GetXAttr reads an attribute's value into dest, or, if that is too small,
// tells its size.
func (f *filesystem) GetXAttr(_ <-chan struct{}, in *fuse.InHeader, name string, dest []byte) (uint32, fuse.Status) {
	if status, foreign := foreignAttr(name, true); foreign {
		return 0, status
	}
	n, status := f.node(in.NodeId)
	if !status.Ok() {
		return 0, status
	}
	value, err := n.Getxattr(name)
	if err != nil {
		return 0, f.status("get attribute", n, err)
	}
	return fit(dest, value)
}

// ListXAttr reads the names of a node's attributes, each with a zero byte.
func (f *filesystem) ListXAttr(_ <-chan struct{}, in *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	n, status := f.node(in.NodeId)
	if !status.Ok() {
		return 0, status
	}
	names, err := n.Listxattr()
	if err != nil {
		return 0, f.status("list attributes", n, err)
	}
	var list []byte
	for _, name := range names {
		list = append(append(list, name...), 0)
	}
	return fit(dest, list)
}

func fit(dest, value []byte) (uint32, fuse.Status) {
	size := uint32(len(value))
	if len(dest) < len(value) {
		return size, fuse.ERANGE
	}
	copy(dest, value)
	return size, fuse.OK
}

// SetXAttr sets an attribute.
func (f *filesystem) SetXAttr(_ <-chan struct{}, in *fuse.SetXAttrIn, name string, value []byte) fuse.Status {
	if status, foreign := foreignAttr(name, false); foreign {
		return status
	}
	n, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	return f.status("set attribute", n, n.Setxattr(name, value, int(in.Flags)))
}

// RemoveXAttr removes an attribute.
func (f *filesystem) RemoveXAttr(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	if status, foreign := foreignAttr(name, false); foreign {
		return status
	}
	n, status := f.node(in.NodeId)
	if !status.Ok() {
		return status
	}
	return f.status("remove attribute", n, n.Removexattr(name))
}
