package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/machine"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/fs/mount"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume"
)

// The exit codes; docs/cli.md describes them.
const (
	ExitOK         = 0
	ExitFailure    = 1  // any other error
	ExitUsage      = 2  // wrong flags or arguments
	ExitUnusable   = 6  // a cloud's directory or the vault is unusable
	ExitMountpoint = 10 // the mountpoint is unusable
	ExitPassphrase = 12 // the passphrase is wrong
	ExitNoFUSE     = 19 // FUSE is not available
	ExitFound      = 26 // verify, or status --check, found something
	ExitPartial    = 40 // done, but not on every cloud
	ExitLost       = 42 // something cannot be repaired from any cloud
)

// A Failure is an error with its exit code and, where there is something to do, what to do next.
type Failure struct {
	Code int
	Err  error
	Next string // "" where there is nothing to do
}

// Error gives one line.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap gives the reason.
func (f *Failure) Unwrap() error { return f.Err }

// Failf makes a failure without advice; Advise adds it.
func Failf(code int, format string, args ...any) *Failure {
	return &Failure{Code: code, Err: fmt.Errorf(format, args...)}
}

// Advise adds what to do next.
func (f *Failure) Advise(format string, args ...any) *Failure {
	f.Next = fmt.Sprintf(format, args...)
	return f
}

// Report prints err, if there is one, in at most two lines: what went wrong, then what to do next. It returns the exit code.
func Report(w io.Writer, err error) int {
	if err == nil {
		return ExitOK
	}
	f := Classify(err)
	if f.Err == nil {
		return f.Code // it was told elsewhere
	}
	fmt.Fprintf(w, "overcast: %s\n", output.Printable(strings.TrimSpace(f.Error())))
	if f.Next != "" {
		fmt.Fprintf(w, "  %s\n", output.Printable(f.Next))
	}
	return f.Code
}

// Classify finds the exit code and the advice of an error.
func Classify(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		if f.Err == nil {
			return f
		}
		return &Failure{Code: f.Code, Err: err, Next: f.Next}
	}
	if f := vaultFailure(err); f != nil {
		return f
	}
	missing, ok := errors.AsType[*machine.NoFUSEError](err)
	switch {
	case ok:
		return Failf(ExitNoFUSE, "%w", err).Advise("%s", missing.Check.Fix)
	case errors.Is(err, mount.ErrNoFUSE):
		return Failf(ExitNoFUSE, "%w", err).Advise("overcast doctor tells what is missing")
	case errors.Is(err, mount.ErrMountpoint):
		return Failf(ExitMountpoint, "%w", err)
	case errors.Is(err, mount.ErrOption):
		return Failf(ExitUsage, "mount: %w", err).Advise("overcast mount --help shows how it is used")
	}
	return &Failure{Code: ExitFailure, Err: err}
}

// adviceCloud is for somebody who named a cloud instead of the vault.
const adviceCloud = "name the vault's own directory, which holds vault.toml and keys.age; overcast join makes one where there is none"

// vaultFailure is nil unless the error is about a vault or its clouds.
func vaultFailure(err error) *Failure {
	if locked, ok := errors.AsType[*volume.LockedError](err); ok {
		if locked.Mountpoint == "" {
			return Failf(ExitUnusable, "%w", err).Advise("wait until that process has ended")
		}
		return Failf(ExitUnusable, "%w", err).Advise("overcast unmount %s", QuoteName(locked.Mountpoint))
	}
	bad, ok := errors.AsType[*volume.Error](err)
	if !ok {
		return nil
	}
	f := Failf(ExitUnusable, "%w", err)
	switch {
	case errors.Is(err, volume.ErrNoCloud):
		return f.Advise("overcast status %s tells about each", QuoteName(bad.Dir))
	case errors.Is(err, vault.ErrWrongCloud):
		return f.Advise("put each folder back, or correct the directories in %s", QuoteName(filepath.Join(bad.Dir, "vault.toml")))
	case errors.Is(err, volume.ErrCloudInUse):
		return f.Advise("unmount it there, or wait until that process has ended; one vault directory for each machine")
	case errors.Is(err, vault.ErrSetting):
		return f.Advise("correct it in %s", QuoteName(filepath.Join(bad.Dir, "vault.toml")))
	case errors.Is(err, vault.ErrDamaged) && bad.What == "vault":
		return f.Advise("correct it, or let overcast join make the vault's directory anew, from a copy of its keys.age")
	case errors.Is(err, vault.ErrIsCloud):
		return f.Advise(adviceCloud)
	}
	return f
}

// Warn prints one line on stderr for something that does not stop the command.
func Warn(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "overcast: warning: %s\n", output.Printable(strings.TrimSpace(fmt.Sprintf(format, args...))))
}

// PathFailure names the path in front of an error, once.
func PathFailure(command, name string, err error) error {
	return fmt.Errorf("%s: %s: %w", command, QuoteName(name), Reason(err))
}

// Reason drops from an error the operation and the path that the sentence around it tells.
func Reason(err error) error {
	if p, ok := err.(*fs.PathError); ok {
		return Reason(p.Err)
	}
	if l, ok := err.(*os.LinkError); ok {
		return Reason(l.Err)
	}
	return err
}
