package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/vault/internal/lockfile"
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
	file, err := lockfile.Open(v.statePath(lockName), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer file.Close()
	switch err := lockfile.Try(file, unix.LOCK_SH); {
	case err == nil:
		return 0, false, nil // closing the file gives the shared lock back
	case errors.Is(err, unix.EWOULDBLOCK):
		return lockfile.Holder(file), true, nil
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
	return lockfile.Holds(string(table), pid, &st), nil
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
		file, err := lockfile.Open(path, os.O_RDWR|os.O_CREATE)
		if err != nil {
			return nil, err
		}
		taken, err := lockfile.Take(file)
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

func describeHeld(dir string, file *os.File, err error) error {
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	if pid := lockfile.Holder(file); pid != 0 {
		return fmt.Errorf("%s: %w by process %d", dir, ErrLocked, pid)
	}
	return fmt.Errorf("%s: %w by another process", dir, ErrLocked)
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
