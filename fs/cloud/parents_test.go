package cloud

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func openParents(t *testing.T) (*dir, string) {
	t.Helper()
	path := t.TempDir()
	opened, err := OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	return opened.(*dir), path
}

func mustDo(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func create(d *dir, path string) error {
	f, err := d.Create(path, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// TestParentMoves acts in directories right after they were moved through the same Dir.
func TestParentMoves(t *testing.T) {
	d, path := openParents(t)
	mustDo(t, d.Mkdir("a", 0o700), d.Mkdir("a/in", 0o700), d.Mkdir("b", 0o700), d.Mkdir("b/in", 0o700), d.Mkdir("ab", 0o700),
		create(d, "a/in/1"), create(d, "b/in/2"), create(d, "ab/3"),
		d.Exchange("a", "b"), create(d, "a/in/4"), create(d, "b/in/5"),
		d.Rename("a", "c"), create(d, "c/in/6"))
	if err := create(d, "a/in/7"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file in a directory that was renamed: %v", err)
	}
	mustDo(t, d.Remove("c/in/2"), d.Remove("c/in/4"), d.Remove("c/in/6"), d.Rmdir("c/in"), d.Mkdir("c/in", 0o700), create(d, "c/in/8"), create(d, "ab/9"))
	for _, name := range []string{"b/in/1", "b/in/5", "c/in/8", "ab/3", "ab/9"} {
		if _, err := os.Stat(filepath.Join(path, name)); err != nil {
			t.Error(err)
		}
	}
}

// TestParentMovedElsewhere has somebody else remove, replace and move a directory that is kept.
func TestParentMovedElsewhere(t *testing.T) {
	d, path := openParents(t)
	at := filepath.Join(path, "d")
	mustDo(t, d.Mkdir("d", 0o700), create(d, "d/1"), os.RemoveAll(at))
	if _, err := d.Stat("d/1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file in a directory that was removed: %v", err)
	}
	mustDo(t, os.Mkdir(at, 0o700), create(d, "d/2"), os.RemoveAll(at), os.Mkdir(at, 0o700), create(d, "d/3"), os.Rename(at, at+".moved"), os.Mkdir(at, 0o700))
	time.Sleep(trusted + trusted/4)
	mustDo(t, create(d, "d/4"))
	for _, name := range []string{"d/4", "d.moved/3"} {
		if _, err := os.Stat(filepath.Join(path, name)); err != nil {
			t.Error(err)
		}
	}
	mustDo(t, os.Rename(at, at+".away"), os.Symlink(at+".away", at))
	time.Sleep(trusted + trusted/4)
	if err := create(d, "d/5"); err == nil {
		t.Error("a link was followed")
	}
}

// TestOpenInParents opens files, and sets attributes of them, in directories that were moved, replaced or made links.
func TestOpenInParents(t *testing.T) {
	d, path := openParents(t)
	at := filepath.Join(path, "d")
	is := func(name, want string) {
		t.Helper()
		f, err := d.Open(name, true)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		got := make([]byte, len(want))
		if _, err := f.ReadAt(got, 0); err != nil || string(got) != want {
			t.Errorf("%s has %q, %v, want %q", name, got, err, want)
		}
	}
	isNot := func(name string, want error) {
		t.Helper()
		if f, err := d.Open(name, false); !errors.Is(err, want) {
			t.Errorf("open %s: %v, %v, want %v", name, f, err, want)
		}
		if err := d.Chmod(name, 0o600); !errors.Is(err, want) {
			t.Errorf("chmod %s: %v, want %v", name, err, want)
		}
	}
	put := func(name, what string) error { return os.WriteFile(filepath.Join(path, name), []byte(what), 0o600) }
	mustDo(t, d.Mkdir("d", 0o700), put("d/f", "first"), put("top", "top"))
	is("top", "top")
	is("d/f", "first")
	mustDo(t, d.Rename("d", "e"))
	isNot("d/f", unix.ENOENT)
	is("e/f", "first")
	mustDo(t, os.RemoveAll(filepath.Join(path, "e")), os.Mkdir(filepath.Join(path, "e"), 0o700), put("e/f", "second"))
	is("e/f", "second")
	mustDo(t, os.Rename(filepath.Join(path, "e"), at), os.Symlink(at, filepath.Join(path, "e")), os.Symlink("f", filepath.Join(at, "link")), unix.Mkfifo(filepath.Join(at, "fifo"), 0o600))
	time.Sleep(trusted + trusted/4)
	isNot("e/f", unix.ENOTDIR)
	is("d/f", "second")
	isNot("d/link", ErrNotRegular)
	isNot("d/fifo", ErrNotRegular)
	isNot("d/f/f", unix.ENOTDIR)
}

// TestParentsAreBounded acts in more directories than are kept, and looks at the descriptors then and after Close.
func TestParentsAreBounded(t *testing.T) {
	before := descriptors(t)
	d, _ := openParents(t)
	for i := range 3 * maxParents {
		name := fmt.Sprintf("d%d", i)
		mustDo(t, d.Mkdir(name, 0o700), create(d, name+"/f"))
	}
	if n := len(d.parents.by); n != maxParents || d.parents.recent.Len() != n {
		t.Errorf("%d directories are kept, %d in order", n, d.parents.recent.Len())
	}
	if n := descriptors(t) - before; n > maxParents+8 {
		t.Errorf("%d more descriptors", n)
	}
	mustDo(t, d.Close())
	if n := descriptors(t); n > before {
		t.Errorf("%d descriptors are left", n-before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir(procFD)
	mustDo(t, err)
	return len(list)
}

// TestParentsAtOnce moves directories while others act in them: each file is where its directory went, and nowhere else.
func TestParentsAtOnce(t *testing.T) {
	d, path := openParents(t)
	mustDo(t, d.Mkdir("0", 0o700), d.Mkdir("1", 0o700))
	const files = 2000
	var made [2][]string
	var all sync.WaitGroup
	for worker := range made {
		all.Go(func() {
			for i := range files {
				name := fmt.Sprintf("%d-%d", worker, i)
				switch err := create(d, fmt.Sprintf("%d/%s", worker, name)); {
				case err == nil:
					made[worker] = append(made[worker], name)
				case !errors.Is(err, fs.ErrNotExist):
					t.Error(err)
				}
			}
		})
	}
	all.Go(func() {
		for range files {
			if err := errors.Join(d.Exchange("0", "1"), d.Rename("0", "x"), d.Mkdir("0", 0o700), d.Exchange("0", "x"), d.Rename("x", "x0")); err != nil {
				t.Error(err)
				return
			}
			for errors.Is(d.Rmdir("x0"), unix.ENOTEMPTY) { // somebody has just made a file in it
				left, _ := d.ReadDir("x0")
				for _, e := range left {
					if err := d.Rename("x0/"+e.Name, "0/"+e.Name); err != nil {
						t.Error(err)
						return
					}
				}
			}
		}
	})
	all.Wait()
	found := map[string]bool{}
	for _, dir := range []string{"0", "1"} {
		list, err := os.ReadDir(filepath.Join(path, dir))
		mustDo(t, err)
		for _, e := range list {
			found[e.Name()] = true
		}
	}
	for _, names := range made {
		for _, name := range names {
			if !found[name] {
				t.Fatalf("%s was made and is nowhere", name)
			}
		}
	}
	if n := len(made[0]) + len(made[1]); len(found) != n {
		t.Errorf("%d files, %d were made", len(found), n)
	}
}
