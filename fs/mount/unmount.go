package mount

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Tries of Unmount before it becomes lazy: programs that are just closing their
// last file get a third of a second.
const (
	unmountTries = 7
	firstPause   = 5 * time.Millisecond
)

// Unmount unmounts the filesystem and returns when it has been served to the
// end. If programs go on using it, it disappears from the tree at once, what
// they wrote so far has reached the mirror, and Unmount returns without waiting
// for them; Wait does wait. A filesystem that is not mounted any more is no
// error.
func (s *Server) Unmount() error {
	s.unmounting.Lock()
	defer s.unmounting.Unlock()
	for try := range unmountTries {
		if !s.mounted() {
			return nil
		}
		if Detach(context.Background(), s.mountpoint, false) == nil {
			return s.Wait()
		}
		select {
		case <-s.done:
		case <-time.After(firstPause << try):
		}
	}
	Flush(s.mountpoint)
	return Detach(context.Background(), s.mountpoint, true)
}

// mounted reports whether what is at the mountpoint is this filesystem, and not
// what is under it or what somebody has put there since.
func (s *Server) mounted() bool {
	select {
	case <-s.done:
		return false
	default:
	}
	device, err := deviceAt(s.mountpoint)
	return err == nil && (device == s.device || s.device == 0)
}

// Flush makes the kernel pass on what it holds back of a mount, and makes that
// durable. What fails here fails, and is said, again when the files are closed.
func Flush(mountpoint string) {
	fd, err := unix.Open(mountpoint, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	_ = unix.Syncfs(fd)
	_ = unix.Fsync(fd)
}

// unmountIdle unmounts when nothing was open and nothing was asked for as long
// as the options say. A program that merely stands in a directory keeps the
// mount.
func (s *Server) unmountIdle() {
	const looks = 4
	tick := time.NewTicker(max(s.idle/looks, time.Millisecond))
	defer tick.Stop()
	var last uint64
	quiet := 0
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		now := s.fs.requests.Load()
		if now != last || s.fs.files.count() > 0 || s.fs.dirs.count() > 0 || s.busy != nil && s.busy() {
			last, quiet = now, 0
			continue
		}
		if quiet++; quiet < looks {
			continue
		}
		quiet = 0
		if s.mounted() && Detach(context.Background(), s.mountpoint, false) == nil {
			s.fs.logger.Info("unmounted, idle", "after", s.idle)
			return
		}
	}
}

// Detach takes what is on top at a mountpoint out of the tree, whoever serves
// it: root by itself, others through fusermount3. Lazily it does so although
// programs use it; else the error wraps [unix.EBUSY] then. It wraps [ErrNoFUSE]
// where the helper is missing.
func Detach(ctx context.Context, mountpoint string, lazy bool) error {
	if os.Geteuid() == 0 {
		flags := unix.UMOUNT_NOFOLLOW
		if lazy {
			flags |= unix.MNT_DETACH
		}
		// Root without the privilege was served by the helper when it mounted.
		if err := unix.Unmount(mountpoint, flags); !errors.Is(err, unix.EPERM) {
			return err
		}
	}
	helper, err := fusermount()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoFUSE, err)
	}
	args := []string{"-u", "--", mountpoint}
	if lazy {
		args = append([]string{"-z"}, args...)
	}
	cmd := exec.CommandContext(ctx, helper, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	said, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return nil
	case strings.Contains(string(said), "busy"):
		return unix.EBUSY // the helper tells it in words only
	}
	return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(said)))
}
