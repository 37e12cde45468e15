package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// The frozen vault is testdata/vault-v1.tar.gz, with its passphrase and a manifest of what must come out beside it. It was
// made once and is never made again: whatever this program becomes, it opens what earlier ones wrote.
const (
	frozenName      = "testdata/vault-v1"
	frozenPlace     = "/frozen/" // stands in vault.toml for wherever the vault is unpacked
	frozenAttribute = "user.comment"
	frozenAttrFile  = "with an attribute"
	frozenAttrValue = "kept beside the file"
)

// The crashed vault is another one, with its state: d7f7c7f, which had no index, was killed on it after a change of every kind,
// all of it synced. Its redo log is to be replayed. It was made once, too.
const crashedName = "testdata/vault-v1-crashed"

// thaw unpacks the frozen vault, as if its state had been lost: it has none.
func thaw(t *testing.T) (v *vault, manifest map[string]string) {
	t.Helper()
	return thawFrom(t, frozenName, "alpha", "beta")
}

func thawFrom(t *testing.T, name string, clouds ...string) (v *vault, manifest map[string]string) {
	t.Helper()
	base := t.TempDir()
	path, err := program()
	must(t, err)
	v = &vault{
		program: path,
		t:       t, dir: base + "/vault", pass: base + "/passphrase", root: base + "/mnt", logs: base + "/log",
	}
	for _, cloud := range clouds {
		v.clouds = append(v.clouds, base+"/"+cloud)
	}
	must(t, os.Mkdir(v.root, 0o700))
	archive, err := filepath.Abs(name + ".tar.gz")
	must(t, err)
	command{dir: base}.run(t, "tar", "--xattrs", "--xattrs-include=user.*", "-xzpf", archive)
	settings := readIn(t, v.dir, "vault.toml")
	if !bytes.Contains(settings, []byte(frozenPlace)) {
		t.Fatalf("vault.toml names no cloud in %s", frozenPlace)
	}
	writeIn(t, v.dir, "vault.toml", bytes.ReplaceAll(settings, []byte(frozenPlace), []byte(base+"/")))
	writeIn(t, base, "passphrase", readIn(t, ".", name+".passphrase"))
	must(t, json.Unmarshal(readIn(t, ".", name+".json"), &manifest))
	if len(manifest) < 17 {
		t.Fatalf("the manifest has only %d names", len(manifest))
	}
	return v, manifest
}

// demandFrozen compares a plain tree with the manifest.
func (v *vault) demandFrozen(root string, manifest map[string]string) {
	v.t.Helper()
	demandSameTree(v.t, manifestOf(v.t, root), manifest)
}

// manifestOf is treeOf in the form of the manifest: names are quoted, since JSON would change those that are no UTF-8.
func manifestOf(t testing.TB, root string) map[string]string {
	t.Helper()
	manifest := make(map[string]string)
	for name, line := range withoutLinks(treeOf(t, root)) {
		manifest[strconv.Quote(name)] = line
	}
	return manifest
}

// TestFrozenVault opens the frozen vault in every way: whole, and from each of its clouds alone.
func TestFrozenVault(t *testing.T) {
	t.Parallel()
	t.Run("mounted", func(t *testing.T) {
		v, manifest := thaw(t)
		m := v.mount()
		v.demandFrozen(v.root, manifest)
		value := make([]byte, 100)
		n, err := unix.Getxattr(v.at(frozenAttrFile), frozenAttribute, value)
		if err != nil || string(value[:n]) != frozenAttrValue {
			t.Errorf("%s is %q, %v", frozenAttribute, value[:max(n, 0)], err)
		}
		m.unmount()
	})
	t.Run("each cloud alone", func(t *testing.T) {
		v, manifest := thaw(t)
		v.eachAlone(func(root string) { v.demandFrozen(root, manifest) })
	})
	t.Run("unmounted", func(t *testing.T) {
		v, manifest := thaw(t)
		out := filepath.Join(t.TempDir(), "out")
		v.overcast("get", "-r", v.dir, "/", out, "--passfile", v.pass)
		v.demandFrozen(out, manifest)
	})
	t.Run("read without overcast", func(t *testing.T) {
		v, manifest := thaw(t)
		for _, dir := range v.clouds {
			out, complaints := runReader(t, dir, v.keys())
			if complaints != "" {
				t.Error(complaints)
			}
			v.demandFrozen(out, manifest)
		}
	})
}

// TestFrozenVaultGoesOn writes to the frozen vault and finds both the old and the new.
func TestFrozenVaultGoesOn(t *testing.T) {
	v, manifest := thaw(t)
	m := v.mount()
	const name = "changed twice"
	want := readIn(t, v.root, name)
	copy(want[5000:], "and once more")
	file, err := os.OpenFile(v.at(name), os.O_WRONLY, 0)
	must(t, err)
	_, err = file.WriteAt([]byte("and once more"), 5000)
	must(t, errors.Join(err, file.Close()))
	writeIn(t, v.root, "new", []byte("new"))
	settleDirectories(t, v.root)
	m.unmount()

	m = v.mount()
	if !bytes.Equal(readIn(t, v.root, name), want) || string(readIn(t, v.root, "new")) != "new" {
		t.Error("what was written to the frozen vault did not stay")
	}
	got := manifestOf(t, v.root)
	for _, changed := range []string{strconv.Quote(name), strconv.Quote("new")} {
		delete(got, changed)
		delete(manifest, changed)
	}
	demandSameTree(t, got, manifest)
	m.unmount()
}

// TestCrashedVault mounts the crashed vault: everything is there, in every cloud.
func TestCrashedVault(t *testing.T) {
	t.Parallel()
	v, manifest := thawFrom(t, crashedName, "cloud-a", "cloud-b")
	state := filepath.Join(v.dir, "state")
	_, err := os.Stat(filepath.Join(state, "redo", "0000000000000001.redo"))
	must(t, err)
	writeIn(t, state, "boot", []byte("another boot\n")) // which only the machine that made it can have
	demand := func(root string) {
		demandSameTree(t, withoutDirectoryTimes(manifestOf(t, root)), withoutDirectoryTimes(maps.Clone(manifest)))
	}
	m := v.mount()
	demand(v.root)
	v.awaitAllWell()
	demand(v.root)
	m.unmount()
	v.eachAlone(demand)
}
