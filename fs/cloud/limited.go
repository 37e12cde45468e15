package cloud

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Limited is a directory whose filesystem has only these features, whatever it says where one is asked for that it lacks: an
// rclone mount calls a hard link an I/O error, as if it had failed. What it lacks gives [ErrUnsupported] and is not tried. Modes,
// owners and times that it does not keep are not set, and that is no error, since a file's header has them.
func Limited(dir Dir, f Features) Dir {
	if f.whole() {
		return dir
	}
	return &limited{dir, f}
}

// whole reports whether there is nothing that Limited keeps from a directory.
func (f Features) whole() bool {
	return f.Modes && f.Owners && f.Times > 0 && f.Links && f.Xattrs && f.Exchange && f.Punch && f.Handles
}

type limited struct {
	Dir
	has Features
}

type limitedFile struct {
	File
	has Features
}

// lacking calls fn only where the filesystem can do it.
func lacking(has bool, errno unix.Errno, fn func() error) error {
	if !has {
		return fmt.Errorf("%w (%w)", ErrUnsupported, errno)
	}
	return fn()
}

// unkept calls fn only where the filesystem keeps what it sets.
func unkept(keeps bool, fn func() error) error {
	if !keeps {
		return nil
	}
	return fn()
}

func (d *limited) file(f File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return &limitedFile{f, d.has}, nil
}

func (d *limited) Open(path string, write bool) (File, error) { return d.file(d.Dir.Open(path, write)) }
func (d *limited) Create(path string, perm uint32) (File, error) {
	return d.file(d.Dir.Create(path, perm))
}

func (d *limited) Exchange(a, b string) error {
	return lacking(d.has.Exchange, unix.EINVAL, func() error { return d.Dir.Exchange(a, b) })
}

func (d *limited) Link(old, new string) error {
	return lacking(d.has.Links, unix.EPERM, func() error { return d.Dir.Link(old, new) })
}

func (d *limited) Handle(path string) (handle []byte, err error) {
	err = lacking(d.has.Handles, unix.EOPNOTSUPP, func() error { handle, err = d.Dir.Handle(path); return err })
	return handle, err
}

func (d *limited) Chmod(path string, perm uint32) error {
	return unkept(d.has.Modes, func() error { return d.Dir.Chmod(path, perm) })
}

func (d *limited) Chown(path string, uid, gid int) error {
	return unkept(d.has.Owners, func() error { return d.Dir.Chown(path, uid, gid) })
}

func (d *limited) Chtimes(path string, t Times) error {
	return unkept(d.has.Times > 0, func() error { return d.Dir.Chtimes(path, t) })
}

func (d *limited) Listxattr(path string) (names []string, err error) {
	err = lacking(d.has.Xattrs, unix.EOPNOTSUPP, func() error { names, err = d.Dir.Listxattr(path); return err })
	return names, err
}

func (d *limited) Getxattr(path, name string) (value []byte, err error) {
	err = lacking(d.has.Xattrs, unix.EOPNOTSUPP, func() error { value, err = d.Dir.Getxattr(path, name); return err })
	return value, err
}

func (d *limited) Setxattr(path, name string, value []byte, flags int) error {
	return lacking(d.has.Xattrs, unix.EOPNOTSUPP, func() error { return d.Dir.Setxattr(path, name, value, flags) })
}

func (d *limited) Removexattr(path, name string) error {
	return lacking(d.has.Xattrs, unix.EOPNOTSUPP, func() error { return d.Dir.Removexattr(path, name) })
}

func (f *limitedFile) Chmod(perm uint32) error {
	return unkept(f.has.Modes, func() error { return f.File.Chmod(perm) })
}

func (f *limitedFile) Chown(uid, gid int) error {
	return unkept(f.has.Owners, func() error { return f.File.Chown(uid, gid) })
}

func (f *limitedFile) Chtimes(t Times) error {
	return unkept(f.has.Times > 0, func() error { return f.File.Chtimes(t) })
}

func (f *limitedFile) Listxattr() (names []string, err error) {
	err = lacking(f.has.Xattrs, unix.EOPNOTSUPP, func() error { names, err = f.File.Listxattr(); return err })
	return names, err
}

func (f *limitedFile) Getxattr(name string) (value []byte, err error) {
	err = lacking(f.has.Xattrs, unix.EOPNOTSUPP, func() error { value, err = f.File.Getxattr(name); return err })
	return value, err
}

func (f *limitedFile) Setxattr(name string, value []byte, flags int) error {
	return lacking(f.has.Xattrs, unix.EOPNOTSUPP, func() error { return f.File.Setxattr(name, value, flags) })
}

func (f *limitedFile) Removexattr(name string) error {
	return lacking(f.has.Xattrs, unix.EOPNOTSUPP, func() error { return f.File.Removexattr(name) })
}

func (f *limitedFile) PunchHole(off, n int64) error {
	return lacking(f.has.Punch, unix.EOPNOTSUPP, func() error { return f.File.PunchHole(off, n) })
}
