package integration

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	differentialSteps = 1500 // in one run
	differentialCheck = 500  // steps between two looks at everything, from a new mount
	traceLength       = 40   // steps that a failure shows
)

// A side is where steps are taken: a plain directory, or the mount. Open files have places in both, so that a step finds
// the same one.
type side struct {
	root  string
	files [6]int
}

func newSide(root string) *side {
	s := &side{root: root}
	for i := range s.files {
		s.files[i] = -1
	}
	return s
}

func (s *side) at(path string) string { return filepath.Join(s.root, path) }

// take puts an open file in its place, and closes what was there.
func (s *side) take(place, fd int) {
	if s.files[place] >= 0 {
		_ = unix.Close(s.files[place]) // errors of closing are the writes', which were compared
	}
	s.files[place] = fd
}

func (s *side) closeAll() {
	for i := range s.files {
		s.take(i, -1)
	}
}

// A step is done on both sides, and must come out the same.
type step struct {
	what string
	do   func(s *side) string
}

// differential draws steps.
type differential struct{ *rand.Rand }

// path is one of a few, so that steps meet: in the root, in directories that may not exist, and through links.
func (d differential) path() string {
	dirs := []string{"", "", "", "d0", "d0", "d1", "d0/d1"}
	names := []string{"a", "b", "c", "a", "b", "c", "a", "b", "d0", "d1", strings.Repeat("long", 50)}
	if d.IntN(100) == 0 {
		return strings.Repeat("n", 256)
	}
	return filepath.Join(dirs[d.IntN(len(dirs))], names[d.IntN(len(names))])
}

func (d differential) place() int { return d.IntN(len(side{}.files)) }

// offset is often at the edge of a page, which is one of a chunk, too.
func (d differential) offset() int64 {
	if d.IntN(3) == 0 {
		return max(0, int64(d.IntN(18))*4096+int64(d.IntN(3))-1)
	}
	return d.Int64N(70_000)
}

// mode keeps the owner's bits when tests do not run as root, who needs none.
func (d differential) mode() uint32 {
	mode := d.Uint32N(0o10000)
	if os.Geteuid() != 0 {
		mode |= 0o700
	}
	return mode
}

func (d differential) content(n int) []byte {
	b := make([]byte, n)
	seed := byte(d.IntN(255)) + 1
	for i := range b {
		b[i] = seed + byte(i/7)
	}
	return b
}

// told is what a call has come to: its error, or what it gave.
func told(err error, format string, args ...any) string {
	if errno, ok := errors.AsType[unix.Errno](err); ok {
		return unix.ErrnoName(errno)
	}
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf(format, args...)
}

// look is what stat tells that must be equal. Sizes and links of directories are each filesystem's own affair.
func look(st *unix.Stat_t, err error) string {
	if err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		st.Size, st.Nlink = 0, 0
	}
	return told(err, "mode %o, %d links, %d:%d, %d bytes", st.Mode, st.Nlink, st.Uid, st.Gid, st.Size)
}

func (s *side) lstat(path string) string {
	var st unix.Stat_t
	err := unix.Lstat(s.at(path), &st)
	return look(&st, err)
}

func (s *side) fstat(place int) string {
	var st unix.Stat_t
	err := unix.Fstat(s.files[place], &st)
	return look(&st, err)
}

// next draws a step. Opening and writing come more often than the rest.
func (d differential) next() step {
	kinds := []func() step{
		d.open, d.open, d.open, d.open, d.open, d.open, d.mkdir, d.mkdir, d.pwrite, d.pwrite, d.pwrite, d.write, d.pread, d.pread, d.truncate, d.ftruncate, d.rename,
		d.rename, d.link, d.symlink, d.readlink, d.unlink, d.rmdir, d.mkdir, d.mknod, d.chmod, d.chown, d.utimes, d.stat,
		d.readdir, d.setxattr, d.getxattr, d.fallocate, d.seek, d.sync, d.close, d.read,
	}
	return kinds[d.IntN(len(kinds))]()
}

func (d differential) open() step {
	path, place, perm := d.path(), d.place(), d.mode()
	flags := []int{unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR, unix.O_RDWR, unix.O_RDWR, unix.O_RDWR}[d.IntN(6)]
	for _, flag := range []struct{ flag, of int }{
		{unix.O_CREAT, 2}, {unix.O_EXCL, 6}, {unix.O_TRUNC, 4}, {unix.O_APPEND, 4}, {unix.O_DIRECTORY, 20}, {unix.O_NOFOLLOW, 6},
	} {
		if d.IntN(flag.of) == 0 {
			flags |= flag.flag
		}
	}
	return step{fmt.Sprintf("open %d %q %#x %o", place, path, flags, perm), func(s *side) string {
		// A FIFO would wait for its other end.
		fd, err := unix.Open(s.at(path), flags|unix.O_NONBLOCK|unix.O_CLOEXEC, perm)
		if err != nil {
			return told(err, "")
		}
		s.take(place, fd)
		var st unix.Stat_t
		err = unix.Fstat(fd, &st)
		if err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			s.take(place, -1) // in the mount, fchmod of those that are gone is ESTALE
		}
		return look(&st, err)
	}}
}

func (d differential) close() step {
	place := d.place()
	return step{fmt.Sprintf("close %d", place), func(s *side) string {
		s.take(place, -1)
		return ""
	}}
}

func (d differential) pwrite() step {
	place, off, content := d.place(), d.offset(), d.content(d.IntN(20_000))
	return step{fmt.Sprintf("pwrite %d, %d bytes at %d", place, len(content), off), func(s *side) string {
		n, err := unix.Pwrite(s.files[place], content, off)
		return told(err, "%d", n) + s.fstat(place)
	}}
}

// write writes where the file's position is, or at its end.
func (d differential) write() step {
	place, content := d.place(), d.content(d.IntN(9000))
	return step{fmt.Sprintf("write %d, %d bytes", place, len(content)), func(s *side) string {
		n, err := unix.Write(s.files[place], content)
		return told(err, "%d", n) + s.fstat(place)
	}}
}

func (d differential) pread() step {
	place, off, n := d.place(), d.offset(), d.IntN(30_000)
	return step{fmt.Sprintf("pread %d, %d bytes at %d", place, n, off), func(s *side) string {
		got := make([]byte, n)
		n, err := unix.Pread(s.files[place], got, off)
		return told(err, "%d bytes %x", n, sha256.Sum256(got))
	}}
}

func (d differential) read() step {
	path := d.path()
	return step{fmt.Sprintf("read all of %q", path), func(s *side) string { return s.readAll(path) }}
}

func (s *side) readAll(path string) string {
	fd, err := unix.Open(s.at(path), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return told(err, "")
	}
	defer unix.Close(fd)
	got := make([]byte, 100_000)
	n, err := unix.Pread(fd, got, 0)
	return told(err, "%d bytes %x", n, sha256.Sum256(got))
}

func (d differential) truncate() step {
	path, size := d.path(), d.offset()
	return step{fmt.Sprintf("truncate %q to %d", path, size), func(s *side) string {
		return told(unix.Truncate(s.at(path), size), "") + s.lstat(path)
	}}
}

func (d differential) ftruncate() step {
	place, size := d.place(), d.offset()
	return step{fmt.Sprintf("ftruncate %d to %d", place, size), func(s *side) string {
		return told(unix.Ftruncate(s.files[place], size), "") + s.fstat(place)
	}}
}

func (d differential) rename() step {
	from, to := d.path(), d.path()
	flags := []uint{0, 0, 0, unix.RENAME_NOREPLACE, unix.RENAME_EXCHANGE, unix.RENAME_EXCHANGE | unix.RENAME_NOREPLACE}[d.IntN(6)]
	return step{fmt.Sprintf("rename %q to %q, flags %d", from, to, flags), func(s *side) string {
		err := unix.Renameat2(unix.AT_FDCWD, s.at(from), unix.AT_FDCWD, s.at(to), flags)
		return told(err, "") + s.lstat(from) + s.lstat(to)
	}}
}

func (d differential) link() step {
	from, to := d.path(), d.path()
	return step{fmt.Sprintf("link %q to %q", from, to), func(s *side) string {
		return told(unix.Link(s.at(from), s.at(to)), "") + s.lstat(from) + s.lstat(to)
	}}
}

func (d differential) symlink() step {
	target, path := []string{"a", "d0", "d0/b", "dangling", strings.Repeat("x/", 1500)}[d.IntN(5)], d.path()
	return step{fmt.Sprintf("symlink %.20q at %q", target, path), func(s *side) string {
		return told(unix.Symlink(target, s.at(path)), "") + s.lstat(path)
	}}
}

func (d differential) readlink() step {
	path := d.path()
	return step{fmt.Sprintf("readlink %q", path), func(s *side) string {
		target := make([]byte, 4096)
		n, err := unix.Readlink(s.at(path), target)
		return told(err, "%q", target[:max(n, 0)])
	}}
}

func (d differential) unlink() step {
	path := d.path()
	return step{fmt.Sprintf("unlink %q", path), func(s *side) string {
		return told(unix.Unlink(s.at(path)), "") + s.lstat(path)
	}}
}

func (d differential) rmdir() step {
	path := d.path()
	return step{fmt.Sprintf("rmdir %q", path), func(s *side) string {
		return told(unix.Rmdir(s.at(path)), "") + s.lstat(path)
	}}
}

func (d differential) mkdir() step {
	path, perm := d.path(), d.mode()
	return step{fmt.Sprintf("mkdir %q %o", path, perm), func(s *side) string {
		return told(unix.Mkdir(s.at(path), perm), "") + s.lstat(path)
	}}
}

func (d differential) mknod() step {
	path, perm := d.path(), d.mode()&0o777
	kind := []uint32{unix.S_IFIFO, unix.S_IFSOCK, unix.S_IFREG}[d.IntN(3)]
	return step{fmt.Sprintf("mknod %q %o", path, kind|perm), func(s *side) string {
		return told(unix.Mknod(s.at(path), kind|perm, 0), "") + s.lstat(path)
	}}
}

func (d differential) chmod() step {
	path, place, perm, open := d.path(), d.place(), d.mode(), d.IntN(3) == 0
	return step{fmt.Sprintf("chmod %q or %d (%t) %o", path, place, open, perm), func(s *side) string {
		if open {
			return told(unix.Fchmod(s.files[place], perm), "") + s.fstat(place)
		}
		return told(unix.Chmod(s.at(path), perm), "") + s.lstat(path)
	}}
}

func (d differential) chown() step {
	ids := []int{-1, 0, 1000, 1001}
	path, uid, gid := d.path(), ids[d.IntN(4)], ids[1+d.IntN(3)] // not both -1: then FUSE asks for nothing at all
	return step{fmt.Sprintf("chown %q %d:%d", path, uid, gid), func(s *side) string {
		return told(unix.Lchown(s.at(path), uid, gid), "") + s.lstat(path)
	}}
}

// utimes reads the time back at once: later, time goes on.
func (d differential) utimes() step {
	path := d.path()
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: d.Int64N(1<<32) - 1<<30, Nsec: d.Int64N(1e9)}}
	return step{fmt.Sprintf("utimensat %q %v", path, times[1]), func(s *side) string {
		err := unix.UtimesNanoAt(unix.AT_FDCWD, s.at(path), times, unix.AT_SYMLINK_NOFOLLOW)
		if err != nil {
			return told(err, "")
		}
		var st unix.Stat_t
		err = unix.Lstat(s.at(path), &st)
		return told(err, "%v", st.Mtim) + look(&st, err)
	}}
}

func (d differential) stat() step {
	path, place := d.path(), d.place()
	return step{fmt.Sprintf("stat %q and %d", path, place), func(s *side) string {
		var st unix.Stat_t
		err := unix.Stat(s.at(path), &st)
		return look(&st, err) + s.lstat(path) + s.fstat(place)
	}}
}

func (d differential) readdir() step {
	path := filepath.Dir(d.path())
	return step{fmt.Sprintf("readdir %q", path), func(s *side) string {
		entries, err := os.ReadDir(s.at(path))
		var names []string
		for _, e := range entries {
			names = append(names, e.Name()+" "+e.Type().String())
		}
		return told(err, "%q", names)
	}}
}

func (d differential) setxattr() step {
	path, name := d.path(), fmt.Sprint("user.", d.IntN(3))
	value, flags := d.content(d.IntN(100)), []int{0, 0, unix.XATTR_CREATE, unix.XATTR_REPLACE}[d.IntN(4)]
	if d.IntN(4) == 0 {
		return step{fmt.Sprintf("removexattr %q %s", path, name), func(s *side) string {
			return told(unix.Removexattr(s.at(path), name), "")
		}}
	}
	return step{fmt.Sprintf("setxattr %q %s %x, flags %d", path, name, value, flags), func(s *side) string {
		return told(unix.Setxattr(s.at(path), name, value, flags), "")
	}}
}

func (d differential) getxattr() step {
	path := d.path()
	return step{fmt.Sprintf("getxattrs %q", path), func(s *side) string { return s.xattrs(path) }}
}

func (s *side) xattrs(path string) (all string) {
	list := make([]byte, 4096)
	n, err := unix.Llistxattr(s.at(path), list)
	if err != nil {
		return told(err, "")
	}
	names := strings.FieldsFunc(string(list[:n]), func(r rune) bool { return r == 0 })
	slices.Sort(names)
	for _, name := range names {
		if strings.HasPrefix(name, "user.") { // the system's own differ
			value := make([]byte, 256)
			n, err := unix.Lgetxattr(s.at(path), name, value)
			all += name + told(err, "=%x ", value[:max(n, 0)])
		}
	}
	return all
}

func (d differential) fallocate() step {
	place, off, n := d.place(), d.offset(), 1+d.offset()/3
	mode := []uint32{
		0, unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_ZERO_RANGE,
		unix.FALLOC_FL_ZERO_RANGE | unix.FALLOC_FL_KEEP_SIZE,
	}[d.IntN(5)]
	return step{fmt.Sprintf("fallocate %d mode %#x, %d bytes at %d", place, mode, n, off), func(s *side) string {
		return told(unix.Fallocate(s.files[place], mode, off, n), "") + s.fstat(place)
	}}
}

// seek asks for data and holes. Where they are is each filesystem's own affair, as long as it makes sense.
func (d differential) seek() step {
	place, off := d.place(), d.offset()
	return step{fmt.Sprintf("seek %d from %d", place, off), func(s *side) string {
		var st unix.Stat_t
		if err := unix.Fstat(s.files[place], &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			return told(err, "no file")
		}
		before, err := unix.Seek(s.files[place], 0, unix.SEEK_CUR)
		within := func(at int64) bool { return off <= at && at <= st.Size }
		hole, holeErr := unix.Seek(s.files[place], off, unix.SEEK_HOLE)
		data, dataErr := unix.Seek(s.files[place], off, unix.SEEK_DATA)
		_, back := unix.Seek(s.files[place], before, unix.SEEK_SET)
		sane := dataErr == unix.ENXIO || dataErr == nil && within(data) && data < st.Size && (data == off) != (hole == off)
		return told(holeErr, "hole %t", within(hole)) + fmt.Sprint(sane, err, back)
	}}
}

func (d differential) sync() step {
	place := d.place()
	return step{fmt.Sprintf("fsync %d", place), func(s *side) string { return told(unix.Fsync(s.files[place]), "") }}
}

// TestDifferential takes the same random steps in a plain directory and in the mount.
func TestDifferential(t *testing.T) {
	t.Parallel()
	first := uint64(time.Now().UnixNano())
	for run := range uint64(differentialRuns) {
		seed := run // the same in every run of the tests, but for the last
		if run == differentialRuns-1 {
			seed = first
		}
		if !differentialRun(t, seed) {
			break // what comes then is the same
		}
	}
}

func differentialRun(t *testing.T, seed uint64) (ok bool) {
	t.Helper()
	v := newVault(t, 2)
	plain, mount := newSide(t.TempDir()), newSide(v.root)
	m := v.mount()
	d := differential{rand.New(rand.NewPCG(seed, 0))}
	var trace []string
	defer func() {
		plain.closeAll()
		mount.closeAll()
		if t.Failed() {
			t.Logf("seed %d, after\n%s", seed, strings.Join(trace, "\n"))
		}
		m.unmount()
	}()
	// The two roots are no work of the steps.
	must(t, os.Chmod(plain.root, 0o755))
	must(t, os.Chmod(mount.root, 0o755))
	for n := 1; n <= differentialSteps; n++ {
		s := d.next()
		want, got := s.do(plain), s.do(mount)
		trace = append(trace[max(0, len(trace)-traceLength):], fmt.Sprintf("%d: %s: %s", n, s.what, want))
		if got != want {
			t.Errorf("%s:\n is %s\nnot %s", s.what, got, want)
			return false
		}
		if n%differentialCheck != 0 {
			continue
		}
		plain.closeAll()
		mount.closeAll()
		setTimes(t, plain.root)
		setTimes(t, mount.root)
		demandSameTree(t, describe(t, mount), describe(t, plain))
		m.unmount()
		m = v.mount()
		demandSameTree(t, describe(t, mount), describe(t, plain))
		if t.Failed() {
			return false
		}
	}
	return true
}

// setTimes gives everything a time that its name tells.
func setTimes(t *testing.T, root string) {
	t.Helper()
	must(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		sum := sha256.Sum256([]byte(name))
		times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: int64(sum[0]) << 22, Nsec: int64(sum[1])}}
		return errors.Join(err, unix.UtimesNanoAt(unix.AT_FDCWD, path, times, unix.AT_SYMLINK_NOFOLLOW))
	}))
}

// describe is treeOf with owners, links and xattrs.
func describe(t *testing.T, s *side) map[string]string {
	t.Helper()
	tree := treeOf(t, s.root)
	for name := range tree {
		tree[name] += "; " + s.lstat(name) + "; " + s.xattrs(name)
	}
	return tree
}
