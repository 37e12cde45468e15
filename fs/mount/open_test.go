package mount

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

var openTests = map[string]func(*testing.T, string){
	"Flags":         openFlags,
	"Truncate":      openTruncate,
	"Exclusive":     openExclusive,
	"Append":        openAppend,
	"Direct":        openDirect,
	"WriteOnly":     openWriteOnly,
	"Unlinked":      openUnlinked,
	"Replaced":      openReplaced,
	"NotRegular":    openNotRegular,
	"Tmpfile":       openTmpfile,
	"CreateMode000": createMode000,
}

// Every combination of access mode, O_CREAT, O_EXCL, O_TRUNC and O_APPEND, on a
// file that exists and one that does not.
func openFlags(t *testing.T, dir string) {
	n := 0
	for _, access := range []int{unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR} {
		for bits := range 16 {
			for _, exists := range []bool{false, true} {
				flags := access
				for i, f := range []int{unix.O_CREAT, unix.O_EXCL, unix.O_TRUNC, unix.O_APPEND} {
					if bits>>i&1 == 1 {
						flags |= f
					}
				}
				if flags&unix.O_EXCL != 0 && flags&unix.O_CREAT == 0 {
					continue // undefined
				}
				n++
				openOne(t, fmt.Sprintf("%s/%d", dir, n), flags, exists)
			}
		}
	}
}

func openOne(t *testing.T, path string, flags int, exists bool) {
	before := ""
	if exists {
		before = "before"
		write(t, path, before)
	}
	what := fmt.Sprintf("flags %#x, exists %v", flags, exists)
	fd, err := unix.Open(path, flags, 0o644)
	switch {
	case !exists && flags&unix.O_CREAT == 0:
		want(t, err, unix.ENOENT, "open with %s", what)
		return
	case exists && flags&unix.O_EXCL != 0:
		want(t, err, unix.EEXIST, "open with %s", what)
		return
	case err != nil:
		t.Errorf("open with %s: %v", what, err)
		return
	}
	defer unix.Close(fd)
	if flags&unix.O_TRUNC != 0 {
		before = ""
	}
	access := flags & unix.O_ACCMODE
	_, err = unix.Write(fd, []byte("AB"))
	if access == unix.O_RDONLY {
		want(t, err, unix.EBADF, "write with %s", what)
	} else {
		want(t, err, 0, "write with %s", what)
		if flags&unix.O_APPEND != 0 {
			before += "AB"
		} else {
			before = "AB" + before[min(2, len(before)):]
		}
	}
	buf := make([]byte, 100)
	k, err := unix.Pread(fd, buf, 0)
	if access == unix.O_WRONLY {
		want(t, err, unix.EBADF, "read with %s", what)
	} else if err != nil || string(buf[:k]) != before {
		t.Errorf("read with %s: %q, %v, want %q", what, buf[:max(k, 0)], err, before)
	}
	if got := content(t, path); got != before {
		t.Errorf("%s: the file holds %q, want %q", what, got, before)
	}
}

// O_TRUNC acts at once on every other opener and on the size that stat shows.
func openTruncate(t *testing.T, dir string) {
	path := write(t, dir+"/f", "0123456789")
	other := open(t, path, unix.O_RDWR, 0)
	fd := open(t, path, unix.O_WRONLY|unix.O_TRUNC, 0)
	var st unix.Stat_t
	check(t, unix.Fstat(other, &st))
	if st.Size != 0 {
		t.Errorf("size %d after O_TRUNC", st.Size)
	}
	_, err := unix.Pwrite(other, []byte("x"), 5)
	check(t, err)
	_, err = unix.Pwrite(fd, []byte("y"), 1)
	check(t, err)
	if got, want := content(t, path), "\x00y\x00\x00\x00x"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func openExclusive(t *testing.T, dir string) {
	const openers = 8
	results := make(chan error, openers)
	for range openers {
		go func() {
			fd, err := unix.Open(dir+"/f", unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
			if err == nil {
				unix.Close(fd)
			}
			results <- err
		}()
	}
	won := 0
	for range openers {
		if err := <-results; err == nil {
			won++
		} else {
			want(t, err, unix.EEXIST, "exclusive create")
		}
	}
	if won != 1 {
		t.Errorf("%d openers created the file", won)
	}
	check(t, os.Symlink("nowhere", dir+"/link"))
	_, err := unix.Open(dir+"/link", unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	want(t, err, unix.EEXIST, "exclusive create over a symlink")
}

// Appenders never overwrite each other.
func openAppend(t *testing.T, dir string) {
	const writers, lines = 4, 200
	done := make(chan error, writers)
	for w := range writers {
		go func() {
			f, err := os.OpenFile(dir+"/log", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
			for i := 0; i < lines && err == nil; i++ {
				_, err = fmt.Fprintf(f, "%d %04d\n", w, i)
			}
			if err == nil {
				err = f.Close()
			}
			done <- err
		}()
	}
	for range writers {
		check(t, <-done)
	}
	seen := map[string]bool{}
	for line := range bytes.Lines([]byte(content(t, dir+"/log"))) {
		seen[string(line)] = true
	}
	if len(seen) != writers*lines {
		t.Errorf("%d different lines, want %d", len(seen), writers*lines)
	}
}

// O_DIRECT goes past the kernel's cache and agrees with it.
func openDirect(t *testing.T, dir string) {
	path := dir + "/f"
	cachedFD := open(t, path, unix.O_RDWR|unix.O_CREAT, 0o600)
	direct := open(t, path, unix.O_RDWR|unix.O_DIRECT, 0)
	page := bytes.Repeat([]byte("cached.."), 1024)
	_, err := unix.Pwrite(cachedFD, page, 0)
	check(t, err)
	got := make([]byte, len(page))
	k, err := unix.Pread(direct, got, 0)
	if err != nil || !bytes.Equal(got[:k], page) {
		t.Errorf("a direct read does not see what was written: %d bytes, %v", k, err)
	}
	copy(page, "DIRECT")
	_, err = unix.Pwrite(direct, page, 4096)
	check(t, err)
	k, err = unix.Pread(cachedFD, got, 4096)
	if err != nil || !bytes.Equal(got[:k], page) {
		t.Errorf("a cached read does not see what was written directly: %d bytes, %v", k, err)
	}
	if st := lstat(t, path); st.Size != 4096+int64(len(page)) {
		t.Errorf("size %d", st.Size)
	}
}

// The kernel reads through a file opened for writing only, to fill a page.
func openWriteOnly(t *testing.T, dir string) {
	path := write(t, dir+"/f", string(bytes.Repeat([]byte("0123456789abcdef"), 1024)))
	check(t, unix.Chmod(path, 0o200))
	fd := open(t, path, unix.O_WRONLY, 0)
	for off := int64(100); off < 16000; off += 3001 {
		_, err := unix.Pwrite(fd, []byte("XYZ"), off)
		check(t, err)
	}
	check(t, unix.Close(fd))
	check(t, unix.Chmod(path, 0o600))
	expect := bytes.Repeat([]byte("0123456789abcdef"), 1024)
	for off := 100; off < 16000; off += 3001 {
		copy(expect[off:], "XYZ")
	}
	if got := content(t, path); got != string(expect) {
		t.Error("partial writes through a write-only file went wrong")
	}
}

func openUnlinked(t *testing.T, dir string) {
	path := write(t, dir+"/f", "content")
	fd := open(t, path, unix.O_RDWR, 0)
	ino := lstat(t, path).Ino
	check(t, unix.Unlink(path))
	buf := make([]byte, 20)
	k, err := unix.Pread(fd, buf, 0)
	if err != nil || string(buf[:k]) != "content" {
		t.Fatalf("read of an unlinked file: %q, %v", buf[:max(k, 0)], err)
	}
	_, err = unix.Pwrite(fd, []byte("more"), 10000)
	check(t, err)
	check(t, unix.Fsync(fd))
	check(t, unix.Fchmod(fd, 0o600))
	check(t, unix.Ftruncate(fd, 10002))
	var st unix.Stat_t
	check(t, unix.Fstat(fd, &st))
	if st.Size != 10002 || st.Nlink != 0 || st.Ino != ino || st.Mode != unix.S_IFREG|0o600 {
		t.Errorf("fstat of an unlinked file: %+v", st)
	}
	k, err = unix.Pread(fd, buf, 9998)
	if err != nil || string(buf[:k]) != "\x00\x00mo" {
		t.Errorf("read %q, %v", buf[:max(k, 0)], err)
	}
	// The name is free, and another file.
	write(t, path, "new")
	if st := lstat(t, path); st.Ino == ino {
		t.Error("an inode number that is in use was given to another file")
	}
	k, err = unix.Pread(fd, buf, 0)
	if err != nil || k != len(buf) || string(buf[:7]) != "content" {
		t.Errorf("the old file changed: %q, %v", buf[:max(k, 0)], err)
	}
}

// A file that a rename replaced lives on for those who hold it open.
func openReplaced(t *testing.T, dir string) {
	write(t, dir+"/f", "old")
	fd := open(t, dir+"/f", unix.O_RDWR, 0)
	for i := range 3 {
		write(t, dir+"/new", fmt.Sprintf("new %d", i))
		check(t, os.Rename(dir+"/new", dir+"/f"))
		if got, want := content(t, dir+"/f"), fmt.Sprintf("new %d", i); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	buf := make([]byte, 10)
	k, err := unix.Pread(fd, buf, 0)
	if err != nil || string(buf[:k]) != "old" {
		t.Errorf("the replaced file reads %q, %v", buf[:max(k, 0)], err)
	}
	_, err = unix.Pwrite(fd, []byte("gone"), 0)
	check(t, err)
	check(t, unix.Fsync(fd))
	if got := content(t, dir+"/f"); got != "new 2" {
		t.Errorf("a write to the replaced file reached the new one: %q", got)
	}
}

func openNotRegular(t *testing.T, dir string) {
	check(t, os.Mkdir(dir+"/d", 0o755))
	_, err := unix.Open(dir+"/d", unix.O_RDWR, 0)
	want(t, err, unix.EISDIR, "open a directory for writing")
	_, err = unix.Open(dir+"/d", unix.O_RDONLY|unix.O_CREAT, 0o644)
	want(t, err, unix.EISDIR, "create over a directory")
	write(t, dir+"/f", "")
	_, err = unix.Open(dir+"/f", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	want(t, err, unix.ENOTDIR, "open a file as a directory")
	_, err = unix.Open(dir+"/f/g", unix.O_RDONLY, 0)
	want(t, err, unix.ENOTDIR, "open below a file")
	check(t, os.Symlink("f", dir+"/link"))
	_, err = unix.Open(dir+"/link", unix.O_RDONLY|unix.O_NOFOLLOW, 0)
	want(t, err, unix.ELOOP, "open a symlink itself")
	check(t, os.Symlink("made", dir+"/dangling"))
	fd := open(t, dir+"/dangling", unix.O_WRONLY|unix.O_CREAT, 0o644)
	_, err = unix.Write(fd, []byte("through"))
	check(t, err)
	if got := content(t, dir+"/made"); got != "through" {
		t.Errorf("created through a symlink: %q", got)
	}
}

func openTmpfile(t *testing.T, dir string) {
	_, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR, 0o600)
	want(t, err, unix.EOPNOTSUPP, "open with O_TMPFILE")
}

// The mode counts from the next open on.
func createMode000(t *testing.T, dir string) {
	fd := open(t, dir+"/f", unix.O_RDWR|unix.O_CREAT, 0)
	_, err := unix.Write(fd, []byte("hidden"))
	check(t, err)
	check(t, unix.Fsync(fd))
	if st := lstat(t, dir+"/f"); st.Mode != unix.S_IFREG {
		t.Errorf("mode %o", st.Mode)
	}
	if os.Geteuid() == 0 {
		if got := content(t, dir+"/f"); got != "hidden" {
			t.Errorf("got %q", got)
		}
		return
	}
	_, err = unix.Open(dir+"/f", unix.O_RDONLY, 0)
	want(t, err, unix.EACCES, "open a file of mode 000")
}
