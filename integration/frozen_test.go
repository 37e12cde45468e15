package integration

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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

// thaw unpacks the frozen vault, as if its state had been lost: it has none.
func thaw(t *testing.T, program string) (v *testVault, manifest map[string]string) {
	t.Helper()
	v = &testVault{t: t, program: program, dir: t.TempDir()}
	archive, err := filepath.Abs(frozenName + ".tar.gz")
	v.must(err)
	runIn(t, v.dir, "tar", "--xattrs", "--xattrs-include=user.*", "-xzpf", archive)
	settings := readIn(t, v.dir, "vault/vault.toml")
	if !bytes.Contains(settings, []byte(frozenPlace)) {
		t.Fatalf("vault.toml names no cloud in %s", frozenPlace)
	}
	writeIn(t, v.dir, "vault/vault.toml", bytes.ReplaceAll(settings, []byte(frozenPlace), []byte(v.dir+"/")))
	writeIn(t, v.dir, "passphrase", readIn(t, "testdata", "vault-v1.passphrase"))
	v.clouds = []string{v.path("alpha"), v.path("beta")}
	v.must(json.Unmarshal(readIn(t, "testdata", "vault-v1.json"), &manifest))
	if len(manifest) < 24 {
		t.Fatalf("the manifest has only %d names", len(manifest))
	}
	return v, manifest
}

// demandFrozen compares a plain tree with the manifest.
func (v *testVault) demandFrozen(root string, manifest map[string]string) {
	v.t.Helper()
	demandSameTree(v.t, manifestOf(v.t, root), manifest)
}

// manifestOf is treeOf in the form of the manifest: names are quoted, since JSON would change those that are no UTF-8.
func manifestOf(t *testing.T, root string) map[string]string {
	t.Helper()
	manifest := make(map[string]string)
	for name, line := range withoutLinks(treeOf(t, root)) {
		manifest[strconv.Quote(name)] = line
	}
	return manifest
}

// TestFrozenVault opens the frozen vault in every way: whole, and from each of its clouds alone.
func TestFrozenVault(t *testing.T) {
	program := buildOvercast(t)
	t.Run("mounted", func(t *testing.T) {
		v, manifest := thaw(t, program)
		mnt, _ := v.mount()
		v.demandFrozen(mnt, manifest)
		value := make([]byte, 100)
		n, err := unix.Getxattr(filepath.Join(mnt, frozenAttrFile), frozenAttribute, value)
		if err != nil || string(value[:n]) != frozenAttrValue {
			t.Errorf("%s is %q, %v", frozenAttribute, value[:max(n, 0)], err)
		}
	})
	for _, lost := range []string{"alpha", "beta"} {
		t.Run("without "+lost, func(t *testing.T) {
			v, manifest := thaw(t, program)
			v.must(os.RemoveAll(v.path(lost)))
			mnt, _ := v.mount()
			v.demandFrozen(mnt, manifest)
		})
	}
	t.Run("unmounted", func(t *testing.T) {
		v, manifest := thaw(t, program)
		v.run("get", "-r", v.path("vault"), "/", v.path("out"))
		v.demandFrozen(v.path("out"), manifest)
	})
	t.Run("read without overcast", func(t *testing.T) {
		v, manifest := thaw(t, program)
		passphrase := strings.TrimSpace(string(readIn(t, v.dir, "passphrase")))
		keys, err := openKeys(v.path("vault/keys.age"), passphrase)
		v.must(err)
		for _, dir := range v.clouds {
			out, complaints := runReader(t, dir, keys)
			if complaints != "" {
				t.Error(complaints)
			}
			v.demandFrozen(out, manifest)
		}
	})
}

// TestFrozenVaultGoesOn writes to the frozen vault and finds both the old and the new.
func TestFrozenVaultGoesOn(t *testing.T) {
	v, manifest := thaw(t, buildOvercast(t))
	mnt, unmount := v.mount()
	p := planter{t, mnt}
	const name = "changed twice"
	before := readIn(t, mnt, name)
	file, err := os.OpenFile(p.at(name), os.O_WRONLY, 0)
	v.must(err)
	_, err = file.WriteAt([]byte("and once more"), 5000)
	v.must(err)
	v.must(file.Close())
	p.file("new", []byte("new"), 0o600)
	settleDirectories(t, mnt)
	unmount()

	mnt, _ = v.mount()
	want := bytes.Clone(before)
	copy(want[5000:], "and once more")
	if !bytes.Equal(readIn(t, mnt, name), want) || string(readIn(t, mnt, "new")) != "new" {
		t.Error("what was written to the frozen vault did not stay")
	}
	got := manifestOf(t, mnt)
	for _, changed := range []string{strconv.Quote(name), `"new"`} {
		delete(got, changed)
		delete(manifest, changed)
	}
	demandSameTree(t, got, manifest)
}
