package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/fs/tree"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume"
)

// LoadVault reads what a vault's directory says without its passphrase.
func LoadVault(dir string) (*vault.Vault, error) {
	v, err := volume.Load(dir)
	switch {
	case errors.Is(err, vault.ErrJoin):
		return nil, Failf(ExitUnusable, "%w", err).Advise("%s", joinAdvice(dir))
	case errors.Is(err, fs.ErrNotExist):
		if cloud := cloudAround(dir); cloud != "" {
			return nil, Failf(ExitUnusable, "%w: it lies inside of a cloud, %s", err, QuoteName(cloud)).Advise(adviceCloud)
		}
		return nil, Failf(ExitUnusable, "%w", err).
			Advise("overcast init %s --cloud NAME=DIR makes one; overcast join opens one that exists elsewhere", QuoteName(dir))
	}
	return v, err
}

// cloudAround finds the cloud in which a directory lies, "" if there is none.
func cloudAround(dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	for up := filepath.Dir(dir); up != dir; dir, up = up, filepath.Dir(up) {
		if _, err := volume.Load(up); errors.Is(err, vault.ErrIsCloud) {
			return up
		}
	}
	return ""
}

// joinAdvice tells how what is left of a vault becomes one.
func joinAdvice(dir string) string {
	keys := "FILE"
	if left := filepath.Join(dir, "keys.age"); exists(left) {
		keys = QuoteName(left)
	}
	return fmt.Sprintf("overcast join %s --keys %s DIR… opens it, with the folders of its clouds", QuoteName(dir), keys)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Unlock asks for the passphrase, or uses an identity, and derives the keys, which the caller wipes.
func Unlock(cmd *cobra.Command, v *vault.Vault, from *Passphrase) (*vault.Keys, error) {
	keys, pass, err := Open(cmd, v, from)
	clear(pass)
	return keys, err
}

// Open is Unlock, and gives the passphrase, too: nil where there was an identity instead. The caller wipes both.
func Open(cmd *cobra.Command, v *vault.Vault, from *Passphrase) (keys *vault.Keys, pass []byte, err error) {
	if from.ByIdentity() {
		ids, err := from.Identities(cmd)
		if err != nil {
			return nil, nil, err
		}
		keys, err = v.UnlockWith(ids)
		if err != nil {
			return nil, nil, KeysFailure(err)
		}
	} else {
		if pass, err = from.Read(cmd, "Passphrase for "+QuoteName(v.Dir)+": ", false); err != nil {
			return nil, nil, err
		}
		if keys, err = v.Unlock(pass); err != nil {
			clear(pass)
			return nil, nil, KeysFailure(err)
		}
	}
	if cmd.Context().Err() != nil {
		clear(pass)
		keys.Wipe()
		return nil, nil, ErrInterrupted
	}
	return keys, pass, nil
}

// KeysFailure is the failure of somebody who has no key to the keys.
func KeysFailure(err error) *Failure {
	switch {
	case errors.Is(err, vault.ErrWrongPassphrase), errors.Is(err, vault.ErrWrongIdentity), errors.Is(err, vault.ErrIdentity):
		return Failf(ExitPassphrase, "%w", err)
	case errors.Is(err, vault.ErrNoRecipients):
		return Failf(ExitPassphrase, "vault: %w", err).Advise("overcast passwd VAULT --recipient AGE makes an identity open it, too")
	case errors.Is(err, vault.ErrOldKeys):
		return Failf(ExitUnusable, "vault: %w", err).
			Advise("copy the newer keys.age from the machine on which the cloud was added: overcast join VAULT --keys FILE DIR…")
	case errors.Is(err, vault.ErrJoin):
		return Failf(ExitUnusable, "vault: %w", err).Advise("overcast join VAULT --keys FILE DIR… tells this machine of it")
	}
	return Failf(ExitUnusable, "vault: %w", err)
}

// Reminder is a line for somebody whose only keys are on this machine, "" for anybody else.
func Reminder(v *vault.Vault) string {
	if v.KeysCopied {
		return ""
	}
	return fmt.Sprintf("The only keys are on this machine: overcast keys %[1]s --copy-to FILE copies them to a safe place, overcast recovery %[1]s puts them on paper.\n", QuoteName(v.Dir))
}

// OpenVault is a vault whose files can be used, mounted or not.
type OpenVault struct {
	Tree    tree.Tree
	Lacking func() ([]string, error) // a line for each cloud that does not get what is written
}

// WithVault runs f on the files of a vault: through its mount if it is mounted, since the mount has the lock, or else by
// opening it with the passphrase.
func WithVault(cmd *cobra.Command, dir string, pass *Passphrase, f func(*OpenVault) error) error {
	v, err := LoadVault(dir)
	if err != nil {
		return err
	}
	m, ok, err := volume.MountOf(v)
	if err != nil {
		return err
	}
	if ok {
		return f(MountedVault(v, m.Mountpoint))
	}
	if err := CheckUsable(v); err != nil {
		return err
	}
	keys, err := Unlock(cmd, v, pass)
	if err != nil {
		return err
	}
	return WithKeys(cmd, v, keys, f)
}

// CheckUsable finds everything that would keep a vault from being opened and needs no passphrase, so that nobody types one
// in vain.
func CheckUsable(v *vault.Vault) error {
	if err := volume.CheckFree(v); err != nil {
		return err
	}
	return volume.CheckClouds(v)
}

// MountedVault reaches a vault through its mount. What is written is synced file by file: there is no other way to know
// that the mount has it all.
func MountedVault(v *vault.Vault, mountpoint string) *OpenVault {
	return &OpenVault{
		Tree: tree.Local{Root: mountpoint, Sync: true},
		Lacking: func() ([]string, error) {
			sum, err := v.ReadSummary()
			return volume.Lacking(sum), err
		},
	}
}

// WithKeys opens a vault that is not mounted, runs f and closes it again. It wipes the keys. It never opens the mirror
// read-only: what the redo log holds has to reach the clouds before anything of it can be read.
func WithKeys(cmd *cobra.Command, v *vault.Vault, keys *vault.Keys, f func(*OpenVault) error) error {
	vol, err := volume.Open(v, keys, volume.Options{Logger: WarningLog(cmd.ErrOrStderr())})
	if err != nil {
		return err
	}
	for _, line := range vol.Warnings() {
		Warn(cmd.ErrOrStderr(), "%s", line)
	}
	err = f(&OpenVault{Tree: tree.OfMirror(vol.Mirror()), Lacking: vol.Sync})
	return errors.Join(err, vol.Close())
}
