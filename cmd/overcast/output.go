package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/overcast-fs/overcast/fs/tree"
)

// quoteName gives a file name as it is, or quoted like a Go string if a terminal or a reader could misunderstand it.
func quoteName(name string) string { return tree.Quote(name) }

// printable escapes what quoteName would have quoted, in a message that is already put together.
func printable(msg string) string {
	if !strings.ContainsFunc(msg, tree.IsControl) {
		return msg
	}
	var b strings.Builder
	for len(msg) > 0 {
		r, size := utf8.DecodeRuneInString(msg)
		if tree.IsControl(r) {
			quoted := strconv.Quote(msg[:size])
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteString(msg[:size])
		}
		msg = msg[size:]
	}
	return b.String()
}

// isTerminal reports whether a stream of a command is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// printJSON prints one value, indented, on the command's standard output.
func printJSON(cmd *cobra.Command, v any) error {
	enc := json.NewEncoder(cmd.OutOrStdout())
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// printTable prints rows in aligned columns, each line after the given indentation.
func printTable(w io.Writer, indent string, rows [][]string) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, indent+strings.Join(row, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// humanSize gives a number of bytes with three digits or so: 512 B, 4.0 KiB, 1.3 GiB.
func humanSize(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/(1<<10), 0
	for value >= 1023.95 && unit < 5 {
		value /= 1 << 10
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTPE"[unit])
}
