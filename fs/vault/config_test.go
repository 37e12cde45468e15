package vault

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/vault/internal/config"
)

const goodConfig = `
format = 1
vault_id = "000102030405060708090a0b0c0d0e0f"
chunk_log2 = 12
keys_sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

[settings]
min_copies = 2
fsync = "all"

[[cloud]]
name = "alpha"
dir = "/srv/alpha/"
id = "101112131415161718191a1b1c1d1e1f"

[[cloud]]
name = "beta"
dir = "/srv/beta"
id = "202122232425262728292a2b2c2d2e2f"
`

func writeConfig(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, configName), []byte(text), 0o600))
	return dir
}

func TestLoad(t *testing.T) {
	dir := writeConfig(t, goodConfig)
	v, err := Load(dir)
	check(t, err)
	if v.Dir != dir || v.ID.String() != "000102030405060708090a0b0c0d0e0f" || v.ChunkLog2 != 12 {
		t.Errorf("loaded %+v", v)
	}
	if want := (Settings{MinCopies: 2, FsyncAll: true}); v.Settings != want {
		t.Errorf("settings %+v, want %+v", v.Settings, want)
	}
	id := func(s string) cipher.ID {
		var id cipher.ID
		check(t, id.UnmarshalText([]byte(s)))
		return id
	}
	want := []Cloud{
		{"alpha", "/srv/alpha", id("101112131415161718191a1b1c1d1e1f")},
		{"beta", "/srv/beta", id("202122232425262728292a2b2c2d2e2f")},
	}
	if !reflect.DeepEqual(v.Clouds, want) {
		t.Errorf("clouds %+v, want %+v", v.Clouds, want)
	}
}

func TestLoadDefaults(t *testing.T) {
	dir := writeConfig(t, edit(goodConfig, "[settings]\nmin_copies = 2\nfsync = \"all\"", ""))
	v, err := Load(dir)
	check(t, err)
	if want := (Settings{MinCopies: 1}); v.Settings != want {
		t.Errorf("settings %+v, want %+v", v.Settings, want)
	}
}

// edit replaces text that must be there.
func edit(text, old, new string) string {
	if !strings.Contains(text, old) {
		panic("nothing to edit: " + old)
	}
	return strings.Replace(text, old, new, 1)
}

func TestLoadRefuses(t *testing.T) {
	good := func(old, new string) string { return edit(goodConfig, old, new) }
	for _, tt := range []struct {
		name, text string
		want       error
		says       string
	}{
		{"empty", "", ErrDamaged, "no format"},
		{"no TOML", "\x00\x01\x02", ErrDamaged, "line 1"},
		{"not UTF-8", good("alpha", "\xff\xfe"), ErrDamaged, "not UTF-8"},
		{"cut off", goodConfig[:strings.Index(goodConfig, "beta")], ErrDamaged, "line"},
		{"format of text", good("format = 1", `format = "1"`), ErrDamaged, "line 2"},
		{"newer format", good("format = 1", "format = 2"), ErrUnknownFormat, "format 2"},
		{"newer format with news", good("format = 1", "format = 2\nnews = true"), ErrUnknownFormat, "format 2"},
		{"format 0", good("format = 1", "format = 0"), ErrUnknownFormat, "format 0"},
		{"unknown setting", good("min_copies", "min_copys"), ErrSetting, `line 8: "settings.min_copys" is unknown`},
		{"no vault id", good(`vault_id = "000102030405060708090a0b0c0d0e0f"`, ""), ErrDamaged, "vault_id"},
		{"short id", good("000102", "0001"), ErrSetting, "line"},
		{"zero id", good("000102030405060708090a0b0c0d0e0f", strings.Repeat("0", 32)), ErrDamaged, "vault_id"},
		{"chunk size too small", good("chunk_log2 = 12", "chunk_log2 = 11"), ErrUnknownFormat, "chunk_log2 11"},
		{"chunk size too large", good("chunk_log2 = 12", "chunk_log2 = 21"), ErrUnknownFormat, "chunk_log2 21"},
		{"chunk size that wraps", good("chunk_log2 = 12", "chunk_log2 = 268"), ErrUnknownFormat, "chunk_log2 268"},
		{"no checksum", good("keys_sha256", "#"), ErrDamaged, "keys_sha256"},
		{"bad checksum", good("e3b0", "zzzz"), ErrDamaged, "keys_sha256"},
		{"no clouds", goodConfig[:strings.Index(goodConfig, "[[cloud]]")], ErrDamaged, "no cloud"},
		{"no copies", good("min_copies = 2", "min_copies = 0"), ErrSetting, "min_copies"},
		{"more copies than clouds", good("min_copies = 2", "min_copies = 3"), ErrSetting, "min_copies"},
		{"unknown fsync", good(`"all"`, `"some"`), ErrSetting, "fsync"},
		{"names alike", good("beta", "Alpha"), ErrSetting, "differ only in case"},
		{"odd name", good(`"beta"`, `"be/ta"`), ErrSetting, "cloud name"},
		{"no name", good(`name = "beta"`, ""), ErrSetting, "cloud name"},
		{"relative directory", good("/srv/beta", "srv/beta"), ErrSetting, "absolute"},
		{"directory with NUL", good("/srv/beta", `/srv\u0000beta`), ErrSetting, "absolute"},
		{"directories alike", good("/srv/beta", "/srv/./alpha"), ErrSetting, "another cloud's"},
		{"ids alike", good("202122232425262728292a2b2c2d2e2f", "101112131415161718191a1b1c1d1e1f"), ErrDamaged, "another cloud's"},
		{"no id", good(`id = "202122232425262728292a2b2c2d2e2f"`, ""), ErrDamaged, "missing"},
		{"huge", goodConfig + strings.Repeat("#", maxFileSize), ErrDamaged, "larger"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := writeConfig(t, tt.text)
			_, err := Load(dir)
			wantError(t, err, tt.want, tt.says)
			if err != nil && !strings.Contains(err.Error(), filepath.Join(dir, configName)) {
				t.Errorf("%q does not say which file", err)
			}
		})
	}
}

// wantError checks what an error is and that it is one clear line.
func wantError(t *testing.T, err, want error, says string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want an error that is %q", err, want)
	}
	if text := err.Error(); !strings.Contains(text, says) || strings.Contains(text, "\n") {
		t.Errorf("%q: want one line that says %q", text, says)
	}
}

func TestLoadNoVault(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(dir)
	wantError(t, err, os.ErrNotExist, dir+" is no vault")
	_, err = Load(filepath.Join(dir, "missing"))
	wantError(t, err, os.ErrNotExist, "is no vault")
	check(t, os.WriteFile(filepath.Join(dir, pendingName), nil, 0o600))
	_, err = Load(dir)
	wantError(t, err, os.ErrNotExist, "run init again")
	check(t, os.Mkdir(filepath.Join(dir, configName), 0o700))
	_, err = Load(dir)
	wantError(t, err, ErrDamaged, "not a regular file")
}

func TestConfigRoundTrip(t *testing.T) {
	c, err := config.Parse([]byte(goodConfig))
	check(t, err)
	c.Clouds[0].Dir = "/srv/\"quoted\"\n\t\\ ünïcode"
	text, err := c.Encode()
	check(t, err)
	again, err := config.Parse(text)
	check(t, err)
	if !reflect.DeepEqual(c, again) {
		t.Errorf("wrote %+v, read %+v", c, again)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(goodConfig))
	f.Add([]byte("format = 2"))
	f.Add([]byte("format = 1\n[[cloud]]\nname = 'a'"))
	if _, err := config.Parse([]byte(goodConfig)); err != nil {
		f.Fatal("the seed does not parse: ", err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse(data)
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrSetting) && !errors.Is(err, ErrUnknownFormat) {
				t.Errorf("%v is no error of this package", err)
			}
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("more than one line: %q", err)
			}
			return
		}
		text, err := c.Encode()
		check(t, err)
		again, err := config.Parse(text)
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Errorf("%+v came back as %+v, %v", c, again, err)
		}
	})
}
