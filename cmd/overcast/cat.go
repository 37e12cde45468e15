package main

import (
	"errors"
	"io"
	"math"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/fs/tree"
)

func newCatCmd() *cobra.Command {
	var pass cli.Passphrase
	cmd := &cobra.Command{
		Use:   "cat VAULT PATH…",
		Short: "Print files of a vault",
		Args:  cli.MinArgs("VAULT", "PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.WithVault(cmd, args[0], &pass, func(v *cli.OpenVault) error {
				for _, name := range args[1:] {
					if err := printFile(cmd, v.Tree, name); err != nil {
						return cli.PathFailure("cat", name, err)
					}
				}
				return nil
			})
		},
	}
	pass.Register(cmd.Flags())
	return cmd
}

// printFile copies one file to standard output.
func printFile(cmd *cobra.Command, t tree.Tree, name string) error {
	at, e, err := tree.Resolve(t, name)
	if err != nil {
		return err
	}
	if e.Kind() != "file" {
		return errors.New("is no file but a " + e.Kind())
	}
	in, err := t.Open(at)
	if err != nil {
		return err
	}
	content := io.NewSectionReader(in, 0, math.MaxInt64)
	_, err = io.CopyBuffer(onlyWriter{cmd.OutOrStdout()}, onlyReader{content}, make([]byte, tree.BufferSize))
	return errors.Join(err, in.Close())
}

// onlyReader and onlyWriter hide every method but one, so that io.CopyBuffer uses the buffer it was given.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)
