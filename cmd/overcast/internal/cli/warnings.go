package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// WarningLog is the log of a command that opens a vault for a moment: what is amiss and does not stop it, for people. Errors
// are not in it; the command gets them itself.
func WarningLog(w io.Writer) *slog.Logger { return slog.New(&warnings{w: w}) }

// warnings is what a WarningLog does with a line.
type warnings struct {
	w     io.Writer
	attrs []slog.Attr
}

// Enabled lets warnings through.
func (h *warnings) Enabled(_ context.Context, level slog.Level) bool { return level == slog.LevelWarn }

// Handle prints one line: the message, then its attributes.
func (h *warnings) Handle(_ context.Context, r slog.Record) error {
	var details []string
	add := func(a slog.Attr) bool {
		details = append(details, fmt.Sprintf("%s: %s", a.Key, a.Value))
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	line := r.Message
	if len(details) > 0 {
		line += " (" + strings.Join(details, "; ") + ")"
	}
	Warn(h.w, "%s", line)
	return nil
}

// WithAttrs returns a log that adds attributes to every line.
func (h *warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &warnings{w: h.w, attrs: append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)}
}

// WithGroup returns the same log: a line for people has no groups.
func (h *warnings) WithGroup(string) slog.Handler { return h }
