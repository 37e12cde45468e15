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
	v := newVault(t)
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
	v := newVault(t)
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
	v := newVault(t)
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
	v := newVault(t)
	k, err := v.Unlock(testPassphrase)
	check(t, err)
	sealed, err := k.seal([]byte("another"), MinWorkFactor)
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
	v := newVault(t)
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
	v := newVault(t)
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
	v := newVault(t)
	other := newVault(t)
	for _, tt := range []struct {
		name string
		edit func(v *Vault)
		says string // "" where it opens
	}{
		{"order", func(v *Vault) { v.Clouds[0], v.Clouds[1] = v.Clouds[1], v.Clouds[0] }, ""},
		{"name", func(v *Vault) { v.Clouds[0].Name = "new" }, ""},
		{"a cloud lost", func(v *Vault) { v.Clouds = v.Clouds[:1] }, "lost or gained"},
		{"a cloud gained", func(v *Vault) { v.Clouds = append(v.Clouds, Cloud{Name: "c", ID: cipher.NewID()}) }, "lost or gained"},
		{"another cloud", func(v *Vault) { v.Clouds[1].ID = cipher.NewID() }, `no key for cloud "b"`},
		{"a cloud twice", func(v *Vault) { v.Clouds[1] = v.Clouds[0] }, "no key for cloud"},
		{"another chunk size", func(v *Vault) { v.ChunkLog2 = 13 }, "another vault"},
		{"another vault", func(v *Vault) { v.ID = other.ID }, "another vault"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			edited, err := Load(v.Dir)
			check(t, err)
			tt.edit(edited)
			k, err := edited.Unlock(testPassphrase)
			if tt.says != "" {
				wantError(t, err, ErrDamaged, tt.says)
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

const goodKeys = `{
  "vault_id": "000102030405060708090a0b0c0d0e0f",
  "chunk_log2": 12,
  "state_key": "5050505050505050505050505050505050505050505050505050505050505050",
  "clouds": [
    {"name": "a", "id": "101112131415161718191a1b1c1d1e1f",
     "key": "6060606060606060606060606060606060606060606060606060606060606060", "suite": 1},
    {"name": "b", "id": "202122232425262728292a2b2c2d2e2f",
     "key": "7070707070707070707070707070707070707070707070707070707070707070", "suite": 2}
  ]
}`

func TestParseKeys(t *testing.T) {
	k, err := parseKeys([]byte(goodKeys))
	check(t, err)
	want := cipher.Key(bytes.Repeat([]byte{0x70}, 32))
	if k.ChunkLog2 != 12 || len(k.Clouds) != 2 || !k.Clouds[1].Key.Equal(&want) || k.Clouds[0].Suite != cipher.AES128 {
		t.Errorf("parsed %+v", k)
	}
	text, err := k.encode()
	check(t, err)
	var one, two any
	check(t, json.Unmarshal([]byte(goodKeys), &one))
	check(t, json.Unmarshal(text, &two))
	if !reflect.DeepEqual(one, two) {
		t.Errorf("written as %s", text)
	}
}

func TestParseKeysRefuses(t *testing.T) {
	good := func(old, new string) string { return edit(goodKeys, old, new) }
	for _, tt := range []struct {
		name, text string
		want       error
		says       string
	}{
		{"empty", "", ErrDamaged, "EOF"},
		{"no JSON", "keys", ErrDamaged, "no JSON"},
		{"cut off", goodKeys[:len(goodKeys)-3], ErrDamaged, ""},
		{"more after it", goodKeys + "{}", ErrDamaged, "more after"},
		{"unknown field", good(`"chunk_log2"`, `"news": 1, "chunk_log2"`), ErrDamaged, "news"},
		{"unknown suite", good(`"suite": 1`, `"suite": 3`), ErrUnknownFormat, "cloud a has suite 3"},
		{"no suite", good(`, "suite": 1`, ``), ErrUnknownFormat, "suite 0"},
		{"suite of text", good(`"suite": 1`, `"suite": "aes-128"`), ErrDamaged, "suite"},
		{"chunk size", good(`"chunk_log2": 12`, `"chunk_log2": 21`), ErrUnknownFormat, "chunk_log2 21"},
		{"no vault id", good("000102030405060708090a0b0c0d0e0f", strings.Repeat("0", 32)), ErrDamaged, "vault's id"},
		{"no state key", good(strings.Repeat("50", 32), strings.Repeat("0", 64)), ErrDamaged, "state key"},
		{"short key", good(strings.Repeat("60", 32), strings.Repeat("60", 31)), ErrDamaged, "64 hexadecimal"},
		{"key with a letter", good("6060", "606x"), ErrDamaged, "not hexadecimal"},
		{"zero key", good(strings.Repeat("60", 32), strings.Repeat("0", 64)), ErrDamaged, "cloud a: its key"},
		{"keys alike", good(strings.Repeat("70", 32), strings.Repeat("60", 32)), ErrDamaged, "cloud b: its key"},
		{"key like the state's", good(strings.Repeat("70", 32), strings.Repeat("50", 32)), ErrDamaged, "cloud b: its key"},
		{"ids alike", good("202122232425262728292a2b2c2d2e2f", "101112131415161718191a1b1c1d1e1f"), ErrDamaged, "cloud b: its id"},
		{"names alike", good(`"b"`, `"A"`), ErrDamaged, "differ only in case"},
		{"no clouds", `{"vault_id": "000102030405060708090a0b0c0d0e0f", "chunk_log2": 12}`, ErrDamaged, "every cloud"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseKeys([]byte(tt.text))
			wantError(t, err, tt.want, tt.says)
			if strings.Contains(err.Error(), "6060") || strings.Contains(err.Error(), "7070") {
				t.Errorf("%q shows a key", err)
			}
		})
	}
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte(goodKeys))
	f.Add([]byte(`{"clouds": [{}]}`))
	if _, err := parseKeys([]byte(goodKeys)); err != nil {
		f.Fatal("the seed does not parse: ", err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := parseKeys(data)
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrUnknownFormat) || strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("%q is no error of this package in one line", err)
			}
			return
		}
		text, err := k.encode()
		check(t, err)
		again, err := parseKeys(text)
		if err != nil || !reflect.DeepEqual(k, again) {
			t.Errorf("came back as %v, %v", again, err)
		}
	})
}
