package mirror

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/cloud"
)

// Extended attributes lie beside the backing file, encrypted; sync tools do
// not carry them, so a cloud that cannot keep them is not behind for it.

const xattrPrefix = "user.overcast."

func ownXattr(name string) bool { return strings.HasPrefix(name, xattrPrefix) }

func checkXattr(name string) error {
	if !strings.HasPrefix(name, "user.") || len(name) == len("user.") {
		return ErrUnsupported
	}
	return nil
}

// xattrErr translates what a backing filesystem answers.
func xattrErr(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENODATA):
		return ErrNoAttr
	case errors.Is(err, cloud.ErrUnsupported):
		return ErrUnsupported
	}
	return err
}

// Getxattr returns an attribute's value.
func (n *Node) Getxattr(name string) ([]byte, error) {
	if err := checkXattr(name); err != nil {
		return nil, err
	}
	var value []byte
	err := n.onXattrs(func(cl *clouds.Cloud, x xattrs) error {
		backing, err := cl.Keys.EncodeXattrName(name)
		if err != nil {
			return ErrInvalid
		}
		raw, err := x.get(backing)
		if err != nil {
			return err
		}
		value, err = cl.Keys.OpenXattr(name, raw)
		return err
	})
	return value, err
}

// Listxattr returns the names of the attributes.
func (n *Node) Listxattr() ([]string, error) {
	var names []string
	err := n.onXattrs(func(cl *clouds.Cloud, x xattrs) error {
		raw, err := x.list()
		if errors.Is(err, cloud.ErrUnsupported) {
			return nil
		}
		if err != nil {
			return err
		}
		names = names[:0]
		for _, backing := range raw {
			if !ownXattr(backing) {
				continue
			}
			if name, err := cl.Keys.DecodeXattrName(backing); err == nil {
				names = append(names, name)
			}
		}
		return nil
	})
	return names, err
}

// Setxattr sets an attribute; flags are those of setxattr(2).
func (n *Node) Setxattr(name string, value []byte, flags int) error {
	return n.changeXattr(name, func(cl *clouds.Cloud, x xattrs, backing string) error {
		return x.set(backing, cl.Keys.SealXattr(name, value), flags)
	})
}

// Removexattr removes an attribute.
func (n *Node) Removexattr(name string) error {
	return n.changeXattr(name, func(_ *clouds.Cloud, x xattrs, backing string) error { return x.remove(backing) })
}

// xattrs is where one cloud keeps the attributes of a node: at a path, or in
// an open file that has none.
type xattrs struct {
	get    func(name string) ([]byte, error)
	set    func(name string, value []byte, flags int) error
	remove func(name string) error
	list   func() ([]string, error)
}

// xattrsOf returns a node's attributes in one cloud. The caller holds
// Mirror.names.
func (n *Node) xattrsOf(cl *clouds.Cloud) (xattrs, error) {
	if path, ok := n.path(cl.Index); ok {
		d := cl.Dir
		return xattrs{
			get:    func(name string) ([]byte, error) { return d.Getxattr(path, name) },
			set:    func(name string, value []byte, flags int) error { return d.Setxattr(path, name, value, flags) },
			remove: func(name string) error { return d.Removexattr(path, name) },
			list:   func() ([]string, error) { return d.Listxattr(path) },
		}, nil
	}
	f := n.content.Open()
	if f == nil {
		return xattrs{}, ErrStale
	}
	file := f.Backing(cl.Index)
	if file == nil {
		return xattrs{}, fs.ErrNotExist
	}
	return xattrs{get: file.Getxattr, set: file.Setxattr, remove: file.Removexattr, list: file.Listxattr}, nil
}

// onXattrs asks the lead.
func (n *Node) onXattrs(ask func(*clouds.Cloud, xattrs) error) error {
	m := n.m
	if err := m.enter(); err != nil {
		return err
	}
	defer m.leave()
	m.names.RLock()
	defer m.names.RUnlock()
	var err error = ErrNoCloud
	for _, cl := range m.clouds.Ups() {
		var x xattrs
		if x, err = n.xattrsOf(cl); err != nil {
			continue
		}
		return xattrErr(ask(cl, x))
	}
	return err
}

// changeXattr changes an attribute in every cloud; the lead's answer counts.
func (n *Node) changeXattr(name string, change func(cl *clouds.Cloud, x xattrs, backing string) error) error {
	if err := checkXattr(name); err != nil {
		return err
	}
	m := n.m
	if err := m.enter(); err != nil {
		return err
	}
	defer m.leave()
	if err := m.clouds.Admit(); err != nil {
		return err
	}
	m.names.RLock()
	defer m.names.RUnlock()
	var first error
	asked := false
	for _, cl := range m.clouds.Ups() {
		backing, err := cl.Keys.EncodeXattrName(name)
		if err != nil {
			return ErrInvalid
		}
		x, err := n.xattrsOf(cl)
		if err == nil {
			err = change(cl, x, backing)
		}
		if !asked {
			asked, first = true, xattrErr(err)
			if first != nil {
				return first
			}
		} else if err != nil {
			m.logger.Warn("a cloud does not keep an extended attribute", "cloud", cl.Name, "error", err)
		}
		if f := n.content.Open(); f != nil {
			f.Touched(cl.Index) // it moved ctime
		}
	}
	return first
}
