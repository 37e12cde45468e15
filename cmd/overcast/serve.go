package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/fs/mount"
	"github.com/overcast-fs/overcast/fs/vault"
)

const (
	// memoryLimit is where the garbage collector begins to work hard. With what it does not count a mount stays below
	// 256 MiB.
	memoryLimit = 192 << 20

	// minThreads is how many threads run Go code at once at the least. Some wait for requests in read(2) and count as
	// running. Were they all that may, the runtime would take the right to run away from them after 20 µs, and each
	// would have to get it back before it answers.
	minThreads = 4

	// refreshInterval is how old the summary for status may be.
	refreshInterval = time.Second

	// lazyGrace is how long programs that still use a filesystem that was unmounted under them are served.
	lazyGrace = 3 * time.Second
)

// server is a vault that is mounted, from the lock to the last commit.
type server struct {
	flags      *mountFlags
	vault      *vault.Vault
	mountpoint string
	logger     *slog.Logger
	warn       func(line string)         // tells the user who waits for the mount
	ready      func(vault.Summary) error // called once, when the mount can be used
}

// run mounts, serves until the mount is gone or ctx is done, and commits everything. It wipes the keys.
func (s *server) run(ctx context.Context, lock *vault.Lock, keys *vault.Keys) error {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	session, err := openSession(s.vault, lock, keys, sessionOptions{
		readOnly: s.flags.readOnly || s.flags.hasOption("ro"), fsyncAll: s.flags.fsyncAll(s.vault), logger: s.logger,
	})
	if err != nil {
		return err
	}
	err = ctx.Err()
	if err == nil {
		err = s.mount(ctx, session)
	}
	if closeErr := session.Close(); closeErr != nil {
		s.logger.Error("not everything was committed; the next mount will do it", "error", closeErr)
		err = errors.Join(err, closeErr)
	}
	s.logger.Info("ended", "vault", s.vault.Dir)
	return err
}

func (s *server) mount(ctx context.Context, session *session) error {
	for _, line := range append(session.state.Warnings(), lacking(session.summary())...) {
		s.warn(line)
		s.logger.Warn(line)
	}
	mounted, err := mount.Mount(session.mirror, mount.Options{
		Mountpoint: s.mountpoint,
		FsName:     s.vault.Dir,
		AllowOther: s.flags.allowOther,
		ReadOnly:   s.flags.readOnly,
		Debug:      s.flags.debug,
		Idle:       s.flags.idle,
		Extra:      s.flags.options,
		Logger:     s.logger,
	})
	if err != nil {
		return mountFailure(err)
	}
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < minThreads {
		runtime.GOMAXPROCS(minThreads) // after mounting, by which go-fuse has settled for fewer readers
	}
	s.logger.Info("mounted", "vault", s.vault.Dir, "mountpoint", s.mountpoint, "version", buildVersion().Version)
	summaries := newSummaryWriter(session, s.mountpoint)
	err = summaries.refresh()
	if err == nil {
		err = s.ready(summaries.last)
	}
	if err != nil {
		return errors.Join(err, mounted.Unmount(), mounted.Wait())
	}
	return s.serve(ctx, mounted, summaries)
}

// serve waits for the end of the mount: somebody unmounts it, it is idle for too long, or a signal asks for it.
func (s *server) serve(ctx context.Context, mounted *mount.Server, summaries *summaryWriter) error {
	done := make(chan error, 1)
	go func() { done <- mounted.Wait() }()
	tick := time.NewTicker(refreshInterval)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			if err := summaries.refresh(); err != nil {
				s.logger.Warn("the summary for status cannot be written", "error", err)
			}
		case <-ctx.Done():
			s.logger.Info("asked to end")
			return s.unmount(mounted, done)
		}
	}
}

// unmount takes the mount out of the tree. Programs that still use it are served a little longer, and then no more.
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

// summaryWriter keeps the summary for status right.
type summaryWriter struct {
	session    *session
	mountpoint string
	started    time.Time
	last       vault.Summary
}

func newSummaryWriter(s *session, mountpoint string) *summaryWriter {
	return &summaryWriter{session: s, mountpoint: mountpoint, started: time.Now().UTC().Truncate(time.Second)}
}

// refresh writes the summary if something in it has changed.
func (w *summaryWriter) refresh() error {
	sum := w.session.summary()
	sum.PID, sum.Mountpoint, sum.Started = os.Getpid(), w.mountpoint, w.started
	if reflect.DeepEqual(sum, w.last) {
		return nil
	}
	if err := w.session.vault.WriteSummary(sum); err != nil {
		return err
	}
	w.last = sum
	return nil
}

// runForeground serves in this process and logs to its standard error.
func (f *mountFlags) runForeground(cmd *cobra.Command, v *vault.Vault, mountpoint string, keys *vault.Keys) error {
	lock, err := lockVault(v)
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	if f.debug {
		level = slog.LevelDebug
	}
	s := &server{
		flags: f, vault: v, mountpoint: mountpoint,
		logger: slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level})),
		warn:   func(string) {}, // the log says it
		ready:  func(sum vault.Summary) error { return f.printMounted(cmd, v, sum) },
	}
	return s.run(cmd.Context(), lock, keys)
}
