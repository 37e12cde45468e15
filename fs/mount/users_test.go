package mount

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// userTests need root, which becomes other users.
var userTests = map[string]func(*testing.T, string){
	"Owner":      userOwner,
	"Setgid":     userSetgid,
	"Permission": userPermission,
	"Sticky":     userSticky,
	"WriteSetID": userWriteSetID,
	"ChownSetID": userChownSetID,
	"ModeAtOnce": userModeAtOnce,
}

const (
	alice = 1234
	bob   = 4321
)

func userOwner(t *testing.T, dir string) {
	check(t, unix.Chmod(dir, 0o777))
	as(t, alice, alice+1, func() {
		write(t, dir+"/f", "")
		check(t, os.Mkdir(dir+"/d", 0o755))
		check(t, os.Symlink("f", dir+"/s"))
		check(t, unix.Mkfifo(dir+"/p", 0o600))
		want(t, unix.Chown(dir+"/f", bob, -1), unix.EPERM, "give a file away")
	})
	for _, name := range []string{"f", "d", "s", "p"} {
		if st := lstat(t, dir+"/"+name); st.Uid != alice || st.Gid != alice+1 {
			t.Errorf("%s belongs to %d:%d", name, st.Uid, st.Gid)
		}
	}
	check(t, unix.Chown(dir+"/f", bob, bob+1))
	check(t, unix.Chown(dir+"/f", -1, 7))
	if st := lstat(t, dir+"/f"); st.Uid != bob || st.Gid != 7 {
		t.Errorf("after chown: %d:%d", st.Uid, st.Gid)
	}
	check(t, unix.Lchown(dir+"/s", 8, 9))
	if st := lstat(t, dir+"/s"); st.Uid != 8 || st.Gid != 9 {
		t.Errorf("after lchown: %d:%d", st.Uid, st.Gid)
	}
}

// In a setgid directory entries get its group, and directories the bit.
func userSetgid(t *testing.T, dir string) {
	check(t, unix.Chown(dir, alice, 555))
	check(t, unix.Chmod(dir, 0o2777))
	as(t, bob, bob, func() {
		write(t, dir+"/f", "")
		check(t, os.Mkdir(dir+"/d", 0o755))
	})
	if st := lstat(t, dir+"/f"); st.Uid != bob || st.Gid != 555 {
		t.Errorf("a file belongs to %d:%d", st.Uid, st.Gid)
	}
	if st := lstat(t, dir+"/d"); st.Gid != 555 || st.Mode&0o7777 != 0o2755 {
		t.Errorf("a directory belongs to group %d with mode %o", st.Gid, st.Mode&0o7777)
	}
}

func userPermission(t *testing.T, dir string) {
	check(t, unix.Chmod(dir, 0o755))
	write(t, dir+"/f", "secret")
	check(t, unix.Chmod(dir+"/f", 0o600))
	as(t, alice, alice, func() {
		_, err := unix.Open(dir+"/f", unix.O_RDONLY, 0)
		want(t, err, unix.EACCES, "open another user's file")
		_, err = unix.Open(dir+"/new", unix.O_WRONLY|unix.O_CREAT, 0o600)
		want(t, err, unix.EACCES, "create in another user's directory")
		want(t, unix.Unlink(dir+"/f"), unix.EACCES, "unlink in another user's directory")
		want(t, unix.Chmod(dir+"/f", 0o644), unix.EPERM, "chmod another user's file")
		want(t, unix.Faccessat(unix.AT_FDCWD, dir+"/f", unix.R_OK, unix.AT_EACCESS), unix.EACCES, "access")
	})
	check(t, unix.Chmod(dir, 0o777))
	as(t, alice, alice, func() {
		fd := open(t, dir+"/mine", unix.O_RDWR|unix.O_CREAT, 0)
		_, err := unix.Write(fd, []byte("written to a file of mode 000"))
		check(t, err)
		_, err = unix.Open(dir+"/mine", unix.O_RDONLY, 0)
		want(t, err, unix.EACCES, "open a file of mode 000")
		check(t, unix.Chmod(dir+"/mine", 0o200))
		w := open(t, dir+"/mine", unix.O_WRONLY, 0)
		_, err = unix.Pwrite(w, []byte("W"), 0)
		check(t, err)
		_, err = unix.Open(dir+"/mine", unix.O_RDONLY, 0)
		want(t, err, unix.EACCES, "read a write-only file")
		want(t, unix.Unlink(dir+"/f"), 0, "unlink in a directory for all")
	})
	if got := content(t, dir+"/mine"); got != "Written to a file of mode 000" {
		t.Errorf("got %q", got)
	}
}

func userSticky(t *testing.T, dir string) {
	check(t, unix.Chmod(dir, 0o1777))
	as(t, alice, alice, func() { write(t, dir+"/f", "") })
	as(t, bob, bob, func() {
		want(t, unix.Unlink(dir+"/f"), unix.EPERM, "unlink another user's file in a sticky directory")
		want(t, unix.Rename(dir+"/f", dir+"/g"), unix.EPERM, "rename it")
	})
	as(t, alice, alice, func() { check(t, unix.Unlink(dir+"/f")) })
}

// A change of content by anybody but root takes the set-id bits away.
func userWriteSetID(t *testing.T, dir string) {
	path := write(t, dir+"/f", "0123456789")
	steps := []struct {
		name string
		do   func() error
	}{
		{"write", func() error {
			fd := open(t, path, unix.O_WRONLY, 0)
			_, err := unix.Pwrite(fd, []byte("w"), 0)
			return err
		}},
		{"truncate", func() error { return unix.Truncate(path, 5) }},
		{"O_TRUNC", func() error {
			fd, err := unix.Open(path, unix.O_WRONLY|unix.O_TRUNC, 0)
			unix.Close(fd)
			return err
		}},
		{"fallocate", func() error { return unix.Fallocate(open(t, path, unix.O_WRONLY, 0), 0, 0, 100) }},
		{"mmap", func() error {
			fd := open(t, path, unix.O_RDWR, 0)
			mem, err := unix.Mmap(fd, 0, 1, unix.PROT_WRITE, unix.MAP_SHARED)
			if err == nil {
				err = unix.Munmap(mem)
			}
			return err
		}},
	}
	for _, step := range steps {
		check(t, unix.Chmod(path, 0o6777))
		as(t, alice, alice, func() { check(t, step.do()) })
		expect := uint32(0o777)
		if step.name == "mmap" {
			expect = 0o6777 // nothing was written
		}
		if got := lstat(t, path).Mode & 0o7777; got != expect {
			t.Errorf("%s leaves mode %o, want %o", step.name, got, expect)
		}
	}
	check(t, unix.Chmod(path, 0o6777))
	fd := open(t, path, unix.O_WRONLY, 0)
	_, err := unix.Write(fd, []byte("root"))
	check(t, err)
	if got := lstat(t, path).Mode & 0o7777; got != 0o6777 {
		t.Errorf("a write by root leaves mode %o", got)
	}
	// Without execution for the group, setgid means nothing, and stays.
	check(t, unix.Chmod(path, 0o6766))
	as(t, alice, alice, func() { check(t, unix.Truncate(path, 1)) })
	if got := lstat(t, path).Mode & 0o7777; got != 0o2766 {
		t.Errorf("truncate leaves mode %o, want 2766", got)
	}
}

func userChownSetID(t *testing.T, dir string) {
	write(t, dir+"/f", "")
	check(t, os.Mkdir(dir+"/d", 0o755))
	check(t, unix.Chmod(dir+"/f", 0o6755))
	check(t, unix.Chmod(dir+"/d", 0o6755))
	check(t, unix.Chown(dir+"/f", alice, bob))
	check(t, unix.Chown(dir+"/d", alice, bob))
	if got := lstat(t, dir+"/f").Mode & 0o7777; got != 0o755 {
		t.Errorf("chown leaves a file with mode %o", got)
	}
	if got := lstat(t, dir+"/d").Mode & 0o7777; got != 0o6755 {
		t.Errorf("chown leaves a directory with mode %o", got)
	}
	check(t, unix.Chmod(dir+"/f", 0o6755))
	as(t, alice, bob, func() { check(t, unix.Chown(dir+"/f", -1, bob)) })
	if got := lstat(t, dir+"/f").Mode & 0o7777; got != 0o755 {
		t.Errorf("chown by the owner leaves mode %o", got)
	}
}

// A mode that changed counts at once, also for who has looked before.
func userModeAtOnce(t *testing.T, dir string) {
	path := write(t, dir+"/f", "content")
	for range 3 {
		check(t, unix.Chmod(path, 0o644))
		as(t, alice, alice, func() { content(t, path) })
		check(t, unix.Chmod(path, 0o600))
		as(t, alice, alice, func() {
			_, err := unix.Open(path, unix.O_RDONLY, 0)
			want(t, err, unix.EACCES, "open after chmod 600")
		})
	}
}
