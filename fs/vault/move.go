package vault

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNoSuchCloud: the vault has no cloud of that name.
var ErrNoSuchCloud = errors.New("no such cloud")

// MoveCloud tells the vault that a cloud's directory is elsewhere now: dir, which
// must hold the cloud's marker. No file is moved, and a mount that goes on does not
// look there. The error wraps [ErrNoSuchCloud],
// [ErrNoMarker], [ErrWrongCloud], [ErrDamaged] or [ErrUnusable].
func (v *Vault) MoveCloud(name, dir string) (*Vault, error) {
	dir, err := usablePath(fmt.Sprintf("cloud %q", name), dir)
	if err != nil {
		return nil, err
	}
	c, err := v.change()
	if err != nil {
		return nil, err
	}
	err = errors.Join(c.moveCloud(name, dir), c.end())
	if err != nil {
		return nil, err
	}
	return newVault(c.config, v.sys, v.Dir), nil
}

func (c *change) moveCloud(name, dir string) error {
	at := -1
	var names []string
	for i, cloud := range c.vault.Clouds {
		names = append(names, cloud.Name)
		if cloud.Name == name {
			at = i
		}
	}
	if at < 0 {
		return fmt.Errorf("%w: the clouds of %s are %s", ErrNoSuchCloud, c.vault.Dir, strings.Join(names, ", "))
	}
	// Without the passphrase the ids have to do; whoever opens the vault checks the
	// MAC before anything is read or written.
	if err := c.vault.CheckMarker(dir, c.vault.Clouds[at].ID, nil); err != nil {
		return err
	}
	c.vault.Clouds[at].Dir, c.config.Clouds[at].Dir = dir, dir
	p := &plan{dir: c.vault.Dir, clouds: known(c.vault.Clouds)}
	if err := p.checkApart(); err != nil {
		return err
	}
	return c.commit()
}
