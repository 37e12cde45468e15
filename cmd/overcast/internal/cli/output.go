package cli

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/fs/tree"
)

// QuoteName gives a file name as it is, or quoted like a Go string if a terminal or a reader could misunderstand it.
func QuoteName(name string) string { return tree.Quote(name) }

// PrintJSON prints one value, indented, on the command's standard output.
func PrintJSON(cmd *cobra.Command, v any) error {
	enc := json.NewEncoder(cmd.OutOrStdout())
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
