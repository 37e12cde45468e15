// Package output is how commands show things: tables, sizes, bars of progress,
// and text that does no harm to a terminal.
package output

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/overcast-fs/overcast/fs/tree"
)

// Printable escapes what tree.Quote would have quoted, in a message that is
// already put together.
func Printable(msg string) string {
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

// IsTerminal reports whether a stream of a command is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Table prints rows in aligned columns, each line after the given indentation.
func Table(w io.Writer, indent string, rows [][]string) error {
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

// Size gives a number of bytes with three digits or so: 512 B, 4.0 KiB, 1.3 GiB.
func Size(n int64) string {
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

// Progress shows how far a long copy is: a bar on a terminal, nothing anywhere else.
type Progress struct {
	bar *progressbar.ProgressBar // nil: show nothing
}

// NewProgress starts a bar on w for a number of bytes.
func NewProgress(w io.Writer, total int64) *Progress {
	if !IsTerminal(w) {
		return &Progress{}
	}
	return &Progress{bar: progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionShowBytes(true),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionShowCount(),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)}
}

// Add counts bytes that were copied. A bar that cannot be drawn is no reason to stop a copy.
func (p *Progress) Add(n int64) {
	if p.bar != nil {
		_ = p.bar.Add64(n)
	}
}

// Clear takes the bar off the terminal, so that a line can be printed or the command can end.
func (p *Progress) Clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
