package main

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

func TestPrintable(t *testing.T) {
	for msg, want := range map[string]string{
		`open "x": no such file`:   `open "x": no such file`,
		"open a\nb\x1b[2J: denied": `open a\nb\x1b[2J: denied`,
		"bad \xff byte":            `bad \xff byte`,
	} {
		if got := printable(msg); got != want {
			t.Errorf("printable(%q) = %s, want %s", msg, got, want)
		}
	}
}

func TestHumanSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1.0 MiB", 5 << 30: "5.0 GiB", 1<<63 - 1: "8.0 EiB",
	} {
		if got := humanSize(n); got != want {
			t.Errorf("humanSize(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestReport(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		text string
	}{
		{nil, 0, ""},
		{errors.New("disk: full"), 1, "overcast: disk: full\n"},
		{failf(6, "vault x: broken").advise("mend it"), 6, "overcast: vault x: broken\n  mend it\n"},
		{fmt.Errorf("mount: %w", failf(19, "no FUSE").advise("get it")), 19, "overcast: mount: no FUSE\n  get it\n"},
	} {
		var b bytes.Buffer
		if code := report(&b, c.err); code != c.code || b.String() != c.text {
			t.Errorf("report(%v) = %d, %q; want %d, %q", c.err, code, b.String(), c.code, c.text)
		}
	}
}
