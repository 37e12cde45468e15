package conformance

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud"
)

// must ends the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// stat is Stat that must succeed.
func stat(t *testing.T, d cloud.Dir, path string) cloud.Info {
	t.Helper()
	info, err := d.Stat(path)
	must(t, err)
	return info
}

// open is Open for reading and writing that must succeed, until the test ends.
func open(t *testing.T, d cloud.Dir, path string) cloud.File {
	t.Helper()
	f, err := d.Open(path, true)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// create is the same for Create.
func create(t *testing.T, d cloud.Dir, path string) cloud.File {
	t.Helper()
	f, err := d.Create(path, 0o644)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// put writes to a file.
func put(t *testing.T, f cloud.File, content string, off int64) {
	t.Helper()
	n, err := f.WriteAt([]byte(content), off)
	must(t, err)
	equal(t, "bytes written", n, len(content))
}

// refuse wants an errno in the error, and what os would call it.
func refuse(t *testing.T, want syscall.Errno, err error) {
	t.Helper()
	var errno syscall.Errno
	if !errors.As(err, &errno) || errno != want {
		t.Fatalf("got error %v, want %v", err, want)
	}
	var path *fs.PathError
	var link *os.LinkError
	if !errors.As(err, &path) && !errors.As(err, &link) {
		t.Fatalf("error %v (%T) names no path", err, err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func write(t *testing.T, d cloud.Dir, path, content string) {
	t.Helper()
	f := create(t, d, path)
	put(t, f, content, 0)
	must(t, f.Close())
}

func read(t *testing.T, d cloud.Dir, path string) string {
	t.Helper()
	f, err := d.Open(path, false)
	must(t, err)
	defer f.Close()
	return content(t, f)
}

func content(t *testing.T, f cloud.File) string {
	t.Helper()
	info, err := f.Stat()
	must(t, err)
	buf := make([]byte, info.Size)
	_, err = f.ReadAt(buf, 0)
	must(t, err)
	return string(buf)
}

func names(t *testing.T, d cloud.Dir, path string) string {
	t.Helper()
	entries, err := d.ReadDir(path)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}
