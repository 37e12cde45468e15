package exchange

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// names lists a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func demandFile(t *testing.T, path, content string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != content {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, content)
	}
}

// TestOutputRace takes the name between create and commit.
func TestOutputRace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	o, err := createOutput(path, 0o666, false)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, "somebody else's")
	if err := o.commit(); !errors.Is(err, ErrTaken) {
		t.Errorf("commit over a new file: %v", err)
	}
	o.Discard()
	demandFile(t, path, "somebody else's")
	if left := names(t, dir); len(left) != 1 {
		t.Errorf("left: %q", left)
	}
}

// TestOutputReplacesLink replaces a symlink itself and leaves what it points to.
func TestOutputReplacesLink(t *testing.T) {
	dir := t.TempDir()
	path, target := filepath.Join(dir, "out"), filepath.Join(dir, "target")
	writeFile(t, target, "precious")
	if err := os.Symlink("target", path); err != nil {
		t.Fatal(err)
	}
	if _, err := createOutput(path, 0o666, false); !errors.Is(err, ErrTaken) {
		t.Errorf("create over a symlink: %v", err)
	}
	o, err := createOutput(path, 0o666, true)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Discard()
	if _, err := io.WriteString(o, "new"); err != nil {
		t.Fatal(err)
	}
	if err := o.commit(); err != nil {
		t.Fatal(err)
	}
	demandFile(t, target, "precious")
	demandFile(t, path, "new")
}

// TestOutputs commits nothing where one name cannot be taken.
func TestOutputs(t *testing.T) {
	dir := t.TempDir()
	var files Outputs
	for _, name := range []string{"a", "b"} {
		w, err := files.Create(filepath.Join(dir, name), false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, name); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(dir, "a"), "somebody else's")
	if err := files.Commit(); !errors.Is(err, ErrTaken) {
		t.Errorf("commit over a new file: %v", err)
	}
	files.Discard()
	demandFile(t, filepath.Join(dir, "a"), "somebody else's")
	if left := names(t, dir); len(left) != 1 {
		t.Errorf("left: %q", left)
	}
}
