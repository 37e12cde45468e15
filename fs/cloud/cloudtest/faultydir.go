package cloudtest

import (
	"errors"
	"io"
	"io/fs"

	"github.com/overcast-fs/overcast/fs/cloud"
)

func (f *Faulty) Open(path string, write bool) (cloud.File, error) {
	return f.open("open", path, func() (cloud.File, error) { return f.dir.Open(path, write) })
}

func (f *Faulty) Create(path string, perm uint32) (cloud.File, error) {
	return f.open("create", path, func() (cloud.File, error) { return f.dir.Create(path, perm) })
}

func (f *Faulty) open(op, path string, fn func() (cloud.File, error)) (cloud.File, error) {
	file, err := try(f.Rules, op, fn, path)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f.Rules, path}, nil
}

// try does fn, or what the rules say instead.
func try[T any](f *Rules, op string, fn func() (T, error), paths ...string) (T, error) {
	late, fault := f.verdict(op, paths)
	if fault == nil {
		return fn()
	}
	if late {
		value, err := fn()
		if file, ok := any(value).(cloud.File); ok && err == nil {
			_ = file.Close()
		}
	}
	var none T
	return none, fault
}

// do is try for operations without a result.
func (f *Rules) do(op string, fn func() error, paths ...string) error {
	_, err := try(f, op, func() (struct{}, error) { return struct{}{}, fn() }, paths...)
	if errors.Is(err, ErrIgnored) {
		return nil
	}
	return err
}

func (f *Faulty) Mkdir(path string, perm uint32) error {
	return f.do("mkdir", func() error { return f.dir.Mkdir(path, perm) }, path)
}

func (f *Faulty) Remove(path string) error {
	return f.do("remove", func() error { return f.dir.Remove(path) }, path)
}

func (f *Faulty) Rmdir(path string) error {
	return f.do("rmdir", func() error { return f.dir.Rmdir(path) }, path)
}

func (f *Faulty) Rename(old, new string) error {
	return f.do("rename", func() error { return f.dir.Rename(old, new) }, old, new)
}

func (f *Faulty) Exchange(a, b string) error {
	return f.do("exchange", func() error { return f.dir.Exchange(a, b) }, a, b)
}

func (f *Faulty) Link(old, new string) error {
	return f.do("link", func() error { return f.dir.Link(old, new) }, old, new)
}

func (f *Faulty) Stat(path string) (cloud.Info, error) {
	return try(f.Rules, "stat", func() (cloud.Info, error) { return f.dir.Stat(path) }, path)
}

func (f *Faulty) Handle(path string) ([]byte, error) {
	return try(f.Rules, "handle", func() ([]byte, error) { return f.dir.Handle(path) }, path)
}

func (f *Faulty) ReadDir(path string) ([]cloud.Entry, error) {
	return try(f.Rules, "readdir", func() ([]cloud.Entry, error) { return f.dir.ReadDir(path) }, path)
}

func (f *Faulty) Chmod(path string, perm uint32) error {
	return f.do("chmod", func() error { return f.dir.Chmod(path, perm) }, path)
}

func (f *Faulty) Chown(path string, uid, gid int) error {
	return f.do("chown", func() error { return f.dir.Chown(path, uid, gid) }, path)
}

func (f *Faulty) Chtimes(path string, t cloud.Times) error {
	return f.do("chtimes", func() error { return f.dir.Chtimes(path, t) }, path)
}

func (f *Faulty) Listxattr(path string) ([]string, error) {
	return try(f.Rules, "listxattr", func() ([]string, error) { return f.dir.Listxattr(path) }, path)
}

func (f *Faulty) Getxattr(path, name string) ([]byte, error) {
	return try(f.Rules, "getxattr", func() ([]byte, error) { return f.dir.Getxattr(path, name) }, path)
}

func (f *Faulty) Setxattr(path, name string, value []byte, flags int) error {
	return f.do("setxattr", func() error { return f.dir.Setxattr(path, name, value, flags) }, path)
}

func (f *Faulty) Removexattr(path, name string) error {
	return f.do("removexattr", func() error { return f.dir.Removexattr(path, name) }, path)
}

func (f *Faulty) Statfs() (cloud.Statfs, error) { return try(f.Rules, "statfs", f.dir.Statfs, "") }

func (f *Faulty) SyncDir(path string) error {
	return f.do("syncdir", func() error { return f.dir.SyncDir(path) }, path)
}

func (f *Faulty) Syncfs() error { return f.do("syncfs", f.dir.Syncfs, "") }
func (f *Faulty) Check() error  { return f.do("check", f.dir.Check, "") }

func (f *Faulty) Close() error {
	f.end()
	return f.dir.Close()
}

type faultyFile struct {
	file  cloud.File
	rules *Rules
	path  string
}

func (f *faultyFile) ReadAt(p []byte, off int64) (int, error) {
	r := f.rules.fault("readat", f.path)
	if r == nil {
		return f.file.ReadAt(p, off)
	}
	if r.Instead != nil {
		return readInstead(r.Instead, f.path, p, off)
	}
	n, err := f.file.ReadAt(p[:min(r.Short, len(p))], off)
	if err == nil || err == io.EOF {
		err = &fs.PathError{Op: "readat", Path: f.path, Err: r.Err}
	}
	return n, err
}

func readInstead(dir cloud.Dir, path string, p []byte, off int64) (int, error) {
	f, err := dir.Open(path, false)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.ReadAt(p, off)
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	r := f.rules.fault("writeat", f.path)
	if r == nil {
		return f.file.WriteAt(p, off)
	}
	fault := &fs.PathError{Op: "writeat", Path: f.path, Err: r.Err}
	if r.Late {
		_, _ = f.file.WriteAt(p, off)
		return 0, fault
	}
	n, err := f.file.WriteAt(p[:min(r.Short, len(p))], off)
	if err == nil {
		err = fault
	}
	return n, err
}

func (f *faultyFile) Truncate(size int64) error {
	return f.rules.do("truncate", func() error { return f.file.Truncate(size) }, f.path)
}

func (f *faultyFile) Sync() error { return f.rules.do("sync", f.file.Sync, f.path) }

func (f *faultyFile) Stat() (cloud.Info, error) {
	return try(f.rules, "stat", f.file.Stat, f.path)
}

func (f *faultyFile) Chmod(perm uint32) error {
	return f.rules.do("chmod", func() error { return f.file.Chmod(perm) }, f.path)
}

func (f *faultyFile) Chown(uid, gid int) error {
	return f.rules.do("chown", func() error { return f.file.Chown(uid, gid) }, f.path)
}

func (f *faultyFile) Chtimes(t cloud.Times) error {
	return f.rules.do("chtimes", func() error { return f.file.Chtimes(t) }, f.path)
}

func (f *faultyFile) Listxattr() ([]string, error) {
	return try(f.rules, "listxattr", f.file.Listxattr, f.path)
}

func (f *faultyFile) Getxattr(name string) ([]byte, error) {
	return try(f.rules, "getxattr", func() ([]byte, error) { return f.file.Getxattr(name) }, f.path)
}

func (f *faultyFile) Setxattr(name string, value []byte, flags int) error {
	return f.rules.do("setxattr", func() error { return f.file.Setxattr(name, value, flags) }, f.path)
}

func (f *faultyFile) Removexattr(name string) error {
	return f.rules.do("removexattr", func() error { return f.file.Removexattr(name) }, f.path)
}

func (f *faultyFile) PunchHole(off, n int64) error {
	return f.rules.do("punchhole", func() error { return f.file.PunchHole(off, n) }, f.path)
}

func (f *faultyFile) SeekData(off int64) (int64, error) {
	return try(f.rules, "seekdata", func() (int64, error) { return f.file.SeekData(off) }, f.path)
}

func (f *faultyFile) Close() error { return f.file.Close() }
