package life

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/fs/vault"
)

const keysLong = `Copy the keys of a vault to a file elsewhere: to a stick, or to another machine
that you trust. The copy is keys.age as it is, sealed with the passphrase; it
is read back, and the passphrase is asked for and tried on it. With the copy,
the passphrase and any one cloud, overcast join brings everything back.

It is never written into a cloud: a provider that has it needs nothing but
your passphrase.`

// NewKeysCmd is the command keys.
func NewKeysCmd() *cobra.Command {
	var pass cli.Passphrase
	var to string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "keys VAULT --copy-to FILE",
		Short:   "Copy a vault's keys to a safe place",
		Long:    keysLong,
		Example: "  overcast keys ~/vault --copy-to /media/stick/keys.age",
		Args:    cli.ExactArgs("VAULT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" {
				return cli.UsageError(cmd, errors.New("--copy-to FILE is missing"))
			}
			v, err := cli.LoadVault(args[0])
			if err != nil {
				return err
			}
			if err := copyKeys(cmd, v, &pass, to); err != nil {
				return err
			}
			abs, err := filepath.Abs(to)
			if err != nil {
				return err
			}
			if asJSON {
				return cli.PrintJSON(cmd, map[string]string{"vault": v.Dir, "copy": abs})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is a copy of the keys of %s, and opens with its passphrase.\n", cli.QuoteName(abs), cli.QuoteName(v.Dir))
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&to, "copy-to", "", "the copy, a `FILE` that is not there yet")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	pass.RegisterNew(flags, "", "the passphrase")
	return cmd
}

func copyKeys(cmd *cobra.Command, v *vault.Vault, from *cli.Passphrase, to string) error {
	pass, err := from.Read(cmd, "Passphrase for "+cli.QuoteName(v.Dir)+": ", false)
	if err != nil {
		return err
	}
	defer clear(pass)
	err = v.CopyKeys(to, pass)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, vault.ErrWrongPassphrase):
		return cli.KeysFailure(err)
	case errors.Is(err, vault.ErrUnusable):
		return cli.Failf(cli.ExitUnusable, "keys: %w", err).Advise("name a new file outside of every cloud, on another disk or machine")
	}
	return cli.Failf(cli.ExitUnusable, "keys: %w", err)
}
