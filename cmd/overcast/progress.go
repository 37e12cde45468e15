package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
)

// complain returns what tells of a name that a command could not deal with, and goes on.
func complain(cmd *cobra.Command, p *output.Progress) func(name string, err error) {
	return func(name string, err error) {
		p.Clear()
		fmt.Fprintf(cmd.ErrOrStderr(), "overcast: %s\n", output.Printable(cli.PathFailure(cmd.Name(), name, err).Error()))
	}
}
