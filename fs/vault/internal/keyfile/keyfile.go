// Package keyfile is what keys.age holds, and how it is sealed: for a
// passphrase, for age recipients, or for a recovery kit. Stock age opens each.
package keyfile

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/vault/internal/text"
)

// The sentinels of package vault that the keys can be the reason for.
var (
	ErrDamaged         = cipher.ErrDamaged
	ErrUnknownFormat   = errors.New("unknown format")
	ErrWrongPassphrase = errors.New("wrong passphrase")
	ErrWrongIdentity   = errors.New("no identity that was given opens it")
	ErrIdentity        = errors.New("identity") // its own program or passphrase fails
	ErrWorkFactor      = errors.New("scrypt work factor too large")
)

// Keys are the secrets of a vault, as keys.age holds them. The clouds are in the
// order, and under the names, of vault.toml.
type Keys struct {
	VaultID   cipher.ID
	ChunkLog2 uint8
	StateKey  cipher.Key
	Clouds    []CloudKey

	Recipients []string // of keys-recipients.age, in age's spelling
	Recovery   string   // the recipient of the recovery kit, "" if there is none
}

// A CloudKey is one cloud's key.
type CloudKey struct {
	Name  string
	ID    cipher.ID
	Key   cipher.Key
	Suite cipher.Suite
}

// Wipe overwrites every key with zeros.
func (k *Keys) Wipe() {
	k.StateKey.Wipe()
	for i := range k.Clouds {
		k.Clouds[i].Key.Wipe()
	}
}

// Cipher derives everything of the i-th cloud. The caller wipes it.
func (k *Keys) Cipher(i int) (*cipher.Cloud, error) {
	cloud := &k.Clouds[i]
	return cipher.NewCloud(cipher.CloudParams{
		Key:       &cloud.Key,
		VaultID:   k.VaultID,
		CloudID:   cloud.ID,
		Suite:     cloud.Suite,
		ChunkLog2: k.ChunkLog2,
	})
}

// keysJSON is the plaintext of keys.age.
type keysJSON struct {
	VaultID   cipher.ID      `json:"vault_id"`
	ChunkLog2 uint8          `json:"chunk_log2"`
	StateKey  openKey        `json:"state_key"`
	Clouds    []cloudKeyJSON `json:"clouds"`

	Recipients []string `json:"recipients,omitempty"`
	Recovery   string   `json:"recovery,omitempty"`
}

type cloudKeyJSON struct {
	Name  string    `json:"name"`
	ID    cipher.ID `json:"id"`
	Key   openKey   `json:"key"`
	Suite uint8     `json:"suite"`
}

func (k *keysJSON) wipe() {
	clear(k.StateKey[:])
	for i := range k.Clouds {
		clear(k.Clouds[i].Key[:])
	}
}

// An openKey is a key on its way into or out of keys.age, the one place where
// keys are written as they are.
type openKey [32]byte

// MarshalText returns the key's hexadecimal digits.
func (k openKey) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, k[:]), nil }

// UnmarshalText is the inverse of MarshalText.
func (k *openKey) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(k)) {
		return fmt.Errorf("a key is %d hexadecimal digits", hex.EncodedLen(len(k)))
	}
	// The error of package hex would show a digit.
	if _, err := hex.Decode(k[:], text); err != nil {
		return errors.New("a key is not hexadecimal")
	}
	return nil
}

// Encode gives the plaintext of keys.age, which the caller wipes.
func (k *Keys) Encode() ([]byte, error) {
	plain := keysJSON{VaultID: k.VaultID, ChunkLog2: k.ChunkLog2, StateKey: openKey(k.StateKey), Clouds: make([]cloudKeyJSON, len(k.Clouds)),
		Recipients: k.Recipients, Recovery: k.Recovery}
	defer plain.wipe()
	for i, c := range k.Clouds {
		plain.Clouds[i] = cloudKeyJSON{c.Name, c.ID, openKey(c.Key), uint8(c.Suite)}
	}
	return json.MarshalIndent(plain, "", "  ")
}

// Parse reads and checks the plaintext of keys.age. No error of it shows a
// part of a key.
func Parse(plain []byte) (*Keys, error) {
	var parsed keysJSON
	defer parsed.wipe()
	decoder := json.NewDecoder(bytes.NewReader(plain))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&parsed); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrDamaged, keysReason(err))
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: more after the keys", ErrDamaged)
	}
	k := &Keys{VaultID: parsed.VaultID, ChunkLog2: parsed.ChunkLog2, StateKey: cipher.Key(parsed.StateKey), Recipients: parsed.Recipients, Recovery: parsed.Recovery}
	k.Clouds = make([]CloudKey, len(parsed.Clouds)) // at once: appending would leave copies of keys behind
	for i, c := range parsed.Clouds {
		k.Clouds[i] = CloudKey{c.Name, c.ID, cipher.Key(c.Key), cipher.Suite(c.Suite)}
	}
	if err := k.check(); err != nil {
		k.Wipe()
		return nil, err
	}
	return k, nil
}

// keysReason describes why JSON did not parse without quoting any of it.
func keysReason(err error) string {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("no JSON from byte %d on", syntax.Offset)
	}
	if field, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("field %q has a wrong type", text.OneLine(field.Field))
	}
	return text.OneLine(err.Error())
}

func (k *Keys) check() error {
	switch {
	case k.ChunkLog2 < cipher.MinChunkLog2 || k.ChunkLog2 > cipher.MaxChunkLog2:
		return fmt.Errorf("%w: chunk_log2 %d, want %d to %d", ErrUnknownFormat, k.ChunkLog2, cipher.MinChunkLog2, cipher.MaxChunkLog2)
	case k.VaultID.IsZero() || len(k.Clouds) == 0:
		return fmt.Errorf("%w: the vault's id or every cloud is missing", ErrDamaged)
	}
	ids, keys := map[cipher.ID]bool{}, map[cipher.Key]bool{{}: true}
	defer clear(keys)
	if keys[k.StateKey] {
		return fmt.Errorf("%w: the state key is missing", ErrDamaged)
	}
	keys[k.StateKey] = true
	var names text.Names
	for _, c := range k.Clouds {
		if err := names.Add(c.Name); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		switch {
		case c.Suite != cipher.AES128 && c.Suite != cipher.AES256:
			return fmt.Errorf("%w: cloud %s has suite %d", ErrUnknownFormat, c.Name, uint8(c.Suite))
		case c.ID.IsZero() || ids[c.ID]:
			return fmt.Errorf("%w: cloud %s: its id is missing or another cloud's", ErrDamaged, c.Name)
		case keys[c.Key]:
			return fmt.Errorf("%w: cloud %s: its key is missing or another's", ErrDamaged, c.Name)
		}
		ids[c.ID], keys[c.Key] = true, true
	}
	return nil
}
