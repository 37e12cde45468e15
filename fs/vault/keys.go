package vault

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"filippo.io/age"
	"filippo.io/age/plugin"

	"github.com/overcast-fs/overcast/fs/vault/internal/config"
	"github.com/overcast-fs/overcast/fs/vault/internal/keyfile"
)

// Keys are the secrets of a vault, as keys.age holds them; Unlock gives the
// clouds in the order, and under the names, of vault.toml.
type Keys = keyfile.Keys

// A CloudKey is one cloud's key.
type CloudKey = keyfile.CloudKey

// The scrypt work factors, as powers of two. A key derivation takes 2^factor
// KiB of memory; the default is age's own, about a second.
const (
	DefaultWorkFactor = keyfile.DefaultWorkFactor
	MinWorkFactor     = keyfile.MinWorkFactor
	MaxWorkFactor     = keyfile.MaxWorkFactor
)

// Unlock opens keys.age. It derives one key from the passphrase at most, and
// none where the file asks for more than 2^[MaxWorkFactor]. The error wraps
// [ErrWrongPassphrase], [ErrWorkFactor], [ErrDamaged] or [ErrUnknownFormat].
// Afterwards the caller wipes the keys.
func (v *Vault) Unlock(passphrase []byte) (*Keys, error) {
	return v.unlock(keysName, keyfile.Passphrase(passphrase))
}

// UnlockWith opens keys-recipients.age with one of the identities. The error
// wraps [ErrNoRecipients], [ErrWrongIdentity], [ErrIdentity], [ErrDamaged] or
// [ErrUnknownFormat].
func (v *Vault) UnlockWith(identities []age.Identity) (*Keys, error) {
	return v.unlock(recipientsName, identities...)
}

// ParseIdentities reads a file with identities of age, also of its plugins, or
// with a private key of ssh, for whose passphrase ask is called.
func ParseIdentities(file []byte, ui *plugin.ClientUI, ask func() ([]byte, error)) ([]age.Identity, error) {
	return keyfile.ParseIdentities(file, ui, ask)
}

func (v *Vault) unlock(name string, identities ...age.Identity) (*Keys, error) {
	path, data, err := v.keysFile(name)
	if err != nil {
		return nil, err
	}
	k, err := keyfile.Open(data, identities...)
	wrong := errors.Is(err, ErrWrongPassphrase) && len(identities[0].(keyfile.Passphrase)) > 0
	if wrong && config.Checksum(data) != v.sums[name] {
		// A bit that flipped where age keeps the salt or the wrapped key looks
		// just like a wrong passphrase.
		err = fmt.Errorf("%w: not the file that was written, and this passphrase does not open it", ErrDamaged)
	}
	if err == nil {
		err = matchConfig(k, v)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// keysFile reads a file with keys. After a change of keys that was interrupted
// at its last step that is the new one, which has not got its name yet.
func (v *Vault) keysFile(name string) (path string, data []byte, err error) {
	path = filepath.Join(v.Dir, name)
	if v.sums[name] == "" {
		return path, nil, fmt.Errorf("%s: %w", v.Dir, ErrNoRecipients)
	}
	data, err = readFile(path)
	if err == nil && config.Checksum(data) == v.sums[name] {
		return path, data, nil
	}
	staged, stagedErr := readFile(path + stagedSuffix)
	if stagedErr == nil && config.Checksum(staged) == v.sums[name] {
		return path + stagedSuffix, staged, nil
	}
	return path, data, err
}

// matchConfig checks that keys and vault.toml belong together, and puts the
// clouds into the order and under the names of vault.toml.
func matchConfig(k *Keys, v *Vault) error {
	err := mismatch(k, v)
	if err != nil {
		k.Wipe()
		return err
	}
	for i, want := range v.Clouds {
		at := slices.IndexFunc(k.Clouds, func(c CloudKey) bool { return c.ID == want.ID })
		k.Clouds[i], k.Clouds[at] = k.Clouds[at], k.Clouds[i]
		k.Clouds[i].Name = want.Name
	}
	return nil
}

// mismatch says how keys and vault.toml differ.
func mismatch(k *Keys, v *Vault) error {
	if k.VaultID != v.ID || k.ChunkLog2 != v.ChunkLog2 {
		return fmt.Errorf("%w: it belongs to another vault than %s", ErrDamaged, configName)
	}
	for i, want := range v.Clouds {
		if v.cloudByID(want.ID) < i || !slices.ContainsFunc(k.Clouds, func(c CloudKey) bool { return c.ID == want.ID }) {
			return fmt.Errorf("%w: it has no key for cloud %q of %s", ErrOldKeys, want.Name, configName)
		}
	}
	for _, c := range k.Clouds {
		if v.cloudByID(c.ID) < 0 {
			return fmt.Errorf("%w: it has a key for cloud %q, which %s does not name", joinable{ErrDamaged}, c.Name, configName)
		}
	}
	return nil
}
