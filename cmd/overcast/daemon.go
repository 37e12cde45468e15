package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/mount"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume"
)

// childFlag tells the program that it is the background process of a mount. Its descriptors are then:
const (
	childFlag    = "background-process"
	childSecret  = 3 // to read the keys from, up to the end
	childReports = 4 // to write reports to
)

// childReport is what the background process tells the one that started it, one JSON value each: any number of warnings,
// then either that it is ready or that it failed.
type childReport struct {
	Warning string         `json:"warning,omitempty"`
	Ready   *vault.Summary `json:"ready,omitempty"`
	Failure *childFailure  `json:"failure,omitempty"`
}

// childFailure is a failure on its way between two processes.
type childFailure struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Next    string `json:"next"`
}

// runBackground starts the process that mounts, hands it the keys, and waits until the mount can be used. The passphrase, and
// what it takes to make a key of it, never come near a process that lives for days.
func (f *mountFlags) runBackground(cmd *cobra.Command, v *vault.Vault, mountpoint string, keys *vault.Keys) error {
	child, reports, err := f.startChild(cmd, v, mountpoint, keys)
	if err != nil {
		return fmt.Errorf("mount: background process: %w", err)
	}
	defer reports.Close()
	stop := context.AfterFunc(cmd.Context(), func() { _ = child.Process.Signal(unix.SIGTERM) })
	defer stop()
	sum, err := awaitReady(cmd, reports)
	if errors.Is(err, io.EOF) {
		_ = child.Wait() // its state tells more
		err = fmt.Errorf("mount: the background process ended: %s", child.ProcessState)
	}
	if cmd.Context().Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return err
	}
	if _, ok, err := mount.At(mountpoint); err != nil {
		return err
	} else if !ok {
		return failf(exitMountpoint, "mountpoint %s: nothing is mounted on it", quoteName(mountpoint)).
			advise("see %s", quoteName(v.LogPath()))
	}
	if err := child.Process.Release(); err != nil {
		return err
	}
	return f.printMounted(cmd, v, sum)
}

// startChild runs this program again, in a session of its own. Its standard error is this one until it is ready.
func (f *mountFlags) startChild(cmd *cobra.Command, v *vault.Vault, mountpoint string, keys *vault.Keys) (*exec.Cmd, *os.File, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	// Whoever waits for the end of something that this process inherited must not wait for the mount to end. A kernel that
	// is too old for this call only keeps more open.
	_ = unix.CloseRange(childSecret, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	secretOut, secretIn, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer secretIn.Close()
	defer secretOut.Close()
	reports, reportsIn, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer reportsIn.Close()
	child := exec.Command(program, f.childArgs(v.Dir, mountpoint)...)
	child.Args[0] = "overcast"
	child.Dir = "/"
	child.Stderr, _ = cmd.ErrOrStderr().(*os.File)
	child.ExtraFiles = []*os.File{secretOut, reportsIn}
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		return nil, nil, errors.Join(err, reports.Close())
	}
	if err := writeKeys(secretIn, keys); err != nil {
		return nil, nil, errors.Join(err, reports.Close(), child.Process.Kill(), child.Wait())
	}
	return child, reports, nil
}

// childArgs are the flags that concern the mount itself.
func (f *mountFlags) childArgs(vaultDir, mountpoint string) []string {
	args := []string{"mount", "--" + childFlag}
	for flag, set := range map[string]bool{"--read-only": f.readOnly, "--allow-other": f.allowOther} {
		if set {
			args = append(args, flag)
		}
	}
	if f.idle != 0 {
		args = append(args, "--idle="+f.idle.String())
	}
	if f.fsync != "" {
		args = append(args, "--fsync="+f.fsync)
	}
	for _, o := range f.options {
		args = append(args, "-o", o)
	}
	return append(args, "--", vaultDir, mountpoint)
}

// awaitReady passes warnings on until the background process is ready or fails. io.EOF means that it died.
func awaitReady(cmd *cobra.Command, reports io.Reader) (vault.Summary, error) {
	for decoder := json.NewDecoder(reports); ; {
		var r childReport
		if err := decoder.Decode(&r); err != nil {
			return vault.Summary{}, err
		}
		switch {
		case r.Ready != nil:
			return *r.Ready, nil
		case r.Failure != nil:
			return vault.Summary{}, &failure{code: r.Failure.Code, err: errors.New(r.Failure.Message), next: r.Failure.Next}
		default:
			warn(cmd.ErrOrStderr(), "%s", r.Warning)
		}
	}
}

// runChild is the background process. It reports how it came up to the one that started it, and afterwards only to its log.
func (f *mountFlags) runChild(cmd *cobra.Command, vaultDir, mountpoint string) error {
	for _, fd := range []int{childSecret, childReports} {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
			return usageError(cmd, fmt.Errorf("--%s is not for users", childFlag))
		}
		unix.CloseOnExec(fd)
	}
	secret, reports := os.NewFile(childSecret, "keys"), os.NewFile(childReports, "reports")
	tell := func(r childReport) {
		_ = json.NewEncoder(reports).Encode(r) // who does not listen any more does not want the mount to fail
		if r.Ready != nil {
			reports.Close()
		}
	}
	err := f.background(cmd.Context(), vaultDir, mountpoint, secret, tell)
	if err != nil {
		failed := classify(err)
		tell(childReport{Failure: &childFailure{Code: failed.code, Message: failed.Error(), Next: failed.next}})
		// What went wrong is said there, or in the log.
		return &failure{code: failed.code}
	}
	return nil
}

func (f *mountFlags) background(ctx context.Context, vaultDir, mountpoint string, secret io.ReadCloser, tell func(childReport)) error {
	v, err := loadVault(vaultDir)
	if err != nil {
		return err
	}
	keys, err := readKeys(secret, v)
	if err != nil {
		return err
	}
	defer keys.Wipe()
	if err := secret.Close(); err != nil {
		return err
	}
	lock, err := volume.Lock(v) // before the log is touched, which is the holder's
	if err != nil {
		return err
	}
	log, err := openLog(v.LogPath())
	if err != nil {
		return errors.Join(failf(exitUnusable, "vault: %w", err), lock.Release())
	}
	defer log.Close()
	o := f.serveOptions(v, mountpoint, slog.New(slog.NewTextHandler(log, nil)))
	o.Lock = lock
	o.Warn = func(line string) { tell(childReport{Warning: line}) }
	o.Ready = func(sum vault.Summary) error {
		if err := log.takeStderr(); err != nil {
			return err
		}
		tell(childReport{Ready: &sum})
		return nil
	}
	return volume.Serve(ctx, v, keys, o)
}

// mountResult is what mount prints as JSON.
type mountResult struct {
	Vault      string               `json:"vault"`
	Mountpoint string               `json:"mountpoint"`
	PID        int                  `json:"pid"`
	ReadOnly   bool                 `json:"read_only"`
	Lead       string               `json:"lead"`
	Clouds     []volume.CloudStatus `json:"clouds"`
}

// printMounted says that the mount can be used.
func (f *mountFlags) printMounted(cmd *cobra.Command, v *vault.Vault, sum vault.Summary) error {
	if !f.asJSON {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is mounted on %s\n", quoteName(v.Dir), quoteName(sum.Mountpoint))
		return err
	}
	return printJSON(cmd, mountResult{
		Vault: v.Dir, Mountpoint: sum.Mountpoint, PID: sum.PID, ReadOnly: sum.ReadOnly, Lead: sum.Lead, Clouds: volume.CloudStatuses(v, &sum, true),
	})
}
