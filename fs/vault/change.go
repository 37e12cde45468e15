package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/durable"
	"github.com/overcast-fs/overcast/fs/vault/internal/config"
	"github.com/overcast-fs/overcast/fs/vault/internal/lockfile"
)

const changeName = "change" // in the state: locked while vault.toml or the keys are changed

// keysFiles are the files with keys.
var keysFiles = []string{keysName, recipientsName}

// A change replaces vault.toml, and the files with keys that go with it, in one
// instant. A new file with keys is written beside the old one and read back.
// vault.toml has the checksum of each: from the instant at which it is replaced
// the new ones count, and only then they get their names. Whoever finds that
// undone goes by the checksum ([Vault.Unlock]), and the next change does it.
type change struct {
	vault  *Vault
	config *config.Config
	lock   *Lock
}

// change begins a change. Only one process at a time can make one; a mount does
// not keep anybody from it, since it has read the keys.
func (v *Vault) change() (*change, error) {
	if err := makeDir(v.sys.disk, v.statePath("")); err != nil {
		return nil, err
	}
	file, err := lockfile.Open(v.statePath(changeName), unix.O_RDWR|unix.O_CREAT)
	if err != nil {
		return nil, err
	}
	c := &change{lock: &Lock{file}}
	if err := lockfile.Try(file, unix.LOCK_EX); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = fmt.Errorf("%s: %w: another command is changing it", v.Dir, ErrLocked)
		}
		return nil, errors.Join(err, c.end())
	}
	if err := c.read(v); err != nil {
		return nil, errors.Join(err, c.end())
	}
	return c, nil
}

// read reads vault.toml again, now that nobody changes it, and ends a change that
// was interrupted.
func (c *change) read(v *Vault) error {
	data, err := readFile(filepath.Join(v.Dir, configName))
	if err != nil {
		return err
	}
	if c.config, err = config.Parse(data); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(v.Dir, configName), err)
	}
	if c.config.VaultID != v.ID {
		return fmt.Errorf("%w: %s became another vault meanwhile", ErrUnusable, v.Dir)
	}
	c.vault = newVault(c.config, v.sys, v.Dir)
	return c.finish()
}

// end gives the right to change the vault back.
func (c *change) end() error { return c.lock.file.Close() }

// stage writes a new file with keys beside the old one, and reads it back.
func (c *change) stage(name string, data []byte) error {
	path := filepath.Join(c.vault.Dir, name+stagedSuffix)
	if err := durable.Replace(c.vault.sys.disk, path, data, filePerm); err != nil {
		return err
	}
	again, err := readFile(path)
	if err == nil && !bytes.Equal(again, data) {
		err = fmt.Errorf("%s: %w: it does not read back", path, ErrDamaged)
	}
	if err != nil {
		return err
	}
	*c.config.Sum(name) = config.Checksum(data)
	return nil
}

// commit makes everything count.
func (c *change) commit() error {
	text, err := c.config.Encode()
	if err != nil {
		return err
	}
	if err := durable.Replace(c.vault.sys.disk, filepath.Join(c.vault.Dir, configName), text, filePerm); err != nil {
		return err
	}
	if err := c.finish(); err != nil || c.config.RecipientsSHA256 != "" {
		return err
	}
	return c.drop(recipientsName)
}

// drop removes a file that nothing counts any more.
func (c *change) drop(name string) error {
	err := c.vault.sys.disk.Remove(filepath.Join(c.vault.Dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.vault.sys.disk.SyncDir(c.vault.Dir)
}

// finish gives new files with keys their names, as far as vault.toml goes with
// them, and removes what it does not go with.
func (c *change) finish() error { return finish(c.vault.sys.disk, c.vault.Dir, c.config) }

func finish(d disk, dir string, c *config.Config) error {
	changed := false
	for _, name := range keysFiles {
		path := filepath.Join(dir, name)
		staged, err := readFile(path + stagedSuffix)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case config.Checksum(staged) == *c.Sum(name):
			err = d.Rename(path+stagedSuffix, path)
			changed = true
		default:
			err = d.Remove(path + stagedSuffix)
			changed = true
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if !changed {
		return nil
	}
	return d.SyncDir(dir)
}
