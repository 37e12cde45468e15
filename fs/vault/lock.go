package vault

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const lockName = "lock"

// A Lock is the right to use a vault's state and clouds on this machine. The
// kernel releases it when the process ends, however it ends.
type Lock struct{ file *os.File }

// Lock takes the vault's lock without waiting. Where another process has it, the
// error wraps [ErrLocked] and names that process.
func (v *Vault) Lock() (*Lock, error) {
	if err := makeDir(v.sys.disk, filepath.Join(v.Dir, stateName)); err != nil {
		return nil, err
	}
	return lockState(v.Dir)
}

// Mounted tells whether a process has the vault's lock, and which.
func (v *Vault) Mounted() (pid int, mounted bool, err error) {
	file, err := openLock(v.statePath(lockName), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer file.Close()
	switch err := flock(file, unix.LOCK_SH); {
	case err == nil:
		return 0, false, nil // closing the file gives the shared lock back
	case errors.Is(err, unix.EWOULDBLOCK):
		return holder(file), true, nil
	default:
		return 0, false, fmt.Errorf("%s: %w", file.Name(), err)
	}
}

// HeldBy reports whether the kernel says that this process has the vault's lock.
// What the lock file says anybody who may write it can have written.
func (v *Vault) HeldBy(pid int) (bool, error) {
	var st unix.Stat_t
	if err := unix.Lstat(v.statePath(lockName), &st); err != nil {
		return false, &os.PathError{Op: "lstat", Path: v.statePath(lockName), Err: err}
	}
	// It lists every lock of the machine, and may be long.
	table, err := os.ReadFile("/proc/locks")
	if err != nil {
		return false, err
	}
	return holds(string(table), pid, &st), nil
}

// holds looks a lock up in /proc/locks, see proc_locks(5). A process that waits
// for one has "->" before it.
func holds(table string, pid int, st *unix.Stat_t) bool {
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" || f[3] != "WRITE" || f[4] != strconv.Itoa(pid) {
			continue
		}
		device, ino, _ := cutLast(f[5], ":")
		// A filesystem of several volumes or layers shows stat another device than it tells here.
		same := device == fmt.Sprintf("%02x:%02x", unix.Major(st.Dev), unix.Minor(st.Dev)) || unix.Major(st.Dev) == 0
		if same && ino == strconv.FormatUint(st.Ino, 10) {
			return true
		}
	}
	return false
}

// cutLast is [strings.Cut] at the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// Release gives the lock back.
func (l *Lock) Release() error {
	// The file stays: whoever removed it could remove the lock of a third one.
	_ = l.file.Truncate(0)
	return l.file.Close()
}

func lockState(dir string) (*Lock, error) {
	path := filepath.Join(dir, stateName, lockName)
	const attempts = 1000
	for range attempts {
		file, err := openLock(path, os.O_RDWR|os.O_CREATE)
		if err != nil {
			return nil, err
		}
		taken, err := take(file)
		if taken {
			return &Lock{file}, nil
		}
		if err != nil {
			err = describeHeld(dir, file, err)
			file.Close()
			return nil, err
		}
		file.Close()
	}
	return nil, fmt.Errorf("%s: %w: another process keeps asking for its lock", dir, ErrLocked)
}

// openLock opens a lock file and nothing that somebody has put in its place: what
// it leads to would be truncated, or waited on.
func openLock(path string, flag int) (*os.File, error) {
	file, err := os.OpenFile(path, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK, filePerm)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w: not a regular file", path, ErrDamaged)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func describeHeld(dir string, file *os.File, err error) error {
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	if pid := holder(file); pid != 0 {
		return fmt.Errorf("%s: %w by process %d", dir, ErrLocked, pid)
	}
	return fmt.Errorf("%s: %w by another process", dir, ErrLocked)
}

// take tries to lock an open lock file and writes the process's id into it.
// Neither taken nor an error: it is worth another attempt.
func take(file *os.File) (taken bool, err error) {
	err = flock(file, unix.LOCK_EX)
	if errors.Is(err, unix.EWOULDBLOCK) {
		// A status that asks who has the lock holds it shared for an instant.
		return false, flock(file, unix.LOCK_SH)
	}
	if err != nil {
		return false, err
	}
	// Whoever removed the file meanwhile left us a lock that nobody else sees.
	ours, err := file.Stat()
	if err != nil {
		return false, err
	}
	if named, err := os.Lstat(file.Name()); err != nil || !os.SameFile(ours, named) {
		return false, nil
	}
	// The id is for others' messages; the lock holds without it.
	if file.Truncate(0) == nil {
		_, _ = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return true, nil
}

// flock never waits; it returns [unix.EWOULDBLOCK] where it would have to.
func flock(file *os.File, how int) error {
	for {
		err := unix.Flock(int(file.Fd()), how|unix.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// holder reads the process id in a lock file, 0 if there is none.
func holder(file *os.File) int {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 1 {
		return 0
	}
	return pid
}

// makeDir creates one directory of the vault if it is missing.
func makeDir(d disk, path string) error {
	err := d.Mkdir(path, dirPerm)
	if errors.Is(err, fs.ErrExist) {
		return checkOwnDir(path)
	}
	if err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(path))
}

// checkOwnDir refuses a symlink that another user put in a directory's place: a
// user's own may lead where it wants, and root must not follow it.
func checkOwnDir(path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != fs.ModeSymlink {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s: %w: a symbolic link of another user, which is not followed", path, ErrUnusable)
	}
	return nil
}
