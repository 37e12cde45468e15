package vault

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
)

func TestCheckMarker(t *testing.T) {
	v, other := testVault(t), testVault(t)
	k, err := v.Unlock(testPassphrase)
	check(t, err)
	key, err := k.Cipher(0)
	check(t, err)
	a, b := v.Clouds[0], v.Clouds[1]
	marker, err := os.ReadFile(filepath.Join(a.Dir, cipher.MarkerName))
	check(t, err)
	dirWith := func(content string) string {
		dir := t.TempDir()
		check(t, os.WriteFile(filepath.Join(dir, cipher.MarkerName), []byte(content), 0o600))
		return dir
	}
	fifo := t.TempDir()
	check(t, os.Mkdir(filepath.Join(fifo, cipher.MarkerName), 0o700))
	for _, tt := range []struct {
		name, dir string
		key       *cipher.Cloud
		want      error // nil where it is accepted
		says      string
	}{
		{"right", a.Dir, key, nil, ""},
		{"right, without key", a.Dir, nil, nil, ""},
		{"copied", dirWith(string(marker)), key, nil, ""},
		{"no directory", a.Dir + "/none", key, ErrNoMarker, "no marker"},
		{"no marker", t.TempDir(), key, ErrNoMarker, "no marker"},
		{"a file", filepath.Join(v.Dir, configName), key, ErrNoMarker, "not a directory"},
		{"swapped", b.Dir, key, ErrWrongCloud, `holds cloud "b", not cloud "a"`},
		{"swapped, without key", b.Dir, nil, ErrWrongCloud, "swapped"},
		{"another vault", other.Clouds[0].Dir, key, ErrWrongCloud, "another vault, " + other.ID.String()},
		{"empty", dirWith(""), key, ErrDamaged, cipher.MarkerName},
		{"cut off", dirWith(string(marker[:len(marker)/2])), key, ErrDamaged, cipher.MarkerName},
		{"forged", dirWith(strings.Replace(string(marker), `"mac": "`, `"mac": "0`, 1)), key, ErrDamaged, cipher.MarkerName},
		{"newer", dirWith(edit(string(marker), `"format": 1`, `"format": 2`)), key, cipher.ErrNewer, "format 2"},
		{"a directory", fifo, key, ErrDamaged, "regular"},
		{"huge", dirWith(strings.Repeat(" ", maxFileSize+1)), key, ErrDamaged, "larger"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := v.CheckMarker(tt.dir, a.ID, tt.key)
			if tt.want == nil {
				check(t, err)
				return
			}
			wantError(t, err, tt.want, tt.says)
			if !strings.Contains(err.Error(), tt.dir) {
				t.Errorf("%q does not say where", err)
			}
		})
	}
}
