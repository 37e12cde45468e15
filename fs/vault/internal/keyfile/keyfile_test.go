package keyfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
)

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

func TestParse(t *testing.T) {
	k, err := Parse([]byte(goodKeys))
	check(t, err)
	want := cipher.Key(bytes.Repeat([]byte{0x70}, 32))
	if k.ChunkLog2 != 12 || len(k.Clouds) != 2 || !k.Clouds[1].Key.Equal(&want) || k.Clouds[0].Suite != cipher.AES128 {
		t.Errorf("parsed %+v", k)
	}
	text, err := k.Encode()
	check(t, err)
	var one, two any
	check(t, json.Unmarshal([]byte(goodKeys), &one))
	check(t, json.Unmarshal(text, &two))
	if !reflect.DeepEqual(one, two) {
		t.Errorf("written as %s", text)
	}
}

func TestParseRefuses(t *testing.T) {
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
			_, err := Parse([]byte(tt.text))
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
	if _, err := Parse([]byte(goodKeys)); err != nil {
		f.Fatal("the seed does not parse: ", err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := Parse(data)
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrUnknownFormat) || strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("%q is no error of this package in one line", err)
			}
			return
		}
		text, err := k.Encode()
		check(t, err)
		again, err := Parse(text)
		if err != nil || !reflect.DeepEqual(k, again) {
			t.Errorf("came back as %v, %v", again, err)
		}
	})
}
