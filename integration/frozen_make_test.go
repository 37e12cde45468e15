//go:build freeze

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFreeze makes the frozen vault of a format, once:
//
//	go test -tags freeze -run Freeze ./integration
func TestFreeze(t *testing.T) {
	if _, err := os.Lstat(frozenName + ".tar.gz"); err == nil {
		t.Fatalf("%s.tar.gz exists, and is never made again", frozenName)
	}
	v := newVault(t, 2)
	m := v.mount()
	freezeTree(t, v.root)
	m.unmount()
	m = v.mount()
	thawTree(t, v.root)
	manifest, err := json.MarshalIndent(manifestOf(t, v.root), "", "  ")
	must(t, err)
	m.unmount()

	base := filepath.Dir(v.dir)
	must(t, os.RemoveAll(filepath.Join(v.dir, "state")))
	settings := readIn(t, v.dir, "vault.toml")
	writeIn(t, v.dir, "vault.toml", bytes.ReplaceAll(settings, []byte(base+"/"), []byte(frozenPlace)))
	archive, err := filepath.Abs(frozenName + ".tar.gz")
	must(t, err)
	args := []string{"tar", "--format=posix", "--pax-option=delete=atime,delete=ctime", "--sort=name", "--owner=0", "--group=0",
		"--xattrs", "--xattrs-include=user.*", "-czf", archive, "vault"}
	for _, cloud := range v.clouds {
		args = append(args, filepath.Base(cloud))
	}
	command{dir: base}.run(t, args...)
	must(t, os.WriteFile(frozenName+".json", append(manifest, '\n'), 0o644))
	must(t, os.WriteFile(frozenName+".passphrase", readIn(t, base, "passphrase"), 0o644))
}

// freezeTree makes a few dozen small files of every kind that needs no root.
func freezeTree(t *testing.T, root string) {
	t.Helper()
	p := planter{t, root}
	for _, n := range []int{0, 1, 15, 16, 17, 4095, 4096, 4097, 12345} {
		p.file(fmt.Sprintf("%d bytes", n), pycryptoNoise(n), 0o644)
	}
	long := strings.Repeat("long ", 51)
	must(p.t, os.MkdirAll(p.at("nested/"+long+"/deeper"), 0o755))
	must(p.t, os.Mkdir(p.at("nested/empty"), 0o711))
	for _, n := range []int{111, 112, 113, 255} {
		p.file("nested/"+long+"/"+strings.Repeat("n", n), []byte("long name"), 0o600)
	}
	p.file("nested/"+strings.Repeat("ü", 127), []byte("long name"), 0o640)
	p.file("nested/Ünïcödé — naïve.txt", []byte("name"), 0o640)
	p.file("nested/new\nline", []byte("name"), 0o600)
	p.file("nested/no UTF-8 \xff", []byte("name"), 0o600)
	p.file(" spaces ", []byte("name"), 0o600)
	p.file(".hidden", []byte("name"), 0o600)
	p.file("-rf", []byte("name"), 0o600)
	p.file("no access", []byte("mode"), 0o000)
	p.file("setuid", []byte("mode"), 0o755|os.ModeSetuid|os.ModeSetgid|os.ModeSticky)
	p.file("read only", []byte("mode"), 0o444)
	p.file("script", []byte("#!/bin/sh\n"), 0o755)
	p.file("changed twice", pycryptoNoise(10000), 0o600)
	p.file("grown", pycryptoNoise(5000), 0o600)
	p.file("cut", pycryptoNoise(9000), 0o600)
	p.file("replaced", pycryptoNoise(6000), 0o600)
	p.file("replacement", []byte("by another"), 0o600)
	p.file("saved again", []byte("before"), 0o600)
	p.file("removed", []byte("gone"), 0o600)
	p.file("old", []byte("time"), 0o600)
	old := time.Date(1969, 7, 20, 20, 17, 40, 987654321, time.UTC)
	must(p.t, os.Chtimes(p.at("old"), old, old))
	p.file(frozenAttrFile, nil, 0o600)
	must(p.t, unix.Setxattr(p.at(frozenAttrFile), frozenAttribute, []byte(frozenAttrValue), 0))

	for _, name := range []string{"sparse", "only holes"} {
		f, err := os.Create(p.at(name))
		must(p.t, err)
		if name == "sparse" {
			_, err := f.WriteAt([]byte("an island"), 20000)
			must(p.t, err)
		}
		must(p.t, f.Truncate(40001))
		must(p.t, f.Close())
	}
	must(p.t, os.Symlink("nested/empty", p.at("link")))
	must(p.t, os.Symlink(strings.Repeat("x/", 300), p.at("nested/dangling")))
	must(p.t, os.Link(p.at("12345 bytes"), p.at("nested/hard link")))
	must(p.t, unix.Mkfifo(p.at("fifo"), 0o620))
	must(p.t, unix.Mknod(p.at("socket"), unix.S_IFSOCK|0o600, 0))
}

// thawTree changes some of it, so that there are files of several commits.
func thawTree(t *testing.T, root string) {
	t.Helper()
	p := planter{t, root}
	for _, c := range []struct {
		name string
		f    func(*os.File) error
	}{
		{"changed twice", func(f *os.File) error { _, err := f.WriteAt([]byte("changed"), 4090); return err }},
		{"grown", func(f *os.File) error { _, err := f.WriteAt(pycryptoNoise(5000), 5000); return err }},
		{"cut", func(f *os.File) error { return f.Truncate(4099) }},
		{"only holes", func(f *os.File) error { return f.Truncate(30000) }},
	} {
		f, err := os.OpenFile(p.at(c.name), os.O_RDWR, 0)
		must(p.t, err)
		must(p.t, c.f(f))
		must(p.t, f.Close())
	}
	p.file("saved again", []byte("after"), 0o600)
	must(p.t, os.Rename(p.at("replacement"), p.at("replaced")))
	must(p.t, os.Remove(p.at("removed")))
	must(p.t, os.Chmod(p.at("read only"), 0o440))
	settleDirectories(t, root)
}
