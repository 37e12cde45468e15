package cli

import (
	"bytes"
	"errors"
	"testing"
)

func TestWarnings(t *testing.T) {
	var b bytes.Buffer
	l := WarningLog(&b)
	l.Info("not shown")
	l.Error("nor this")
	l.Warn("plain")
	l.With("cloud", "a").WithGroup("g").Warn("not well", "error", errors.New("a\nb"))
	const want = "overcast: warning: plain\novercast: warning: not well (cloud: a; error: a\\nb)\n"
	if b.String() != want {
		t.Errorf("printed %q", b.String())
	}
}
