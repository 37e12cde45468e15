package mount

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var nameTests = map[string]func(*testing.T, string){
	"RenameReplace":   renameReplace,
	"RenameErrors":    renameErrors,
	"RenameFlags":     renameFlags,
	"RenameDirectory": renameDirectory,
	"Remove":          remove,
	"Links":           links,
	"Symlinks":        symlinks,
	"Special":         special,
	"Long":            longNames,
	"Odd":             oddNames,
	"Negative":        negative,
}

func renameReplace(t *testing.T, dir string) {
	for i := range 5 {
		write(t, dir+"/new", fmt.Sprint(i))
		ino := lstat(t, dir+"/new").Ino
		check(t, os.Rename(dir+"/new", dir+"/f"))
		if st := lstat(t, dir+"/f"); st.Ino != ino || st.Nlink != 1 {
			t.Errorf("after the rename: inode %d, want %d, with %d links", st.Ino, ino, st.Nlink)
		}
		if got := content(t, dir+"/f"); got != fmt.Sprint(i) {
			t.Errorf("got %q, want %d", got, i)
		}
		_, err := os.Lstat(dir + "/new")
		if !os.IsNotExist(err) {
			t.Errorf("the old name is still there: %v", err)
		}
	}
	// Onto itself, and onto another link of itself: nothing happens.
	check(t, unix.Rename(dir+"/f", dir+"/f"))
	check(t, unix.Link(dir+"/f", dir+"/g"))
	check(t, unix.Rename(dir+"/f", dir+"/g"))
	if lstat(t, dir+"/f").Ino != lstat(t, dir+"/g").Ino {
		t.Error("a rename onto another link of the same file changed something")
	}
	// Across types: anything but a directory replaces anything but a directory.
	check(t, os.Symlink("target", dir+"/link"))
	check(t, unix.Rename(dir+"/link", dir+"/f"))
	if target, err := os.Readlink(dir + "/f"); err != nil || target != "target" {
		t.Errorf("a symlink over a file: %q, %v", target, err)
	}
	check(t, unix.Rename(dir+"/g", dir+"/f"))
	if got := content(t, dir+"/f"); got != "4" {
		t.Errorf("a file over a symlink: %q", got)
	}
}

func renameErrors(t *testing.T, dir string) {
	write(t, dir+"/f", "")
	check(t, os.MkdirAll(dir+"/d/sub", 0o755))
	check(t, os.Mkdir(dir+"/empty", 0o755))
	for _, c := range []struct {
		from, to string
		no       unix.Errno
	}{
		{"none", "x", unix.ENOENT},
		{"f", "none/x", unix.ENOENT},
		{"f", "empty", unix.EISDIR},
		{"empty", "f", unix.ENOTDIR},
		{"empty", "d", unix.ENOTEMPTY},
		{"d", "d/sub/x", unix.EINVAL},
		{"d", "d/sub", unix.EINVAL},
		{"d/sub", "d", unix.ENOTEMPTY},
		{"f", "f/x", unix.ENOTDIR},
		{"f", strings.Repeat("n", 256), unix.ENAMETOOLONG},
		{"empty", "d/sub", 0},
	} {
		want(t, unix.Rename(dir+"/"+c.from, dir+"/"+c.to), c.no, "rename %s to %s", c.from, c.to)
	}
	if st := lstat(t, dir+"/d"); st.Nlink != 3 {
		t.Logf("a directory with one subdirectory has %d links", st.Nlink)
	}
}

func renameFlags(t *testing.T, dir string) {
	rename := func(from, to string, flags uint) error {
		return unix.Renameat2(unix.AT_FDCWD, dir+"/"+from, unix.AT_FDCWD, dir+"/"+to, flags)
	}
	write(t, dir+"/a", "a")
	write(t, dir+"/b", "b")
	check(t, os.Mkdir(dir+"/d", 0o755))
	write(t, dir+"/d/inner", "inner")
	want(t, rename("a", "b", unix.RENAME_NOREPLACE), unix.EEXIST, "RENAME_NOREPLACE onto a file")
	check(t, rename("a", "c", unix.RENAME_NOREPLACE))
	check(t, rename("c", "a", unix.RENAME_NOREPLACE))
	inoA, inoB := lstat(t, dir+"/a").Ino, lstat(t, dir+"/b").Ino
	check(t, rename("a", "b", unix.RENAME_EXCHANGE))
	if content(t, dir+"/a") != "b" || content(t, dir+"/b") != "a" || lstat(t, dir+"/a").Ino != inoB || lstat(t, dir+"/b").Ino != inoA {
		t.Error("files were not exchanged")
	}
	check(t, rename("a", "d", unix.RENAME_EXCHANGE))
	if content(t, dir+"/d") != "b" || content(t, dir+"/a/inner") != "inner" {
		t.Error("a file and a directory were not exchanged")
	}
	want(t, rename("a", "none", unix.RENAME_EXCHANGE), unix.ENOENT, "exchange with nothing")
	want(t, rename("a", "a/sub", unix.RENAME_EXCHANGE), unix.ENOENT, "exchange with nothing below itself")
	want(t, rename("b", "c", unix.RENAME_WHITEOUT), unix.EINVAL, "RENAME_WHITEOUT")
	want(t, rename("b", "d", unix.RENAME_NOREPLACE|unix.RENAME_EXCHANGE), unix.EINVAL, "both flags")
}

// What is below a directory moves with it, open or not.
func renameDirectory(t *testing.T, dir string) {
	check(t, os.MkdirAll(dir+"/a/b/c", 0o755))
	write(t, dir+"/a/b/c/f", "deep")
	fd := open(t, dir+"/a/b/c/f", unix.O_RDWR, 0)
	cwd := open(t, dir+"/a/b", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	check(t, os.Mkdir(dir+"/z", 0o755))
	check(t, unix.Rename(dir+"/a", dir+"/z/y"))
	if got := content(t, dir+"/z/y/b/c/f"); got != "deep" {
		t.Errorf("got %q", got)
	}
	_, err := unix.Pwrite(fd, []byte("DEEP"), 0)
	check(t, err)
	check(t, unix.Fsync(fd))
	made, err := unix.Openat(cwd, "made", unix.O_WRONLY|unix.O_CREAT, 0o600)
	check(t, err)
	check(t, unix.Close(made))
	if got := content(t, dir+"/z/y/b/c/f"); got != "DEEP" {
		t.Errorf("got %q", got)
	}
	lstat(t, dir+"/z/y/b/made")
}

func remove(t *testing.T, dir string) {
	write(t, dir+"/f", "")
	check(t, os.Mkdir(dir+"/d", 0o755))
	write(t, dir+"/d/f", "")
	want(t, unix.Unlink(dir+"/none"), unix.ENOENT, "unlink nothing")
	want(t, unix.Unlink(dir+"/d"), unix.EISDIR, "unlink a directory")
	want(t, unix.Rmdir(dir+"/f"), unix.ENOTDIR, "rmdir a file")
	want(t, unix.Rmdir(dir+"/none"), unix.ENOENT, "rmdir nothing")
	want(t, unix.Rmdir(dir+"/d"), unix.ENOTEMPTY, "rmdir a directory with entries")
	want(t, unix.Rmdir(dir+"/d/."), unix.EINVAL, "rmdir .")
	want(t, unix.Mkdir(dir+"/f", 0o755), unix.EEXIST, "mkdir over a file")
	check(t, unix.Unlink(dir+"/d/f"))
	fd := open(t, dir+"/d", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	check(t, unix.Rmdir(dir+"/d"))
	_, err := unix.Openat(fd, "f", unix.O_WRONLY|unix.O_CREAT, 0o600)
	want(t, err, unix.ENOENT, "create in a removed directory")
	var st unix.Stat_t
	check(t, unix.Fstat(fd, &st))
	if st.Nlink != 0 {
		t.Errorf("a removed directory has %d links", st.Nlink)
	}
	// The name is free for another type.
	write(t, dir+"/d", "file now")
	if got := content(t, dir+"/d"); got != "file now" {
		t.Errorf("got %q", got)
	}
}

func links(t *testing.T, dir string) {
	check(t, os.Mkdir(dir+"/d", 0o755))
	write(t, dir+"/a", "one")
	check(t, unix.Link(dir+"/a", dir+"/d/b"))
	check(t, unix.Link(dir+"/d/b", dir+"/c"))
	for _, name := range []string{"a", "d/b", "c"} {
		if st := lstat(t, dir+"/"+name); st.Ino != lstat(t, dir+"/a").Ino || st.Nlink != 3 {
			t.Errorf("%s: inode %d with %d links", name, st.Ino, st.Nlink)
		}
	}
	write(t, dir+"/d/b", "changed through another name")
	if got := content(t, dir+"/a"); got != "changed through another name" {
		t.Errorf("got %q", got)
	}
	check(t, unix.Chmod(dir+"/c", 0o640))
	if st := lstat(t, dir+"/a"); st.Mode != unix.S_IFREG|0o640 {
		t.Errorf("mode %o through another name", st.Mode)
	}
	check(t, unix.Unlink(dir+"/a"))
	check(t, unix.Unlink(dir+"/d/b"))
	if st := lstat(t, dir+"/c"); st.Nlink != 1 {
		t.Errorf("%d links left", st.Nlink)
	}
	if got := content(t, dir+"/c"); got != "changed through another name" {
		t.Errorf("got %q", got)
	}
	want(t, unix.Link(dir+"/c", dir+"/d"), unix.EEXIST, "link over a directory")
	want(t, unix.Link(dir+"/d", dir+"/e"), unix.EPERM, "link a directory")
	want(t, unix.Link(dir+"/none", dir+"/e"), unix.ENOENT, "link nothing")
	check(t, os.Symlink("c", dir+"/s"))
	check(t, unix.Linkat(unix.AT_FDCWD, dir+"/s", unix.AT_FDCWD, dir+"/s2", 0))
	if st := lstat(t, dir+"/s2"); st.Nlink != 2 || st.Mode&unix.S_IFMT != unix.S_IFLNK {
		t.Errorf("a linked symlink: mode %o, %d links", st.Mode, st.Nlink)
	}
}

func symlinks(t *testing.T, dir string) {
	for i, target := range []string{"x", "/absolute/target", "../../up", strings.Repeat("long/", 800), "ünï→", "with space\nand newline"} {
		path := fmt.Sprintf("%s/%d", dir, i)
		check(t, os.Symlink(target, path))
		for range 2 { // the second time from the kernel's cache
			if got, err := os.Readlink(path); err != nil || got != target {
				t.Errorf("readlink: %q, %v, want %q", got, err, target)
			}
		}
		if st := lstat(t, path); st.Size != int64(len(target)) || st.Mode != unix.S_IFLNK|0o777 {
			t.Errorf("symlink to %d bytes: size %d, mode %o", len(target), st.Size, st.Mode)
		}
	}
	want(t, unix.Symlink("again", dir+"/0"), unix.EEXIST, "symlink over a symlink")
	check(t, unix.Unlink(dir+"/0"))
	check(t, os.Symlink("another", dir+"/0"))
	if got, err := os.Readlink(dir + "/0"); err != nil || got != "another" {
		t.Errorf("a symlink made anew: %q, %v", got, err)
	}
	check(t, os.Symlink("loop", dir+"/loop"))
	_, err := unix.Open(dir+"/loop", unix.O_RDONLY, 0)
	want(t, err, unix.ELOOP, "open a loop")
	buf := make([]byte, 10)
	write(t, dir+"/f", "")
	_, err = unix.Readlink(dir+"/f", buf)
	want(t, err, unix.EINVAL, "readlink a file")
}

func special(t *testing.T, dir string) {
	defer unix.Umask(unix.Umask(0))
	check(t, unix.Mkfifo(dir+"/fifo", 0o640))
	check(t, unix.Mknod(dir+"/sock", unix.S_IFSOCK|0o600, 0))
	check(t, unix.Mknod(dir+"/regular", unix.S_IFREG|0o604, 0))
	modes := map[string]uint32{"fifo": unix.S_IFIFO | 0o640, "sock": unix.S_IFSOCK | 0o600, "regular": unix.S_IFREG | 0o604}
	if os.Geteuid() == 0 {
		check(t, unix.Mknod(dir+"/char", unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
		check(t, unix.Mknod(dir+"/block", unix.S_IFBLK|0o660, int(unix.Mkdev(259, 70000))))
		modes["char"], modes["block"] = unix.S_IFCHR|0o600, unix.S_IFBLK|0o660
		if got := lstat(t, dir+"/char").Rdev; got != unix.Mkdev(1, 3) {
			t.Errorf("character device %#x", got)
		}
		if got := lstat(t, dir+"/block").Rdev; got != unix.Mkdev(259, 70000) {
			t.Errorf("block device %#x, want %#x", got, unix.Mkdev(259, 70000))
		}
	}
	entries, err := os.ReadDir(dir)
	check(t, err)
	if len(entries) != len(modes) {
		t.Errorf("%d entries, want %d", len(entries), len(modes))
	}
	for name, mode := range modes {
		if st := lstat(t, dir+"/"+name); st.Mode != mode {
			t.Errorf("%s: mode %o, want %o", name, st.Mode, mode)
		}
	}
	// A FIFO is the kernel's: it carries bytes between two openers.
	r := open(t, dir+"/fifo", unix.O_RDONLY|unix.O_NONBLOCK, 0)
	w := open(t, dir+"/fifo", unix.O_WRONLY, 0)
	_, err = unix.Write(w, []byte("ping"))
	check(t, err)
	buf := make([]byte, 4)
	if _, err := unix.Read(r, buf); err != nil || string(buf) != "ping" {
		t.Errorf("through the FIFO: %q, %v", buf, err)
	}
	check(t, unix.Rename(dir+"/sock", dir+"/sock2"))
	check(t, unix.Unlink(dir+"/sock2"))
	check(t, unix.Chmod(dir+"/fifo", 0o600))
	if st := lstat(t, dir+"/fifo"); st.Mode != unix.S_IFIFO|0o600 {
		t.Errorf("fifo after chmod: %o", st.Mode)
	}
}

func longNames(t *testing.T, dir string) {
	for _, n := range []int{1, 15, 16, 17, 112, 113, 143, 144, 200, 255} {
		name := strings.Repeat("n", n)
		write(t, dir+"/"+name, name)
		if got := content(t, dir+"/"+name); got != name {
			t.Errorf("name of %d bytes: content %q", n, got)
		}
		check(t, unix.Rename(dir+"/"+name, dir+"/"+strings.Repeat("m", n)))
		check(t, os.Mkdir(dir+"/"+strings.Repeat("d", n), 0o700))
	}
	entries, err := os.ReadDir(dir)
	check(t, err)
	if len(entries) != 20 {
		t.Errorf("%d entries, want 20", len(entries))
	}
	for _, e := range entries {
		check(t, os.Remove(dir+"/"+e.Name()))
	}
	long := dir + "/" + strings.Repeat("n", 256)
	_, err = unix.Open(long, unix.O_WRONLY|unix.O_CREAT, 0o600)
	want(t, err, unix.ENAMETOOLONG, "create a name of 256 bytes")
	want(t, unix.Mkdir(long, 0o700), unix.ENAMETOOLONG, "mkdir a name of 256 bytes")
	want(t, unix.Symlink("x", long), unix.ENAMETOOLONG, "symlink a name of 256 bytes")
	want(t, unix.Access(long, unix.F_OK), unix.ENAMETOOLONG, "look up a name of 256 bytes")
}

func oddNames(t *testing.T, dir string) {
	names := []string{" ", "-rf", "...", ".hidden", "a\nb", "tab\t", "ünï", "\xff\xfe", "*?[", `\`, "trailing ", "UPPER", "upper", "z-overcast.json", ".~x.tmp"}
	for _, name := range names {
		write(t, dir+"/"+name, name)
	}
	entries, err := os.ReadDir(dir)
	check(t, err)
	if len(entries) != len(names) {
		t.Errorf("%d entries, want %d", len(entries), len(names))
	}
	for _, name := range names {
		if got := content(t, dir+"/"+name); got != name {
			t.Errorf("%q holds %q", name, got)
		}
	}
}

// A name that was missing is there as soon as it was made.
func negative(t *testing.T, dir string) {
	for i := range 50 {
		path := fmt.Sprintf("%s/%d", dir, i)
		want(t, unix.Access(path, unix.F_OK), unix.ENOENT, "access")
		switch i % 5 {
		case 0:
			write(t, path, "")
		case 1:
			check(t, os.Mkdir(path, 0o700))
		case 2:
			check(t, os.Symlink("x", path))
		case 3:
			write(t, path+".new", "")
			check(t, unix.Rename(path+".new", path))
		case 4:
			check(t, unix.Link(dir+"/0", path))
		}
		lstat(t, path)
	}
}
