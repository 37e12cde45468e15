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
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
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
	v := newTestVault(t, buildOvercast(t))
	content := pycryptoNoise(10000)
	v.must(os.Mkdir(filepath.Join(home, "Dropbox"), 0o700))
	v.must(os.Symlink(v.path("vault"), filepath.Join(home, "vault")))
	v.must(os.Symlink(v.clouds[1], filepath.Join(home, "Dropbox/private")))
	writeIn(t, v.dir, "file", content)
	v.run("put", v.path("vault"), "file")
	writeIn(t, home, "by-hand.sh", []byte(script.String()))

	// age asks a terminal for the passphrase, and script is one.
	cmd := exec.Command("script", "-qec", "sh by-hand.sh >chunk 2>errors", "/dev/null")
	cmd.Dir, cmd.Env = home, append(os.Environ(), "HOME="+home)
	cmd.Stdin = strings.NewReader(vaultPassphrase + "\n")
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
