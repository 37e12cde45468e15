package replica

import (
	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
)

// Xattrs is the extended attributes of one backing file, encrypted under its
// cloud's keys. Errors are those of the backing filesystem, and [cipher.ErrName]
// for a name that no attribute can have.
type Xattrs struct {
	keys *cipher.Cloud
	of   xattrs
}

// xattrs is what has extended attributes: an open file, or a path.
type xattrs interface {
	Listxattr() ([]string, error)
	Getxattr(name string) ([]byte, error)
	Setxattr(name string, value []byte, flags int) error
	Removexattr(name string) error
}

// XattrsAt is those of the file at a path.
func (c *Cloud) XattrsAt(path string) Xattrs { return Xattrs{c.Keys, at{c.Dir, path}} }

// XattrsOf is those of an open file, which may have no path.
func (c *Cloud) XattrsOf(f cloud.File) Xattrs { return Xattrs{c.Keys, f} }

// List returns the names of the attributes that are this program's.
func (x Xattrs) List() ([]string, error) {
	raw, err := x.of.Listxattr()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, backing := range raw {
		if !cipher.IsXattr(backing) {
			continue
		}
		if name, err := x.keys.DecodeXattrName(backing); err == nil {
			names = append(names, name)
		}
	}
	return names, nil
}

// Get returns an attribute's value.
func (x Xattrs) Get(name string) ([]byte, error) {
	backing, err := x.keys.EncodeXattrName(name)
	if err != nil {
		return nil, err
	}
	raw, err := x.of.Getxattr(backing)
	if err != nil {
		return nil, err
	}
	return x.keys.OpenXattr(name, raw)
}

// Set sets an attribute; flags are those of setxattr(2).
func (x Xattrs) Set(name string, value []byte, flags int) error {
	backing, err := x.keys.EncodeXattrName(name)
	if err != nil {
		return err
	}
	return x.of.Setxattr(backing, x.keys.SealXattr(name, value), flags)
}

// Remove removes an attribute.
func (x Xattrs) Remove(name string) error {
	backing, err := x.keys.EncodeXattrName(name)
	if err != nil {
		return err
	}
	return x.of.Removexattr(backing)
}

// at is the file at a path.
type at struct {
	dir  cloud.Dir
	path string
}

func (a at) Listxattr() ([]string, error)         { return a.dir.Listxattr(a.path) }
func (a at) Getxattr(name string) ([]byte, error) { return a.dir.Getxattr(a.path, name) }
func (a at) Setxattr(name string, value []byte, flags int) error {
	return a.dir.Setxattr(a.path, name, value, flags)
}
func (a at) Removexattr(name string) error { return a.dir.Removexattr(a.path, name) }
