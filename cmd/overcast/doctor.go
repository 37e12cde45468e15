package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// check is one line of the doctor's report. Fix is the command that helps, empty where nothing has to be done.
type check struct {
	Name     string `json:"name"`
	OK       bool   `json:"ok"`
	Required bool   `json:"required"`
	Detail   string `json:"detail"`
	Fix      string `json:"fix,omitempty"`
}

// examination is the doctor's whole report. OK says that nothing required is missing.
type examination struct {
	OK     bool    `json:"ok"`
	Checks []check `json:"checks"`
}

func newDoctorCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what this machine lacks, and say how to get it",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDoctor(cmd, thisMachine(), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// runDoctor prints the report. Its error, if something required is missing, is that of a mount that was tried.
func runDoctor(cmd *cobra.Command, m *machine, asJSON bool) error {
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
	return m.fuseProblem()
}

func examine(m *machine) examination {
	x := examination{OK: true, Checks: m.fuseChecks()}
	x.Checks = append(x.Checks, m.checkAllowOther(), m.checkRclone(), m.checkCPU(), m.checkClock())
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
