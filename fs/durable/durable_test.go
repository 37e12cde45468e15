package durable_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/fs/durable"
	"github.com/overcast-fs/overcast/fs/durable/durabletest"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// names lists a directory.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func demand(t *testing.T, path, content string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != content {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, content)
	}
}

func TestReplace(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, content := range []string{"first", "", "second, longer"} {
		check(t, durable.Replace(durable.OS{}, path, []byte(content), 0o644))
		got, err := os.ReadFile(path)
		check(t, err)
		if string(got) != content {
			t.Errorf("holds %q, want %q", got, content)
		}
	}
	info, err := os.Stat(path)
	check(t, err)
	if info.Mode() != 0o644 {
		t.Errorf("mode %v whatever the umask, want 0644", info.Mode())
	}
	if left := names(t, dir); len(left) != 1 {
		t.Errorf("the directory holds %v", left)
	}
}

// Every step fails once: the error is told, the old content stays until the
// rename, and no temporary file is left.
func TestReplaceFailures(t *testing.T) {
	before, after := []byte("old content"), []byte("new")
	runs := durabletest.EachFailure(t, false, func(t *testing.T, d *durabletest.Disk) error {
		dir := t.TempDir()
		path := filepath.Join(dir, "file")
		check(t, os.WriteFile(path, before, 0o600))
		err := durable.Replace(d, path, after, 0o600)
		if err != nil && !errors.Is(err, durabletest.ErrInjected) {
			t.Errorf("the error hides its cause: %v", err)
		}
		got, readErr := os.ReadFile(path)
		check(t, readErr)
		want := before
		if d.Failed() == "" || d.FailAt == 7 { // 7: making the name durable
			want = after
		}
		if !bytes.Equal(got, want) {
			t.Errorf("holds %q, want %q", got, want)
		}
		if left := names(t, dir); len(left) != 1 {
			t.Errorf("the directory holds %v", left)
		}
		return err
	})
	if runs != 7 {
		t.Errorf("%d steps, want create, write, chmod, fsync, close, rename, fsync of the directory", runs)
	}
}

// The power fails at every step: the file is the old or the new one, whole, and
// certainly the new one once the call had returned.
func TestReplacePowerCut(t *testing.T) {
	before, after := []byte("old content"), []byte("new content")
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		durabletest.EachFailure(t, true, func(t *testing.T, d *durabletest.Disk) error {
			path := filepath.Join(t.TempDir(), "file")
			check(t, os.WriteFile(path, before, 0o600))
			err := durable.Replace(d, path, after, 0o600)
			d.PowerCut(t, rng)
			got, readErr := os.ReadFile(path)
			check(t, readErr)
			if !bytes.Equal(got, after) && (err == nil || !bytes.Equal(got, before)) {
				t.Errorf("seed %d: holds %q after %v", seed, got, err)
			}
			return err
		})
	}
}

func TestRemoveTemps(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".~not-ours.tmp", ".~0123456789abcdeg.tmp"} {
		check(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	check(t, os.Mkdir(filepath.Join(dir, ".~0123456789abcdef.tmp"), 0o700))
	check(t, durable.RemoveTemps(durable.OS{}, dir))
	if left := names(t, dir); len(left) != 2 {
		t.Errorf("left are %v, want another program's file and a directory", left)
	}
}

// A stream is whole or absent.
func TestDiscard(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	f, err := durable.Create(path, durable.Options{Perm: 0o600})
	check(t, err)
	_, err = f.Write([]byte("half"))
	check(t, err)
	if left := names(t, dir); len(left) != 1 || !durable.IsTemp(left[0]) || filepath.Join(dir, left[0]) != f.Temp() {
		t.Errorf("before the commit the directory holds %q", left)
	}
	f.Discard()
	f.Discard()
	if left := names(t, dir); len(left) != 0 {
		t.Errorf("Discard leaves %q", left)
	}
}

// A new file never takes a name that somebody took meanwhile.
func TestNew(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	f, err := durable.Create(path, durable.Options{Perm: 0o600, New: true})
	check(t, err)
	defer f.Discard()
	check(t, os.WriteFile(path, []byte("somebody else's"), 0o600))
	if err := f.Commit(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Commit over a new file: %v", err)
	}
	f.Discard()
	demand(t, path, "somebody else's")
	if left := names(t, dir); len(left) != 1 {
		t.Errorf("the directory holds %q", left)
	}
	other, err := durable.Create(filepath.Join(dir, "free"), durable.Options{Perm: 0o600, New: true})
	check(t, err)
	check(t, other.Commit())
	demand(t, filepath.Join(dir, "free"), "")
}
