package mount

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// elsewhere makes the vault of another machine: a copy of this one's, whose
// clouds a sync client last carried over at this moment.
func elsewhere(t *testing.T, c helperConfig) helperConfig {
	t.Helper()
	from, to := filepath.Dir(c.Vault), t.TempDir()
	copyTree(t, from, to, false)
	path := filepath.Join(to, "vault", "vault.toml")
	text := content(t, path)
	for _, name := range []string{"a", "b"} {
		text = strings.ReplaceAll(text, filepath.Join(from, name), filepath.Join(to, name))
	}
	check(t, os.WriteFile(path, []byte(text), 0o600))
	return helperConfig{Vault: filepath.Join(to, "vault")}
}

// copyTree brings what differs in one directory into another, as a sync client
// does: by renaming a new file over the old one, or by writing into it.
func copyTree(t *testing.T, from, to string, inPlace bool) {
	t.Helper()
	check(t, filepath.WalkDir(from, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if info.IsDir() {
			return os.MkdirAll(target, info.Mode().Perm())
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if old, err := os.ReadFile(target); err == nil && bytes.Equal(old, data) {
			return nil
		}
		written := target
		if !inPlace {
			written += ".part"
		}
		return errors.Join(
			os.WriteFile(written, data, info.Mode().Perm()),
			os.Chtimes(written, info.ModTime(), info.ModTime()),
			os.Rename(written, target),
		)
	}))
}

// What another machine changed shows when a file is opened the next time, and
// in what stat shows when the kernel asks again.
func TestChangedBehind(t *testing.T) {
	changes := []struct{ name, before, after string }{
		{"longer", "before", "after, and longer"},
		{"same", "before", "AFTER!"},
		{"shorter", "before", "aft"},
		{"held", "before", "after, held open"},
		{"looked-at", "before", "after, not opened"},
	}
	for _, inPlace := range []bool{false, true} {
		t.Run(map[bool]string{false: "Replaced", true: "InPlace"}[inPlace], func(t *testing.T) {
			here := start(t, helperConfig{})
			for _, c := range changes {
				write(t, here.dir+"/"+c.name, c.before)
			}
			here.stop()
			there := start(t, elsewhere(t, here.config))
			here = start(t, here.config)
			for _, c := range changes {
				write(t, there.dir+"/"+c.name, c.after)
				if got := content(t, here.dir+"/"+c.name); got != c.before {
					t.Errorf("%s: %q, want %q", c.name, got, c.before)
				}
			}
			there.stop()
			held := open(t, here.dir+"/held", unix.O_RDONLY, 0)
			for _, name := range []string{"a", "b"} {
				copyTree(t, filepath.Join(filepath.Dir(there.config.Vault), name), filepath.Join(filepath.Dir(here.config.Vault), name), inPlace)
			}
			for _, c := range changes[:4] {
				if got := content(t, here.dir+"/"+c.name); got != c.after {
					t.Errorf("%s: %q, want %q", c.name, got, c.after)
				}
			}
			check(t, unix.Close(held))
			for _, c := range changes {
				eventually(t, c.name+" has its new size", func() bool {
					return lstat(t, here.dir+"/"+c.name).Size == int64(len(c.after))
				})
				if got := content(t, here.dir+"/"+c.name); got != c.after {
					t.Errorf("%s: %q, want %q", c.name, got, c.after)
				}
			}
			here.stop()
		})
	}
}
