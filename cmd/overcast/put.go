package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/fs/tree"
)

const putLong = `Copy files into a vault. Modes, times, symlinks, hard links and holes are
kept, and by root the owners. DEST is a directory of the vault or the name of
the copy; with one SRC and no DEST the copy goes into the vault's root. A file
that exists is replaced when its copy is complete. A SRC of "-" is standard
input.

The exit code is 40 if everything was copied, but not to every cloud.`

func newPutCmd() *cobra.Command {
	var f transferFlags
	cmd := &cobra.Command{
		Use:     "put [-r] VAULT SRC… [DEST]",
		Short:   "Copy files into a vault",
		Long:    putLong,
		Example: "  overcast put ~/vault may.odt /letters/\n  tar c photos | overcast put --passfile key ~/vault - /photos.tar",
		Args:    cli.MinArgs("VAULT", "SRC"),
		RunE: func(cmd *cobra.Command, args []string) error {
			sources, dest := splitDest(args[1:], "/")
			return cli.WithVault(cmd, args[0], &f.pass, func(v *cli.OpenVault) error {
				return f.put(cmd, v, sources, dest)
			})
		},
	}
	f.register(cmd)
	return cmd
}

// put copies, and fails if not every cloud has what was copied.
func (f *transferFlags) put(cmd *cobra.Command, v *cli.OpenVault, sources []string, dest string) error {
	err := f.transfer(cmd, tree.Transfer{Src: tree.LocalSide{Stdin: cmd.InOrStdin()}, Dst: tree.VaultSide{Tree: v.Tree}, Sources: sources, Dest: dest})
	if err != nil {
		return err
	}
	lines, err := v.Lacking()
	if err != nil {
		return fmt.Errorf("put: %w", err)
	}
	if len(lines) > 0 {
		return cli.Failf(cli.ExitPartial, "put: done, but not on every cloud: %s", strings.Join(lines, "; "))
	}
	return nil
}
