// Command overcast mounts an encrypted folder whose files lie, as ciphertext, in the synced folders of several clouds.
//
// This package holds flags, prompts, output and exit codes, one file for each subcommand, and no logic of the filesystem.
package main

import (
	"context"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	err := newRootCmd().ExecuteContext(ctx)
	stop()
	os.Exit(report(os.Stderr, err))
}
