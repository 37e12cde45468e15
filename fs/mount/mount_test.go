package mount

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// remount ends a mount and mounts its vault again.
func (m *mounted) remount(change func(*helperConfig)) *mounted {
	m.t.Helper()
	m.stop()
	c := m.config
	if change != nil {
		change(&c)
	}
	return start(m.t, c)
}

func TestContentSurvives(t *testing.T) {
	m := start(t, helperConfig{})
	write(t, m.dir+"/closed", "closed")
	check(t, os.Mkdir(m.dir+"/d", 0o750))
	check(t, os.Symlink("closed", m.dir+"/d/link"))
	check(t, unix.Setxattr(m.dir+"/closed", "user.k", []byte("v"), 0))
	before := lstat(t, m.dir+"/closed")
	fd := open(t, m.dir+"/open", unix.O_WRONLY|unix.O_CREAT, 0o600)
	_, err := unix.Write(fd, []byte("still open, then closed"))
	check(t, err)
	check(t, unix.Close(fd))
	m = m.remount(nil)
	if content(t, m.dir+"/closed") != "closed" || content(t, m.dir+"/open") != "still open, then closed" {
		t.Error("content is lost")
	}
	after := lstat(t, m.dir+"/closed")
	if after.Mode != before.Mode || after.Mtim != before.Mtim || after.Size != before.Size || after.Uid != before.Uid {
		t.Errorf("before %+v\nafter  %+v", before, after)
	}
	if target, err := os.Readlink(m.dir + "/d/link"); err != nil || target != "closed" {
		t.Errorf("readlink: %q, %v", target, err)
	}
	if got := getxattr(t, m.dir+"/closed", "user.k"); string(got) != "v" {
		t.Errorf("attribute %q", got)
	}
	m.stop()
}

func TestReadOnly(t *testing.T) {
	m := start(t, helperConfig{})
	path := write(t, m.dir+"/f", "content")
	m = m.remount(func(c *helperConfig) { c.ReadOnly, c.Mountpoint = true, "" })
	path = filepath.Join(m.dir, filepath.Base(path))
	if got := content(t, path); got != "content" {
		t.Errorf("got %q", got)
	}
	_, err := unix.Open(path, unix.O_WRONLY, 0)
	want(t, err, unix.EROFS, "open for writing")
	_, err = unix.Open(m.dir+"/new", unix.O_WRONLY|unix.O_CREAT, 0o600)
	want(t, err, unix.EROFS, "create")
	want(t, unix.Mkdir(m.dir+"/d", 0o700), unix.EROFS, "mkdir")
	want(t, unix.Unlink(path), unix.EROFS, "unlink")
	want(t, unix.Rename(path, m.dir+"/g"), unix.EROFS, "rename")
	want(t, unix.Chmod(path, 0o600), unix.EROFS, "chmod")
	want(t, unix.Truncate(path, 0), unix.EROFS, "truncate")
	want(t, unix.Setxattr(path, "user.a", nil, 0), unix.EROFS, "setxattr")
	want(t, unix.Utimes(path, make([]unix.Timeval, 2)), unix.EROFS, "utimes")
	m.stop()
}

// The mount table shows what is mounted and how.
func TestMountTable(t *testing.T) {
	m := start(t, helperConfig{Extra: []string{"noexec,x-gvfs-hide"}})
	at, err := mountinfo.GetMounts(mountinfo.SingleEntryFilter(m.dir))
	check(t, err)
	if len(at) != 1 {
		t.Fatalf("%s is in the mount table %d times", m.dir, len(at))
	}
	for _, word := range []string{"nosuid", "nodev", "noexec"} {
		if !strings.Contains(at[0].Options, word) {
			t.Errorf("no %s in %s", word, at[0].Options)
		}
	}
	if at[0].FSType != "fuse.overcast" || at[0].Source != m.config.Vault || !strings.Contains(at[0].VFSOptions, "default_permissions") {
		t.Errorf("mounted as %+v", at[0])
	}
	m.stop()
}

// While a program stands in the mount or has a file open, it is unmounted
// lazily; what the program wrote before is kept.
func TestUnmountBusy(t *testing.T) {
	m := start(t, helperConfig{})
	fd := open(t, m.dir+"/f", unix.O_RDWR|unix.O_CREAT, 0o600)
	_, err := unix.Write(fd, []byte("before"))
	check(t, err)
	m.stdin.Close()
	eventually(t, "the mount disappears", func() bool {
		entries, err := os.ReadDir(m.dir)
		return err == nil && len(entries) == 0
	})
	_, err = unix.Pwrite(fd, []byte(" and after"), 6)
	check(t, err)
	buf := make([]byte, 20)
	if n, err := unix.Pread(fd, buf, 0); err != nil || string(buf[:n]) != "before and after" {
		t.Errorf("read %q, %v", buf[:max(n, 0)], err)
	}
	check(t, unix.Close(fd))
	m.leave()
	again := start(t, m.config)
	if got := content(t, again.dir+"/f"); got != "before and after" {
		t.Errorf("got %q", got)
	}
	again.stop()
}

func TestUnmountByOthers(t *testing.T) {
	m := start(t, helperConfig{})
	write(t, m.dir+"/f", "content")
	if os.Geteuid() == 0 {
		check(t, unix.Unmount(m.dir, 0))
	} else {
		check(t, exec.Command("fusermount3", "-u", m.dir).Run())
	}
	m.leave()
	again := start(t, m.config)
	if got := content(t, again.dir+"/f"); got != "content" {
		t.Errorf("got %q", got)
	}
	again.stop()
}

func TestIdle(t *testing.T) {
	const idle = 200 * time.Millisecond
	m := start(t, helperConfig{Idle: idle})
	path := write(t, m.dir+"/f", "content")
	fd := open(t, path, unix.O_RDONLY, 0)
	time.Sleep(4 * idle)
	if got := content(t, path); got != "content" {
		t.Errorf("unmounted while a file was open: %q", got)
	}
	check(t, unix.Close(fd))
	start := time.Now()
	m.leave()
	if took := time.Since(start); took < idle/2 {
		t.Errorf("unmounted %v after the last use", took)
	}
	if entries, err := os.ReadDir(m.dir); err != nil || len(entries) != 0 {
		t.Errorf("the mountpoint has entries %v, %v", entries, err)
	}
}

// Who verifies or heals the vault through its mount uses it.
func TestIdleWhileBusy(t *testing.T) {
	const busy = time.Second
	began := time.Now()
	m := start(t, helperConfig{Idle: 100 * time.Millisecond, Busy: busy})
	m.leave()
	if took := time.Since(began); took < busy {
		t.Errorf("unmounted after %v", took)
	}
}

// What desktops and df ask for all the time, the space and the root's own
// attributes, keeps no mount.
func TestIdleUnderDf(t *testing.T) {
	m := start(t, helperConfig{Idle: 200 * time.Millisecond})
	device := lstat(t, m.dir).Dev
	eventually(t, "unmounted under df", func() bool {
		var space unix.Statfs_t
		check(t, unix.Statfs(m.dir, &space))
		var st unix.Statx_t
		check(t, unix.Statx(unix.AT_FDCWD, m.dir, unix.AT_STATX_FORCE_SYNC, unix.STATX_BASIC_STATS, &st))
		return unix.Mkdev(st.Dev_major, st.Dev_minor) != device
	})
	m.leave()
}

// However many files a program looks at, the kernel does not know them all for
// ever; what is in use it keeps.
func TestManyNodes(t *testing.T) {
	const files, limit = 600, 100
	for _, old := range []bool{false, true} {
		m := start(t, helperConfig{Nodes: limit, OldKernel: old})
		check(t, os.Mkdir(m.dir+"/d", 0o755))
		write(t, m.dir+"/d/open", "open")
		fd := open(t, m.dir+"/d/open", unix.O_RDWR, 0)
		cwd := open(t, m.dir+"/d", unix.O_RDONLY|unix.O_DIRECTORY, 0)
		fill(t, m.dir+"/d", files)
		list, err := os.ReadDir(m.dir + "/d")
		check(t, err)
		for _, e := range list {
			lstat(t, m.dir+"/d/"+e.Name())
		}
		if len(list) != files+1 {
			t.Errorf("%d entries, want %d", len(list), files+1)
		}
		_, err = unix.Pwrite(fd, []byte("OPEN"), 0)
		check(t, err)
		if target, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err != nil || target != m.dir+"/d/open" {
			t.Errorf("the open file is %q, %v", target, err)
		}
		var st unix.Stat_t
		check(t, unix.Fstatat(cwd, "entry-00000", &st, 0))
		check(t, unix.Close(fd))
		check(t, unix.Close(cwd))
		if got := content(t, m.dir+"/d/open"); got != "OPEN" {
			t.Errorf("got %q", got)
		}
		if report := m.stop(); report.Nodes > limit {
			t.Errorf("old kernel %v: the kernel still knows %d nodes of %d", old, report.Nodes, files)
		}
	}
}

// A mount whose process was killed is named as such.
func TestDeadMount(t *testing.T) {
	m := start(t, helperConfig{})
	check(t, m.cmd.Process.Kill())
	<-m.ended
	m.ended <- nil
	_, err := checkMountpoint(m.dir)
	if !errors.Is(err, ErrMountpoint) || !strings.Contains(err.Error(), "unmount it first") {
		t.Errorf("a dead mount: %v", err)
	}
	if os.Geteuid() == 0 {
		check(t, unix.Unmount(m.dir, unix.MNT_DETACH))
	} else {
		check(t, exec.Command("fusermount3", "-u", "-z", m.dir).Run())
	}
	again := start(t, m.config)
	again.stop()
}

func TestMountpoint(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir + "/none", write(t, dir+"/file", "")} {
		if _, err := checkMountpoint(path); !errors.Is(err, ErrMountpoint) {
			t.Errorf("%s: %v, want ErrMountpoint", path, err)
		}
	}
	abs, err := checkMountpoint(dir + "/../" + filepath.Base(dir))
	if err != nil || abs != dir {
		t.Errorf("%s, %v, want %s", abs, err, dir)
	}
}

// An ordinary user mounts through fusermount3; root, who runs this, may not
// look inside.
func TestUser(t *testing.T) {
	if os.Geteuid() != 0 {
		return // every other test is this one
	}
	if info, err := os.Stat("/dev/fuse"); err == nil && info.Mode().Perm() != 0o666 {
		// As it is wherever udev made it.
		check(t, os.Chmod("/dev/fuse", 0o666))
		t.Cleanup(func() { check(t, os.Chmod("/dev/fuse", info.Mode().Perm())) })
	}
	base := t.TempDir()
	check(t, os.Chmod(filepath.Dir(base), 0o755))
	check(t, os.Chmod(base, 0o777))
	c := helperConfig{Vault: base + "/vault", Mountpoint: base + "/mnt"}
	account, err := user.Lookup("nobody") // fusermount3 serves only users that have a name
	check(t, err)
	nobody, err := strconv.Atoi(account.Uid)
	check(t, err)
	credential := &syscall.Credential{Uid: uint32(nobody), Gid: uint32(nobody)}
	as(t, nobody, nobody, func() {
		check(t, os.Mkdir(c.Mountpoint, 0o755))
		initVault(t, c.Vault)
	})
	for _, text := range []string{"first", "second"} {
		m := launch(t, c, credential)
		if line := m.line(); line != mountedLine {
			t.Fatalf("not mounted: %s", line)
		}
		_, err := os.ReadDir(m.dir)
		if !errors.Is(err, unix.EACCES) {
			t.Errorf("root looks into a user's mount: %v", err)
		}
		as(t, nobody, nobody, func() {
			write(t, m.dir+"/f", text)
			check(t, unix.Chmod(m.dir+"/f", 0o4711))
			want(t, unix.Chown(m.dir+"/f", bob, -1), unix.EPERM, "give a file away")
			if got := content(t, m.dir+"/f"); got != text {
				t.Errorf("got %q", got)
			}
			if st := lstat(t, m.dir+"/f"); st.Uid != uint32(nobody) || st.Mode&0o7777 != 0o4711 {
				t.Errorf("owner %d, mode %o", st.Uid, st.Mode)
			}
		})
		m.stop()
	}
}
