package volume

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/mount"
	"github.com/overcast-fs/overcast/fs/vault"
)

// ErrNotMounted means that no vault is mounted where one was to be unmounted.
var ErrNotMounted = errors.New("no vault is mounted on it")

// UnmountOptions say how a mount of another process is ended.
type UnmountOptions struct {
	Lazy    bool   // although programs use it
	Waiting func() // called when the last commit takes longer than an instant
}

// patience is how long a wait goes on before it is told.
const patience = 2 * time.Second

// Unmount ends the mount at a canonical mountpoint, and returns when everything
// is committed and the vault is free. Which vault it was is nil where the mount
// does not tell: then nothing was waited for. The error wraps [ErrNotMounted],
// [unix.EBUSY] where a program uses the mount, or [mount.ErrNoFUSE].
func Unmount(ctx context.Context, mountpoint string, o UnmountOptions) (*vault.Vault, error) {
	m, ok, err := mount.At(mountpoint)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrNotMounted
	}
	v, err := vault.Load(m.Source)
	if err != nil {
		v = nil
	}
	if o.Lazy && v != nil {
		err = endProcess(v)
	} else {
		err = detach(ctx, mountpoint)
	}
	if err != nil || v == nil {
		return v, err
	}
	return v, awaitRelease(ctx, v, o.Waiting)
}

// endProcess asks the process of a mount to end; it unmounts by itself, in use
// or not.
func endProcess(v *vault.Vault) error {
	pid, locked, err := v.Mounted()
	if err != nil || !locked || pid == 0 {
		return err
	}
	if err := unix.Kill(pid, unix.SIGTERM); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	return nil
}

// A program that is just closing its last file gets some time before the mount
// counts as busy.
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
	return err
}

// awaitRelease waits until the process of the mount has committed everything and
// let go of the vault.
func awaitRelease(ctx context.Context, v *vault.Vault, waiting func()) error {
	hint := time.AfterFunc(patience, waiting)
	defer hint.Stop()
	const firstPause, longestPause = time.Millisecond, 20 * time.Millisecond
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		_, locked, err := v.Mounted()
		if err != nil || !locked {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
