package main

import (
	"io"
	"strings"
	"testing"
)

func TestReadLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"\n":                     "",
		"secret":                 "secret",
		"secret\nthe rest":       "secret",
		"with \r inside\r\nmore": "with \r inside",
		" kept as it is \n":      " kept as it is ",
	} {
		got, err := readLine(strings.NewReader(in))
		if err != nil || string(got) != want {
			t.Errorf("readLine(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestReadLineLeavesTheRest(t *testing.T) {
	r := strings.NewReader("secret\ncontent\n")
	if _, err := readLine(r); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "content\n" {
		t.Errorf("left %q", rest)
	}
}

func TestReadLineBound(t *testing.T) {
	longest := strings.Repeat("x", maxPassphrase)
	if got, err := readLine(strings.NewReader(longest + "\n")); err != nil || string(got) != longest {
		t.Errorf("the longest passphrase: %d bytes, %v", len(got), err)
	}
	if _, err := readLine(strings.NewReader(longest + "x\n")); err == nil {
		t.Error("a longer passphrase was accepted")
	}
}
