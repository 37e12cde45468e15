package cloudtest

import (
	"io/fs"
	"os"
	"syscall"

	"github.com/overcast-fs/overcast/fs/cloud"
)

// ReadOnly shows dir as a read-only mount would: every change is EROFS. Syncs
// succeed, as they do there.
func ReadOnly(dir cloud.Dir) cloud.Dir { return readOnly{dir} }

type readOnly struct{ cloud.Dir }

func refused(op, path string) error { return &fs.PathError{Op: op, Path: path, Err: syscall.EROFS} }

func refused2(op, old, new string) error {
	return &os.LinkError{Op: op, Old: old, New: new, Err: syscall.EROFS}
}

func (r readOnly) Open(path string, write bool) (cloud.File, error) {
	f, err := r.Dir.Open(path, false)
	if err != nil {
		return nil, err
	}
	if write {
		f.Close()
		return nil, refused("open", path)
	}
	return readOnlyFile{f, path}, nil
}

func (r readOnly) Statfs() (cloud.Statfs, error) {
	s, err := r.Dir.Statfs()
	s.ReadOnly = true
	return s, err
}

func (r readOnly) Create(path string, _ uint32) (cloud.File, error) {
	return nil, refused("create", path)
}
func (r readOnly) Mkdir(path string, _ uint32) error        { return refused("mkdir", path) }
func (r readOnly) Remove(path string) error                 { return refused("remove", path) }
func (r readOnly) Rmdir(path string) error                  { return refused("rmdir", path) }
func (r readOnly) Rename(old, new string) error             { return refused2("rename", old, new) }
func (r readOnly) Exchange(a, b string) error               { return refused2("exchange", a, b) }
func (r readOnly) Link(old, new string) error               { return refused2("link", old, new) }
func (r readOnly) Chmod(path string, _ uint32) error        { return refused("chmod", path) }
func (r readOnly) Chown(path string, _, _ int) error        { return refused("chown", path) }
func (r readOnly) Chtimes(path string, _ cloud.Times) error { return refused("chtimes", path) }
func (r readOnly) Removexattr(path, _ string) error         { return refused("removexattr", path) }
func (r readOnly) Setxattr(path, _ string, _ []byte, _ int) error {
	return refused("setxattr", path)
}

type readOnlyFile struct {
	cloud.File
	path string
}

func (f readOnlyFile) Chmod(uint32) error                 { return refused("chmod", f.path) }
func (f readOnlyFile) Chown(int, int) error               { return refused("chown", f.path) }
func (f readOnlyFile) Chtimes(cloud.Times) error          { return refused("chtimes", f.path) }
func (f readOnlyFile) Removexattr(string) error           { return refused("removexattr", f.path) }
func (f readOnlyFile) Setxattr(string, []byte, int) error { return refused("setxattr", f.path) }
