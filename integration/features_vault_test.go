package integration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The filesystems that can hold a cloud, as every machine with the tests' programs has them.
func TestVaultOnFilesystems(t *testing.T) {
	t.Parallel()
	onEach(t, slices.DeleteFunc(slices.Clone(filesystems), func(on filesystem) bool {
		return slices.Contains(on.lacks, "no writing at an offset") || on.name == "tmpfs"
	}))
}

// onEach has a vault with one cloud on each filesystem, as its lead and as its follower, and one on an ordinary one. What
// programs do goes well or is refused as on a filesystem without it, no cloud owes anything, and each alone has everything
// (findings D1, D2 and D5).
func onEach(t *testing.T, filesystems []filesystem) {
	t.Helper()
	for _, on := range filesystems {
		for place, who := range []string{"lead", "follower"} {
			t.Run(on.name+" as the "+who, func(t *testing.T) {
				base := t.TempDir()
				dirs := []string{base + "/plain", base + "/plain"}
				dirs[place] = base + "/poor"
				must(t, os.Mkdir(base+"/poor", 0o755))
				on.mount(t, base+"/poor")
				dirs[place] += "/cloud"
				v := newVault(t, 0, "--cloud", "a="+dirs[0], "--cloud", "b="+dirs[1])
				v.clouds = dirs
				v.keepsOn(on)
			})
		}
	}
}

func (v *vault) keepsOn(on filesystem) {
	m := v.mount()
	has := func(what string) bool { return !slices.Contains(on.lacks, what) }
	inTime(v.t, 2*time.Minute, "what programs do", func() error { return doAll(v.root, has) })
	v.demandStates("ok", "ok")
	m.unmount()
	for _, away := range []string{"", v.clouds[0], v.clouds[1]} {
		if away != "" {
			must(v.t, os.Rename(away, away+".away"))
		}
		m = v.mount()
		inTime(v.t, 2*time.Minute, "looking with "+away+" away", func() error { return demandAll(v.root, has) })
		m.unmount()
		if away != "" {
			must(v.t, os.Rename(away+".away", away))
		}
	}
	v.overcast("verify", v.dir, "--passfile", v.pass)
}

// content is longer than a record, and no two pages of it are alike.
func content(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>12 + i)
	}
	return b
}

var (
	setTo = time.Date(2001, 2, 3, 4, 5, 6, 789_000_000, time.UTC)
	patch = []byte("another text")
)

// doAll does one thing after the other as programs do it.
func doAll(root string, has func(what string) bool) error {
	at := func(name string) string { return filepath.Join(root, name) }
	refused := func(what string, err error, errno unix.Errno) error {
		if has(what) || errors.Is(err, errno) {
			return nil
		}
		return fmt.Errorf("with %s it gives %v, and not %v", what, err, errno)
	}
	link := func() error {
		err := os.Link(at("file"), at("link"))
		if has("no hard links") {
			return err
		}
		return refused("no hard links", err, unix.EPERM)
	}
	xattr := func() error {
		err := unix.Setxattr(at("dir/file"), "user.colour", []byte("blue"), 0)
		if has("no extended attributes") {
			return err
		}
		if err == nil { // the lead has them
			return nil
		}
		return refused("no extended attributes", err, unix.EOPNOTSUPP)
	}
	for i, do := range []func() error{
		func() error { return os.WriteFile(at("file"), content(40_000), 0o644) },
		func() error { return os.Chmod(at("file"), 0o640) },
		link,
		func() error { return os.Chtimes(at("file"), setTo, setTo) },
		func() error { return os.Mkdir(at("dir"), 0o750) },
		func() error { return os.Rename(at("file"), at("dir/file")) },
		xattr,
		func() error { return os.WriteFile(at("tool"), content(10), 0o755) },
		func() error { return os.WriteFile(at("draft"), content(5_000), 0o600) },
		func() error { return os.Rename(at("draft"), at("tool")) },
		func() error { return os.Symlink("dir/file", at("symlink")) },
		func() error { return unix.Mkfifo(at("fifo"), 0o600) },
		func() error { return os.WriteFile(at("one"), []byte("one"), 0o600) },
		func() error { return os.WriteFile(at("two"), []byte("two"), 0o600) },
		func() error {
			return unix.Renameat2(unix.AT_FDCWD, at("one"), unix.AT_FDCWD, at("two"), unix.RENAME_EXCHANGE)
		},
		func() error { return os.WriteFile(at("gone"), content(5_000), 0o600) },
		func() error { return os.Remove(at("gone")) },
		func() error {
			f, err := os.OpenFile(at("patched"), os.O_RDWR|os.O_CREATE, 0o600)
			if err != nil {
				return err
			}
			defer f.Close()
			if _, err = f.Write(content(1 << 20)); err == nil {
				err = f.Sync()
			}
			if err == nil {
				_, err = f.WriteAt(patch, 500_000)
			}
			return errors.Join(err, f.Sync())
		},
		func() error { return os.Truncate(at("patched"), 700_000) },
	} {
		if err := do(); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return demandAll(root, has)
}

// demandAll wants what doAll has made.
func demandAll(root string, has func(what string) bool) error {
	patched := content(700_000)
	copy(patched[500_000:], patch)
	files := map[string]struct {
		content []byte
		mode    os.FileMode
	}{
		"dir/file": {content(40_000), 0o640}, "tool": {content(5_000), 0o600}, "one": {[]byte("two"), 0o600}, "two": {[]byte("one"), 0o600},
		"patched": {patched, 0o600},
	}
	if has("no hard links") {
		files["link"] = files["dir/file"]
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want.content) || info.Mode() != want.mode {
			return fmt.Errorf("%s has %d bytes, %v, and should be another", name, len(got), info.Mode())
		}
	}
	info, err := os.Stat(filepath.Join(root, "dir/file"))
	if err == nil && !info.ModTime().Equal(setTo) {
		err = fmt.Errorf("the file is of %v", info.ModTime())
	}
	if err != nil {
		return err
	}
	if to, err := os.Readlink(filepath.Join(root, "symlink")); err != nil || to != "dir/file" {
		return fmt.Errorf("the symlink leads to %q, %v", to, err)
	}
	names, err := os.ReadDir(root)
	if want := len(files) + 2; err == nil && len(names) != want { // dir for dir/file, symlink and fifo
		err = fmt.Errorf("there are %d names, and should be %d: %v", len(names), want, names)
	}
	return err
}
