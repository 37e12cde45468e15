package mount

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var attrTests = map[string]func(*testing.T, string){
	"Chmod":       attrChmod,
	"Umask":       attrUmask,
	"Times":       attrTimes,
	"TimesNow":    attrTimesNow,
	"Writing":     attrWriting,
	"Ctime":       attrCtime,
	"ParentTimes": attrParentTimes,
	"Blocks":      attrBlocks,
	"Symlink":     attrSymlink,
	"Persist":     attrPersist,
}

func ns(ts unix.Timespec) int64 { return ts.Nano() }

// tick returns when the kernel's coarse clock is past this moment, and so past
// every timestamp that any file has now. A local filesystem may have given out a
// finer one, which the clock of the mount's own timestamps has to overtake.
func tick(t *testing.T) {
	t.Helper()
	var start, now unix.Timespec
	check(t, unix.ClockGettime(unix.CLOCK_REALTIME, &start))
	for now.Nano() <= start.Nano() {
		time.Sleep(time.Millisecond)
		check(t, unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &now))
	}
}

func attrChmod(t *testing.T, dir string) {
	write(t, dir+"/f", "")
	check(t, os.Mkdir(dir+"/d", 0o755))
	for _, mode := range []uint32{0, 0o100, 0o200, 0o400, 0o777, 0o4755, 0o2755, 0o1777, 0o7777, 0o644} {
		for _, name := range []string{"f", "d"} {
			check(t, unix.Chmod(dir+"/"+name, mode))
			if got := lstat(t, dir+"/"+name).Mode & 0o7777; got != mode {
				t.Errorf("chmod %o of %s gives %o", mode, name, got)
			}
		}
	}
	fd := open(t, dir+"/f", unix.O_RDONLY, 0)
	check(t, unix.Fchmod(fd, 0o611))
	if got := lstat(t, dir+"/f").Mode & 0o7777; got != 0o611 {
		t.Errorf("fchmod 611 gives %o", got)
	}
}

func attrUmask(t *testing.T, dir string) {
	defer unix.Umask(unix.Umask(0o027))
	fd := open(t, dir+"/f", unix.O_WRONLY|unix.O_CREAT, 0o666)
	check(t, unix.Close(fd))
	check(t, unix.Mkdir(dir+"/d", 0o777))
	check(t, unix.Mkfifo(dir+"/p", 0o666))
	for name, mode := range map[string]uint32{"f": 0o640, "d": 0o750, "p": 0o640} {
		if got := lstat(t, dir+"/"+name).Mode & 0o7777; got != mode {
			t.Errorf("%s has mode %o, want %o", name, got, mode)
		}
	}
}

func attrTimes(t *testing.T, dir string) {
	write(t, dir+"/f", "content")
	check(t, os.Mkdir(dir+"/d", 0o755))
	for _, name := range []string{"f", "d"} {
		for _, ts := range [][]unix.Timespec{
			{{Sec: 1_000_000_000, Nsec: 123_456_789}, {Sec: 1_600_000_000, Nsec: 987_654_321}},
			{{Sec: 1, Nsec: 1}, {Sec: 0, Nsec: 0}},
			{{Sec: 5_000_000_000, Nsec: 5}, {Sec: 4_400_000_000, Nsec: 999_999_999}},
		} {
			check(t, unix.UtimesNanoAt(unix.AT_FDCWD, dir+"/"+name, ts, 0))
			st := lstat(t, dir+"/"+name)
			if st.Atim != ts[0] || st.Mtim != ts[1] {
				t.Errorf("%s: times %v and %v, want %v", name, st.Atim, st.Mtim, ts)
			}
		}
		omit := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: 77, Nsec: 88}}
		before := lstat(t, dir+"/"+name)
		check(t, unix.UtimesNanoAt(unix.AT_FDCWD, dir+"/"+name, omit, 0))
		if st := lstat(t, dir+"/"+name); st.Atim != before.Atim || st.Mtim != omit[1] {
			t.Errorf("%s: times %v and %v after setting the second one", name, st.Atim, st.Mtim)
		}
	}
}

func attrTimesNow(t *testing.T, dir string) {
	write(t, dir+"/f", "content")
	check(t, unix.UtimesNanoAt(unix.AT_FDCWD, dir+"/f", []unix.Timespec{{Sec: 1}, {Sec: 1}}, 0))
	start := time.Now().Add(-time.Second)
	check(t, unix.UtimesNanoAt(unix.AT_FDCWD, dir+"/f", nil, 0))
	st := lstat(t, dir+"/f")
	if st.Atim != st.Mtim || ns(st.Mtim) < start.UnixNano() || ns(st.Mtim) > time.Now().UnixNano() {
		t.Errorf("times %v and %v at %v", st.Atim, st.Mtim, time.Now())
	}
}

// Times that were set stay, although what was written before comes later.
func attrWriting(t *testing.T, dir string) {
	fd := open(t, dir+"/f", unix.O_RDWR|unix.O_CREAT, 0o600)
	stamp := []unix.Timespec{{Sec: 1_111_111_111, Nsec: 1}, {Sec: 1_222_222_222, Nsec: 2}}
	_, err := unix.Write(fd, make([]byte, 100_000))
	check(t, err)
	check(t, unix.UtimesNanoAt(unix.AT_FDCWD, dir+"/f", stamp, 0))
	check(t, unix.Fsync(fd))
	check(t, unix.Close(fd))
	if st := lstat(t, dir+"/f"); st.Mtim != stamp[1] {
		t.Errorf("mtime %v after close, want %v", st.Mtim, stamp[1])
	}
	fd = open(t, dir+"/f", unix.O_WRONLY, 0)
	_, err = unix.Write(fd, []byte("x"))
	check(t, err)
	check(t, unix.Close(fd))
	if st := lstat(t, dir+"/f"); ns(st.Mtim) <= ns(stamp[1]) {
		t.Errorf("a write left the mtime at %v", st.Mtim)
	}
}

// What moves the ctime, and what leaves the mtime alone.
func attrCtime(t *testing.T, dir string) {
	path := write(t, dir+"/f", "content")
	steps := []struct {
		name  string
		do    func() error
		mtime bool
	}{
		{"chmod", func() error { return unix.Chmod(path, 0o640) }, false},
		{"chown", func() error { return unix.Chown(path, os.Geteuid(), os.Getegid()) }, false},
		{"link", func() error { return unix.Link(path, path+"2") }, false},
		{"unlink of a link", func() error { return unix.Unlink(path + "2") }, false},
		{"truncate", func() error { return unix.Truncate(path, 3) }, true},
		{"extending truncate", func() error { return unix.Truncate(path, 300) }, true},
		{"setxattr", func() error { return unix.Setxattr(path, "user.a", []byte("b"), 0) }, false},
		{"write", func() error { return os.WriteFile(path, []byte("other"), 0) }, true},
		{"utimens", func() error { return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{{Sec: 9}, {Sec: 9}}, 0) }, true},
	}
	for _, step := range steps {
		before := lstat(t, path)
		tick(t)
		check(t, step.do())
		after := lstat(t, path)
		if ns(after.Ctim) <= ns(before.Ctim) {
			t.Errorf("%s left the ctime at %v", step.name, after.Ctim)
		}
		if (after.Mtim != before.Mtim) != step.mtime {
			t.Errorf("%s: mtime from %v to %v", step.name, before.Mtim, after.Mtim)
		}
	}
}

// Entries that come and go move the times of their directory.
func attrParentTimes(t *testing.T, dir string) {
	steps := []struct {
		name string
		do   func() error
	}{
		{"create", func() error { return os.WriteFile(dir+"/f", nil, 0o600) }},
		{"link", func() error { return unix.Link(dir+"/f", dir+"/g") }},
		{"unlink", func() error { return unix.Unlink(dir + "/g") }},
		{"rename", func() error { return unix.Rename(dir+"/f", dir+"/h") }},
		{"symlink", func() error { return os.Symlink("h", dir+"/s") }},
		{"mkfifo", func() error { return unix.Mkfifo(dir+"/p", 0o600) }},
		{"mkdir", func() error { return os.Mkdir(dir+"/d", 0o700) }},
		{"rmdir", func() error { return unix.Rmdir(dir + "/d") }},
	}
	for _, step := range steps {
		before := lstat(t, dir)
		tick(t)
		check(t, step.do())
		after := lstat(t, dir)
		if ns(after.Mtim) <= ns(before.Mtim) || ns(after.Ctim) <= ns(before.Ctim) {
			t.Errorf("%s left the directory's times at %v and %v", step.name, after.Mtim, after.Ctim)
		}
	}
}

func attrBlocks(t *testing.T, dir string) {
	write(t, dir+"/f", string(make([]byte, 100_000)))
	fd := open(t, dir+"/f", unix.O_RDONLY, 0)
	check(t, unix.Fsync(fd))
	st := lstat(t, dir+"/f")
	if st.Size != 100_000 || st.Blocks*512 < 4096 || st.Blocks*512 > 200_000 || st.Blksize != blockSize || st.Nlink != 1 {
		t.Errorf("stat: %+v", st)
	}
}

func attrSymlink(t *testing.T, dir string) {
	check(t, os.Symlink("nowhere", dir+"/s"))
	ts := []unix.Timespec{{Sec: 10, Nsec: 11}, {Sec: 12, Nsec: 13}}
	check(t, unix.UtimesNanoAt(unix.AT_FDCWD, dir+"/s", ts, unix.AT_SYMLINK_NOFOLLOW))
	if st := lstat(t, dir+"/s"); st.Mtim != ts[1] {
		t.Errorf("mtime %v, want %v", st.Mtim, ts[1])
	}
	check(t, unix.Lchown(dir+"/s", os.Geteuid(), os.Getegid()))
	_, err := unix.Open(dir+"/s", unix.O_RDONLY, 0)
	want(t, err, unix.ENOENT, "open a dangling symlink")
}

// What the kernel shows from its cache is what it is told when it asks.
func attrPersist(t *testing.T, dir string) {
	path := write(t, dir+"/f", "content")
	check(t, unix.Chmod(path, 0o4751))
	ts := []unix.Timespec{{Sec: 100, Nsec: 1}, {Sec: 200, Nsec: 2}}
	check(t, unix.UtimesNanoAt(unix.AT_FDCWD, path, ts, 0))
	cached := lstat(t, path)
	var asked unix.Statx_t
	check(t, unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW|unix.AT_STATX_FORCE_SYNC, unix.STATX_BASIC_STATS, &asked))
	if cached.Mode != uint32(asked.Mode) || cached.Ino != asked.Ino || cached.Size != int64(asked.Size) ||
		cached.Mtim != (unix.Timespec{Sec: asked.Mtime.Sec, Nsec: int64(asked.Mtime.Nsec)}) {
		t.Errorf("cached %+v\nasked  %+v", cached, asked)
	}
}
