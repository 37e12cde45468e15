package mount

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var xattrTests = map[string]func(*testing.T, string){
	"Values":     xattrValues,
	"Probing":    xattrProbing,
	"Flags":      xattrFlags,
	"Namespaces": xattrNamespaces,
	"Kept":       xattrKept,
}

func getxattr(t *testing.T, path, name string) []byte {
	t.Helper()
	buf := make([]byte, 1<<16)
	n, err := unix.Lgetxattr(path, name, buf)
	check(t, err)
	return buf[:n]
}

func listxattr(t *testing.T, path string) []string {
	t.Helper()
	buf := make([]byte, 1<<16)
	n, err := unix.Llistxattr(path, buf)
	check(t, err)
	names := strings.Split(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00")
	slices.Sort(names)
	return names
}

func xattrValues(t *testing.T, dir string) {
	write(t, dir+"/f", "content")
	check(t, os.Mkdir(dir+"/d", 0o755))
	for _, path := range []string{dir + "/f", dir + "/d"} {
		for _, value := range [][]byte{{}, {0}, []byte("value"), bytes.Repeat([]byte{0, 255}, 1000)} {
			check(t, unix.Setxattr(path, "user.name", value, 0))
			if got := getxattr(t, path, "user.name"); !bytes.Equal(got, value) {
				t.Errorf("got %d bytes, want %d", len(got), len(value))
			}
		}
		check(t, unix.Setxattr(path, "user.ünï code", []byte("x"), 0))
		check(t, unix.Setxattr(path, "user."+strings.Repeat("n", 123), []byte("y"), 0))
		if got := listxattr(t, path); len(got) != 3 || got[0] != "user.name" || got[1] != "user."+strings.Repeat("n", 123) || got[2] != "user.ünï code" {
			t.Errorf("names %q", got)
		}
		check(t, unix.Removexattr(path, "user.name"))
		want(t, unix.Removexattr(path, "user.name"), unix.ENODATA, "remove twice")
		_, err := unix.Getxattr(path, "user.name", nil)
		want(t, err, unix.ENODATA, "get after remove")
	}
}

// The size comes with an empty buffer, ERANGE with one that is too small.
func xattrProbing(t *testing.T, dir string) {
	path := write(t, dir+"/f", "")
	n, err := unix.Listxattr(path, nil)
	if n != 0 || err != nil {
		t.Errorf("list of a new file: %d, %v", n, err)
	}
	check(t, unix.Setxattr(path, "user.probe", []byte("0123456789"), 0))
	for _, size := range []int{0, 1, 9, 10, 11} {
		n, err := unix.Getxattr(path, "user.probe", make([]byte, size))
		switch {
		case size > 0 && size < 10:
			want(t, err, unix.ERANGE, "get into %d bytes", size)
		case n != 10 || err != nil:
			t.Errorf("get into %d bytes: %d, %v", size, n, err)
		}
	}
	names := len("user.probe") + 1
	for _, size := range []int{0, 1, names - 1, names, names + 1} {
		n, err := unix.Listxattr(path, make([]byte, size))
		switch {
		case size > 0 && size < names:
			want(t, err, unix.ERANGE, "list into %d bytes", size)
		case n != names || err != nil:
			t.Errorf("list into %d bytes: %d, %v", size, n, err)
		}
	}
}

func xattrFlags(t *testing.T, dir string) {
	path := write(t, dir+"/f", "")
	want(t, unix.Setxattr(path, "user.a", []byte("1"), unix.XATTR_REPLACE), unix.ENODATA, "replace nothing")
	check(t, unix.Setxattr(path, "user.a", []byte("1"), unix.XATTR_CREATE))
	want(t, unix.Setxattr(path, "user.a", []byte("2"), unix.XATTR_CREATE), unix.EEXIST, "create again")
	check(t, unix.Setxattr(path, "user.a", []byte("3"), unix.XATTR_REPLACE))
	if got := getxattr(t, path, "user.a"); string(got) != "3" {
		t.Errorf("got %q", got)
	}
}

func xattrNamespaces(t *testing.T, dir string) {
	path := write(t, dir+"/f", "")
	for name, no := range map[string]unix.Errno{
		"security.capability":     unix.ENODATA,
		"security.selinux":        unix.ENODATA,
		"trusted.x":               unix.ENODATA,
		"system.posix_acl_access": unix.EOPNOTSUPP,
	} {
		if _, err := unix.Getxattr(path, name, nil); err != no && !(os.Geteuid() != 0 && err == unix.ENODATA) {
			t.Errorf("get %s: %v, want %v", name, err, no)
		}
	}
	want(t, unix.Setxattr(path, "system.posix_acl_access", []byte{2, 0, 0, 0}, 0), unix.EOPNOTSUPP, "set an ACL")
	if os.Geteuid() == 0 {
		want(t, unix.Setxattr(path, "trusted.x", []byte("x"), 0), unix.EOPNOTSUPP, "set trusted.x")
		want(t, unix.Setxattr(path, "security.x", []byte("x"), 0), unix.EOPNOTSUPP, "set security.x")
	}
}

// Attributes go with the file: through rename, link, truncation and replacement.
func xattrKept(t *testing.T, dir string) {
	path := write(t, dir+"/f", "content")
	check(t, unix.Setxattr(path, "user.k", []byte("kept"), 0))
	check(t, os.Truncate(path, 0))
	write(t, path, "rewritten from the beginning")
	fd := open(t, path, unix.O_RDONLY, 0)
	check(t, unix.Fsync(fd))
	check(t, unix.Rename(path, dir+"/g"))
	check(t, unix.Link(dir+"/g", dir+"/h"))
	if got := getxattr(t, dir+"/h", "user.k"); string(got) != "kept" {
		t.Errorf("got %q", got)
	}
	buf := make([]byte, 10)
	if n, err := unix.Fgetxattr(fd, "user.k", buf); err != nil || string(buf[:n]) != "kept" {
		t.Errorf("fgetxattr: %q, %v", buf[:max(n, 0)], err)
	}
	write(t, dir+"/new", "")
	check(t, unix.Rename(dir+"/new", dir+"/g"))
	_, err := unix.Getxattr(dir+"/g", "user.k", buf)
	want(t, err, unix.ENODATA, "get from the file that replaced it")
}
