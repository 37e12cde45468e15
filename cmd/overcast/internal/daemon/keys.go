package daemon

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume"
)

// A vault's keys on their way through a pipe, from the process that derived them to the one that mounts. The clouds follow
// the vault's in the order of vault.toml; their names are there.
type (
	pipedVault struct {
		VaultID   cipher.ID
		StateKey  cipher.Key
		ChunkLog2 uint8
	}
	pipedCloud struct {
		ID    cipher.ID
		Key   cipher.Key
		Suite cipher.Suite
	}
)

// errChanged: the keys belong to what vault.toml said when they were asked for.
var errChanged = errors.New("vault.toml has changed meanwhile")

// writeKeys writes a vault's keys in one piece, which is smaller than what a pipe takes without a reader.
func writeKeys(w io.Writer, k *vault.Keys) error {
	clouds := make([]pipedCloud, len(k.Clouds))
	defer clear(clouds)
	for i, c := range k.Clouds {
		clouds[i] = pipedCloud{c.ID, c.Key, c.Suite}
	}
	head := pipedVault{k.VaultID, k.StateKey, k.ChunkLog2}
	defer head.StateKey.Wipe()
	raw := make([]byte, 0, binary.Size(head)+binary.Size(clouds))
	defer func() { clear(raw[:cap(raw)]) }()
	raw, err := binary.Append(raw, binary.BigEndian, head)
	if err == nil {
		raw, err = binary.Append(raw, binary.BigEndian, clouds)
	}
	if err == nil {
		_, err = w.Write(raw)
	}
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	return nil
}

// readKeys reads what writeKeys wrote, up to the end, for the vault that it was written for.
func readKeys(r io.Reader, v *vault.Vault) (*vault.Keys, error) {
	var head pipedVault
	clouds := make([]pipedCloud, len(v.Clouds))
	defer clear(clouds)
	raw := make([]byte, binary.Size(head)+binary.Size(clouds)+1)
	defer clear(raw)
	if n, err := io.ReadFull(r, raw); err != io.ErrUnexpectedEOF || n != len(raw)-1 {
		return nil, fmt.Errorf("keys: %d bytes instead of %d (%w)", n, len(raw)-1, err)
	}
	in := bytes.NewReader(raw)
	if err := binary.Read(in, binary.BigEndian, &head); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	defer head.StateKey.Wipe()
	if err := binary.Read(in, binary.BigEndian, clouds); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	k := &vault.Keys{VaultID: head.VaultID, ChunkLog2: head.ChunkLog2, StateKey: head.StateKey}
	for i, c := range clouds {
		if c.ID != v.Clouds[i].ID {
			k.Wipe()
			return nil, &volume.Error{What: "vault", Dir: v.Dir, Err: errChanged}
		}
		k.Clouds = append(k.Clouds, vault.CloudKey{Name: v.Clouds[i].Name, ID: c.ID, Key: c.Key, Suite: c.Suite})
	}
	return k, nil
}
