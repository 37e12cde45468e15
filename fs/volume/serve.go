package volume

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/overcast-fs/overcast/fs/mount"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume/internal/control"
)

const (
	// refreshInterval is how old the summary for status may be, and progressInterval
	// what it says of how far clouds are.
	refreshInterval  = time.Second
	progressInterval = 10 * time.Second

	// busyTime is how long who asks for the status is kept waiting for what is being
	// done.
	busyTime = answerTime / 2

	// lazyGrace is how long programs that still use a filesystem that was
	// unmounted under them are served.
	lazyGrace = 3 * time.Second
)

// ServeOptions say how a vault is opened and mounted.
type ServeOptions struct {
	Options               // its Logger is not nil
	Mount   mount.Options // FsName, Logger and Busy are set by Serve

	Warn    func(line string)         // tells the user who waits for the mount
	Mounted func()                    // called once, when the kernel has the mount
	Ready   func(vault.Summary) error // called once, when the mount can be used; its error ends the mount
	Ending  func()                    // called once, when the mount is gone, or to go, and what is left is to commit; may be nil
}

// A server is a vault that is mounted, from the lock to the last commit.
type server struct {
	*Volume
	options ServeOptions
	logger  *slog.Logger
	started time.Time
	device  uint64

	last     atomic.Pointer[vault.Summary] // as it was written
	checkups atomic.Int64                  // under way, for whoever asked through the socket
	resolved time.Time                     // when it was last looked what has become of conflicts
	looking  sync.WaitGroup                // who finds out how the volume is
}

// Serve opens a vault, mounts it, serves until the mount is gone or ctx is done,
// and commits everything. It wipes the keys. The error is one of [Open], of
// [mount.Mount], or of the last commit.
func Serve(ctx context.Context, v *vault.Vault, keys *vault.Keys, o ServeOptions) error {
	vol, err := Open(v, keys, o.Options)
	if err != nil {
		return err
	}
	vol.served = true
	s := &server{Volume: vol, options: o, logger: o.Logger, started: time.Now().UTC().Truncate(time.Second)}
	err = ctx.Err()
	if err == nil {
		err = s.mount(ctx)
	}
	if closeErr := vol.Close(); closeErr != nil {
		s.logger.Error("not everything was committed; the next mount will do it", "error", closeErr)
		err = errors.Join(err, closeErr)
	}
	s.logger.Info("ended", "vault", v.Dir)
	return err
}

func (s *server) mount(ctx context.Context) error {
	for _, line := range s.Warnings() {
		s.options.Warn(line)
		s.logger.Warn(line)
	}
	o := s.options.Mount
	o.FsName, o.Logger = s.vault.Dir, s.logger
	o.Busy = func() bool { return s.checkups.Load() > 0 }
	mounted, err := mount.Mount(s.mirror, o)
	if err != nil {
		return err
	}
	s.options.Mounted()
	s.device = mounted.Device()
	listening, err := control.Listen(ctx, s.vault.ControlPath(), s.answer)
	if err != nil {
		return errors.Join(err, mounted.Unmount(), mounted.Wait())
	}
	err = s.refresh()
	if err == nil {
		err = s.options.Ready(*s.last.Load())
	}
	if err == nil {
		err = s.serve(ctx, mounted)
	} else {
		err = errors.Join(err, mounted.Unmount(), mounted.Wait())
	}
	err = errors.Join(err, listening.Close())
	s.looking.Wait()
	return err
}

// serve waits for the end of the mount: somebody unmounts it, it is idle for too
// long, or a signal asks for it.
func (s *server) serve(ctx context.Context, mounted *mount.Server) error {
	done := make(chan error, 1)
	go func() { done <- mounted.Wait() }()
	tick := time.NewTicker(refreshInterval)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			s.ending()
			return err
		case <-tick.C:
			if err := s.refresh(); err != nil {
				s.logger.Warn("the summary for status cannot be written", "error", err)
			}
		case <-ctx.Done():
			s.logger.Info("asked to end")
			s.ending()
			return s.unmount(mounted, done)
		}
	}
}

func (s *server) ending() {
	if s.options.Ending != nil {
		s.options.Ending()
	}
}

// unmount takes the mount out of the tree. Programs that still use it are served
// a little longer, and then no more.
func (s *server) unmount(mounted *mount.Server, done <-chan error) error {
	if err := mounted.Unmount(); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-time.After(lazyGrace):
		s.logger.Warn("programs still use files of the mount; they will see errors")
		return nil
	}
}

// now is the summary of this moment.
func (s *server) now() vault.Summary {
	sum := s.summary()
	sum.PID, sum.Mountpoint, sum.Device, sum.Started = os.Getpid(), s.options.Mount.Mountpoint, s.device, s.started
	sum.Written = time.Now().UTC().Truncate(time.Second)
	return sum
}

// soon is the summary of this moment, or, where something keeps it waiting, the last
// one.
func (s *server) soon() vault.Summary {
	now := make(chan vault.Summary, 1)
	s.looking.Go(func() {
		s.note(true)
		now <- s.now()
	})
	select {
	case sum := <-now:
		return sum
	case <-time.After(busyTime):
	}
	if last := s.last.Load(); last != nil {
		return *last
	}
	return <-now
}

// refresh writes the summary for status, and the notes, if something in them has
// changed.
func (s *server) refresh() error {
	resolve := time.Since(s.resolved) >= progressInterval
	if s.note(resolve); resolve {
		s.resolved = time.Now()
	}
	saved := s.book.Save()
	sum := s.now()
	if last := s.last.Load(); last != nil && sameSummary(sum, *last, sum.Written.Sub(last.Written) >= progressInterval) {
		return saved
	}
	if err := s.vault.WriteSummary(sum); err != nil {
		return err
	}
	s.last.Store(&sum)
	return saved
}

// sameSummary compares summaries, and how far clouds are only where that counts.
func sameSummary(a, b vault.Summary, progress bool) bool {
	still := func(s vault.Summary) vault.Summary {
		s.Written, s.Clouds = time.Time{}, slices.Clone(s.Clouds)
		for i := range s.Clouds {
			if p := &s.Clouds[i].Paying; !progress {
				*p = vault.Paying{Doing: p.Doing}
			}
		}
		return s
	}
	return reflect.DeepEqual(still(a), still(b))
}
