package mount

import (
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
	direct     bool
	device     uint64 // st_dev of everything in it
	idle       time.Duration
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
		fs: newFilesystem(m, o.Logger), mountpoint: o.Mountpoint, idle: o.Idle, done: make(chan struct{}),
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
			s.direct = true
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
		_ = s.detach(true)
	}
}

// Wait returns when the filesystem is unmounted and everything that was asked
// of the mirror is done.
func (s *Server) Wait() error {
	<-s.done
	return nil
}

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
		if s.detach(false) == nil {
			return s.Wait()
		}
		select {
		case <-s.done:
		case <-time.After(firstPause << try):
		}
	}
	s.flush()
	return s.detach(true)
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

// flush makes the kernel pass on what it holds back. What fails here fails, and
// is said, again when the files are closed.
func (s *Server) flush() {
	fd, err := unix.Open(s.mountpoint, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	_ = unix.Syncfs(fd)
}

// detach unmounts once.
func (s *Server) detach(lazy bool) error {
	if s.direct {
		flags := unix.UMOUNT_NOFOLLOW
		if lazy {
			flags |= unix.MNT_DETACH
		}
		if err := unix.Unmount(s.mountpoint, flags); err != nil {
			return fmt.Errorf("unmount %s: %w", s.mountpoint, err)
		}
		return nil
	}
	program, err := fusermount()
	if err != nil {
		return fmt.Errorf("unmount %s: %w", s.mountpoint, err)
	}
	args := []string{"-u", s.mountpoint}
	if lazy {
		args = []string{"-u", "-z", s.mountpoint}
	}
	if said, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("unmount %s: %w: %s", s.mountpoint, err, said)
	}
	return nil
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
		if now != last || s.fs.files.count() > 0 || s.fs.dirs.count() > 0 {
			last, quiet = now, 0
			continue
		}
		if quiet++; quiet < looks {
			continue
		}
		quiet = 0
		if s.mounted() && s.detach(false) == nil {
			s.fs.logger.Info("unmounted, idle", "after", s.idle)
			return
		}
	}
}
