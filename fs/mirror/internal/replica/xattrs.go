package replica

import (
	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
)

// Xattrs are the extended attributes of a file or directory in one cloud: by their
// plaintext names and values.
type Xattrs struct {
	keys *cipher.Cloud
	on   interface {
		Getxattr(name string) ([]byte, error)
		Setxattr(name string, value []byte, flags int) error
		Removexattr(name string) error
		Listxattr() ([]string, error)
	}
}

// XattrsAt are those at a path.
func (c *Cloud) XattrsAt(path string) Xattrs { return Xattrs{c.Keys, placed{c.Dir, path}} }

// XattrsOf are those of an open file, which may have no path any more.
func (c *Cloud) XattrsOf(f cloud.File) Xattrs { return Xattrs{c.Keys, f} }

// placed is what has a path.
type placed struct {
	dir  cloud.Dir
	path string
}

func (p placed) Getxattr(name string) ([]byte, error) { return p.dir.Getxattr(p.path, name) }
func (p placed) Removexattr(name string) error        { return p.dir.Removexattr(p.path, name) }
func (p placed) Listxattr() ([]string, error)         { return p.dir.Listxattr(p.path) }

func (p placed) Setxattr(name string, value []byte, flags int) error {
	return p.dir.Setxattr(p.path, name, value, flags)
}

// Get reads one. The error wraps [cipher.ErrName] where no such name can be.
func (x Xattrs) Get(name string) ([]byte, error) {
	backing, err := x.keys.EncodeXattrName(name)
	if err != nil {
		return nil, err
	}
	raw, err := x.on.Getxattr(backing)
	if err != nil {
		return nil, err
	}
	return x.keys.OpenXattr(name, raw)
}

// Set sets one; flags are those of setxattr(2).
func (x Xattrs) Set(name string, value []byte, flags int) error {
	backing, err := x.keys.EncodeXattrName(name)
	if err != nil {
		return err
	}
	return x.on.Setxattr(backing, x.keys.SealXattr(name, value), flags)
}

// Remove removes one.
func (x Xattrs) Remove(name string) error {
	backing, err := x.keys.EncodeXattrName(name)
	if err != nil {
		return err
	}
	return x.on.Removexattr(backing)
}

// List returns the names of those that are this program's.
func (x Xattrs) List() ([]string, error) {
	raw, err := x.on.Listxattr()
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
