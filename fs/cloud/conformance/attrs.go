package conformance

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
)

func testAttributes(t *testing.T, d cloud.Dir) {
	write(t, d, "f", "content")
	must(t, d.Mkdir("a", 0o755))
	must(t, d.Mkdir("a/b", 0o755))
	for _, path := range []string{"f", "a"} {
		must(t, d.Chmod(path, 0o1750))
		info := stat(t, d, path)
		equal(t, "mode of "+path, info.Mode, 0o1750)
		// Nobody but root may give files away, so it stays with its owner.
		must(t, d.Chown(path, int(info.UID), int(info.GID)))
		must(t, d.Chown(path, -1, -1))
		equal(t, "owner of "+path, stat(t, d, path).UID, info.UID)
		equal(t, "group of "+path, stat(t, d, path).GID, info.GID)
	}
	must(t, d.Chmod("", 0o700))
	equal(t, "mode of the root", stat(t, d, "").Mode, 0o700)
	refuse(t, syscall.ENOENT, d.Chmod("x", 0o644))
	refuse(t, syscall.ENOENT, d.Chown("x", -1, -1))
	refuse(t, syscall.ENOENT, d.Chtimes("x", cloud.Times{}))

	f := open(t, d, "f")
	must(t, f.Chmod(0o444))
	must(t, f.Chown(-1, -1))
	info, err := f.Stat()
	must(t, err)
	equal(t, "stat of file and path", info, stat(t, d, "f"))
	equal(t, "mode", info.Mode, 0o444)
	equal(t, "size", info.Size, 7)
	equal(t, "regular", info.Regular && !info.Dir, true)
	equal(t, "links", info.Nlink, 1)
	equal(t, "device", info.Dev, stat(t, d, "a").Dev)
	if info.Blocks < 1 || info.Ino == stat(t, d, "a").Ino {
		t.Fatalf("bad info %+v", info)
	}
}

func testTimes(t *testing.T, d cloud.Dir) {
	write(t, d, "f", "")
	must(t, d.Mkdir("a", 0o755))
	f := open(t, d, "f")
	a, m := time.Unix(1234567890, 123456789), time.Unix(-5, 999999999)
	for _, c := range []struct {
		path string
		set  func(cloud.Times) error
	}{
		{"f", func(times cloud.Times) error { return d.Chtimes("f", times) }},
		{"a", func(times cloud.Times) error { return d.Chtimes("a", times) }},
		{"f", f.Chtimes},
	} {
		must(t, c.set(cloud.Times{Atime: &a, Mtime: &m}))
		info := stat(t, d, c.path)
		equal(t, "atime", info.Atime.UnixNano(), a.UnixNano())
		equal(t, "mtime", info.Mtime.UnixNano(), m.UnixNano())
		must(t, c.set(cloud.Times{Mtime: &a}))
		must(t, c.set(cloud.Times{}))
		info = stat(t, d, c.path)
		equal(t, "atime left", info.Atime.UnixNano(), a.UnixNano())
		equal(t, "mtime set", info.Mtime.UnixNano(), a.UnixNano())
		must(t, c.set(cloud.Times{Atime: &m, Mtime: nil}))
		equal(t, "mtime left", stat(t, d, c.path).Mtime.UnixNano(), a.UnixNano())
	}
	put(t, f, "x", 0)
	if !stat(t, d, "f").Mtime.After(a) {
		t.Fatal("a write did not move mtime")
	}
}

// xattrs are the methods of a file, or of a directory for one path.
type xattrs struct {
	list   func() ([]string, error)
	get    func(name string) ([]byte, error)
	set    func(name string, value []byte, flags int) error
	remove func(name string) error
}

func pathXattrs(d cloud.Dir, path string) xattrs {
	return xattrs{
		list:   func() ([]string, error) { return d.Listxattr(path) },
		get:    func(name string) ([]byte, error) { return d.Getxattr(path, name) },
		set:    func(name string, value []byte, flags int) error { return d.Setxattr(path, name, value, flags) },
		remove: func(name string) error { return d.Removexattr(path, name) },
	}
}

func testPathXattrs(t *testing.T, d cloud.Dir) {
	write(t, d, "f", "")
	must(t, d.Mkdir("a", 0o755))
	testXattrs(t, pathXattrs(d, "f"))
	testXattrs(t, pathXattrs(d, "a"))
	missing := pathXattrs(d, "x")
	_, err := missing.list()
	refuse(t, syscall.ENOENT, err)
	_, err = missing.get("user.a")
	refuse(t, syscall.ENOENT, err)
	refuse(t, syscall.ENOENT, missing.set("user.a", nil, 0))
	refuse(t, syscall.ENOENT, missing.remove("user.a"))
}

func testFileXattrs(t *testing.T, d cloud.Dir) {
	f := create(t, d, "f")
	testXattrs(t, xattrs{f.Listxattr, f.Getxattr, f.Setxattr, f.Removexattr})
	must(t, f.Setxattr("user.a", []byte("by file"), 0))
	value, err := d.Getxattr("f", "user.a")
	must(t, err)
	equal(t, "value by path", string(value), "by file")
}

func testXattrs(t *testing.T, x xattrs) {
	t.Helper()
	list := func() string {
		names, err := x.list()
		must(t, err)
		names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, "user.") })
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	equal(t, "no names", list(), "")
	_, err := x.get("user.a")
	refuse(t, syscall.ENODATA, err)
	refuse(t, syscall.ENODATA, x.remove("user.a"))
	refuse(t, syscall.ENODATA, x.set("user.a", nil, unix.XATTR_REPLACE))

	long := bytes.Repeat([]byte{0, 1, 2, 255}, 500)
	must(t, x.set("user.a", long, unix.XATTR_CREATE))
	refuse(t, syscall.EEXIST, x.set("user.a", nil, unix.XATTR_CREATE))
	must(t, x.set("user.b", nil, 0))
	equal(t, "names", list(), "user.a user.b")
	value, err := x.get("user.a")
	must(t, err)
	equal(t, "long value", string(value), string(long))
	value, err = x.get("user.b")
	must(t, err)
	equal(t, "empty value", string(value), "")
	must(t, x.set("user.a", []byte("short"), unix.XATTR_REPLACE))
	value, err = x.get("user.a")
	must(t, err)
	equal(t, "replaced value", string(value), "short")

	must(t, x.remove("user.b"))
	equal(t, "names left", list(), "user.a")
	must(t, x.remove("user.a"))
	for i := range 30 { // more than the first buffer takes
		must(t, x.set("user.name-of-some-length-"+strconv.Itoa(i), []byte("v"), 0))
	}
	equal(t, "many names", len(strings.Fields(list())), 30)
	for i := range 30 {
		must(t, x.remove("user.name-of-some-length-"+strconv.Itoa(i)))
	}
}

func testCtime(t *testing.T, d cloud.Dir) {
	f := create(t, d, "f")
	must(t, d.Mkdir("a", 0o755))
	ctime := func() time.Time { return stat(t, d, "f").Ctime }
	last, n := ctime(), 0
	for _, c := range []struct {
		name   string
		change func() error
	}{
		{"write", func() error { _, err := f.WriteAt([]byte("data"), 0); return err }},
		{"overwrite", func() error { _, err := f.WriteAt([]byte("data"), 0); return err }},
		{"truncate", func() error { n++; return f.Truncate(int64(8192 + n)) }},
		{"punch", func() error { return f.PunchHole(0, 4096) }},
		{"chmod", func() error { return f.Chmod(0o600) }},
		{"chmod by path", func() error { return d.Chmod("f", 0o600) }},
		{"chown", func() error { return d.Chown("f", -1, int(stat(t, d, "f").GID)) }},
		{"chtimes", func() error { return f.Chtimes(cloud.Times{Mtime: &last}) }},
		{"setxattr", func() error { return f.Setxattr("user.x", []byte{byte(n)}, 0) }},
		{"removexattr", func() error { return errors.Join(d.Setxattr("f", "user.x", nil, 0), d.Removexattr("f", "user.x")) }},
		{"link and remove", func() error { return errors.Join(d.Link("f", "l"), d.Remove("l")) }},
		{"rename", func() error { return errors.Join(d.Rename("f", "a/f"), d.Rename("a/f", "f")) }},
	} {
		t.Run(c.name, func(t *testing.T) { last = later(t, last, c.change, ctime) })
	}
	t.Run("directory", func(t *testing.T) {
		dir := func() time.Time { return stat(t, d, "a").Ctime }
		later(t, dir(), func() error { return errors.Join(d.Mkdir("a/b", 0o755), d.Rmdir("a/b")) }, dir)
	})
	t.Run("reading moves nothing", func(t *testing.T) {
		before := stat(t, d, "f")
		must(t, open(t, d, "f").Sync())
		content(t, open(t, d, "f"))
		equal(t, "ctime", stat(t, d, "f").Ctime, before.Ctime)
		equal(t, "mtime", stat(t, d, "f").Mtime, before.Mtime)
	})
}

func testStatfs(t *testing.T, d cloud.Dir) {
	s, err := d.Statfs()
	must(t, err)
	if s.BlockSize == 0 || s.Blocks == 0 || s.Free > s.Blocks || s.Avail > s.Blocks || s.ReadOnly {
		t.Fatalf("bad statfs %+v", s)
	}
	equal(t, "device", s.Dev, stat(t, d, "").Dev)
	equal(t, "longest name", s.NameMax, cloud.NameMax)
}

func testCheck(t *testing.T, d cloud.Dir) {
	absent := func() {
		t.Helper()
		if err := d.Check(); !errors.Is(err, cloud.ErrAbsent) {
			t.Fatalf("got %v, want ErrAbsent", err)
		}
	}
	absent()
	must(t, d.Mkdir(cipher.MarkerName, 0o755))
	absent()
	must(t, d.Rmdir(cipher.MarkerName))
	write(t, d, cipher.MarkerName, "{}")
	must(t, d.Check())
	must(t, d.Remove(cipher.MarkerName))
	absent()
}

func testClose(t *testing.T, d cloud.Dir) {
	f := create(t, d, "f")
	must(t, d.Close())
	put(t, f, "open files stay usable", 0)
	must(t, f.Chmod(0o600))
	must(t, f.Setxattr("user.x", nil, 0))
	must(t, f.Sync())
	must(t, f.Close())

	_, statErr := d.Stat("f")
	_, openErr := d.Open("f", false)
	_, fileErr := f.Stat()
	_, readErr := f.ReadAt(make([]byte, 1), 0)
	_, writeErr := f.WriteAt(make([]byte, 1), 0)
	for i, err := range []error{
		d.Close(), d.Check(), d.Syncfs(), d.Rename("f", "g"), statErr, openErr,
		f.Close(), f.Sync(), f.Truncate(0), f.Chmod(0), fileErr, readErr, writeErr,
	} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%d: got %v, want os.ErrClosed", i, err)
		}
	}
}
