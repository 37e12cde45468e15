package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/machine"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/fs/mount"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume"
)

// The exit codes; docs/cli.md describes them.
const (
	exitOK         = 0
	exitFailure    = 1  // any other error
	exitUsage      = 2  // wrong flags or arguments
	exitUnusable   = 6  // a cloud's directory or the vault is unusable
	exitMountpoint = 10 // the mountpoint is unusable
	exitPassphrase = 12 // the passphrase is wrong
	exitNoFUSE     = 19 // FUSE is not available
	exitFound      = 26 // verify found something
	exitPartial    = 40 // done, but not on every cloud
	exitLost       = 42 // something cannot be repaired from any cloud
)

// failure is an error with its exit code and, where there is something to do, what to do next.
type failure struct {
	code int
	err  error
	next string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// failf makes a failure without advice; advise adds it.
func failf(code int, format string, args ...any) *failure {
	return &failure{code: code, err: fmt.Errorf(format, args...)}
}

func (f *failure) advise(format string, args ...any) *failure {
	f.next = fmt.Sprintf(format, args...)
	return f
}

// usageError is the failure of a command that was called wrongly.
func usageError(cmd *cobra.Command, err error) error {
	what := cmd.Name()
	if cmd.HasParent() {
		err = fmt.Errorf("%s: %w", what, err)
	}
	return &failure{code: exitUsage, err: err, next: fmt.Sprintf("%s --help shows how it is used", cmd.CommandPath())}
}

// report prints err, if there is one, in at most two lines: what went wrong, then what to do next. It returns the exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	f := classify(err)
	if f.err == nil {
		return f.code // it was told elsewhere
	}
	fmt.Fprintf(w, "overcast: %s\n", output.Printable(strings.TrimSpace(f.Error())))
	if f.next != "" {
		fmt.Fprintf(w, "  %s\n", output.Printable(f.next))
	}
	return f.code
}

// classify finds the exit code and the advice of an error.
func classify(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		if f.err == nil {
			return f
		}
		return &failure{code: f.code, err: err, next: f.next}
	}
	if f := vaultFailure(err); f != nil {
		return f
	}
	missing, ok := errors.AsType[*machine.NoFUSEError](err)
	switch {
	case ok:
		return failf(exitNoFUSE, "%w", err).advise("%s", missing.Check.Fix)
	case errors.Is(err, mount.ErrNoFUSE):
		return failf(exitNoFUSE, "%w", err).advise("overcast doctor tells what is missing")
	case errors.Is(err, mount.ErrMountpoint):
		return failf(exitMountpoint, "%w", err)
	case errors.Is(err, mount.ErrOption):
		return failf(exitUsage, "mount: %w", err).advise("overcast mount --help shows how it is used")
	}
	return &failure{code: exitFailure, err: err}
}

// vaultFailure is nil unless the error is about a vault or its clouds.
func vaultFailure(err error) *failure {
	if locked, ok := errors.AsType[*volume.LockedError](err); ok {
		if locked.Mountpoint == "" {
			return failf(exitUnusable, "%w", err).advise("wait until that process has ended")
		}
		return failf(exitUnusable, "%w", err).advise("overcast unmount %s", quoteName(locked.Mountpoint))
	}
	bad, ok := errors.AsType[*volume.Error](err)
	if !ok {
		return nil
	}
	f := failf(exitUnusable, "%w", err)
	switch {
	case errors.Is(err, volume.ErrNoCloud):
		return f.advise("overcast status %s tells about each", quoteName(bad.Dir))
	case errors.Is(err, vault.ErrWrongCloud):
		return f.advise("put each folder back, or correct the directories in %s", quoteName(filepath.Join(bad.Dir, "vault.toml")))
	case errors.Is(err, vault.ErrSetting):
		return f.advise("correct it in %s", quoteName(filepath.Join(bad.Dir, "vault.toml")))
	case errors.Is(err, vault.ErrIsCloud):
		return f.advise("name the vault's own directory, which holds vault.toml and keys.age")
	}
	return f
}

// warn prints one line on stderr for something that does not stop the command.
func warn(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "overcast: warning: %s\n", output.Printable(strings.TrimSpace(fmt.Sprintf(format, args...))))
}

// pathFailure names the path in front of an error, once.
func pathFailure(command, name string, err error) error {
	return fmt.Errorf("%s: %s: %w", command, quoteName(name), reason(err))
}

// reason drops from an error the operation and the path that the sentence around it tells.
func reason(err error) error {
	if p, ok := err.(*fs.PathError); ok {
		return reason(p.Err)
	}
	if l, ok := err.(*os.LinkError); ok {
		return reason(l.Err)
	}
	return err
}
