package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/mount"
	"github.com/overcast-fs/overcast/fs/vault"
)

const unmountLong = `Unmount a vault, and return when its last change is committed and another
mount of it would succeed. A mount that programs still use stays, with an
error. With --lazy it ends all the same: what they wrote is committed, and
their open files fail.`

func newUnmountCmd() *cobra.Command {
	var lazy bool
	cmd := &cobra.Command{
		Use:     "unmount MOUNTPOINT",
		Aliases: []string{"umount"},
		Short:   "Unmount a vault and wait until everything is committed",
		Long:    unmountLong,
		Args:    exactArgs("MOUNTPOINT"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runUnmount(cmd, args[0], lazy) },
	}
	cmd.Flags().BoolVarP(&lazy, "lazy", "z", false, "end a mount that programs still use")
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return overcastMountpoints(), cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

// overcastMountpoints lists what can be unmounted, for the shell.
func overcastMountpoints() []string {
	mounts, err := mount.Table()
	if err != nil {
		return nil
	}
	var points []string
	for _, m := range mounts {
		points = append(points, m.Mountpoint)
	}
	return points
}

func runUnmount(cmd *cobra.Command, mountpoint string, lazy bool) error {
	at, err := canonical(mountpoint)
	if err != nil {
		return failf(exitMountpoint, "mountpoint %s: %w", quoteName(mountpoint), reason(err))
	}
	m, ok, err := mount.At(at)
	if err != nil {
		return err
	}
	if !ok {
		return failf(exitMountpoint, "mountpoint %s: no vault is mounted on it", quoteName(mountpoint))
	}
	v, vaultErr := vault.Load(m.Source)
	if lazy && vaultErr == nil {
		err = endProcess(v)
	} else {
		err = detach(cmd.Context(), at)
	}
	if err != nil {
		return err
	}
	if vaultErr != nil {
		warn(cmd.ErrOrStderr(), "%s is unmounted; its vault is not known, so it may still be committing changes", quoteName(at))
		return nil
	}
	return awaitRelease(cmd, v)
}

// endProcess asks the process of a mount to end; it unmounts by itself, in use or not.
func endProcess(v *vault.Vault) error {
	pid, locked, err := v.Mounted()
	if err != nil || !locked || pid == 0 {
		return err
	}
	if err := unix.Kill(pid, unix.SIGTERM); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("unmount: process %d: %w", pid, err)
	}
	return nil
}

// A program that is just closing its last file gets some time before the mount counts as busy.
const (
	busyTries = 6
	busyPause = 50 * time.Millisecond
)

func detach(ctx context.Context, mountpoint string) error {
	err := mount.Detach(ctx, mountpoint, false)
	for try := 1; try < busyTries && errors.Is(err, unix.EBUSY) && ctx.Err() == nil; try++ {
		time.Sleep(busyPause)
		err = mount.Detach(ctx, mountpoint, false)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, mount.ErrNoFUSE):
		return mountFailure(err)
	case errors.Is(err, unix.EBUSY):
		return failf(exitMountpoint, "mountpoint %s: in use by a program", quoteName(mountpoint)).
			advise("close what uses it (fuser -vm %s lists it), or end it with overcast unmount --lazy %[1]s", quoteName(mountpoint))
	}
	return failf(exitMountpoint, "mountpoint %s: %w", quoteName(mountpoint), err)
}

// patience is how long a wait goes on before it says what it waits for.
const patience = 2 * time.Second

// awaitRelease waits until the process of the mount has committed everything and let go of the vault.
func awaitRelease(cmd *cobra.Command, v *vault.Vault) error {
	hint := time.AfterFunc(patience, func() {
		fmt.Fprintf(cmd.ErrOrStderr(), "overcast: waiting until the last changes are committed\n")
	})
	defer hint.Stop()
	const firstPause, longestPause = time.Millisecond, 20 * time.Millisecond
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		_, locked, err := v.Mounted()
		if err != nil || !locked {
			return err
		}
		select {
		case <-cmd.Context().Done():
			return errInterrupted
		case <-time.After(pause):
		}
	}
}
