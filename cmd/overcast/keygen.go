package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/fs/exchange"
)

const keygenLong = `Writes a new random AES key to FILE: 16, 24 or 32 raw bytes, readable by nobody else. An existing FILE stays as it is.

One key for each cloud is what keeps the clouds strangers to each other. Whoever has the file can read everything; without it
nobody can, you included.`

func newKeygenCmd() *cobra.Command {
	var bits int
	cmd := &cobra.Command{
		Use:   "keygen [--bits 128|192|256] FILE",
		Short: "Make a key for encrypt and decrypt",
		Long:  keygenLong,
		Args:  cli.ExactArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case bits != 128 && bits != 192 && bits != 256:
				return cli.UsageError(cmd, fmt.Errorf("--bits %d: an AES key has 128, 192 or 256 bits", bits))
			case args[0] == stdio:
				return cli.UsageError(cmd, errors.New("a key goes to a file, not to standard output"))
			}
			if err := exchange.WriteKey(args[0], bits/8); err != nil {
				return fmt.Errorf("keygen: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&bits, "bits", 128, "size of the key: 128, 192 or 256")
	return cmd
}
