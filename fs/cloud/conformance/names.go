package conformance

import (
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud"
)

func testMkdirReadDir(t *testing.T, d cloud.Dir) {
	equal(t, "empty", names(t, d, ""), "")
	must(t, d.Mkdir("a", 0o755))
	must(t, d.Mkdir("a/b", 0o755))
	write(t, d, "a/f", "")
	refuse(t, syscall.EEXIST, d.Mkdir("a", 0o755))
	refuse(t, syscall.EEXIST, d.Mkdir("a/f", 0o755))
	refuse(t, syscall.ENOENT, d.Mkdir("x/y", 0o755))
	refuse(t, syscall.ENOTDIR, d.Mkdir("a/f/y", 0o755))
	_, err := d.ReadDir("a/f")
	refuse(t, syscall.ENOTDIR, err)
	_, err = d.ReadDir("x")
	refuse(t, syscall.ENOENT, err)

	entries, err := d.ReadDir("a")
	must(t, err)
	for _, e := range entries {
		equal(t, e.Name+" is a directory", e.Dir, e.Name == "b")
		equal(t, e.Name+" is regular", e.Regular, e.Name == "f")
		equal(t, "inode of "+e.Name, e.Ino, stat(t, d, "a/"+e.Name).Ino)
	}
	for i := range 500 { // more than one buffer of the kernel
		must(t, d.Mkdir("a/b/"+strings.Repeat("n", 150)+strconv.Itoa(i), 0o755))
	}
	equal(t, "entries", len(strings.Fields(names(t, d, "a/b"))), 500)
}

func testRemoveRmdir(t *testing.T, d cloud.Dir) {
	must(t, d.Mkdir("a", 0o755))
	write(t, d, "a/f", "")
	refuse(t, syscall.ENOENT, d.Remove("x"))
	refuse(t, syscall.ENOENT, d.Rmdir("x"))
	refuse(t, syscall.EISDIR, d.Remove("a"))
	refuse(t, syscall.ENOTEMPTY, d.Rmdir("a"))
	refuse(t, syscall.ENOTDIR, d.Rmdir("a/f"))
	refuse(t, syscall.ENOTDIR, d.Remove("a/f/x"))
	must(t, d.Remove("a/f"))
	refuse(t, syscall.ENOENT, d.Remove("a/f"))
	must(t, d.Rmdir("a"))
	equal(t, "entries", names(t, d, ""), "")
}

func testRename(t *testing.T, d cloud.Dir) {
	must(t, d.Mkdir("a", 0o755))
	must(t, d.Mkdir("b", 0o755))
	write(t, d, "a/f", "f")
	write(t, d, "b/g", "g")
	ino := stat(t, d, "a/f").Ino

	must(t, d.Rename("a/f", "b/f"))
	equal(t, "moved", read(t, d, "b/f"), "f")
	equal(t, "inode", stat(t, d, "b/f").Ino, ino)
	must(t, d.Rename("b/f", "b/g"))
	equal(t, "replaced", read(t, d, "b/g"), "f")
	equal(t, "entries", names(t, d, "b"), "g")
	must(t, d.Rename("b/g", "b/g"))
	equal(t, "itself", read(t, d, "b/g"), "f")

	must(t, d.Rename("b", "a")) // over an empty directory
	equal(t, "entries", names(t, d, ""), "a")
	equal(t, "in a moved directory", read(t, d, "a/g"), "f")

	// Of two links of one file neither goes away.
	must(t, d.Link("a/g", "h"))
	must(t, d.Rename("a/g", "h"))
	equal(t, "links", stat(t, d, "a/g").Nlink, 2)
	equal(t, "links", stat(t, d, "h").Nlink, 2)
	write(t, d, "z", "z")
	must(t, d.Rename("z", "h"))
	equal(t, "links left", stat(t, d, "a/g").Nlink, 1)
}

func testRenameRefused(t *testing.T, d cloud.Dir) {
	must(t, d.Mkdir("a", 0o755))
	must(t, d.Mkdir("a/b", 0o755))
	must(t, d.Mkdir("e", 0o755))
	write(t, d, "f", "")
	for _, c := range []struct {
		old, new string
		want     syscall.Errno
	}{
		{"x", "y", syscall.ENOENT},
		{"x", "a", syscall.ENOENT},
		{"f", "x/y", syscall.ENOENT},
		{"f", "f/y", syscall.ENOTDIR},
		{"f", "a", syscall.EISDIR},
		{"e", "f", syscall.ENOTDIR},
		{"e", "a", syscall.ENOTEMPTY},
		{"a", "a/c", syscall.EINVAL},
		{"a", "a/b", syscall.EINVAL},
		{"a", "a/b/c", syscall.EINVAL},
		{"a/b", "a", syscall.ENOTEMPTY},
	} {
		t.Run(c.old+" to "+c.new, func(t *testing.T) { refuse(t, c.want, d.Rename(c.old, c.new)) })
	}
	equal(t, "entries", names(t, d, "")+"/"+names(t, d, "a"), "a e f/b")
}

func testExchange(t *testing.T, d cloud.Dir) {
	must(t, d.Mkdir("a", 0o755))
	must(t, d.Mkdir("a/b", 0o755))
	write(t, d, "a/f", "f")
	write(t, d, "g", "g")
	must(t, d.Exchange("a/f", "g"))
	equal(t, "a/f", read(t, d, "a/f"), "g")
	equal(t, "g", read(t, d, "g"), "f")
	must(t, d.Exchange("a", "g")) // a directory and a file
	equal(t, "a", read(t, d, "a"), "f")
	equal(t, "g", names(t, d, "g"), "b f")
	must(t, d.Exchange("a", "a"))
	refuse(t, syscall.ENOENT, d.Exchange("a", "x"))
	refuse(t, syscall.ENOENT, d.Exchange("x", "a"))
	refuse(t, syscall.EINVAL, d.Exchange("g", "g/b"))
	refuse(t, syscall.EINVAL, d.Exchange("g/b", "g"))
}

func testLink(t *testing.T, d cloud.Dir) {
	must(t, d.Mkdir("a", 0o755))
	write(t, d, "f", "f")
	must(t, d.Link("f", "a/g"))
	equal(t, "links", stat(t, d, "f").Nlink, 2)
	equal(t, "inode", stat(t, d, "f").Ino, stat(t, d, "a/g").Ino)
	put(t, open(t, d, "f"), "F", 0)
	equal(t, "content", read(t, d, "a/g"), "F")
	refuse(t, syscall.EEXIST, d.Link("f", "a/g"))
	refuse(t, syscall.EEXIST, d.Link("f", "a"))
	refuse(t, syscall.ENOENT, d.Link("x", "y"))
	refuse(t, syscall.ENOENT, d.Link("f", "x/y"))
	refuse(t, syscall.EPERM, d.Link("a", "c"))
	must(t, d.Remove("f"))
	equal(t, "links left", stat(t, d, "a/g").Nlink, 1)
	equal(t, "content", read(t, d, "a/g"), "F")
}

// testLong goes beyond what one system call takes.
func testLong(t *testing.T, d cloud.Dir) {
	name := strings.Repeat("n", cloud.NameMax)
	var parts []string
	for range 20 { // 5 KiB
		parts = append(parts, name)
		must(t, d.Mkdir(strings.Join(parts, "/"), 0o755))
	}
	deep := strings.Join(parts, "/")
	f, g := deep+"/"+strings.Repeat("f", cloud.NameMax), deep+"/g"
	write(t, d, f, "deep")
	must(t, d.Rename(f, g))
	must(t, d.Link(g, f))
	must(t, d.Chmod(g, 0o600))
	must(t, d.SyncDir(deep))
	must(t, d.Setxattr(g, "user.x", []byte("1"), 0))
	equal(t, "content", read(t, d, g), "deep")
	equal(t, "mode", stat(t, d, f).Mode, 0o600)
	equal(t, "entries", len(strings.Fields(names(t, d, deep))), 2)
	_, err := d.Stat(deep + "/x/y")
	refuse(t, syscall.ENOENT, err)
	_, err = d.Stat(g + "/x/y")
	refuse(t, syscall.ENOTDIR, err)

	for _, path := range []string{f, g} {
		must(t, d.Remove(path))
	}
	for ; len(parts) > 0; parts = parts[:len(parts)-1] {
		must(t, d.Rmdir(strings.Join(parts, "/")))
	}
}
