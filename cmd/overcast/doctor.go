package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/machine"
)

// examination is the doctor's whole report. OK says that nothing required is missing.
type examination struct {
	OK     bool            `json:"ok"`
	Checks []machine.Check `json:"checks"`
}

func newDoctorCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what this machine lacks, and say how to get it",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDoctor(cmd, machine.This(), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// runDoctor prints the report. Its error, if something required is missing, is that of a mount that was tried.
func runDoctor(cmd *cobra.Command, m *machine.Machine, asJSON bool) error {
	x := examine(m)
	var err error
	if asJSON {
		err = printJSON(cmd, x)
	} else {
		err = printTable(cmd.OutOrStdout(), "", x.table())
	}
	if err != nil {
		return err
	}
	return m.FUSEProblem()
}

func examine(m *machine.Machine) examination {
	x := examination{OK: true, Checks: m.Examine()}
	for _, c := range x.Checks {
		x.OK = x.OK && (c.OK || !c.Required)
	}
	return x
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
