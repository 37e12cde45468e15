package volume

import (
	"errors"
	"fmt"

	"github.com/overcast-fs/overcast/fs/vault"
)

// ErrNoCloud means that not one cloud of a vault can be used.
var ErrNoCloud = errors.New("no cloud is available")

// An Error is why a vault, or a cloud of it, cannot be used as it is.
type Error struct {
	What string // "vault", or "cloud NAME"
	Dir  string // the vault's directory
	Err  error
}

// Error gives one line.
func (e *Error) Error() string { return e.What + ": " + e.Err.Error() }

// Unwrap gives the reason.
func (e *Error) Unwrap() error { return e.Err }

// unusable makes an Error of one about the vault itself.
func unusable(v *vault.Vault, err error) error {
	if err == nil {
		return nil
	}
	return &Error{What: "vault", Dir: v.Dir, Err: err}
}

// A LockedError is a vault that another process uses.
type LockedError struct {
	Mountpoint string // where that process has it mounted, "" if it has not
	Err        error  // wraps [vault.ErrLocked] and names the process
}

// Error gives one line.
func (e *LockedError) Error() string {
	if e.Mountpoint == "" {
		return fmt.Sprintf("vault: %v", e.Err)
	}
	return fmt.Sprintf("vault: %v at %s", e.Err, e.Mountpoint)
}

// Unwrap gives what the vault said.
func (e *LockedError) Unwrap() error { return e.Err }
