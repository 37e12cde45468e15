package main

import (
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/fs/mount"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume"
)

const (
	// memoryLimit is where the garbage collector begins to work hard. With what it does not count a mount stays below
	// 256 MiB.
	memoryLimit = 192 << 20

	// minThreads is how many threads run Go code at once at the least. Some wait for requests in read(2) and count as
	// running. Were they all that may, the runtime would take the right to run away from them after 20 µs, and each
	// would have to get it back before it answers.
	minThreads = 4
)

// serveOptions makes of the flags what package volume needs. This process is tuned for a mount from now on.
func (f *mountFlags) serveOptions(v *vault.Vault, mountpoint string, logger *slog.Logger) volume.ServeOptions {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	return volume.ServeOptions{
		Options: volume.Options{
			Logger: logger, ReadOnly: f.readOnly || f.hasOption("ro"), FsyncAll: f.fsyncAll(v),
		},
		Mount: mount.Options{
			Mountpoint: mountpoint, AllowOther: f.allowOther, ReadOnly: f.readOnly, Debug: f.debug, Idle: f.idle, Extra: f.options,
		},
		Mounted: func() {
			if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < minThreads {
				runtime.GOMAXPROCS(minThreads) // after mounting, by which go-fuse has settled for fewer readers
			}
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
	o.Ready = func(sum vault.Summary) error { return f.printMounted(cmd, v, sum) }
	return volume.Serve(cmd.Context(), v, keys, o)
}
