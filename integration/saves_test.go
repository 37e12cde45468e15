package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// saves are the ways in which programs save a file.
func saves() map[string]func(path string, content []byte) error {
	return map[string]func(string, []byte) error{
		"truncate": func(path string, content []byte) error { return os.WriteFile(path, content, 0o644) },
		"truncate and fsync": func(path string, content []byte) error {
			return writeSynced(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, content)
		},
		"rename": func(path string, content []byte) error {
			return errors.Join(os.WriteFile(path+".tmp", content, 0o644), os.Rename(path+".tmp", path))
		},
		"rename and fsync": func(path string, content []byte) error {
			return errors.Join(writeSynced(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_EXCL, content), os.Rename(path+".tmp", path),
				syncDir(filepath.Dir(path)))
		},
		// vim with backupcopy=no
		"rename away": func(path string, content []byte) error {
			return errors.Join(os.Rename(path, path+"~"), writeSynced(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, content),
				os.Remove(path+"~"))
		},
		// vim with backupcopy=yes
		"copy away": func(path string, content []byte) error {
			old, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path+"~", old, 0o644),
				writeSynced(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, content), os.Remove(path+"~"))
		},
		"link away": func(path string, content []byte) error {
			return errors.Join(os.Link(path, path+"~"), writeSynced(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_EXCL, content),
				os.Rename(path+".tmp", path), os.Remove(path+"~"))
		},
		"exchange": func(path string, content []byte) error {
			return errors.Join(os.WriteFile(path+".tmp", content, 0o644),
				unix.Renameat2(unix.AT_FDCWD, path+".tmp", unix.AT_FDCWD, path, unix.RENAME_EXCHANGE), os.Remove(path+".tmp"))
		},
		"overwrite and cut": func(path string, content []byte) error {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt(content, 0)
			return errors.Join(err, f.Truncate(int64(len(content))), f.Close())
		},
	}
}

func writeSynced(path string, flags int, content []byte) error {
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// version is the content of a file's nth version: longer and shorter in turn, and unlike every other version everywhere.
func version(n int) []byte {
	size := []int{100, 9000, 4096, 0, 70000, 4097, 1}[n%7]
	return bytes.Repeat(fmt.Appendf(nil, "version %05d; ", n), size/15+1)[:size]
}

// TestSaves saves a file again and again in every way. A process that has the old one open goes on reading that where it
// was replaced, and nothing but the file is left.
func TestSaves(t *testing.T) {
	t.Parallel()
	const rounds = 15
	v := newVault(t, 2)
	m := v.mount()
	for name, save := range saves() {
		path, old := v.at(name), []byte("at first")
		must(t, os.WriteFile(path, old, 0o644))
		for n := range rounds {
			open, err := os.Open(path)
			must(t, err)
			must(t, save(path, version(n)))
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, version(n)) {
				t.Fatalf("%s, save %d: %v, %d bytes: %.60q", name, n, err, len(got), got)
			}
			same := sameFile(t, open, path)
			if same {
				old = version(n)
			}
			if got, err := io.ReadAll(open); err != nil || !bytes.Equal(got, old) {
				t.Errorf("%s, save %d: the file opened before (replaced: %v) reads %.60q, %v", name, n, !same, got, err)
			}
			must(t, open.Close())
			old = version(n)
		}
	}
	m.unmount()
	demand := func(root string) {
		entries, err := os.ReadDir(root)
		must(t, err)
		if len(entries) != len(saves()) {
			t.Errorf("there is more or less than the files that were saved: %v", entries)
		}
		for name := range saves() {
			if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || !bytes.Equal(got, version(rounds-1)) {
				t.Errorf("%s: %v, %d bytes: %.60q", name, err, len(got), got)
			}
		}
	}
	m = v.mount()
	demand(v.root)
	m.unmount()
	v.eachAlone(demand)
}

func sameFile(t *testing.T, f *os.File, path string) bool {
	t.Helper()
	a, err := f.Stat()
	must(t, err)
	b, err := os.Stat(path)
	must(t, err)
	return os.SameFile(a, b)
}

// TestEditors saves with real editors, which print nothing and leave nothing beside the file but what they are asked for.
func TestEditors(t *testing.T) {
	t.Parallel()
	need(t, "vi", "vim-tiny")
	v := newVault(t, 2)
	m := v.mount()
	vi := func(settings string) []string {
		return []string{"vi", "-es", "-u", "NONE", "-i", "NONE", "-c", "set " + settings, "-c", "%s/old/new/", "-c", "wq", "file"}
	}
	for name, args := range map[string][]string{
		"vim": vi("nobackup writebackup backupcopy=no"), "vim in place": vi("nobackup writebackup backupcopy=yes"),
		"vim with backup": vi("backup backupcopy=no backupskip="), "sed": {"sed", "-i", "s/old/new/", "file"},
	} {
		dir := command{dir: v.at(name)}
		must(t, os.Mkdir(dir.dir, 0o755))
		must(t, os.WriteFile(v.at(name, "file"), []byte("the old line\n"), 0o640))
		dir.run(t, args...)
		if got := dir.run(t, "cat", "file"); got != "the new line\n" {
			t.Errorf("%s left %q", name, got)
		}
		if mode := dir.run(t, "stat", "-c", "%a", "file"); mode != "640\n" {
			t.Errorf("%s left mode %s", name, mode)
		}
	}
	want := withoutDirectoryTimes(treeOf(t, v.root))
	if len(want) != 4*2+1 { // a directory and a file for each, and one backup
		t.Errorf("there is more or less than was saved: %v", want)
	}
	m.unmount()
	v.eachAlone(func(root string) { demandSameTree(t, withoutDirectoryTimes(treeOf(t, root)), want) })
}

// TestAtomicSave reads a file while it is saved by rename: it is never missing and never anything but one whole version.
func TestAtomicSave(t *testing.T) {
	t.Parallel()
	const rounds = 300
	v := newVault(t, 2)
	m := v.mount()
	path := v.at("file")
	must(t, os.WriteFile(path, version(0), 0o644))
	whole := map[string]bool{}
	for n := range rounds {
		whole[string(version(n))] = true
	}
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() { stopped <- readUntil(path, whole, stop) }()
	for n := range rounds {
		must(t, errors.Join(os.WriteFile(path+".tmp", version(n), 0o644), os.Rename(path+".tmp", path)))
	}
	close(stop)
	must(t, <-stopped)
	m.unmount()
	v.eachAlone(func(root string) {
		if got, err := os.ReadFile(filepath.Join(root, "file")); err != nil || !bytes.Equal(got, version(rounds-1)) {
			t.Errorf("%v, %d bytes: %.60q", err, len(got), got)
		}
	})
}

// readUntil reads a file over and over, and demands that it holds one of some contents.
func readUntil(path string, whole map[string]bool, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		got, err := os.ReadFile(path)
		if err != nil || !whole[string(got)] {
			return fmt.Errorf("%w, %d bytes: %.60q", err, len(got), got)
		}
	}
}
