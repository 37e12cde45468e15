package volume

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/vault"
)

const passphrase = "of a test"

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newVault makes a vault with the clouds alpha and beta beside it.
func newVault(t *testing.T) *vault.Vault {
	t.Helper()
	base := t.TempDir()
	dir := filepath.Join(base, "vault")
	check(t, vault.Init(dir, vault.InitOptions{
		Clouds:     []vault.CloudSpec{{Name: "alpha", Dir: filepath.Join(base, "alpha")}, {Name: "beta", Dir: filepath.Join(base, "beta")}},
		WorkFactor: vault.MinWorkFactor,
		Passphrase: []byte(passphrase),
	}))
	v, err := Load(dir)
	check(t, err)
	return v
}

func unlock(t *testing.T, v *vault.Vault) *vault.Keys {
	t.Helper()
	keys, err := v.Unlock([]byte(passphrase))
	check(t, err)
	return keys
}

func TestOpenClose(t *testing.T) {
	v := newVault(t)
	keys := unlock(t, v)
	vol, err := Open(v, keys, Options{})
	check(t, err)
	if keys.StateKey != (vault.Keys{}).StateKey {
		t.Error("the keys are still there")
	}
	n, h, err := vol.Mirror().Root().Create("file", 0o600, mirror.Owner{})
	check(t, err)
	n.Forget()
	_, err = h.WriteAt([]byte("content"), 0)
	check(t, errors.Join(err, h.Close()))
	lacking, err := vol.Sync()
	check(t, err)
	if len(lacking) > 0 || len(vol.Warnings()) > 0 {
		t.Errorf("lacking %q, warnings %q", lacking, vol.Warnings())
	}
	_, err = Open(v, unlock(t, v), Options{})
	if locked, ok := errors.AsType[*LockedError](err); !ok || locked.Mountpoint != "" || !errors.Is(err, vault.ErrLocked) {
		t.Errorf("a second Open: %v", err)
	}
	check(t, vol.Close())
	check(t, CheckFree(v))

	copies, err := OpenCopies(v, unlock(t, v))
	check(t, err)
	for _, c := range copies.List {
		if sum, err := c.Sum("file"); err != nil || sum.Size != 7 {
			t.Errorf("cloud %s: %d bytes, %v", c.Name, sum.Size, err)
		}
	}
	check(t, copies.Close())
}

// Whatever keeps a vault from being opened leaves it free, and says what it is about.
func TestOpenRefused(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(v *vault.Vault) error
		what  string
		is    error
	}{
		"all clouds away": {func(v *vault.Vault) error {
			return errors.Join(os.Rename(v.Clouds[0].Dir, v.Dir+".a"), os.Rename(v.Clouds[1].Dir, v.Dir+".b"))
		}, "vault ", ErrNoCloud},
		"swapped": {func(v *vault.Vault) error {
			a, b := v.Clouds[0].Dir, v.Clouds[1].Dir
			return errors.Join(os.Rename(a, a+".x"), os.Rename(b, a), os.Rename(a+".x", b))
		}, "cloud alpha", vault.ErrWrongCloud},
		"damaged state": {func(v *vault.Vault) error {
			return os.WriteFile(filepath.Join(v.Dir, "state", "behind"), []byte("x"), 0o600)
		}, "vault", vault.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVault(t)
			keys := unlock(t, v)
			check(t, c.spoil(v))
			_, err := Open(v, keys, Options{})
			bad, ok := errors.AsType[*Error](err)
			if !ok || !strings.HasPrefix(bad.What, c.what) || bad.Dir != v.Dir || !errors.Is(err, c.is) {
				t.Errorf("refused with %v", err)
			}
			if keys.StateKey != (vault.Keys{}).StateKey {
				t.Error("the keys are still there")
			}
			check(t, CheckFree(v))
		})
	}
}

// TestStrangeMarker: a provider who puts another marker into its folder takes that cloud out of use, and no other.
func TestStrangeMarker(t *testing.T) {
	other, err := os.ReadFile(filepath.Join(newVault(t).Clouds[1].Dir, cipher.MarkerName))
	check(t, err)
	for name, instead := range map[string]func(v *vault.Vault, own string) string{
		"of another vault": func(*vault.Vault, string) string { return string(other) },
		"with the ids of alpha": func(v *vault.Vault, own string) string {
			return strings.Replace(own, v.Clouds[1].ID.String(), v.Clouds[0].ID.String(), 1)
		},
		"with ids of nobody": func(v *vault.Vault, own string) string {
			return strings.Replace(own, v.ID.String(), strings.Repeat("0f", 16), 1)
		},
		"cut short":     func(_ *vault.Vault, own string) string { return own[:len(own)/2] },
		"with no MAC":   func(_ *vault.Vault, own string) string { return strings.Replace(own, `"mac"`, `"none"`, 1) },
		"of a huge one": func(_ *vault.Vault, own string) string { return own + strings.Repeat(" ", 1<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			v := newVault(t)
			path := filepath.Join(v.Clouds[1].Dir, cipher.MarkerName)
			own, err := os.ReadFile(path)
			check(t, err)
			strange := instead(v, string(own))
			if strange == string(own) {
				t.Fatal("the marker is as it was")
			}
			check(t, os.WriteFile(path, []byte(strange), 0o600))
			vol, err := Open(v, unlock(t, v), Options{})
			check(t, err)
			s := vol.Mirror().Status().Clouds
			if s[0].State != "ok" || s[1].State != "absent" || s[1].Reason == "" || len(vol.Warnings()) != 1 {
				t.Errorf("alpha is %s, beta %s (%s), warnings %q", s[0].State, s[1].State, s[1].Reason, vol.Warnings())
			}
			check(t, vol.Close())
			left, err := os.ReadFile(path)
			check(t, err)
			if string(left) != strange {
				t.Error("the marker was changed")
			}
		})
	}
}

func TestStatusOf(t *testing.T) {
	v := newVault(t)
	check(t, os.Rename(v.Clouds[0].Dir, v.Dir+".a"))
	s, err := StatusOf(t.Context(), v, nil)
	check(t, err)
	if s.Mounted || s.Lead != "beta" || s.Clouds[0].State != vault.CloudAbsent || s.Clouds[1].State != vault.CloudOK {
		t.Errorf("status %+v", s)
	}
}

// TestIndex: what this machine knows outlives a mount, and a mount that changes nothing does not write it.
func TestIndex(t *testing.T) {
	v := newVault(t)
	ledger := filepath.Join(v.Dir, "state", "ledger")
	check(t, os.WriteFile(ledger, []byte("of an earlier version"), 0o600))
	mount := func(o Options) *Volume {
		t.Helper()
		vol, err := Open(v, unlock(t, v), o)
		check(t, err)
		return vol
	}
	read := func() []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(v.Dir, "state", "index"))
		check(t, err)
		return b
	}
	vol := mount(Options{})
	if _, err := os.Lstat(ledger); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the ledger is still there: %v", err)
	}
	n, err := vol.Mirror().Root().Mkdir("directory", 0o755, mirror.Owner{})
	check(t, err)
	n.Forget()
	check(t, vol.Close())
	before := read()
	if len(before) == 0 {
		t.Error("there is no index")
	}
	check(t, mount(Options{ReadOnly: true}).Close())
	if !bytes.Equal(read(), before) {
		t.Error("a mount that changes nothing wrote the index")
	}

	keys := unlock(t, v)
	ix, err := index.Open(index.Config{Path: filepath.Join(v.Dir, "state", "index"), StateKey: (*[32]byte)(&keys.StateKey), Vault: v.ID})
	check(t, err)
	row, err := ix.Name(index.Place{Dir: index.Root, Name: "directory"})
	if err != nil || row.Known.Kind != index.IsDir {
		t.Errorf("the index has %+v, %v", row.Known, err)
	}
	check(t, ix.Close())

	check(t, os.WriteFile(filepath.Join(v.Dir, "state", "index"), []byte("damaged"), 0o600))
	vol = mount(Options{})
	check(t, errors.Join(vol.Close(), CheckFree(v)))
}
