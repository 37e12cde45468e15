// Command overcast mounts an encrypted folder whose files lie, as ciphertext, in the synced folders of several clouds.
//
// This package holds flags, prompts, output and exit codes, one file for each subcommand, and no logic of the filesystem.
package main

import (
	"context"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/helper"
)

func main() {
	keepMemoryPrivate()
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	code := run(ctx)
	stop()
	os.Exit(code)
}

// run returns the exit code.
func run(ctx context.Context) int {
	if helper.IsName(os.Args[0]) {
		return runHelper(ctx, os.Args)
	}
	return cli.Report(os.Stderr, newRootCmd().ExecuteContext(ctx))
}

// keepMemoryPrivate keeps keys and passphrases out of core dumps, and this process from being looked into by others of its
// user. Where the kernel refuses, nothing is lost that was there before.
func keepMemoryPrivate() {
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}
