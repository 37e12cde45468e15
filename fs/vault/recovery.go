package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/durable"
	"github.com/overcast-fs/overcast/fs/vault/internal/keyfile"
	"github.com/overcast-fs/overcast/fs/vault/kit"
)

// The sentinels of recovery kits.
var (
	// ErrNoKit: a cloud, or the vault, has no recovery kit.
	ErrNoKit = errors.New("no recovery kit")

	// ErrOtherKit: a cloud has another recovery kit.
	ErrOtherKit = errors.New("another recovery kit")
)

// A CloudKit is what became of the recovery kit in one cloud, or how it is there.
type CloudKit struct {
	Name string
	Err  error // nil: as it should be
}

// InstallKit makes a kit the vault's: its recipient goes into the keys, which are
// sealed anew for o, and what it opens into every cloud that is there. A kit
// from before is worthless in those. Repeated it does the same, for the clouds
// that were not there as well; where the keys know of the kit they stay as they
// are. Keys that were copied may know of an older one: what is in the clouds is
// never made from them alone, or the newer paper would be worthless.
func (v *Vault) InstallKit(k *Keys, recovery *kit.Kit, o ResealOptions) ([]CloudKit, error) {
	return changeKit(v, k, recovery.Recipient(), o)
}

// RevokeKit is the end of the vault's recovery kit: it goes from the keys and
// from every cloud that is there. A cloud may have kept it.
func (v *Vault) RevokeKit(k *Keys, o ResealOptions) ([]CloudKit, error) {
	return changeKit(v, k, "", o)
}

func changeKit(v *Vault, k *Keys, recipient string, o ResealOptions) ([]CloudKit, error) {
	c, err := v.change()
	if err != nil {
		return nil, err
	}
	if k.Recovery != recipient {
		k.Recovery = recipient
		o.Recipients = append([]string{}, k.Recipients...) // they are to know of the kit, too
		err = c.reseal(k, o)
	}
	var list []CloudKit
	if err == nil {
		list, err = c.putKit(k)
	}
	return list, errors.Join(err, c.end())
}

// putKit writes or removes z-recovery.age in every cloud, and notes whether there
// is a kit now.
func (c *change) putKit(k *Keys) ([]CloudKit, error) {
	var sealed []byte
	if k.Recovery != "" {
		to, err := keyfile.ParseRecipients([]string{k.Recovery}, nil)
		if err != nil {
			return nil, err
		}
		if sealed, err = k.Seal(to...); err != nil {
			return nil, err
		}
	}
	if err := matchConfig(k, c.vault); err != nil {
		return nil, err
	}
	var list []CloudKit
	has := false
	for i, cloud := range c.vault.Clouds {
		err := c.putKitInto(cloud, k, i, sealed)
		has = has || err == nil && sealed != nil
		list = append(list, CloudKit{cloud.Name, err})
	}
	c.config.RecoveryKit = has
	return list, c.commit()
}

// putKitInto writes into a directory only after it has shown whose it is.
func (c *change) putKitInto(cloud Cloud, k *Keys, i int, sealed []byte) error {
	key, err := k.Cipher(i)
	if err != nil {
		return err
	}
	defer key.Wipe()
	if err := c.vault.CheckMarker(cloud.Dir, cloud.ID, key); err != nil {
		return err
	}
	disk, path := c.vault.sys.disk, filepath.Join(cloud.Dir, cipher.RecoveryName)
	if sealed != nil {
		return durable.Replace(disk, path, sealed, filePerm)
	}
	err = disk.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return disk.SyncDir(cloud.Dir)
}

// CheckKit tries a kit on every cloud of the vault. It needs no passphrase. The
// errors wrap [ErrNoMarker], [ErrNoKit], [ErrOtherKit], [ErrOldKeys] or
// [ErrDamaged].
func (v *Vault) CheckKit(recovery *kit.Kit) (list []CloudKit) {
	for _, cloud := range v.Clouds {
		err := v.CheckMarker(cloud.Dir, cloud.ID, nil)
		if err == nil {
			var k *Keys
			if k, err = openKit(cloud.Dir, recovery); err == nil {
				err = mismatch(k, v)
				k.Wipe()
			}
		}
		list = append(list, CloudKit{cloud.Name, err})
	}
	return list
}

func openKit(dir string, recovery *kit.Kit) (*Keys, error) {
	path := filepath.Join(dir, cipher.RecoveryName)
	sealed, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoKit)
	}
	if err != nil {
		return nil, err
	}
	k, err := keyfile.Open(sealed, recovery.Identity())
	switch {
	case errors.Is(err, ErrWrongIdentity):
		return nil, fmt.Errorf("%s: %w", path, ErrOtherKit)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// OpenKit opens the keys that a kit opens in the directories of clouds. Where
// these differ the ones that know the most clouds are taken, and differ tells.
// The error is that of each directory where no kit opens one.
func OpenKit(recovery *kit.Kit, dirs []string) (f *KeysFile, differ string, err error) {
	var found *Keys
	var plain []byte
	defer func() { clear(plain) }()
	var errs []error
	var notes []string
	for _, dir := range dirs {
		k, err := openKit(dir, recovery)
		if err != nil {
			errs = append(errs, err)
			notes = append(notes, err.Error())
			continue
		}
		text, err := k.Encode()
		if err != nil {
			return nil, "", err
		}
		switch {
		case found == nil:
			found, plain = k, text
			continue
		case !bytes.Equal(plain, text):
			notes = append(notes, fmt.Sprintf("%s has keys of %d clouds, another folder of %d", dir, len(k.Clouds), len(found.Clouds)))
		}
		if len(k.Clouds) > len(found.Clouds) {
			k, found, text, plain = found, k, plain, text
		}
		k.Wipe()
		clear(text)
	}
	if found == nil {
		return nil, "", errors.Join(errs[:min(len(errs), 1)]...)
	}
	return &KeysFile{Keys: found}, strings.Join(slices.Compact(notes), "; "), nil
}
