package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// UsageError is the failure of a command that was called wrongly.
func UsageError(cmd *cobra.Command, err error) error {
	what := cmd.Name()
	if cmd.HasParent() {
		err = fmt.Errorf("%s: %w", what, err)
	}
	return &Failure{Code: ExitUsage, Err: err, Next: fmt.Sprintf("%s --help shows how it is used", cmd.CommandPath())}
}

// ExactArgs, like MinArgs, checks the number of arguments against the names that the usage line gives them.
func ExactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > len(names) {
			return UsageError(cmd, fmt.Errorf("unexpected argument %s", QuoteName(args[len(names)])))
		}
		return MinArgs(names...)(cmd, args)
	}
}

// MinArgs accepts any number of arguments from the given names on.
func MinArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return UsageError(cmd, fmt.Errorf("%s is missing", strings.Join(names[len(args):], " and ")))
		}
		return nil
	}
}
