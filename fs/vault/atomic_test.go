package vault

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestWriteFileAtomic(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, content := range []string{"first", "", "second, longer"} {
		check(t, WriteFileAtomic(path, []byte(content), 0o644))
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
	if names, _ := listDir(dir); len(names) != 1 {
		t.Errorf("the directory holds %v", names)
	}
}

// Every step fails once: the error is told, the old content stays until the
// rename, and no temporary file is left.
func TestWriteFileAtomicFailures(t *testing.T) {
	before, after := []byte("old content"), []byte("new")
	runs := eachFailure(t, false, func(t *testing.T, d *testDisk) error {
		dir := t.TempDir()
		path := filepath.Join(dir, "file")
		check(t, os.WriteFile(path, before, 0o600))
		err := writeFileAtomic(d, path, after, 0o600)
		if err != nil && !errors.Is(err, errInjected) {
			t.Errorf("the error hides its cause: %v", err)
		}
		got, readErr := os.ReadFile(path)
		check(t, readErr)
		want := before
		if d.last == "" || d.failAt == 7 { // 7: making the name durable
			want = after
		}
		if !bytes.Equal(got, want) {
			t.Errorf("holds %q, want %q", got, want)
		}
		if names, _ := listDir(dir); len(names) != 1 {
			t.Errorf("the directory holds %v", names)
		}
		return err
	})
	if runs != 7 {
		t.Errorf("%d steps, want create, write, chmod, fsync, close, rename, fsync of the directory", runs)
	}
}

// The power fails at every step: the file is the old or the new one, whole, and
// certainly the new one once the call had returned.
func TestWriteFileAtomicPowerCut(t *testing.T) {
	before, after := []byte("old content"), []byte("new content")
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		eachFailure(t, true, func(t *testing.T, d *testDisk) error {
			path := filepath.Join(t.TempDir(), "file")
			check(t, os.WriteFile(path, before, 0o600))
			err := writeFileAtomic(d, path, after, 0o600)
			d.powerCut(t, rng)
			got, readErr := os.ReadFile(path)
			check(t, readErr)
			if !bytes.Equal(got, after) && (err == nil || !bytes.Equal(got, before)) {
				t.Errorf("seed %d: holds %q after %v", seed, got, err)
			}
			return err
		})
	}
}

func TestIsTemp(t *testing.T) {
	dir := t.TempDir()
	check(t, writeSynced(osDisk{}, filepath.Join(dir, ".~not-ours.tmp"), nil, 0o600))
	check(t, os.Mkdir(filepath.Join(dir, ".~0123456789abcdef.tmp"), 0o700))
	check(t, writeSynced(osDisk{}, filepath.Join(dir, ".~0123456789abcdeg.tmp"), nil, 0o600))
	check(t, removeTemps(osDisk{}, dir))
	names, err := listDir(dir)
	check(t, err)
	if len(names) != 2 {
		t.Errorf("left are %v, want another program's file and a directory", names)
	}
}
