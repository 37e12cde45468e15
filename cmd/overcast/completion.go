package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
)

const completionLong = `Print a completion script.

  bash   source <(overcast completion bash)
  zsh    overcast completion zsh  > "${fpath[1]}/_overcast"
  fish   overcast completion fish > ~/.config/fish/completions/overcast.fish`

func newCompletionCmd(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:       "completion bash|zsh|fish",
		Short:     "Print a completion script for a shell",
		Long:      completionLong,
		ValidArgs: []string{"bash", "zsh", "fish"},
		Args:      cli.ExactArgs("the shell (bash, zsh or fish)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			}
			return cli.UsageError(cmd, fmt.Errorf("no completion for %s; there is bash, zsh and fish", cli.QuoteName(args[0])))
		},
	}
}
