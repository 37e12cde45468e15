//go:build freeze

package integration

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFreezeCrash makes the vault that a kill left, once, with the earlier build of the program that OVERCAST_FREEZE names:
//
//	OVERCAST_FREEZE=PROGRAM go test -tags freeze -run FreezeCrash ./integration
func TestFreezeCrash(t *testing.T) {
	if _, err := os.Lstat(crashedName + ".tar.gz"); err == nil {
		t.Fatalf("%s.tar.gz exists, and is never made again", crashedName)
	}
	v := newVaultOf(t, os.Getenv("OVERCAST_FREEZE"), nil, 2)
	m := v.mount()
	crashTree(t, v.root)
	m.unmount()
	m = v.mount()
	changeCrashTree(t, v.root)
	manifest := manifestOf(t, v.root)
	m.kill()

	base := filepath.Dir(v.dir)
	settings := readIn(t, v.dir, "vault.toml")
	writeIn(t, v.dir, "vault.toml", bytes.ReplaceAll(settings, []byte(base+"/"), []byte(frozenPlace)))
	archive, err := filepath.Abs(crashedName + ".tar.gz")
	must(t, err)
	args := []string{"tar", "--format=posix", "--pax-option=delete=atime,delete=ctime", "--sort=name", "--owner=0", "--group=0", "-czf", archive, "vault"}
	for _, cloud := range v.clouds {
		args = append(args, filepath.Base(cloud))
	}
	command{dir: base}.run(t, args...)
	text, err := json.MarshalIndent(manifest, "", "  ")
	must(t, err)
	must(t, os.WriteFile(crashedName+".json", append(text, '\n'), 0o644))
	must(t, os.WriteFile(crashedName+".passphrase", readIn(t, base, "passphrase"), 0o644))
}

func crashTree(t *testing.T, root string) {
	t.Helper()
	p := planter{t, root}
	for _, dir := range []string{"build", "build/sub", "left", "right"} {
		must(t, os.Mkdir(p.at(dir), 0o755))
	}
	for _, name := range []string{"build/a", "build/sub/b", "left/l", "right/r", "overwritten", "rewritten", "grown", "cut", "removed", "replaced", "linked", "stays"} {
		p.file(name, pycryptoNoise(10000+len(name)), 0o644)
	}
}

// changeCrashTree changes what crashTree made, each change synced: none may be lost.
func changeCrashTree(t *testing.T, root string) {
	t.Helper()
	p := planter{t, root}
	change := func(name string, flags int, do func(*os.File) error) {
		t.Helper()
		f, err := os.OpenFile(p.at(name), flags|os.O_RDWR, 0o600)
		must(t, err)
		must(t, do(f))
		must(t, f.Sync())
		must(t, f.Close())
	}
	put := func(content string, at int64) func(*os.File) error {
		return func(f *os.File) error { _, err := f.WriteAt([]byte(content), at); return err }
	}
	change("overwritten", 0, put("over it", 5000))
	change("rewritten", os.O_TRUNC, put("all of it", 0))
	change("grown", 0, put("behind it", 20000))
	change("cut", 0, func(f *os.File) error { return f.Truncate(4100) })
	change("new", os.O_CREATE, put("made anew", 0))
	must(t, os.Rename(p.at("build"), p.at("old")))
	must(t, os.RemoveAll(p.at("old")))
	must(t, os.Mkdir(p.at("build"), 0o700))
	change("build/a", os.O_CREATE, put("another a", 0))
	must(t, unix.Renameat2(unix.AT_FDCWD, p.at("left"), unix.AT_FDCWD, p.at("right"), unix.RENAME_EXCHANGE))
	must(t, os.Remove(p.at("removed")))
	must(t, os.Link(p.at("linked"), p.at("build/link")))
	change("replacement", os.O_CREATE, put("in its place", 0))
	must(t, os.Rename(p.at("replacement"), p.at("replaced")))
	must(t, os.Symlink("stays", p.at("link")))
	must(t, os.Chmod(p.at("stays"), 0o640))
	for _, dir := range []string{"", "build", "left", "right"} {
		d, err := os.Open(p.at(dir))
		must(t, err)
		must(t, d.Sync())
		must(t, d.Close())
	}
}
