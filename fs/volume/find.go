package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/overcast-fs/overcast/fs/mount"
	"github.com/overcast-fs/overcast/fs/vault"
)

// Load reads what a vault's directory says without its passphrase. The error is
// an [*Error], and wraps [io/fs.ErrNotExist] where there is no vault.
func Load(dir string) (*vault.Vault, error) {
	real, err := Canonical(dir)
	if err != nil {
		return nil, &Error{What: "vault " + dir, Dir: dir, Err: withoutPath(err)}
	}
	v, err := vault.Load(real)
	if err != nil {
		return nil, &Error{What: "vault", Dir: real, Err: err}
	}
	return v, nil
}

// Canonical makes a path absolute and free of symlinks. Its last element may be
// missing, or a mountpoint whose process died (nothing can be asked about it
// then).
func Canonical(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if resolved, err := filepath.EvalSymlinks(abs); err == nil {
		return resolved, nil
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return "", err
	}
	return filepath.Join(parent, filepath.Base(abs)), nil
}

// Lock takes the vault's lock. The error is a [*LockedError] where another
// process has it.
func Lock(v *vault.Vault) (*vault.Lock, error) {
	lock, err := v.Lock()
	if errors.Is(err, vault.ErrLocked) {
		return nil, locked(v, err)
	}
	return lock, unusable(v, err)
}

// CheckFree looks at the lock without taking it.
func CheckFree(v *vault.Vault) error {
	switch pid, taken, err := v.Mounted(); {
	case err != nil:
		return unusable(v, err)
	case taken:
		return locked(v, fmt.Errorf("%s: %w by process %d", v.Dir, vault.ErrLocked, pid))
	}
	return nil
}

// locked adds to the error of a locked vault what the mount wrote down about
// itself.
func locked(v *vault.Vault, err error) error {
	summary, readErr := v.ReadSummary()
	pid, taken, mountedErr := v.Mounted()
	if readErr != nil || mountedErr != nil || !taken || summary.PID != pid {
		return &LockedError{Err: err}
	}
	return &LockedError{Mountpoint: summary.Mountpoint, Err: err}
}

// MountOf finds where a vault is mounted. Only the process that has the vault's
// lock serves it, and only where that process wrote down that it does: anybody
// can mount something that bears the vault's name.
func MountOf(v *vault.Vault) (mount.Entry, bool, error) {
	sum, ok, err := serving(v)
	if err != nil || !ok {
		return mount.Entry{}, false, err
	}
	e, ok, err := mount.At(sum.Mountpoint)
	return e, ok && isServed(e, sum), err
}

// serving returns what the process that has a vault's lock wrote down about its
// mount, if there is one.
func serving(v *vault.Vault) (sum vault.Summary, ok bool, err error) {
	pid, locked, err := v.Mounted()
	if err != nil || !locked {
		return sum, false, unusable(v, err)
	}
	sum, err = v.ReadSummary()
	if errors.Is(err, fs.ErrNotExist) {
		return sum, false, nil
	}
	return sum, sum.PID == pid && sum.Mountpoint != "", unusable(v, err)
}

// isServed reports whether a mount is the one of a summary.
func isServed(e mount.Entry, sum vault.Summary) bool {
	return e.Mountpoint == sum.Mountpoint && (e.Device == sum.Device || sum.Device == 0)
}

// withoutPath is for messages that name the path already.
func withoutPath(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}
