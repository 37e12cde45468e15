package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cipher/speed"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
)

func newSpeedCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "speed",
		Short: "Measure the ciphers of this machine beside the standard library",
		Args:  cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := speed.Measure()
			if err != nil {
				return err
			}
			if asJSON {
				return cli.PrintJSON(cmd, report)
			}
			return printSpeed(cmd, report)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printSpeed(cmd *cobra.Command, r *speed.Report) error {
	rows := [][]string{{"AES-256, one core", "MB/s", "standard library", "ratio"}}
	for _, row := range r.Rows {
		rows = append(rows, []string{
			row.Name, fmt.Sprintf("%.0f", row.Ours), fmt.Sprintf("%.0f", row.Stdlib), fmt.Sprintf("%.1fx", row.Ratio),
		})
	}
	if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s\n\n", r.CPU, r.Kernels); err != nil {
		return err
	}
	return output.Table(cmd.OutOrStdout(), "", rows)
}
