package conformance

import (
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud"
)

const mib = 1 << 20

func testReadWrite(t *testing.T, d cloud.Dir) {
	f := create(t, d, "f")
	_, err := f.ReadAt(make([]byte, 1), 0)
	equal(t, "read of an empty file", err, io.EOF)
	put(t, f, "", 100)
	equal(t, "size after a write of nothing", stat(t, d, "f").Size, 0)
	put(t, f, strings.Repeat("x", 10000), 5000) // across pages, after a gap
	put(t, f, "hello", 4094)
	want := strings.Repeat("\x00", 4094) + "hello" + strings.Repeat("\x00", 901) + strings.Repeat("x", 10000)
	equal(t, "content", content(t, f) == want, true)

	buf := make([]byte, 20)
	n, err := f.ReadAt(buf, 14990)
	equal(t, "bytes at the end", n, 10)
	equal(t, "error at the end", err, io.EOF)
	n, err = f.ReadAt(buf, 15000)
	equal(t, "bytes beyond the end", n, 0)
	equal(t, "error beyond the end", err, io.EOF)
	n, err = f.ReadAt(nil, 15000)
	equal(t, "bytes of none", n, 0)
	must(t, err)
	n, err = f.ReadAt(buf[:10], 14990)
	equal(t, "bytes up to the end", n, 10)
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
	if _, err := f.ReadAt(buf, -1); err == nil {
		t.Fatal("read at a negative offset")
	}
	if _, err := f.WriteAt(buf, -1); err == nil {
		t.Fatal("write at a negative offset")
	}
}

func testReadOnlyFile(t *testing.T, d cloud.Dir) {
	write(t, d, "f", "content")
	f, err := d.Open("f", false)
	must(t, err)
	defer f.Close()
	_, err = f.WriteAt([]byte("x"), 0)
	refuse(t, syscall.EBADF, err)
	refuse(t, syscall.EINVAL, f.Truncate(0))
	refuse(t, syscall.EBADF, f.PunchHole(0, 1))
	must(t, f.Sync())
	must(t, f.Chmod(0o600))
	equal(t, "content", content(t, f), "content")
}

func testTruncate(t *testing.T, d cloud.Dir) {
	f := create(t, d, "f")
	put(t, f, strings.Repeat("x", 10000), 0)
	must(t, f.Truncate(5000))
	must(t, f.Truncate(9000))
	want := strings.Repeat("x", 5000) + strings.Repeat("\x00", 4000)
	equal(t, "content after growing again", content(t, f) == want, true)
	must(t, f.Truncate(0))
	equal(t, "size", stat(t, d, "f").Size, 0)
	must(t, f.Truncate(1<<40))
	info := stat(t, d, "f")
	equal(t, "size", info.Size, 1<<40)
	if info.Blocks > 64 {
		t.Fatalf("%d blocks in a file of one hole", info.Blocks)
	}
	refuse(t, syscall.EINVAL, f.Truncate(-1))
}

func testHoles(t *testing.T, d cloud.Dir) {
	f := create(t, d, "f")
	_, err := f.SeekData(0)
	equal(t, "data in an empty file", err, io.EOF)
	put(t, f, "data", 4*mib)
	must(t, f.Truncate(16*mib))
	for _, c := range []struct{ off, want int64 }{{0, 4 * mib}, {3 * mib, 4 * mib}, {4*mib + 2, 4*mib + 2}} {
		at, err := f.SeekData(c.off)
		must(t, err)
		equal(t, "next data", at, c.want)
	}
	for _, off := range []int64{8 * mib, 16 * mib, 17 * mib} {
		_, err := f.SeekData(off)
		equal(t, "data after the last", err, io.EOF)
	}
	_, err = f.SeekData(-1)
	refuse(t, syscall.EINVAL, err)
	buf := make([]byte, 6)
	_, err = f.ReadAt(buf, 4*mib-1)
	must(t, err)
	equal(t, "bytes around a hole", string(buf), "\x00data\x00")
}

func testPunchHole(t *testing.T, d cloud.Dir) {
	f := create(t, d, "f")
	put(t, f, strings.Repeat("x", 3*mib), 0)
	before := stat(t, d, "f")
	must(t, f.PunchHole(mib-1, mib+2))
	want := strings.Repeat("x", mib-1) + strings.Repeat("\x00", mib+2) + strings.Repeat("x", mib-1)
	equal(t, "content", content(t, f) == want, true)
	if now := stat(t, d, "f").Blocks; now > before.Blocks-mib/512 {
		t.Fatalf("%d blocks before, %d after", before.Blocks, now)
	}
	at, err := f.SeekData(mib + 1)
	must(t, err)
	equal(t, "data after the hole", at, 2*mib)

	must(t, f.PunchHole(2*mib, 100*mib)) // beyond the end: the size stays
	equal(t, "size", stat(t, d, "f").Size, 3*mib)
	_, err = f.SeekData(mib)
	equal(t, "data after the last hole", err, io.EOF)
	refuse(t, syscall.EINVAL, f.PunchHole(0, 0))
	refuse(t, syscall.EINVAL, f.PunchHole(-1, 1))
}

func testSync(t *testing.T, d cloud.Dir) {
	f := create(t, d, "f")
	put(t, f, "data", 0)
	must(t, f.Sync())
	must(t, f.Chmod(0o600))
	must(t, f.Sync())
	must(t, d.Mkdir("a", 0o755))
	must(t, d.SyncDir("a"))
	must(t, d.SyncDir(""))
	must(t, d.Syncfs())
	refuse(t, syscall.ENOTDIR, d.SyncDir("f"))
	refuse(t, syscall.ENOENT, d.SyncDir("x"))
}
