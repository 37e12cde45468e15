package cipher

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestMarker(t *testing.T) {
	c := testCloud(t, AES256, MinChunkLog2)
	raw := c.Marker()
	if err := c.CheckMarker(raw); err != nil {
		t.Errorf("%s: %v", raw, err)
	}
	vault, cloud, err := ParseMarkerIDs(raw)
	if err != nil || vault != c.vaultID || cloud != c.cloudID {
		t.Errorf("ParseMarkerIDs = %v, %v, %v", vault, cloud, err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil || len(fields) != 5 || fields["format"] != 1.0 {
		t.Errorf("%s: %v", raw, err)
	}
}

func TestCheckMarkerRefuses(t *testing.T) {
	c := testCloud(t, AES256, MinChunkLog2)
	good := string(c.Marker())
	key := Key{1}
	other, err := NewCloud(CloudParams{Key: &key, VaultID: c.vaultID, CloudID: ID{9}, Suite: AES256, ChunkLog2: 12})
	if err != nil {
		t.Fatal(err)
	}
	forger, err := NewCloud(CloudParams{Key: &key, VaultID: c.vaultID, CloudID: c.cloudID, Suite: AES256, ChunkLog2: 12})
	if err != nil {
		t.Fatal(err)
	}
	mac := good[strings.Index(good, `"mac": "`)+8:][:64]
	for _, test := range []struct {
		what, raw string
		want      error
	}{
		{"nothing", "", ErrDamaged},
		{"cut", good[:len(good)/2], ErrDamaged},
		{"not JSON", "hello", ErrDamaged},
		{"a list", "[]", ErrDamaged},
		{"null", "null", ErrDamaged},
		{"an empty object", "{}", ErrDamaged},
		{"two", good + good, ErrDamaged},
		{"format as text", strings.Replace(good, `"format": 1`, `"format": "1"`, 1), ErrDamaged},
		{"format 0", strings.Replace(good, `"format": 1`, `"format": 0`, 1), ErrDamaged},
		{"format 2", strings.Replace(good, `"format": 1`, `"format": 2`, 1), ErrNewer},
		{"format 2 with ids of another shape", `{"format": 2, "vault_id": [1]}`, ErrNewer},
		{"an id with a digit less", strings.Replace(good, c.cloudID.String(), c.cloudID.String()[1:], 1), ErrDamaged},
		{"an id that is none", strings.Replace(good, c.cloudID.String(), "g"+c.cloudID.String()[1:], 1), ErrDamaged},
		{"no mac", strings.Replace(good, mac, "", 1), ErrDamaged},
		{"a mac that is none", strings.Replace(good, mac, "x"+mac[1:], 1), ErrDamaged},
		{"a mac with a byte more", strings.Replace(good, mac, mac+"00", 1), ErrDamaged},
		{"too long", good + strings.Repeat(" ", maxMarker), ErrDamaged},
		{"another cloud's", string(other.Marker()), ErrWrongCloud},
		{"another vault's", strings.Replace(good, c.vaultID.String(), ID{1}.String(), 1), ErrWrongCloud},
		{"another key's", string(forger.Marker()), ErrDamaged},
	} {
		if err := c.CheckMarker([]byte(test.raw)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.what, err, test.want)
		}
	}
	if !bytes.Equal(c.Marker(), []byte(good)) {
		t.Error("two markers of one cloud differ")
	}
}
