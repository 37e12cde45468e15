// Package durabletest holds a disk that fails and loses power, for the tests of
// what must survive both.
package durabletest

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/overcast-fs/overcast/fs/durable"
)

// A Disk is the real disk under a temporary directory, with failures. Every
// changing operation has a number, from 1.
//
// Its idea of a power cut is harsher than what journaling filesystems do: data
// that was not synced is cut in half, and of the names that were not, any may be
// as they were before.
type Disk struct {
	durable.OS
	FailAt int  // the operation that fails, 0 for none
	Dies   bool // so does every one after it

	count    int
	last     string
	journal  []change
	unsynced map[string]bool
}

// A change of a directory that is not yet durable.
type change struct {
	dir  string
	undo func() error
}

// ErrInjected is why an operation fails.
var ErrInjected = errors.New("injected")

// String tells where the disk fails.
func (d *Disk) String() string {
	return fmt.Sprintf("operation %d (%s) fails, all after it: %v", d.FailAt, d.last, d.Dies)
}

// Count is how many operations there were.
func (d *Disk) Count() int { return d.count }

// Failed names the operation that failed, "" if none has yet.
func (d *Disk) Failed() string { return d.last }

func (d *Disk) step(op, path string) error {
	d.count++
	if d.count != d.FailAt && !(d.Dies && d.FailAt > 0 && d.count > d.FailAt) {
		return nil
	}
	if d.count == d.FailAt {
		d.last = op + " " + filepath.Base(path)
	}
	return &os.PathError{Op: op, Path: path, Err: ErrInjected}
}

func (d *Disk) changed(path string, undo func() error) {
	d.journal = append(d.journal, change{filepath.Dir(path), undo})
}

// Mkdir makes a directory.
func (d *Disk) Mkdir(path string, perm fs.FileMode) error {
	if err := d.step("mkdir", path); err != nil {
		return err
	}
	if err := os.Mkdir(path, perm); err != nil {
		return err
	}
	d.changed(path, func() error { return os.RemoveAll(path) })
	return nil
}

// Chmod changes a mode.
func (d *Disk) Chmod(path string, perm fs.FileMode) error {
	if err := d.step("chmod", path); err != nil {
		return err
	}
	return os.Chmod(path, perm)
}

// Create implements [durable.Disk].
func (d *Disk) Create(path string, perm fs.FileMode) (durable.DiskFile, error) {
	if err := d.step("create", path); err != nil {
		return nil, err
	}
	f, err := d.OS.Create(path, perm)
	if err != nil {
		return nil, err
	}
	d.changed(path, func() error { return ignoreMissing(os.Remove(path)) })
	return &testFile{f, d, path}, nil
}

// Rename implements [durable.Disk].
func (d *Disk) Rename(from, to string) error { return d.rename(from, to, d.OS.Rename) }

// RenameNew implements [durable.Disk].
func (d *Disk) RenameNew(from, to string) error { return d.rename(from, to, d.OS.RenameNew) }

func (d *Disk) rename(from, to string, rename func(from, to string) error) error {
	if err := d.step("rename", to); err != nil {
		return err
	}
	restore := saved(to)
	if err := rename(from, to); err != nil {
		return err
	}
	if d.unsynced[from] {
		delete(d.unsynced, from)
		d.unsynced[to] = true
	}
	d.changed(to, func() error {
		if err := ignoreMissing(os.Rename(to, from)); err != nil {
			return err
		}
		return restore()
	})
	return nil
}

// Remove implements [durable.Disk].
func (d *Disk) Remove(path string) error {
	if err := d.step("remove", path); err != nil {
		return err
	}
	restore := saved(path)
	if err := d.OS.Remove(path); err != nil {
		return err
	}
	d.changed(path, restore)
	return nil
}

// SyncDir implements [durable.Disk].
func (d *Disk) SyncDir(path string) error {
	if err := d.step("syncdir", path); err != nil {
		return err
	}
	kept := d.journal[:0]
	for _, c := range d.journal {
		if c.dir != path {
			kept = append(kept, c)
		}
	}
	d.journal = kept
	_, err := os.Stat(path)
	return err
}

// Unsynced tells what a power cut now could take.
func (d *Disk) Unsynced() []string {
	var all []string
	for _, c := range d.journal {
		all = append(all, "a name in "+c.dir)
	}
	for path := range d.unsynced {
		all = append(all, "the content of "+path)
	}
	return all
}

// PowerCut leaves what a power cut may leave.
func (d *Disk) PowerCut(t *testing.T, rng *rand.Rand) {
	t.Helper()
	for path := range d.unsynced {
		if info, err := os.Stat(path); err == nil {
			check(t, os.Truncate(path, info.Size()/2))
		}
	}
	for _, c := range slices.Backward(d.journal) {
		if rng.IntN(2) == 0 {
			check(t, c.undo())
		}
	}
	d.journal = nil
}

type testFile struct {
	durable.DiskFile
	disk *Disk
	path string
}

func (f *testFile) Write(p []byte) (int, error) {
	if f.disk.unsynced == nil {
		f.disk.unsynced = map[string]bool{}
	}
	f.disk.unsynced[f.path] = true
	if err := f.disk.step("write", f.path); err != nil {
		n, _ := f.DiskFile.Write(p[:len(p)/2])
		return n, err
	}
	return f.DiskFile.Write(p)
}

func (f *testFile) Chmod(perm fs.FileMode) error {
	if err := f.disk.step("fchmod", f.path); err != nil {
		return err
	}
	return f.DiskFile.Chmod(perm)
}

func (f *testFile) Sync() error {
	if err := f.disk.step("fsync", f.path); err != nil {
		return err
	}
	delete(f.disk.unsynced, f.path)
	return nil
}

func (f *testFile) Close() error {
	err := f.disk.step("close", f.path)
	return errors.Join(err, f.DiskFile.Close())
}

// saved returns what puts a file or an empty directory back as it is now, unless
// the directory around it is gone, too.
func saved(path string) func() error {
	info, err := os.Lstat(path)
	if err != nil {
		return func() error { return nil }
	}
	if info.IsDir() {
		return func() error { return ignoreMissing(os.Mkdir(path, info.Mode().Perm())) }
	}
	data, err := os.ReadFile(path)
	return func() error { return errors.Join(err, ignoreMissing(os.WriteFile(path, data, info.Mode().Perm()))) }
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// EachFailure runs a history on a fresh disk for every operation that it does,
// failing there, until it comes through. It reports how often it was run.
func EachFailure(t *testing.T, dies bool, history func(t *testing.T, d *Disk) error) (runs int) {
	t.Helper()
	for at := 1; ; at++ {
		d := &Disk{FailAt: at, Dies: dies}
		err := history(t, d)
		if t.Failed() {
			t.Fatalf("when %v", d)
		}
		if d.last == "" {
			check(t, err)
			return at - 1
		}
		if err == nil {
			t.Fatalf("no error when %v", d)
		}
	}
}
