package replica

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
)

// Cloud is one cloud's directory under its keys.
type Cloud struct {
	Index int // in the vault's order
	Name  string
	Dir   cloud.Dir // nil when absent
	Keys  *cipher.Cloud
	Rest  func() // called for each run of records by who goes through a whole file; or nil
}

func (c *Cloud) rest() {
	if c.Rest != nil {
		c.Rest()
	}
}

// Missing reports an error that means that there is nothing at a path.
func Missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)
}

// Join is the path of an entry in a directory.
func Join(dir, entry string) string {
	if dir == "" {
		return entry
	}
	return dir + "/" + entry
}

// Entry is the spelling of a name's entry; special entries carry the letter w.
func Entry(n cipher.Name, special bool) string {
	return string(n.Spelt(special))
}

// Header reads the header at a path. The error wraps [ErrBlank] or
// [cipher.ErrDamaged] where there is none that verifies.
func (c *Cloud) Header(path string) (*cipher.Header, error) {
	f, err := c.Dir.Open(path, false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h, keys, err := c.ReadHeader(f)
	if err != nil {
		return nil, err
	}
	keys.Wipe()
	return h, nil
}

// ReadHeader is Header for a file that is open. The keys are the caller's to
// wipe.
func (c *Cloud) ReadHeader(f cloud.File) (*cipher.Header, *cipher.File, error) {
	raw := make([]byte, cipher.HeaderSize)
	n, err := f.ReadAt(raw, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	if n == len(raw) {
		h, keys, err := c.Keys.OpenHeader(raw)
		if !errors.Is(err, cipher.ErrDamaged) {
			return h, keys, err
		}
	}
	if cipher.HasNoHeader(raw[:n]) {
		return nil, nil, ErrBlank
	}
	return nil, nil, cipher.ErrDamaged
}

// PutSidecar writes the sidecar of a long name, which comes before its entry.
// One that is there in part is written again.
func (c *Cloud) PutSidecar(dir string, n cipher.Name) error {
	if n.Sidecar == "" {
		return nil
	}
	side := Join(dir, string(n.Sidecar))
	if have, err := c.ReadSidecar(side); err == nil && string(have) == string(n.SidecarData) {
		return nil
	}
	f, err := c.Dir.Create(side, 0o644)
	if errors.Is(err, fs.ErrExist) {
		f, err = c.Dir.Open(side, true)
	}
	if err != nil {
		return fmt.Errorf("sidecar: %w", err)
	}
	defer f.Close()
	if _, err := f.WriteAt(n.SidecarData, 0); err != nil {
		return fmt.Errorf("sidecar: %w", err)
	}
	return f.Truncate(int64(len(n.SidecarData)))
}

// DropSidecar removes the sidecar of a long name that is gone. It stays where
// an entry of the name, under either spelling, is somebody else's by now: nothing
// else tells what that is called.
func (c *Cloud) DropSidecar(dir string, n cipher.Name) error {
	if n.Sidecar == "" {
		return nil
	}
	for _, special := range []bool{false, true} {
		if _, err := c.Dir.Stat(Join(dir, Entry(n, special))); !Missing(err) {
			return err
		}
	}
	if err := c.Dir.Remove(Join(dir, string(n.Sidecar))); err != nil && !Missing(err) {
		return fmt.Errorf("sidecar: %w", err)
	}
	return nil
}

// ReadSidecar reads a sidecar, as far as one can go.
func (c *Cloud) ReadSidecar(path string) ([]byte, error) {
	f, err := c.Dir.Open(path, false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, cipher.MaxSidecar+1)
	n, err := f.ReadAt(data, 0)
	if err == nil || !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("sidecar: %w", errors.Join(cipher.ErrSidecar, err))
	}
	return data[:n], nil
}

// DecodeEntry tells what an entry in a directory stands for.
func (c *Cloud) DecodeEntry(dir, entry string) (cipher.Decoded, error) {
	return c.Keys.DecodeEntry(cipher.EntryName(entry), func(side cipher.EntryName) ([]byte, error) {
		return c.ReadSidecar(Join(dir, string(side)))
	})
}

// Clear removes a file, if it is there.
func (c *Cloud) Clear(path string) error {
	if err := c.Dir.Remove(path); !Missing(err) {
		return err
	}
	return nil
}

// RemoveEntry removes whatever is at a name of a directory, under either spelling.
func (c *Cloud) RemoveEntry(dir string, n cipher.Name) error {
	for _, special := range []bool{false, true} {
		if err := c.Clear(Join(dir, Entry(n, special))); err != nil {
			return err
		}
	}
	return nil
}

// Litter reports whether an entry is this program's own and of no use any more
// once its directory goes: a temporary file that has our header or none yet, or
// a sidecar that tells the name it is for, or that a crash left without content.
func (c *Cloud) Litter(dir string, e cloud.Entry) bool {
	if !e.Regular {
		return false
	}
	path := Join(dir, e.Name)
	if cipher.EntryName(e.Name).MayBeOwnTemp() {
		_, err := c.Header(path)
		return err == nil || errors.Is(err, ErrBlank)
	}
	if !cipher.EntryName(e.Name).IsSidecar() {
		return false
	}
	data, err := c.ReadSidecar(path)
	return err == nil && (len(bytes.Trim(data, "\x00")) == 0 || c.Keys.CheckSidecar(cipher.EntryName(e.Name), data) == nil)
}

// CopyXattrs gives a backing file the extended attributes of another one, as
// far as the filesystem has any.
func (c *Cloud) CopyXattrs(from, to string) error {
	return eachXattr(at{c.Dir, from}, func(name string, value []byte) error { return c.Dir.Setxattr(to, name, value, 0) })
}

// TakeXattrs is CopyXattrs into a file that is open.
func (c *Copy) TakeXattrs(from string) error { return c.takeXattrs(at{c.Cloud.Dir, from}) }

// TakeXattrsOf is TakeXattrs from another open file of the same cloud.
func (c *Copy) TakeXattrsOf(from cloud.File) error { return c.takeXattrs(from) }

func (c *Copy) takeXattrs(from xattrs) error {
	return eachXattr(from, func(name string, value []byte) error { return c.File.Setxattr(name, value, 0) })
}

func eachXattr(from xattrs, do func(name string, value []byte) error) error {
	names, err := from.Listxattr()
	if err != nil {
		return nil
	}
	for _, name := range names {
		if !cipher.IsXattr(name) {
			continue
		}
		value, err := from.Getxattr(name)
		if err != nil {
			return err
		}
		if err := do(name, value); err != nil {
			return err
		}
	}
	return nil
}

// KeepTimes does something in a directory of which programs must not see that it
// changed, as far as the cloud lets it: what was done is done.
func (c *Cloud) KeepTimes(dir string, do func() error) error {
	before, err := c.Dir.Stat(dir)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	_ = c.Dir.Chtimes(dir, cloud.Times{Mtime: &before.Mtime})
	return nil
}

// ExchangeBy exchanges two entries by way of a temporary name: each moves from
// its first path to its second. Where a step fails those before it are undone.
func (c *Cloud) ExchangeBy(temp string, a, b [2]string) error {
	steps := [][2]string{{a[0], temp}, b, {temp, a[1]}}
	for i, step := range steps {
		if err := c.Dir.Rename(step[0], step[1]); err != nil {
			for i--; i >= 0; i-- {
				err = errors.Join(err, c.Dir.Rename(steps[i][1], steps[i][0]))
			}
			return err
		}
	}
	return nil
}

// Kind is the file type of stat for a header's type.
func Kind(t cipher.Type) uint32 {
	switch t {
	case cipher.TypeSymlink:
		return unix.S_IFLNK
	case cipher.TypeFIFO:
		return unix.S_IFIFO
	case cipher.TypeSocket:
		return unix.S_IFSOCK
	case cipher.TypeChar:
		return unix.S_IFCHR
	case cipher.TypeBlock:
		return unix.S_IFBLK
	}
	return unix.S_IFREG
}

// Type is the header's type of a file with these S_IFMT bits.
func Type(kind uint32) cipher.Type {
	switch kind & unix.S_IFMT {
	case unix.S_IFLNK:
		return cipher.TypeSymlink
	case unix.S_IFIFO:
		return cipher.TypeFIFO
	case unix.S_IFSOCK:
		return cipher.TypeSocket
	case unix.S_IFCHR:
		return cipher.TypeChar
	case unix.S_IFBLK:
		return cipher.TypeBlock
	}
	return cipher.TypeFile
}
