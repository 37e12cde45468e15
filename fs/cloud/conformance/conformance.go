package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
)

// Run runs the contract of [cloud.Dir] against a double or the real
// thing. empty gives an empty directory on a filesystem that can do everything
// (ext4 and tmpfs can), and removes it when its t ends; the suite closes it.
func Run(t *testing.T, empty func(t *testing.T) cloud.Dir) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, d cloud.Dir)
	}{
		{"paths", testPaths},
		{"create and open", testCreateOpen},
		{"exact modes", testExactModes},
		{"mkdir and readdir", testMkdirReadDir},
		{"remove and rmdir", testRemoveRmdir},
		{"unlinked but open", testUnlinkedOpen},
		{"rename", testRename},
		{"rename refused", testRenameRefused},
		{"exchange", testExchange},
		{"link", testLink},
		{"handles", testHandles},
		{"handles of reused numbers", testHandlesOfReused},
		{"long names and paths", testLong},
		{"attributes", testAttributes},
		{"times", testTimes},
		{"xattrs by path", testPathXattrs},
		{"xattrs by file", testFileXattrs},
		{"ctime moves", testCtime},
		{"read and write", testReadWrite},
		{"read-only file", testReadOnlyFile},
		{"truncate", testTruncate},
		{"holes", testHoles},
		{"punch hole", testPunchHole},
		{"sync", testSync},
		{"statfs", testStatfs},
		{"check", testCheck},
		{"close", testClose},
		{"concurrency", testConcurrency},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := empty(t)
			defer d.Close()
			c.test(t, d)
		})
	}
}

func testPaths(t *testing.T, d cloud.Dir) {
	must(t, d.Mkdir("a", 0o755))
	write(t, d, "f", "")
	for _, path := range []string{"..", ".", "/", "/a", "a/", "a//b", "a/../f", "a/.", "./a", "a\x00b", "../x"} {
		_, err := d.Stat(path)
		refuse(t, syscall.EINVAL, err)
		_, err = d.Open(path, false)
		refuse(t, syscall.EINVAL, err)
		_, err = d.ReadDir(path)
		refuse(t, syscall.EINVAL, err)
		refuse(t, syscall.EINVAL, d.Mkdir(path, 0o755))
		refuse(t, syscall.EINVAL, d.Chmod(path, 0o755))
		refuse(t, syscall.EINVAL, d.Rename(path, "n"))
		refuse(t, syscall.EINVAL, d.Link("f", path))
	}
	long := strings.Repeat("n", cloud.NameMax+1)
	_, err := d.Create("a/"+long, 0o644)
	refuse(t, syscall.ENAMETOOLONG, err)
	_, err = d.Stat("missing/x")
	refuse(t, syscall.ENOENT, err)
	_, err = d.Stat("f/x")
	refuse(t, syscall.ENOTDIR, err)
	_, err = d.Stat("f/x/y")
	refuse(t, syscall.ENOTDIR, err)

	// The directory itself.
	equal(t, "root is a directory", stat(t, d, "").Dir, true)
	for _, err := range []error{d.Mkdir("", 0o755), d.Link("f", "")} {
		refuse(t, syscall.EEXIST, err)
	}
	for _, err := range []error{d.Remove(""), d.Rmdir(""), d.Rename("", "n"), d.Rename("a", ""), d.Exchange("", "a")} {
		if err == nil {
			t.Fatal("the directory itself was changed")
		}
	}
	_, err = d.Open("", true)
	refuse(t, syscall.EISDIR, err)
	equal(t, "entries", names(t, d, ""), "a f")
}

func testCreateOpen(t *testing.T, d cloud.Dir) {
	must(t, d.Mkdir("dir", 0o755))
	_, err := d.Open("f", true)
	refuse(t, syscall.ENOENT, err)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%v is not fs.ErrNotExist", err)
	}
	write(t, d, "f", "hello")
	_, err = d.Create("f", 0o644)
	refuse(t, syscall.EEXIST, err)
	if !errors.Is(err, fs.ErrExist) {
		t.Fatalf("%v is not fs.ErrExist", err)
	}
	_, err = d.Create("dir", 0o644)
	refuse(t, syscall.EEXIST, err)
	_, err = d.Create("missing/f", 0o644)
	refuse(t, syscall.ENOENT, err)
	_, err = d.Create("f/f", 0o644)
	refuse(t, syscall.ENOTDIR, err)
	equal(t, "content", read(t, d, "f"), "hello")

	for _, write := range []bool{false, true} {
		_, err = d.Open("dir", write)
		refuse(t, syscall.EISDIR, err)
		if !errors.Is(err, cloud.ErrNotRegular) {
			t.Fatalf("%v is not ErrNotRegular", err)
		}
	}

	// Two opens of one file share its bytes.
	put(t, open(t, d, "f"), "J", 0)
	equal(t, "content", content(t, open(t, d, "f")), "Jello")
}

func testExactModes(t *testing.T, d cloud.Dir) {
	for _, perm := range []uint32{0o666, 0o777, 0o400, 0o1600, 0o600} {
		path := fmt.Sprintf("f%04o", perm)
		f, err := d.Create(path, perm)
		must(t, err)
		_, err = f.WriteAt([]byte("x"), 0) // whatever the mode says
		must(t, err)
		must(t, f.Close())
		equal(t, "mode of "+path, stat(t, d, path).Mode, perm)
		f, err = d.Open(path, true)
		must(t, err)
		must(t, f.Close())
		equal(t, "mode of "+path+" after open", stat(t, d, path).Mode, perm)
	}
	for _, perm := range []uint32{0o777, 0o700, 0o1777} {
		path := fmt.Sprintf("d%04o", perm)
		must(t, d.Mkdir(path, perm))
		equal(t, "mode of "+path, stat(t, d, path).Mode, perm)
	}
}

func testUnlinkedOpen(t *testing.T, d cloud.Dir) {
	f := create(t, d, "f")
	must(t, d.Remove("f"))
	put(t, f, "still here", 0)
	must(t, f.Sync())
	must(t, f.Chmod(0o600))
	must(t, f.Setxattr("user.x", []byte("1"), 0))
	write(t, d, "f", "another")
	equal(t, "content", content(t, f), "still here")
	info, err := f.Stat()
	must(t, err)
	equal(t, "links", info.Nlink, 0)
	equal(t, "mode", info.Mode, 0o600)

	g := open(t, d, "f")
	write(t, d, "new", "new")
	must(t, d.Rename("new", "f"))
	equal(t, "replaced file", content(t, g), "another")
	equal(t, "replacing file", read(t, d, "f"), "new")
}

func testConcurrency(t *testing.T, d cloud.Dir) {
	const workers, rounds = 4, 25
	done := make(chan error, workers)
	for w := range workers {
		go func() {
			name := string(rune('a' + w))
			for range rounds {
				f, err := d.Create(name, 0o600)
				if err != nil {
					done <- err
					return
				}
				_, writeErr := f.WriteAt(bytes.Repeat([]byte(name), 5000), 0)
				_, statErr := d.Stat(name)
				_, listErr := d.ReadDir("")
				if err := errors.Join(writeErr, statErr, listErr, f.Close(), d.Rename(name, name+name), d.Remove(name+name)); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range workers {
		must(t, <-done)
	}
	equal(t, "entries", names(t, d, ""), "")
}

// later makes change until the ctime that it leaves is after before: on older
// kernels the clock of files ticks every few milliseconds only.
func later(t *testing.T, before time.Time, change func() error, ctime func() time.Time) time.Time {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; {
		must(t, change())
		if now := ctime(); now.After(before) {
			return now
		}
		if time.Now().After(deadline) {
			t.Fatal("ctime did not move")
		}
	}
}
