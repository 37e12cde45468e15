package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/daemon"
	"github.com/overcast-fs/overcast/fs/mount"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume"
)

// This file is the rest of mount: the process that serves.

// serveOptions makes of the flags what package volume needs. This process is one that serves a mount from now on.
func (f *mountFlags) serveOptions(v *vault.Vault, mountpoint string, logger *slog.Logger) volume.ServeOptions {
	daemon.LimitMemory()
	return volume.ServeOptions{
		Options: volume.Options{
			Logger: logger, ReadOnly: f.readOnly || f.hasOption("ro"), FsyncAll: f.fsyncAll(v), From: f.from,
		},
		Mount: mount.Options{
			Mountpoint: mountpoint, AllowOther: f.allowOther, ReadOnly: f.readOnly, Debug: f.debug, Idle: f.idle, Extra: f.options,
		},
		Mounted: func() {
			daemon.RaiseThreads()
			logger.Info("mounted", "vault", v.Dir, "mountpoint", mountpoint, "version", buildVersion().Version)
		},
	}
}

// runForeground serves in this process and logs to its standard error.
func (f *mountFlags) runForeground(cmd *cobra.Command, v *vault.Vault, mountpoint string, keys *vault.Keys) error {
	level := slog.LevelInfo
	if f.debug {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
	o := f.serveOptions(v, mountpoint, logger)
	o.Warn = func(string) {} // the log says it
	o.Ready = func(sum vault.Summary) error {
		tell(logger, daemon.NotifyReady(sum.Mountpoint))
		return f.printMounted(cmd, v, sum)
	}
	o.Ending = func() { tell(logger, daemon.NotifyStopping()) }
	return volume.Serve(cmd.Context(), v, keys, o)
}

// tell logs that the service manager could not be told something. The mount goes on: nobody else waits for that.
func tell(logger *slog.Logger, err error) {
	if err != nil {
		logger.Warn(err.Error())
	}
}

// childFlag tells the program that it is the background process of a mount.
const childFlag = "background-process"

// runBackground starts the process that mounts, hands it the keys, and waits until the mount can be used.
func (f *mountFlags) runBackground(cmd *cobra.Command, v *vault.Vault, mountpoint string, keys *vault.Keys) error {
	sum, err := daemon.Start(cmd.Context(), daemon.Spec{
		Args: f.childArgs(v.Dir, mountpoint), Keys: keys, Stderr: cmd.ErrOrStderr(),
		Warn: func(line string) { cli.Warn(cmd.ErrOrStderr(), "%s", line) },
	})
	said, ok := errors.AsType[*daemon.Failure](err)
	switch {
	case cmd.Context().Err() != nil:
		return cli.ErrInterrupted
	case ok:
		return &cli.Failure{Code: said.Code, Err: said, Next: said.Next}
	case err != nil:
		return fmt.Errorf("mount: %w", err)
	}
	if _, ok, err := mount.At(mountpoint); err != nil {
		return err
	} else if !ok {
		return cli.Failf(cli.ExitMountpoint, "mountpoint %s: nothing is mounted on it", cli.QuoteName(mountpoint)).
			Advise("see %s", cli.QuoteName(v.LogPath()))
	}
	return f.printMounted(cmd, v, sum)
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
	if f.from != "" {
		args = append(args, "--from="+f.from)
	}
	if f.fsync != "" {
		args = append(args, "--fsync="+f.fsync)
	}
	for _, o := range f.options {
		args = append(args, "-o", o)
	}
	return append(args, "--", vaultDir, mountpoint)
}

// runChild is the background process. It reports how it came up to the one that started it, and afterwards only to its log.
func (f *mountFlags) runChild(cmd *cobra.Command, vaultDir, mountpoint string) error {
	child, err := daemon.Inherit()
	if err != nil {
		return cli.UsageError(cmd, fmt.Errorf("--%s is not for users", childFlag))
	}
	if err := f.serveChild(cmd.Context(), child, vaultDir, mountpoint); err != nil {
		failed := cli.Classify(err)
		child.Fail(daemon.Failure{Code: failed.Code, Message: failed.Error(), Next: failed.Next})
		return &cli.Failure{Code: failed.Code} // what went wrong is said there, or in the log
	}
	return nil
}

func (f *mountFlags) serveChild(ctx context.Context, child *daemon.Child, vaultDir, mountpoint string) error {
	v, err := cli.LoadVault(vaultDir)
	if err != nil {
		return err
	}
	keys, err := child.Keys(v)
	if err != nil {
		return err
	}
	defer keys.Wipe()
	lock, err := volume.Lock(v) // before the log is touched, which is the holder's
	if err != nil {
		return err
	}
	log, err := daemon.OpenLog(v.LogPath())
	if err != nil {
		return errors.Join(cli.Failf(cli.ExitUnusable, "vault: %w", err), lock.Release())
	}
	defer log.Close()
	o := f.serveOptions(v, mountpoint, slog.New(slog.NewTextHandler(log, nil)))
	o.Lock, o.Warn = lock, child.Warn
	o.Ready = func(sum vault.Summary) error {
		if err := log.TakeStderr(); err != nil {
			return err
		}
		child.Ready(sum)
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
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is mounted on %s\n%s", cli.QuoteName(v.Dir), cli.QuoteName(sum.Mountpoint), cli.Reminder(v))
		return err
	}
	return cli.PrintJSON(cmd, mountResult{
		Vault: v.Dir, Mountpoint: sum.Mountpoint, PID: sum.PID, ReadOnly: sum.ReadOnly, Lead: sum.Lead, Clouds: volume.CloudStatuses(v, &sum, true),
	})
}
