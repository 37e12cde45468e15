package mount

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// elsewhere makes the vault of another machine: a copy of this one's, whose
// clouds a sync client last carried over at this moment.
func elsewhere(t *testing.T, c helperConfig) helperConfig {
	t.Helper()
	from, to := filepath.Dir(c.Vault), t.TempDir()
	for _, name := range []string{"vault", "a", "b"} {
		check(t, exec.Command("cp", "-a", filepath.Join(from, name), to).Run())
	}
	path := filepath.Join(to, "vault", "vault.toml")
	text := content(t, path)
	for _, name := range []string{"a", "b"} {
		text = strings.ReplaceAll(text, filepath.Join(from, name), filepath.Join(to, name))
	}
	check(t, os.WriteFile(path, []byte(text), 0o600))
	return helperConfig{Vault: filepath.Join(to, "vault")}
}

// carry brings what changed in one vault's clouds into another's, as a sync
// client does: by renaming a new file over the old one, or by writing into it.
func carry(t *testing.T, from, to helperConfig, inPlace bool) {
	t.Helper()
	for _, name := range []string{"a", "b"} {
		args := []string{"-rt", "--checksum", filepath.Join(filepath.Dir(from.Vault), name) + "/", filepath.Join(filepath.Dir(to.Vault), name) + "/"}
		if inPlace {
			args = append([]string{"--inplace"}, args...)
		}
		if said, err := exec.Command("rsync", args...).CombinedOutput(); err != nil {
			t.Fatalf("rsync: %v: %s", err, said)
		}
	}
}

// What another machine changed shows when a file is opened the next time.
func TestChangedBehind(t *testing.T) {
	for _, inPlace := range []bool{false, true} {
		t.Run(map[bool]string{false: "Replaced", true: "InPlace"}[inPlace], func(t *testing.T) {
			m := start(t, helperConfig{})
			for _, name := range []string{"read", "same", "shorter", "held"} {
				write(t, m.dir+"/"+name, "the first content of "+name)
			}
			fd := open(t, m.dir+"/held", unix.O_RDONLY, 0)
			m2config := func() helperConfig { m = m.remount(nil); return elsewhere(t, m.config) }
			check(t, unix.Close(fd))
			other := m2config()
			m2 := start(t, other)
			for name, text := range map[string]string{
				"read": "the second, longer content of read", "same": "the 2ndst content of same", "shorter": "short", "held": "the second content of held",
			} {
				write(t, m2.dir+"/"+name, text)
			}
			m2.stop()
			for _, name := range []string{"read", "same", "shorter", "held"} {
				if got := content(t, m.dir+"/"+name); got != "the first content of "+name {
					t.Errorf("%s: %q", name, got)
				}
			}
			held := open(t, m.dir+"/held", unix.O_RDONLY, 0)
			carry(t, m2.config, m.config, inPlace)
			for name, text := range map[string]string{
				"read": "the second, longer content of read", "same": "the 2ndst content of same", "shorter": "short",
			} {
				if got := content(t, m.dir+"/"+name); got != text {
					t.Errorf("%s: %q, want %q", name, got, text)
				}
			}
			if got := content(t, m.dir+"/held"); got != "the second content of held" {
				t.Errorf("opened again: %q", got)
			}
			check(t, unix.Close(held))
			time.Sleep(2 * cached)
			if got := content(t, m.dir+"/held"); got != "the second content of held" {
				t.Errorf("opened later: %q", got)
			}
			m.stop()
		})
	}
}
