package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A testDisk is the real disk under a temporary directory, with failures. Every
// changing operation has a number, from 1.
//
// Its idea of a power cut is harsher than what journaling filesystems do: data
// that was not synced is cut in half, and of the names that were not, any may be
// as they were before.
type testDisk struct {
	osDisk
	failAt int  // the operation that fails, 0 for none
	dies   bool // so does every one after it

	count    int
	last     string // the operation that failed
	journal  []change
	unsynced map[string]bool
}

// A change of a directory that is not yet durable.
type change struct {
	dir  string
	undo func() error
}

var errInjected = errors.New("injected")

func (d *testDisk) String() string {
	return fmt.Sprintf("operation %d (%s) fails, all after it: %v", d.failAt, d.last, d.dies)
}

func (d *testDisk) step(op, path string) error {
	d.count++
	if d.count != d.failAt && !(d.dies && d.failAt > 0 && d.count > d.failAt) {
		return nil
	}
	if d.count == d.failAt {
		d.last = op + " " + filepath.Base(path)
	}
	return &os.PathError{Op: op, Path: path, Err: errInjected}
}

func (d *testDisk) changed(path string, undo func() error) {
	d.journal = append(d.journal, change{filepath.Dir(path), undo})
}

func (d *testDisk) Mkdir(path string, perm fs.FileMode) error {
	if err := d.step("mkdir", path); err != nil {
		return err
	}
	if err := d.osDisk.Mkdir(path, perm); err != nil {
		return err
	}
	d.changed(path, func() error { return os.RemoveAll(path) })
	return nil
}

func (d *testDisk) Chmod(path string, perm fs.FileMode) error {
	if err := d.step("chmod", path); err != nil {
		return err
	}
	return d.osDisk.Chmod(path, perm)
}

func (d *testDisk) Create(path string, perm fs.FileMode) (diskFile, error) {
	if err := d.step("create", path); err != nil {
		return nil, err
	}
	f, err := d.osDisk.Create(path, perm)
	if err != nil {
		return nil, err
	}
	d.changed(path, func() error { return ignoreMissing(os.Remove(path)) })
	return &testFile{f, d, path}, nil
}

func (d *testDisk) Rename(from, to string) error {
	if err := d.step("rename", to); err != nil {
		return err
	}
	restore := saved(to)
	if err := d.osDisk.Rename(from, to); err != nil {
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

func (d *testDisk) Remove(path string) error {
	if err := d.step("remove", path); err != nil {
		return err
	}
	restore := saved(path)
	if err := d.osDisk.Remove(path); err != nil {
		return err
	}
	d.changed(path, restore)
	return nil
}

func (d *testDisk) SyncDir(path string) error {
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

// powerCut leaves what a power cut may leave.
func (d *testDisk) powerCut(t *testing.T, rng *rand.Rand) {
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
	diskFile
	disk *testDisk
	path string
}

func (f *testFile) Write(p []byte) (int, error) {
	if f.disk.unsynced == nil {
		f.disk.unsynced = map[string]bool{}
	}
	f.disk.unsynced[f.path] = true
	if err := f.disk.step("write", f.path); err != nil {
		n, _ := f.diskFile.Write(p[:len(p)/2])
		return n, err
	}
	return f.diskFile.Write(p)
}

func (f *testFile) Chmod(perm fs.FileMode) error {
	if err := f.disk.step("fchmod", f.path); err != nil {
		return err
	}
	return f.diskFile.Chmod(perm)
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
	return errors.Join(err, f.diskFile.Close())
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

// eachFailure runs a history on a fresh disk for every operation that it does,
// failing there, until it comes through. It reports how often it was run.
func eachFailure(t *testing.T, dies bool, history func(t *testing.T, d *testDisk) error) (runs int) {
	t.Helper()
	for at := 1; ; at++ {
		d := &testDisk{failAt: at, dies: dies}
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
