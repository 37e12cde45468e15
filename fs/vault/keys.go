package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"

	"filippo.io/age"

	"github.com/overcast-fs/overcast/cipher"
)

// The scrypt work factors, as powers of two. A key derivation takes 2^factor
// KiB of memory; the default is age's own, about a second.
const (
	DefaultWorkFactor = 18
	MinWorkFactor     = 1
	MaxWorkFactor     = 20 // in a file that was not made here, too
)

// Keys are the secrets of a vault, as keys.age holds them. The clouds are in the
// order, and under the names, of vault.toml.
type Keys struct {
	VaultID   cipher.ID
	ChunkLog2 uint8
	StateKey  cipher.Key
	Clouds    []CloudKey
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

// Unlock opens keys.age. It derives one key from the passphrase at most, and
// none where the file asks for more than 2^[MaxWorkFactor]. The error wraps
// [ErrWrongPassphrase], [ErrWorkFactor], [ErrDamaged] or [ErrUnknownFormat].
// Afterwards the caller wipes the keys.
func (v *Vault) Unlock(passphrase []byte) (*Keys, error) {
	path := filepath.Join(v.Dir, keysName)
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	k, err := openKeys(data, passphrase)
	if errors.Is(err, ErrWrongPassphrase) && !v.isKeysFile(data) {
		// A bit that flipped where age keeps the salt or the wrapped key looks
		// just like a wrong passphrase.
		err = fmt.Errorf("%w: not the file that was written, and this passphrase does not open it", ErrDamaged)
	}
	if err == nil {
		err = k.matchConfig(v)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

func (v *Vault) isKeysFile(data []byte) bool {
	sum := sha256.Sum256(data)
	return bytes.Equal(sum[:], v.keysSHA256)
}

// matchConfig checks that keys and vault.toml belong together, and puts the
// clouds into the order and under the names of vault.toml.
func (k *Keys) matchConfig(v *Vault) error {
	if k.VaultID != v.ID || k.ChunkLog2 != v.ChunkLog2 || len(k.Clouds) != len(v.Clouds) {
		k.Wipe()
		return fmt.Errorf("%w: %s belongs to another vault, or has lost or gained a cloud", ErrDamaged, configName)
	}
	for i, want := range v.Clouds {
		at := slices.IndexFunc(k.Clouds, func(c CloudKey) bool { return c.ID == want.ID })
		if at < i {
			k.Wipe()
			return fmt.Errorf("%w: it has no key for cloud %q of %s", ErrDamaged, want.Name, configName)
		}
		k.Clouds[i], k.Clouds[at] = k.Clouds[at], k.Clouds[i]
		k.Clouds[i].Name = want.Name
	}
	return nil
}

// openKeys decrypts and parses keys.age.
func openKeys(data, passphrase []byte) (*Keys, error) {
	if len(passphrase) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrWrongPassphrase)
	}
	reader, err := age.Decrypt(bytes.NewReader(data), passphraseIdentity(passphrase))
	switch {
	case errors.Is(err, age.ErrIncorrectIdentity):
		return nil, ErrWrongPassphrase
	case errors.Is(err, ErrWorkFactor):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %s", ErrDamaged, oneLine(err.Error()))
	}
	plain, err := io.ReadAll(reader)
	defer clear(plain)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrDamaged, oneLine(err.Error()))
	}
	return parseKeys(plain)
}

// passphraseIdentity opens age files for one passphrase, after it has seen what
// the file asks for.
type passphraseIdentity []byte

// Unwrap implements [age.Identity].
func (p passphraseIdentity) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if len(stanzas) != 1 || stanzas[0].Type != "scrypt" || len(stanzas[0].Args) != 2 {
		return nil, errors.New("not encrypted with a passphrase")
	}
	factor, err := strconv.ParseUint(stanzas[0].Args[1], 10, 64)
	if err != nil || factor > MaxWorkFactor {
		return nil, fmt.Errorf("%w: it asks for 2^%s, at most 2^%d is done", ErrWorkFactor, oneLine(stanzas[0].Args[1]), MaxWorkFactor)
	}
	scrypt, err := age.NewScryptIdentity(string(p))
	if err != nil {
		return nil, err
	}
	scrypt.SetMaxWorkFactor(MaxWorkFactor)
	defer release(int(factor))
	return scrypt.Unwrap(stanzas)
}

// release gives the memory of a key derivation back at once: up to a gigabyte,
// which nothing will ever read and the collector would be slow to return.
func release(workFactor int) {
	const worthwhile = 14 // 16 MiB
	if workFactor >= worthwhile {
		debug.FreeOSMemory()
	}
}

// seal is the inverse of openKeys.
func (k *Keys) seal(passphrase []byte, workFactor int) ([]byte, error) {
	plain, err := k.encode()
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	defer release(workFactor)
	recipient, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, err
	}
	recipient.SetWorkFactor(workFactor)
	var sealed bytes.Buffer
	writer, err := age.Encrypt(&sealed, recipient)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(plain); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return sealed.Bytes(), nil
}

// keysJSON is the plaintext of keys.age.
type keysJSON struct {
	VaultID   cipher.ID      `json:"vault_id"`
	ChunkLog2 uint8          `json:"chunk_log2"`
	StateKey  openKey        `json:"state_key"`
	Clouds    []cloudKeyJSON `json:"clouds"`
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

func (k *Keys) encode() ([]byte, error) {
	plain := keysJSON{VaultID: k.VaultID, ChunkLog2: k.ChunkLog2, StateKey: openKey(k.StateKey), Clouds: make([]cloudKeyJSON, len(k.Clouds))}
	defer plain.wipe()
	for i, c := range k.Clouds {
		plain.Clouds[i] = cloudKeyJSON{c.Name, c.ID, openKey(c.Key), uint8(c.Suite)}
	}
	return json.MarshalIndent(plain, "", "  ")
}

// parseKeys reads and checks the plaintext of keys.age. No error of it shows a
// part of a key.
func parseKeys(plain []byte) (*Keys, error) {
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
	k := &Keys{VaultID: parsed.VaultID, ChunkLog2: parsed.ChunkLog2, StateKey: cipher.Key(parsed.StateKey)}
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
		return fmt.Sprintf("field %q has a wrong type", oneLine(field.Field))
	}
	return oneLine(err.Error())
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
	names := newNameSet()
	for _, c := range k.Clouds {
		if err := names.add(c.Name); err != nil {
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
