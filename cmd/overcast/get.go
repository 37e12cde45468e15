package main

import (
	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/fs/tree"
)

const getLong = `Copy files out of a vault. Modes, times, symlinks, hard links and holes are
kept, and by root the owners. DEST is a directory or the name of the copy;
with one PATH and no DEST the copy goes into the current directory. A file
that exists is replaced when its copy is complete.`

func newGetCmd() *cobra.Command {
	var f transferFlags
	cmd := &cobra.Command{
		Use:     "get [-r] VAULT PATH… [DEST]",
		Short:   "Copy files out of a vault",
		Long:    getLong,
		Example: "  overcast get ~/vault /letters/may.odt .\n  overcast get -r ~/vault / ~/everything",
		Args:    cli.MinArgs("VAULT", "PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			sources, dest := splitDest(args[1:], ".")
			return cli.WithVault(cmd, args[0], &f.pass, func(v *cli.OpenVault) error {
				return f.transfer(cmd, tree.Transfer{Src: tree.VaultSide{Tree: v.Tree}, Dst: tree.LocalSide{}, Sources: sources, Dest: dest})
			})
		},
	}
	f.register(cmd)
	return cmd
}
