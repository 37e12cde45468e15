package conformance

import (
	"bytes"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud"
)

// handle is Handle that must succeed.
func handle(t *testing.T, d cloud.Dir, path string) []byte {
	t.Helper()
	h, err := d.Handle(path)
	must(t, err)
	if len(h) == 0 {
		t.Fatalf("%s: an empty handle", path)
	}
	return h
}

func testHandles(t *testing.T, d cloud.Dir) {
	must(t, d.Mkdir("a", 0o755))
	must(t, d.Mkdir("b", 0o755))
	write(t, d, "f", "")
	a, f := handle(t, d, "a"), handle(t, d, "f")
	seen := map[string]string{}
	for _, path := range []string{"", "a", "b", "f"} {
		h := string(handle(t, d, path))
		if other, twice := seen[h]; twice {
			t.Fatalf("%q and %q have one handle", other, path)
		}
		seen[h] = path
	}

	// It is the inode's, whatever its names.
	must(t, d.Rename("a", "b/moved"))
	equal(t, "a directory keeps its handle", bytes.Equal(handle(t, d, "b/moved"), a), true)
	must(t, d.Link("f", "b/g"))
	must(t, d.Remove("f"))
	equal(t, "a file keeps its handle", bytes.Equal(handle(t, d, "b/g"), f), true)
	must(t, d.Setxattr("b/g", "user.x", []byte("1"), 0))
	put(t, open(t, d, "b/g"), "content", 0)
	equal(t, "a changed file keeps its handle", bytes.Equal(handle(t, d, "b/g"), f), true)

	_, err := d.Handle("x")
	refuse(t, syscall.ENOENT, err)
	_, err = d.Handle("b/g/x")
	refuse(t, syscall.ENOTDIR, err)
	_, err = d.Handle("../x")
	refuse(t, syscall.EINVAL, err)
}

// testHandlesOfReused makes inodes that most filesystems give the number of
// the one before.
func testHandlesOfReused(t *testing.T, d cloud.Dir) {
	seen, numbers := map[string]bool{}, map[uint64]bool{}
	for range 20 {
		must(t, d.Mkdir("a", 0o755))
		seen[string(handle(t, d, "a"))] = true
		numbers[stat(t, d, "a").Ino] = true
		must(t, d.Rmdir("a"))

		write(t, d, "a", "")
		seen[string(handle(t, d, "a"))] = true
		numbers[stat(t, d, "a").Ino] = true
		must(t, d.Remove("a"))
	}
	t.Logf("%d numbers for 40 inodes", len(numbers))
	equal(t, "handles of 40 inodes", len(seen), 40)
}
