package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/fs/volume"
)

const healLong = `Make every cloud of a vault what it should be: what is missing, stale or
damaged in one comes from the others, record by record; what is left over goes
when everything else is in its place; both sides of a conflict are kept. It can
be ended at any moment and started again. --dry-run only tells what would be
done. Exit code 40 tells that something is left, 42 that no cloud has what is
missing. While the vault is mounted its process does it, programs go on, and no
passphrase is needed.`

func newHealCmd() *cobra.Command {
	var f checkupFlags
	var dry bool
	cmd := &cobra.Command{
		Use:     "heal VAULT",
		Short:   "Repair each cloud of a vault from the others",
		Long:    healLong,
		Example: "  overcast heal --dry-run ~/vault\n  overcast heal ~/vault",
		Args:    cli.ExactArgs("VAULT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if dry {
				return f.plan(cmd, args[0])
			}
			return f.heal(cmd, args[0])
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "tell what would be done, and do nothing")
	return cmd
}

// plan tells what healing would do.
func (f *checkupFlags) plan(cmd *cobra.Command, dir string) error {
	o := f.options(cmd, nil)
	if !f.asJSON {
		o.Plan = func(cloud, step string) {
			if cloud == "" {
				cloud = "all clouds"
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", cloud, output.Printable(step))
		}
	}
	report, err := f.examine(cmd, dir, checkup{alone: volume.Verify, served: volume.VerifyServed}, o)
	if err == nil && f.asJSON {
		err = cli.PrintJSON(cmd, report)
	}
	return err
}

func (f *checkupFlags) heal(cmd *cobra.Command, dir string) error {
	report, err := f.examine(cmd, dir, checkup{alone: volume.Heal, served: volume.HealServed}, f.options(cmd, nil))
	if err != nil {
		return err
	}
	if err := f.print(cmd, report); err != nil {
		return err
	}
	switch {
	case report.Lost > 0:
		return &cli.Failure{Code: cli.ExitLost}
	case !report.OK || report.Short:
		return &cli.Failure{Code: cli.ExitPartial}
	}
	return nil
}
