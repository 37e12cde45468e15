package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/machine"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/fs/volume"
)

// examination is the doctor's whole report. OK says that nothing required is missing.
type examination struct {
	OK     bool            `json:"ok"`
	Checks []machine.Check `json:"checks"`
}

func newDoctorCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor [VAULT]",
		Short: "Look for what this machine lacks, and say how to get it",
		Long: `Look for what this machine lacks, and say how to get it. With a vault, look also
what the filesystem of each of its clouds can do, which takes a few small files
that are removed at once.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return cli.ExactArgs("VAULT")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var clouds []volume.Probed
			if len(args) > 0 {
				v, err := cli.LoadVault(args[0])
				if err != nil {
					return err
				}
				clouds = volume.Probe(v)
			}
			return runDoctor(cmd, machine.This(), clouds, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// runDoctor prints the report. Its error, if something required is missing, is that of a mount that was tried.
func runDoctor(cmd *cobra.Command, m *machine.Machine, clouds []volume.Probed, asJSON bool) error {
	x := examine(m, clouds)
	var err error
	if asJSON {
		err = cli.PrintJSON(cmd, x)
	} else {
		err = output.Table(cmd.OutOrStdout(), "", x.table())
	}
	if err != nil {
		return err
	}
	return m.FUSEProblem()
}

func examine(m *machine.Machine, clouds []volume.Probed) examination {
	x := examination{OK: true, Checks: m.Examine()}
	for _, c := range clouds {
		x.Checks = append(x.Checks, checkCloud(c))
	}
	for _, c := range x.Checks {
		x.OK = x.OK && (c.OK || !c.Required)
	}
	return x
}

// checkCloud tells what a cloud's filesystem lacks. A cloud that is absent is no fault of the machine.
func checkCloud(c volume.Probed) machine.Check {
	check := machine.Check{Name: "cloud " + c.Name, Detail: "its filesystem can do everything"}
	words := c.Lacks()
	switch {
	case c.Err != nil:
		check.Detail = c.Err.Error()
	case len(words) > 0:
		check.Detail = "its filesystem has " + strings.Join(words, ", ")
	default:
		check.OK = true
	}
	return check
}

func (x examination) table() [][]string {
	var rows [][]string
	for _, c := range x.Checks {
		state := "ok"
		switch {
		case !c.OK && c.Required:
			state = "MISSING"
		case !c.OK:
			state = "note"
		}
		rows = append(rows, []string{state, c.Name, c.Detail})
		if c.Fix != "" {
			rows = append(rows, []string{"", "", fmt.Sprintf("→ %s", c.Fix)})
		}
	}
	return rows
}
