package daemon

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/vault"
)

func TestKeysThroughAPipe(t *testing.T) {
	v := &vault.Vault{Clouds: []vault.Cloud{{Name: "a", ID: cipher.NewID()}, {Name: "b", ID: cipher.NewID()}}}
	k := &vault.Keys{VaultID: cipher.NewID(), ChunkLog2: 14, StateKey: *cipher.NewKey()}
	for i, c := range v.Clouds {
		k.Clouds = append(k.Clouds, vault.CloudKey{Name: c.Name, ID: c.ID, Key: *cipher.NewKey(), Suite: cipher.Suite(1 + i)})
	}
	var pipe bytes.Buffer
	if err := writeKeys(&pipe, k); err != nil {
		t.Fatal(err)
	}
	raw := pipe.Bytes()
	if got, err := readKeys(bytes.NewReader(raw), v); err != nil || !reflect.DeepEqual(got, k) {
		t.Errorf("another set of keys arrived: %v", err)
	}
	for _, wrong := range [][]byte{nil, raw[:len(raw)-1], append(bytes.Clone(raw), 0)} {
		if _, err := readKeys(bytes.NewReader(wrong), v); err == nil {
			t.Errorf("%d bytes were accepted", len(wrong))
		}
	}
	v.Clouds[0], v.Clouds[1] = v.Clouds[1], v.Clouds[0]
	if _, err := readKeys(bytes.NewReader(raw), v); err == nil {
		t.Error("keys of other clouds were accepted")
	}
}
