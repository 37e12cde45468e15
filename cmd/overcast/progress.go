package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// progress shows how far a long copy is: a bar on a terminal, nothing anywhere else.
type progress struct {
	bar *progressbar.ProgressBar // nil: show nothing
}

// newProgress starts a bar on w for a number of bytes.
func newProgress(w io.Writer, total int64) *progress {
	if !isTerminal(w) {
		return &progress{}
	}
	return &progress{bar: progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionShowBytes(true),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionShowCount(),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)}
}

// add counts bytes that were copied. A bar that cannot be drawn is no reason to stop a copy.
func (p *progress) add(n int64) {
	if p.bar != nil {
		_ = p.bar.Add64(n)
	}
}

// clear takes the bar off the terminal, so that a line can be printed or the command can end.
func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// complain returns what tells of a name that a command could not deal with, and goes on.
func (p *progress) complain(cmd *cobra.Command) func(name string, err error) {
	return func(name string, err error) {
		p.clear()
		fmt.Fprintf(cmd.ErrOrStderr(), "overcast: %s\n", printable(pathFailure(cmd.Name(), name, err).Error()))
	}
}
