package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/fs/mount"
	"github.com/overcast-fs/overcast/fs/volume"
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
		Args:    cli.ExactArgs("MOUNTPOINT"),
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
	at, err := volume.Canonical(mountpoint)
	if err != nil {
		return cli.Failf(cli.ExitMountpoint, "mountpoint %s: %w", cli.QuoteName(mountpoint), cli.Reason(err))
	}
	waited, err := volume.Unmount(cmd.Context(), at, volume.UnmountOptions{
		Lazy: lazy,
		Waiting: func() {
			fmt.Fprintf(cmd.ErrOrStderr(), "overcast: waiting until the last changes are committed\n")
		},
	})
	held, isHeld := errors.AsType[*volume.HeldError](err)
	switch {
	case cmd.Context().Err() != nil:
		return cli.ErrInterrupted
	case errors.Is(err, unix.EBUSY):
		return cli.Failf(cli.ExitMountpoint, "mountpoint %s: in use by a program", cli.QuoteName(at)).
			Advise("close what uses it (fuser -vm %s lists it), or end it with overcast unmount --lazy %[1]s", cli.QuoteName(at))
	case errors.Is(err, volume.ErrNotMounted):
		return notMounted(mountpoint)
	case isHeld:
		return cli.Failf(cli.ExitMountpoint, "mountpoint %s: %w", cli.QuoteName(at), held).
			Advise("end what holds it, or cut it off with overcast unmount --lazy %s", cli.QuoteName(at))
	case errors.Is(err, mount.ErrNoFUSE):
		return err
	case err != nil:
		return cli.Failf(cli.ExitMountpoint, "mountpoint %s: %w", cli.QuoteName(mountpoint), err)
	case !waited:
		cli.Warn(cmd.ErrOrStderr(), "%s is unmounted; its vault is not known, so it may still be committing changes", cli.QuoteName(at))
	}
	return nil
}

// notMounted knows a vault that was named instead of its mountpoint.
func notMounted(mountpoint string) error {
	f := cli.Failf(cli.ExitMountpoint, "mountpoint %s: %w", cli.QuoteName(mountpoint), volume.ErrNotMounted)
	v, err := volume.Load(mountpoint)
	if err != nil {
		return f
	}
	m, ok, err := volume.MountOf(v)
	if err != nil || !ok {
		return f.Advise("it is a vault, and not mounted")
	}
	return f.Advise("it is the vault itself: overcast unmount %s", cli.QuoteName(m.Mountpoint))
}
