package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/standing"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume"
)

const statusLong = `Tell how a vault is: which clouds are there, what each owes and why, and how
fast that is paid; what is known to be wrong, conflicts of which both versions
are kept, and when everything was last verified. It changes nothing and answers
at once, whatever does not answer.

It needs no passphrase. Names of files are told through the mount, or with the
passphrase. --check tells only what is wrong, and nothing where all is well, and
exits with 26 if anything is: for cron.`

type statusFlags struct {
	asJSON bool
	check  bool
	pass   cli.Passphrase
}

func newStatusCmd() *cobra.Command {
	var f statusFlags
	cmd := &cobra.Command{
		Use:     "status VAULT",
		Short:   "Tell how a vault is, and what to do",
		Long:    statusLong,
		Example: "  overcast status ~/vault\n  overcast status --check ~/vault",
		Args:    cli.ExactArgs("VAULT"),
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&f.check, "check", false, "tell only what is wrong, and exit with 26 if anything is")
	f.pass.Register(cmd.Flags())
	return cmd
}

func (f *statusFlags) run(cmd *cobra.Command, dir string) error {
	v, err := cli.LoadVault(dir)
	if err != nil {
		return err
	}
	var keys *vault.Keys
	if f.pass.Given() || f.pass.ByIdentity() {
		if keys, err = cli.Unlock(cmd, v, &f.pass); err != nil {
			return err
		}
		defer keys.Wipe()
	}
	s, err := volume.StatusOf(cmd.Context(), v, keys)
	if err != nil {
		return err
	}
	switch {
	case f.asJSON:
		err = cli.PrintJSON(cmd, s)
	case f.check:
		err = standing.Check(cmd.OutOrStdout(), s, time.Now())
	default:
		err = standing.Print(cmd.OutOrStdout(), s, time.Now())
		if line := cli.Reminder(v); err == nil && line != "" {
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "\n%s", line)
		}
	}
	if err == nil && f.check && !s.OK {
		return &cli.Failure{Code: cli.ExitFound}
	}
	return err
}
