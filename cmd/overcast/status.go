package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume"
)

const statusLong = `Show the clouds of a vault: which of them are there, which lack changes and
why, which one leads, and where the vault is mounted. It needs no passphrase,
and changes nothing.`

func newStatusCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status VAULT",
		Short: "Show a vault's clouds and where it is mounted",
		Long:  statusLong,
		Args:  cli.ExactArgs("VAULT"),
		RunE:  func(cmd *cobra.Command, args []string) error { return runStatus(cmd, args[0], asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func runStatus(cmd *cobra.Command, dir string, asJSON bool) error {
	v, err := cli.LoadVault(dir)
	if err != nil {
		return err
	}
	s, err := volume.StatusOf(v)
	if err != nil {
		return err
	}
	if asJSON {
		return cli.PrintJSON(cmd, s)
	}
	if err := printStatus(cmd, s); err != nil {
		return err
	}
	if line := cli.Reminder(v); line != "" {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "\n%s", line)
	}
	return err
}

func printStatus(cmd *cobra.Command, s *volume.Status) error {
	where := "not mounted"
	if s.Mounted {
		where = fmt.Sprintf("mounted on %s since %s by process %d", cli.QuoteName(s.Mountpoint), s.Started.Local().Format("2006-01-02 15:04"), s.PID)
		if s.ReadOnly {
			where += ", read-only"
		}
		if s.From != "" {
			where += ", " + s.From + " alone"
		}
	}
	out := cmd.OutOrStdout()
	if _, err := fmt.Fprintf(out, "%s: %s\n\n", cli.QuoteName(s.Vault), where); err != nil {
		return err
	}
	rows := [][]string{{"CLOUD", "STATE", "DIRECTORY", ""}}
	for _, c := range s.Clouds {
		dir := cli.QuoteName(c.Dir)
		if c.Dir == "" {
			dir = "-"
		}
		rows = append(rows, []string{c.Name, stateWord(c, s.Lead), dir, output.Printable(c.Reason)})
	}
	return output.Table(out, "", rows)
}

// stateWord is a cloud's state for people.
func stateWord(c volume.CloudStatus, lead string) string {
	switch {
	case c.Owes && c.State != vault.CloudOwes:
		return string(c.State) + ", owes"
	case c.State == vault.CloudOwes && c.Name == lead:
		return "owes, leads"
	case c.State == vault.CloudOK && c.Name == lead:
		return "ok, leads"
	}
	return string(c.State)
}
