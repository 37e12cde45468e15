package main

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
)

func TestWarnings(t *testing.T) {
	var b bytes.Buffer
	l := slog.New(&warnings{w: &b})
	l.Info("not shown")
	l.Error("nor this")
	l.Warn("plain")
	l.With("cloud", "a").WithGroup("g").Warn("not well", "error", errors.New("a\nb"))
	const want = "overcast: warning: plain\novercast: warning: not well (cloud: a; error: a\\nb)\n"
	if b.String() != want {
		t.Errorf("printed %q", b.String())
	}
}
