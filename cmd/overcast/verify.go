package main

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/daemon"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/standing"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume"
)

const verifyLong = `Read everything in every cloud of a vault, compare the clouds with each other,
and tell what is wrong where: damaged, truncated, swapped, planted,
resurrected, rolled back, stale, missing, disputed, in conflict. It repairs
nothing. With PATHs only what is there, and below, is read. Exit code 26 tells
that something was found. While the vault is mounted its process does it, and
no passphrase is needed.`

// checkupFlags are what verify and heal have in common.
type checkupFlags struct {
	cloud  string
	asJSON bool
	pass   cli.Passphrase
}

func (f *checkupFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.cloud, "cloud", "", "judge the copies in the cloud `NAME` alone")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	f.pass.Register(cmd.Flags())
}

func newVerifyCmd() *cobra.Command {
	var f checkupFlags
	cmd := &cobra.Command{
		Use:     "verify VAULT [PATH…]",
		Short:   "Read everything in every cloud, and tell what is wrong",
		Long:    verifyLong,
		Example: "  overcast verify ~/vault\n  overcast verify --cloud beta ~/vault /letters",
		Args:    cli.MinArgs("VAULT"),
		RunE:    func(cmd *cobra.Command, args []string) error { return f.verify(cmd, args[0], args[1:]) },
	}
	f.register(cmd)
	return cmd
}

func (f *checkupFlags) verify(cmd *cobra.Command, dir string, paths []string) error {
	report, err := f.examine(cmd, dir, checkup{alone: volume.Verify, served: volume.VerifyServed}, f.options(cmd, paths))
	if err != nil {
		return err
	}
	if err := f.print(cmd, report); err != nil {
		return err
	}
	if !report.OK {
		return &cli.Failure{Code: cli.ExitFound}
	}
	return nil
}

// A checkup is a way to look at a vault or to heal it: of one that nobody uses, and through the process of its mount.
type checkup struct {
	alone  func(context.Context, *vault.Vault, *vault.Keys, volume.CheckupOptions) (*volume.Report, error)
	served func(context.Context, *vault.Vault, volume.CheckupOptions) (*volume.Report, error)
}

// examine does it, with a bar of progress. What keeps a vault that is not mounted from being used is told before a passphrase
// is asked for.
func (f *checkupFlags) examine(cmd *cobra.Command, dir string, do checkup, o volume.CheckupOptions) (*volume.Report, error) {
	v, err := cli.LoadVault(dir)
	if err != nil {
		return nil, err
	}
	served, err := volume.Served(v)
	if err != nil {
		return nil, err
	}
	var keys *vault.Keys
	if !served {
		daemon.LimitMemory()
		if err := cli.CheckUsable(v); err != nil {
			return nil, err
		}
		if keys, err = cli.Unlock(cmd, v, &f.pass); err != nil {
			return nil, err
		}
	}
	bar := output.NewProgress(cmd.ErrOrStderr(), -1)
	defer bar.Clear()
	o.Read = bar.Add
	if plan := o.Plan; plan != nil {
		o.Plan = func(cloud, step string) {
			bar.Clear()
			plan(cloud, step)
		}
	}
	var report *volume.Report
	if served {
		report, err = do.served(cmd.Context(), v, o)
	} else {
		report, err = do.alone(cmd.Context(), v, keys, o)
	}
	if cmd.Context().Err() != nil {
		err = cli.ErrInterrupted
	}
	return report, err
}

func (f *checkupFlags) options(cmd *cobra.Command, paths []string) volume.CheckupOptions {
	o := volume.CheckupOptions{Cloud: f.cloud, Logger: cli.WarningLog(cmd.ErrOrStderr())}
	for _, p := range paths {
		if p = strings.TrimPrefix(path.Clean("/"+p), "/"); p == "" {
			o.Paths = nil
			break
		}
		o.Paths = append(o.Paths, p)
	}
	return o
}

// print shows a report: a table of the clouds, and a line for each finding.
func (f *checkupFlags) print(cmd *cobra.Command, r *volume.Report) error {
	if f.asJSON {
		return cli.PrintJSON(cmd, r)
	}
	rows := [][]string{{"CLOUD", "STATE", "FILES", "SIZE", "DAMAGED", "MISSING", "STALE", "FOREIGN", "ARRIVING", "DUPLICATES", ""}}
	for _, c := range r.Clouds {
		row := []string{c.Name, c.State, fmt.Sprint(c.Files), output.Size(c.Bytes)}
		for _, n := range []int64{c.Damaged, c.Missing, c.Stale, c.Foreign, c.Arriving, c.Duplicates} {
			row = append(row, fmt.Sprint(n))
		}
		rows = append(rows, append(row, output.Printable(c.Reason)))
	}
	out := cmd.OutOrStdout()
	if err := output.Table(out, "", rows); err != nil {
		return err
	}
	for _, found := range r.Findings {
		if _, err := fmt.Fprintln(out, standing.Finding(found)); err != nil {
			return err
		}
	}
	return nil
}
