package secret

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
		got, err := ReadLine(strings.NewReader(in))
		if err != nil || string(got) != want {
			t.Errorf("ReadLine(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestReadLineLeavesTheRest(t *testing.T) {
	r := strings.NewReader("secret\ncontent\n")
	if _, err := ReadLine(r); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "content\n" {
		t.Errorf("left %q", rest)
	}
}

func TestReadLineBound(t *testing.T) {
	longest := strings.Repeat("x", Max)
	if got, err := ReadLine(strings.NewReader(longest + "\n")); err != nil || string(got) != longest {
		t.Errorf("the longest passphrase: %d bytes, %v", len(got), err)
	}
	if _, err := ReadLine(strings.NewReader(longest + "x\n")); err == nil {
		t.Error("a longer passphrase was accepted")
	}
}
