package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/helper"
)

// runHelper is this program under the name that mount(8) looks for, whose exit codes it gives.
func runHelper(ctx context.Context, argv []string) int {
	err := help(ctx, argv)
	if errors.Is(err, helper.ErrUsage) {
		err = cli.Failf(cli.ExitUsage, "%w", err).Advise("overcast mount --help shows the options")
	}
	return helper.ExitCode(cli.Report(os.Stderr, err), cli.ExitUsage)
}

func help(ctx context.Context, argv []string) error {
	call, err := helper.Parse(argv)
	if err != nil {
		return err
	}
	if call.Namespace != "" {
		return call.Enter(argv)
	}
	for _, line := range call.Warnings {
		cli.Warn(os.Stderr, "%s", line)
	}
	if call.User != "" {
		err = call.Become()
	} else {
		err = helper.Environment()
	}
	if err != nil {
		return err
	}
	if call.Fake {
		return nil
	}
	root := newRootCmd()
	root.SetArgs(call.Args)
	if !call.Verbose {
		root.SetOut(io.Discard) // as mount(8) says nothing
	}
	return root.ExecuteContext(ctx)
}
