package tree

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// testTree is a directory with the given entries: a name that ends in '/' is a directory, "name -> target" a symlink, and
// anything else a file that holds its own name.
func testTree(t *testing.T, entries ...string) Local {
	t.Helper()
	tree := Local{Root: t.TempDir()}
	for _, e := range entries {
		var err error
		switch name, target, isLink := strings.Cut(e, " -> "); {
		case isLink:
			err = os.Symlink(target, tree.path(name))
		case strings.HasSuffix(e, "/"):
			err = os.MkdirAll(tree.path(e), 0o755)
		default:
			err = os.WriteFile(tree.path(e), []byte(e), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

func TestResolve(t *testing.T) {
	tree := testTree(t, "dir/sub/", "dir/sub/file", "up -> dir/sub", "dir/back -> ../up/file", "root -> /etc", "loop -> loop", "self -> .",
		"out -> ../../..", "gone -> nothing")
	for typed, want := range map[string]string{
		"":                       "",
		"/":                      "",
		"/../..":                 "",
		"dir//sub/./file":        "dir/sub/file",
		"/up":                    "dir/sub",
		"up/file":                "dir/sub/file",
		"dir/back":               "dir/sub/file",
		"self/self/dir/sub/file": "dir/sub/file",
		"out/dir":                "dir", // there is nothing above the root
	} {
		if got, _, err := Resolve(tree, typed); err != nil || got != want {
			t.Errorf("Resolve(%q) = %q, %v; want %q", typed, got, err, want)
		}
	}
	for typed, want := range map[string]error{
		"root": ErrOutside, "root/passwd": ErrOutside, "loop": unix.ELOOP, "gone": fs.ErrNotExist, "none/x": fs.ErrNotExist,
		"dir/sub/file/x": unix.ENOTDIR,
	} {
		if got, _, err := Resolve(tree, typed); !errors.Is(err, want) {
			t.Errorf("Resolve(%q) = %q, %v; want %v", typed, got, err, want)
		}
	}
	if got, e, err := ResolveDir(tree, "self/dir/back"); err != nil || got != "dir/back" || !e.IsSymlink() {
		t.Errorf("ResolveDir kept %q, %v, %v", got, e, err)
	}
}

// copyTest copies "from" into an empty directory as "to".
func copyTest(t *testing.T, ctx context.Context, src, dst Local, from string) (*Copier, []string, error) {
	t.Helper()
	var failed []string
	c := &Copier{
		Src: src, Dst: dst, Recursive: true, Progress: func(int64) {},
		Failed: func(name string, _ error) { failed = append(failed, name) },
	}
	err := c.Copy(ctx, from, "to")
	return c, failed, err
}

func TestCopyKeepsWhatItCannotReplace(t *testing.T) {
	src := testTree(t, "from/", "from/a", "from/b", "from/c/", "from/c/d")
	dst := testTree(t, "to/", "to/a/", "to/c")
	c, failed, err := copyTest(t, t.Context(), src, dst, "from")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(failed, " "); got != "from/a from/c" {
		t.Errorf("failed: %s", got)
	}
	if c.Done.Files != 1 || c.Done.Failed != 2 {
		t.Errorf("done: %+v", c.Done)
	}
	if content, _ := os.ReadFile(dst.path("to/c")); string(content) != "to/c" {
		t.Errorf("the file in the way holds %q", content)
	}
	if left, _ := filepath.Glob(dst.path("to/.overcast-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestCopyInterrupted(t *testing.T) {
	src, dst := testTree(t, "from/", "from/a"), testTree(t, "to/", "to/a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := copyTest(t, ctx, src, dst, "from"); !errors.Is(err, ErrInterrupted) {
		t.Errorf("ended with %v", err)
	}
	if content, _ := os.ReadFile(dst.path("to/a")); string(content) != "to/a" {
		t.Errorf("the file that was to be replaced holds %q", content)
	}
	if names, _ := filepath.Glob(dst.path("to/*")); len(names) != 1 {
		t.Errorf("there are %q", names)
	}
	if left, _ := filepath.Glob(dst.path("to/.*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestCopyFileThatHidesItsSize(t *testing.T) {
	dst := testTree(t)
	c, failed, err := copyTest(t, t.Context(), Local{}, dst, "/proc/self/status")
	if err != nil || len(failed) > 0 || c.Done.Bytes == 0 {
		t.Fatalf("%+v, %q, %v", c.Done, failed, err)
	}
	if content, _ := os.ReadFile(dst.path("to")); !strings.HasPrefix(string(content), "Name:") {
		t.Errorf("copied %q", content)
	}
}
