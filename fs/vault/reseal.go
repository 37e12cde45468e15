package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"
	"filippo.io/age/plugin"

	"github.com/overcast-fs/overcast/fs/durable"
	"github.com/overcast-fs/overcast/fs/vault/internal/keyfile"
	"github.com/overcast-fs/overcast/fs/vault/internal/place"
)

// ResealOptions say for whom the keys are sealed from now on.
type ResealOptions struct {
	Passphrase []byte
	WorkFactor int // 0: as it is

	// Recipients, in age's spelling, get a file of their own; nil leaves them as
	// they are, and an empty list ends that. UI is for those that are plugins.
	Recipients []string
	UI         *plugin.ClientUI
}

// Reseal seals the keys, which [Vault.Unlock] has opened, for a new passphrase
// or for recipients. Until the new files are written, read back and opened the
// old ones count; interrupted at any instant, either all of the new counts or
// all of the old. What was copied before opens as before.
func (v *Vault) Reseal(k *Keys, o ResealOptions) error {
	if len(o.Passphrase) == 0 {
		return fmt.Errorf("%w: the passphrase is empty", ErrInvalid)
	}
	if _, err := keyfile.ParseRecipients(o.Recipients, o.UI); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	c, err := v.change()
	if err != nil {
		return err
	}
	return errors.Join(c.reseal(k, o), c.end())
}

func (c *change) reseal(k *Keys, o ResealOptions) error {
	if err := mismatch(k, c.vault); err != nil {
		return err
	}
	if o.WorkFactor == 0 {
		_, data, err := c.vault.keysFile(keysName)
		if err != nil {
			return err
		}
		o.WorkFactor = max(keyfile.WorkFactor(data), MinWorkFactor)
	}
	if o.Recipients != nil {
		k.Recipients = o.Recipients
	}
	sealed, err := k.SealPassphrase(o.Passphrase, o.WorkFactor)
	if err != nil {
		return fmt.Errorf("sealing the keys: %w", err)
	}
	if err := c.stage(keysName, sealed); err != nil {
		return err
	}
	if err := opens(c.vault, keysName+stagedSuffix, k, keyfile.Passphrase(o.Passphrase)); err != nil {
		return err
	}
	if err := c.resealRecipients(k, o); err != nil {
		return err
	}
	return c.commit()
}

// resealRecipients seals the keys for recipients, if there are any now.
func (c *change) resealRecipients(k *Keys, o ResealOptions) error {
	if len(k.Recipients) == 0 {
		c.config.RecipientsSHA256 = ""
		return nil
	}
	if o.Recipients == nil {
		return nil // what they open holds the same keys
	}
	sealed, err := k.SealRecipients(o.UI)
	if err != nil {
		return err
	}
	return c.stage(recipientsName, sealed)
}

// opens checks that a file in the vault's directory opens and holds these keys.
func opens(v *Vault, name string, k *Keys, identity age.Identity) error {
	path := filepath.Join(v.Dir, name)
	data, err := readFile(path)
	if err != nil {
		return err
	}
	again, err := keyfile.Open(data, identity)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer again.Wipe()
	one, err := k.Encode()
	defer clear(one)
	if err != nil {
		return err
	}
	two, err := again.Encode()
	defer clear(two)
	if err != nil || !bytes.Equal(one, two) {
		return fmt.Errorf("%s: %w: it holds other keys than were written", path, ErrDamaged)
	}
	return nil
}

// CopyKeys copies keys.age to a file that is not there yet, and reads it back. It
// is opened once with the passphrase: a copy that nobody can open is none. The
// error wraps [ErrUnusable] where the file would lie in a cloud, which would
// have the keys then, or beside the original; nothing is written. From then on
// the vault is known to have a copy.
func (v *Vault) CopyKeys(path string, passphrase []byte) error {
	k, err := v.Unlock(passphrase)
	if err != nil {
		return err
	}
	k.Wipe()
	if path, err = checkCopy(v, path); err != nil {
		return err
	}
	c, err := v.change()
	if err != nil {
		return err
	}
	return errors.Join(c.copyKeys(path), c.end())
}

func (c *change) copyKeys(path string) error {
	data, err := readFile(filepath.Join(c.vault.Dir, keysName))
	if err != nil {
		return err
	}
	there, err := readFile(path)
	switch {
	case err == nil && bytes.Equal(there, data): // an earlier attempt, or copied by hand
	case !errors.Is(err, fs.ErrNotExist):
		return errors.Join(err, fmt.Errorf("%w: %s is there already, and is no copy of the keys", ErrUnusable, path))
	default:
		if err := writeCopy(c.vault.sys.disk, path, data); err != nil {
			return err
		}
	}
	c.config.KeysCopied = true
	return c.commit()
}

// WriteElsewhere writes a secret into a file that is not there yet, where
// [Vault.CopyKeys] would write a copy of the keys.
func (v *Vault) WriteElsewhere(path string, data []byte) error {
	path, err := checkCopy(v, path)
	if err != nil {
		return err
	}
	return writeCopy(v.sys.disk, path, data)
}

// writeCopy writes a new file and reads it back.
func writeCopy(d disk, path string, data []byte) error {
	f, err := durable.Create(path, durable.Options{Perm: filePerm, ExactPerm: true, New: true, Disk: d})
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Commit(); err != nil {
		return err
	}
	again, err := readFile(path)
	if err == nil && !bytes.Equal(again, data) {
		err = fmt.Errorf("%s: %w: it does not read back", path, ErrDamaged)
	}
	return err
}

// checkCopy refuses places that are none for a copy of the keys.
func checkCopy(v *Vault, path string) (string, error) {
	path, err := usablePath("the copy", path)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return "", fmt.Errorf("%w: %s is a directory; name a file in it", ErrUnusable, path)
	}
	survey := place.NewSurveyor()
	at := survey.Place(path)
	if marked := at.MarkedAbove(); marked != "" {
		return "", fmt.Errorf("%w: %s lies inside a cloud, %s: the keys would be synced", ErrUnusable, path, marked)
	}
	for _, s := range v.sites() {
		if survey.Place(s.dir).Contains(at) {
			return "", fmt.Errorf("%w: %s lies inside the directory of %s: name another place", ErrUnusable, path, s.what)
		}
	}
	return path, nil
}
