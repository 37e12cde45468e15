package integration

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// scriptTree has the script encrypt n files of all lengths and returns the directory, with the key "key" in it, and a
// manifest of what they are in plain.
func scriptTree(t *testing.T, n int) (dir, manifest string) {
	t.Helper()
	dir = t.TempDir()
	writeIn(t, dir, "key", pycryptoNoise(16))
	var names []string
	var lines strings.Builder
	for i := range n {
		name := fmt.Sprintf("file %d", i)
		content := pycryptoNoise(i * i % 70000)
		writeIn(t, dir, name, content)
		names = append(names, name)
		fmt.Fprintf(&lines, "%s\t%d\t%x\n", name, len(content), sha256.Sum256(content))
	}
	runScript(t, dir, "encrypt", names...)
	must(t, os.Mkdir(filepath.Join(dir, "old"), 0o700))
	for _, name := range names {
		must(t, os.Rename(filepath.Join(dir, "encrypted_"+name), filepath.Join(dir, "old", "encrypted_"+name)))
	}
	writeIn(t, dir, "manifest", []byte(lines.String()))
	return dir, filepath.Join(dir, "manifest")
}

// demandScriptTree extracts every cloud without overcast and compares each file with what the script was given.
func (v *vault) demandScriptTree(plain string, n int) {
	v.t.Helper()
	for _, dir := range v.clouds {
		out, complaints := runReader(v.t, dir, v.keys())
		if complaints != "" {
			v.t.Error(complaints)
		}
		for i := range n {
			name := fmt.Sprintf("file %d", i)
			if !bytes.Equal(readIn(v.t, out, "in/"+name), readIn(v.t, plain, name)) {
				v.t.Errorf("%s is not what the script encrypted", name)
			}
		}
		entries, err := os.ReadDir(filepath.Join(out, "in"))
		if err != nil || len(entries) != n {
			v.t.Errorf("%d names in the vault, not %d: %v", len(entries), n, err)
		}
	}
}

// TestImportScript takes what the script wrote into a vault, and back out to the script.
func TestImportScript(t *testing.T) {
	t.Parallel()
	const n = 60
	dir, manifest := scriptTree(t, n)
	v := newVault(t, 2)
	v.overcast("import", v.dir, "--passfile", v.pass, "--key", dir+"/key", "--manifest", manifest, dir+"/old/", "/in")
	v.demandScriptTree(dir, n)

	out := t.TempDir()
	v.overcast("export", v.dir, "--passfile", v.pass, "--key", dir+"/key", "--pad", "space", "/in/", out)
	writeIn(t, out, "key", readIn(t, dir, "key"))
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("file %d", i))
	}
	runScript(t, out, "decrypt", names...)
	for _, name := range names {
		if !bytes.Equal(readIn(t, out, "decrypted_"+name), spaced(readIn(t, dir, name))) {
			t.Errorf("the script does not read back %s", name)
		}
	}
}

// TestImportResumes kills an import in the middle, and starts it again.
func TestImportResumes(t *testing.T) {
	t.Parallel()
	const n = 400
	dir, manifest := scriptTree(t, n)
	v := newVault(t, 2)
	args := []string{"import", v.dir, "--passfile", v.pass, "--key", dir + "/key", "--manifest", manifest, "--json",
		dir + "/old/", "/in"}
	cmd := exec.Command(programPath(t), args...)
	must(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for v.countEntries(v.clouds[1]) < n/10 && len(ended) == 0 {
	}
	must(t, cmd.Process.Kill())
	if err := <-ended; err == nil {
		t.Fatal("the import ended before it was killed")
	}

	var counts struct{ Files, Already, Failed int }
	must(t, json.Unmarshal([]byte(v.overcast(args...)), &counts))
	if counts.Failed != 0 || counts.Already == 0 || counts.Files == 0 || counts.Files+counts.Already != n {
		t.Errorf("the second run: %+v", counts)
	}
	v.demandScriptTree(dir, n)
}

// countEntries counts what lies in a cloud's first directory.
func (v *vault) countEntries(dir string) int {
	v.t.Helper()
	entries, err := filepath.Glob(dir + "/*/*")
	must(v.t, err)
	return len(entries)
}
