package mount

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/mirror"
)

var (
	// ErrNoFUSE means that this system, or this user in it, cannot mount with
	// FUSE: the device, the program fusermount3 or the privilege is missing.
	ErrNoFUSE = errors.New("FUSE is not available")

	// ErrMountpoint means that the mountpoint is no directory that can be
	// mounted on.
	ErrMountpoint = errors.New("unusable mountpoint")
)

// Server is a mounted filesystem, served in the background until it is
// unmounted, by Unmount or by anybody else.
type Server struct {
	fs         *filesystem
	fuse       *fuse.Server
	mountpoint string
	device     uint64 // st_dev of everything in it
	idle       time.Duration
	busy       func() bool
	done       chan struct{} // closed when the last request has been answered

	unmounting sync.Mutex
}

// Mount mounts a mirror and returns when the mount is usable. Root mounts by
// itself, others (and root, where that fails) through fusermount3. The mirror
// stays the caller's, who closes it after Wait. The error wraps ErrOption,
// ErrMountpoint or ErrNoFUSE where it is one of these.
func Mount(m *mirror.Mirror, o Options) (*Server, error) {
	o, err := o.normal()
	if err != nil {
		return nil, err
	}
	o.ReadOnly = o.ReadOnly || m.ReadOnly()
	if o.Mountpoint, err = checkMountpoint(o.Mountpoint); err != nil {
		return nil, err
	}
	s := &Server{
		fs: newFilesystem(m, o.Logger), mountpoint: o.Mountpoint, idle: o.Idle, busy: o.Busy, done: make(chan struct{}),
	}
	if err := s.mount(o); err != nil {
		return nil, err
	}
	go s.serve()
	if s.device, err = deviceAt(s.mountpoint); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s: %w", ErrMountpoint, s.mountpoint, err), s.Unmount())
	}
	go s.fs.keepSmall(s.done)
	if s.idle > 0 {
		go s.unmountIdle()
	}
	return s, nil
}

// Device is the st_dev of everything in the mount, by which a table of mounts
// tells it from any other.
func (s *Server) Device() uint64 { return s.device }

// checkMountpoint returns the absolute path of a directory to mount on.
func checkMountpoint(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("%w: %s: %w", ErrMountpoint, path, err)
	}
	info, err := os.Stat(abs)
	switch {
	case dead(abs):
		return "", fmt.Errorf("%w: %s: a mount whose process has died is there; unmount it first", ErrMountpoint, abs)
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrMountpoint, err)
	case !info.IsDir():
		return "", fmt.Errorf("%w: %s: not a directory", ErrMountpoint, abs)
	}
	return abs, nil
}

// mount attaches the filesystem, by the first way that works.
func (s *Server) mount(o Options) error {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return fmt.Errorf("%w: %w", ErrNoFUSE, err)
	}
	var direct error
	if os.Geteuid() == 0 {
		if s.fuse, direct = fuse.NewServer(s.fs, o.Mountpoint, s.options(o, true)); direct == nil {
			return nil
		}
	}
	_, err := fusermount()
	if err == nil {
		s.fuse, err = fuse.NewServer(s.fs, o.Mountpoint, s.options(o, false))
	}
	switch {
	case err == nil:
		return nil
	case direct != nil:
		err = fmt.Errorf("%w; and through fusermount3: %w", direct, err)
	}
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENODEV) || errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrNoFUSE, err)
	}
	return fmt.Errorf("mount on %s: %w", o.Mountpoint, oneLine(err))
}

// oneLine takes the line breaks out of what go-fuse says of fusermount3, which
// has said the reason itself, on standard error.
func oneLine(err error) error {
	if _, ok := errors.AsType[unix.Errno](err); ok {
		return err
	}
	if text := err.Error(); strings.Contains(text, "\n") {
		return errors.New(strings.Join(strings.Fields(text), " "))
	}
	return err
}

// dead reports whether a FUSE mount is at a path that nobody serves any more.
// Unlike stat, statfs asks every time.
func dead(path string) bool {
	var s unix.Statfs_t
	return errors.Is(unix.Statfs(path, &s), unix.ENOTCONN)
}

// deviceAt is the st_dev of a directory.
func deviceAt(path string) (uint64, error) {
	var stat unix.Stat_t
	err := unix.Stat(path, &stat)
	return stat.Dev, err
}

func (s *Server) options(o Options, direct bool) *fuse.MountOptions {
	opts := o.fuse(direct)
	opts.PanicHandler = func(reason any) fuse.Status { return s.fs.panicked(reason, debug.Stack()) }
	return opts
}

func fusermount() (string, error) {
	path, err := exec.LookPath("fusermount3")
	if err != nil {
		if old, oldErr := exec.LookPath("fusermount"); oldErr == nil {
			return old, nil
		}
	}
	return path, err
}

// serve answers requests until the filesystem is unmounted.
func (s *Server) serve() {
	defer close(s.done)
	s.fuse.Serve()
	// A connection that was cut, instead of unmounted, leaves a dead mount
	// behind. Nothing else answers like that.
	if dead(s.mountpoint) {
		_ = Detach(context.Background(), s.mountpoint, true)
	}
}

// Wait returns when the filesystem is unmounted and everything that was asked
// of the mirror is done.
func (s *Server) Wait() error {
	<-s.done
	return nil
}
