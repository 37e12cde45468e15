package volume

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/mount"
	"github.com/overcast-fs/overcast/fs/vault"
)

// ErrNotMounted means that no vault is mounted where one was to be unmounted.
var ErrNotMounted = errors.New("no vault is mounted on it")

// A HeldError is a mount that is gone from this mount namespace and goes on in
// others. What was written to it up to then is durable.
type HeldError struct{ By []mount.Process }

// Error gives one line.
func (e *HeldError) Error() string {
	const enough = 3
	var names []string
	for _, p := range e.By[:min(len(e.By), enough)] {
		names = append(names, p.String())
	}
	if len(e.By) > enough {
		names = append(names, fmt.Sprintf("%d more", len(e.By)-enough))
	}
	return "unmounted here, with everything committed; in another mount namespace it is still there for " + strings.Join(names, ", ")
}

// UnmountOptions say how a mount of another process is ended.
type UnmountOptions struct {
	Lazy    bool   // although programs use it
	Waiting func() // called when the last commit takes longer than an instant
}

// patience is how long a wait goes on before it is told.
const patience = 2 * time.Second

// A served mount is one that is to be ended.
type served struct {
	mount.Entry
	vault *vault.Vault // nil where no process serves it, or it does not tell for which vault
	pid   int          // of the process that serves it
	here  bool         // in this mount namespace
	known bool         // nothing is left to wait for that is not known
}

// Unmount ends the mount at a canonical mountpoint, and returns when everything
// is committed and the vault is free. It reports whether it could wait: a mount
// need not tell of which vault it is. The error wraps [ErrNotMounted],
// [unix.EBUSY] where a program uses the mount, or [mount.ErrNoFUSE], or is a
// [*HeldError].
func Unmount(ctx context.Context, mountpoint string, o UnmountOptions) (waited bool, err error) {
	m, err := find(mountpoint)
	if err != nil {
		return false, err
	}
	if o.Lazy {
		err = m.cut(ctx, o)
	} else {
		err = m.end(ctx, o)
	}
	return m.known, err
}

// find finds the mount, and who serves it. One that nothing but other mount
// namespaces has is found by its process's own words.
func find(mountpoint string) (*served, error) {
	e, ok, err := mount.At(mountpoint)
	if err != nil {
		return nil, err
	}
	if ok {
		return identify(e, true), nil
	}
	for _, p := range mount.Elsewhere(func(e mount.Entry) bool { return e.Mountpoint == mountpoint }) {
		if m := identify(p.Entry, false); m.vault != nil {
			return m, nil
		}
	}
	return nil, ErrNotMounted
}

// identify finds the process that serves a mount. The table of mounts says what
// whoever mounted wanted it to say: the vault must say the same of the mount.
func identify(e mount.Entry, here bool) *served {
	m := &served{Entry: e, here: here}
	v, err := vault.Load(e.Source)
	if err != nil {
		return m
	}
	if _, locked, err := v.Mounted(); err == nil && !locked {
		m.known = true // its process has ended
		return m
	}
	if sum, ok, err := serving(v); err == nil && ok && isServed(e, sum) {
		m.vault, m.pid, m.known = v, sum.PID, true
	}
	return m
}

// end takes the mount out of the tree, if nobody uses it, and waits.
func (m *served) end(ctx context.Context, o UnmountOptions) error {
	if m.here {
		if m.vault != nil {
			flush(ctx, m.Mountpoint)
		}
		if err := detach(ctx, m.Mountpoint); err != nil {
			return err
		}
	}
	if m.vault == nil {
		return nil
	}
	return awaitRelease(ctx, m.vault, func() error {
		// Whoever has just made another namespace has its own for an instant only, or stays.
		if by := mount.Elsewhere(func(e mount.Entry) bool { return e.Device == m.Device }); len(by) > 0 {
			return &HeldError{by}
		}
		o.Waiting()
		return nil
	})
}

// flush makes durable what was written to the mount, should others keep it. One
// that does not answer must not keep it from being unmounted.
func flush(ctx context.Context, mountpoint string) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		mount.Flush(mountpoint)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	case <-time.After(5 * patience):
	}
}

// cut ends the mount although it is used: its process commits everything and
// ends, which cuts off whoever still has it. Where there is no such process, the
// mount is only taken out of the tree.
func (m *served) cut(ctx context.Context, o UnmountOptions) error {
	if m.vault != nil {
		told, err := m.endProcess()
		if err != nil {
			return err
		}
		if m.known = told; told {
			err = awaitRelease(ctx, m.vault, func() error { o.Waiting(); return nil })
		}
		if err != nil {
			return err
		}
	}
	e, ok, err := mount.At(m.Mountpoint)
	if err != nil || !ok || e.Device != m.Device {
		return err
	}
	return mount.Detach(ctx, m.Mountpoint, true)
}

// endProcess asks the process of a mount to end, if the kernel says that it has
// the vault's lock. The descriptor goes on meaning that process.
func (m *served) endProcess() (told bool, err error) {
	process, err := unix.PidfdOpen(m.pid, 0)
	if err != nil {
		return errors.Is(err, unix.ESRCH), m.wrong(err) // it has just ended
	}
	defer unix.Close(process)
	if held, err := m.vault.HeldBy(m.pid); err != nil || !held {
		return false, err
	}
	return true, m.wrong(unix.PidfdSendSignal(process, unix.SIGTERM, nil, 0))
}

// wrong is what was wrong with the process, unless it was gone.
func (m *served) wrong(err error) error {
	if err == nil || errors.Is(err, unix.ESRCH) {
		return nil
	}
	return fmt.Errorf("process %d: %w", m.pid, err)
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
// let go of the vault. Once, when that takes longer than an instant, it asks late
// whether to wait on.
func awaitRelease(ctx context.Context, v *vault.Vault, late func() error) error {
	const firstPause, longestPause = time.Millisecond, 20 * time.Millisecond
	begun, asked := time.Now(), false
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		_, locked, err := v.Mounted()
		if err != nil || !locked {
			return err
		}
		if !asked && time.Since(begun) > patience {
			asked = true
			if err := late(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
