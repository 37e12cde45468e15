package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestByHand runs the lines of the README that open a chunk with stock age and openssl, as they stand there.
func TestByHand(t *testing.T) {
	t.Parallel()
	need(t, "age", "age")
	need(t, "openssl", "openssl")
	need(t, "script", "bsdutils")
	readme, err := os.ReadFile("../README.md")
	must(t, err)
	_, after, found := strings.Cut(string(readme), "Or one chunk by hand")
	if !found {
		t.Fatal("the README no longer says how to open a chunk by hand")
	}
	var script strings.Builder
	script.WriteString("set -e\n")
	for line := range strings.Lines(after) {
		code, indented := strings.CutPrefix(line, "    ")
		if !indented && strings.TrimSpace(line) != "" && script.Len() > 10 {
			break
		}
		if indented {
			script.WriteString(code)
		}
	}

	home := t.TempDir()
	v := newVault(t, 2)
	content := pycryptoNoise(10000)
	must(t, os.Mkdir(filepath.Join(home, "Dropbox"), 0o700))
	must(t, os.Symlink(v.dir, filepath.Join(home, "vault")))
	must(t, os.Symlink(v.clouds[1], filepath.Join(home, "Dropbox/private")))
	writeIn(t, home, "file", content)
	v.overcast("put", v.dir, home+"/file", "--passfile", v.pass)
	writeIn(t, home, "by-hand.sh", []byte(script.String()))

	// age asks a terminal for the passphrase, and script is one.
	cmd := exec.Command("script", "-qec", "sh by-hand.sh >chunk 2>errors", "/dev/null")
	cmd.Dir, cmd.Env = home, append(os.Environ(), "HOME="+home)
	cmd.Stdin = bytes.NewReader(readIn(t, filepath.Dir(v.pass), filepath.Base(v.pass)))
	out, err := cmd.CombinedOutput()
	said := readIn(t, home, "errors")
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, said)
	}
	if chunk := readIn(t, home, "chunk"); !bytes.Equal(chunk, content[:4096]) {
		t.Errorf("%d bytes that are not the chunk", len(chunk))
	}
	if !bytes.Contains(said, []byte(" *stdin")) {
		t.Errorf("the tag was not compared: %q", said)
	}
}
