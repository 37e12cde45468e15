package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/fs/volume"
)

const whereLong = `Show where each cloud has a file, or which file a backing file is.

A PATH begins at the vault's root. An ENTRY is a file or directory in the
folder of a cloud, or its path inside of one. What each cloud has is read from
the headers, beside a mount too; what is on its way to the clouds is not there
yet.`

func newWhereCmd() *cobra.Command {
	var asJSON bool
	var pass cli.Passphrase
	cmd := &cobra.Command{
		Use:   "where VAULT PATH|ENTRY…",
		Short: "Show a file's backing files in each cloud, and back",
		Long:  whereLong,
		Args:  cli.MinArgs("VAULT", "PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runWhere(cmd, args[0], args[1:], &pass, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	pass.Register(cmd.Flags())
	return cmd
}

func runWhere(cmd *cobra.Command, dir string, args []string, pass *cli.Passphrase, asJSON bool) error {
	v, err := cli.LoadVault(dir)
	if err != nil {
		return err
	}
	if err := volume.CheckClouds(v); err != nil {
		return err
	}
	keys, err := cli.Unlock(cmd, v, pass)
	if err != nil {
		return err
	}
	defer keys.Wipe()
	copies, err := volume.OpenCopies(v, keys)
	if err != nil {
		return err
	}
	defer copies.Close()
	all := []volume.Located{}
	var failed error
	for _, arg := range args {
		l, err := copies.Locate(arg)
		if err != nil {
			cli.Report(cmd.ErrOrStderr(), cli.PathFailure("where", arg, err))
			failed = &cli.Failure{Code: cli.ExitFailure}
			continue
		}
		all = append(all, l)
	}
	if asJSON {
		err = cli.PrintJSON(cmd, all)
	} else {
		err = printLocated(cmd, all)
	}
	return cmp.Or(err, failed)
}

func printLocated(cmd *cobra.Command, all []volume.Located) error {
	for i, l := range all {
		heading := cli.QuoteName(l.Path)
		if l.Copy {
			heading += ", of which the entry is a sync tool's copy"
		}
		if i > 0 {
			heading = "\n" + heading
		}
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), heading); err != nil {
			return err
		}
		var rows [][]string
		for _, c := range l.Clouds {
			file := c.File
			if file != "" {
				file = cli.QuoteName(file)
			}
			rows = append(rows, []string{c.Name, c.State, file, output.Printable(c.Reason)})
		}
		if err := output.Table(cmd.OutOrStdout(), "  ", rows); err != nil {
			return err
		}
	}
	return nil
}
