package vault

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/overcast-fs/overcast/cipher"
)

func TestUnlock(t *testing.T) {
	v := testVault(t)
	k, err := v.Unlock(testPassphrase)
	check(t, err)
	if k.VaultID != v.ID || k.ChunkLog2 != v.ChunkLog2 || len(k.Clouds) != 2 {
		t.Errorf("unlocked %+v", k)
	}
	for i, c := range k.Clouds {
		if c.ID != v.Clouds[i].ID || c.Name != v.Clouds[i].Name || c.Suite != cipher.AES256 {
			t.Errorf("cloud %d is %+v, want %+v", i, c, v.Clouds[i])
		}
	}
	digits := hex.EncodeToString(k.Clouds[0].Key[:])
	for _, printed := range []string{fmt.Sprintf("%v %+v %#v %x", k, *k, k, k.Clouds), mustJSON(t, k)} {
		if strings.Contains(strings.ToLower(printed), digits) || !strings.Contains(printed, "[redacted]") {
			t.Errorf("printed keys: %s", printed)
		}
	}
	k.Wipe()
	if zero := (cipher.Key{}); !k.StateKey.Equal(&zero) || !k.Clouds[1].Key.Equal(&zero) {
		t.Error("keys are left after a wipe")
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	check(t, err)
	return string(text)
}

func TestUnlockWrongPassphrase(t *testing.T) {
	v := testVault(t)
	for _, wrong := range []string{"", "correct hors", "Correct horse", "correct horse\n"} {
		_, err := v.Unlock([]byte(wrong))
		wantError(t, err, ErrWrongPassphrase, "wrong passphrase")
		if errors.Is(err, ErrDamaged) {
			t.Errorf("%v: is damaged, too", err)
		}
	}
}

// Whatever byte of keys.age is changed or lost, it is damage, even where it looks
// like a wrong passphrase, and never opens.
func TestUnlockDamaged(t *testing.T) {
	v := testVault(t)
	path := filepath.Join(v.Dir, keysName)
	whole, err := os.ReadFile(path)
	check(t, err)
	try := func(what string, damaged []byte) {
		check(t, os.WriteFile(path, damaged, 0o600))
		_, err := v.Unlock(testPassphrase)
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrWorkFactor) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line about damage", what, err)
		}
	}
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 1 << (i % 8)
		try(fmt.Sprintf("byte %d", i), damaged)
	}
	for n := 0; n < len(whole); n += 7 {
		try(fmt.Sprintf("%d bytes left", n), whole[:n])
	}
	try("a byte more", append(bytes.Clone(whole), 0))
	try("huge", make([]byte, maxFileSize+1))
	check(t, os.Remove(path))
	if _, err := v.Unlock(testPassphrase); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without keys.age: %v", err)
	}
}

// Re-encrypted by hand, as for a new passphrase, the vault still opens.
func TestUnlockReencrypted(t *testing.T) {
	v := testVault(t)
	k, err := v.Unlock(testPassphrase)
	check(t, err)
	sealed, err := k.SealPassphrase([]byte("another"), MinWorkFactor)
	check(t, err)
	check(t, os.WriteFile(filepath.Join(v.Dir, keysName), sealed, 0o600))
	again, err := v.Unlock([]byte("another"))
	check(t, err)
	if !reflect.DeepEqual(k, again) {
		t.Error("other keys came out")
	}
}

// None of these derives a key: each asks for hours of work, or cannot be parsed.
func TestUnlockWorkFactor(t *testing.T) {
	v := testVault(t)
	path := filepath.Join(v.Dir, keysName)
	whole, err := os.ReadFile(path)
	check(t, err)
	for _, factor := range []string{"21", "30", "63", "64", "18446744073709551616", strings.Repeat("9", 1000)} {
		header := bytes.Replace(whole, []byte(" 1\n"), []byte(" "+factor+"\n"), 1)
		check(t, os.WriteFile(path, header, 0o600))
		_, err := v.Unlock(testPassphrase)
		wantError(t, err, ErrWorkFactor, "at most 2^20")
	}
	for _, factor := range []string{"0", "-1", "+1", "01", "x", "1 1", ""} {
		header := bytes.Replace(whole, []byte(" 1\n"), []byte(" "+factor+"\n"), 1)
		check(t, os.WriteFile(path, header, 0o600))
		_, err := v.Unlock(testPassphrase)
		if err == nil || errors.Is(err, ErrWrongPassphrase) {
			t.Errorf("work factor %q: got %v", factor, err)
		}
	}
}

func TestUnlockOtherRecipients(t *testing.T) {
	v := testVault(t)
	identity, err := age.GenerateX25519Identity()
	check(t, err)
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, identity.Recipient())
	check(t, err)
	check(t, w.Close())
	check(t, os.WriteFile(filepath.Join(v.Dir, keysName), sealed.Bytes(), 0o600))
	_, err = v.Unlock(testPassphrase)
	wantError(t, err, ErrDamaged, "not encrypted with a passphrase")
}

// vault.toml may reorder and rename clouds, and nothing else of them.
func TestUnlockMatchesConfig(t *testing.T) {
	v := testVault(t)
	other := testVault(t)
	for _, tt := range []struct {
		name string
		edit func(v *Vault)
		want error // nil where it opens
		says string
	}{
		{"order", func(v *Vault) { v.Clouds[0], v.Clouds[1] = v.Clouds[1], v.Clouds[0] }, nil, ""},
		{"name", func(v *Vault) { v.Clouds[0].Name = "new" }, nil, ""},
		{"a cloud lost", func(v *Vault) { v.Clouds = v.Clouds[:1] }, ErrJoin, `a key for cloud "b"`},
		{"a cloud gained", func(v *Vault) { v.Clouds = append(v.Clouds, Cloud{Name: "c", ID: cipher.NewID()}) }, ErrOldKeys, `no key for cloud "c"`},
		{"another cloud", func(v *Vault) { v.Clouds[1].ID = cipher.NewID() }, ErrOldKeys, `no key for cloud "b"`},
		{"a cloud twice", func(v *Vault) { v.Clouds[1] = v.Clouds[0] }, ErrOldKeys, "no key for cloud"},
		{"another chunk size", func(v *Vault) { v.ChunkLog2 = 13 }, ErrDamaged, "another vault"},
		{"another vault", func(v *Vault) { v.ID = other.ID }, ErrDamaged, "another vault"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			edited, err := Load(v.Dir)
			check(t, err)
			tt.edit(edited)
			k, err := edited.Unlock(testPassphrase)
			if tt.want != nil {
				wantError(t, err, tt.want, tt.says)
				return
			}
			check(t, err)
			for i, c := range edited.Clouds {
				if k.Clouds[i].ID != c.ID || k.Clouds[i].Name != c.Name {
					t.Errorf("key %d is of %s, want %s", i, k.Clouds[i].Name, c.Name)
				}
			}
		})
	}
}
