package main

import (
	"errors"
	"io/fs"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/fs/tree"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume"
)

// loadVault reads what a vault's directory says without its passphrase.
func loadVault(dir string) (*vault.Vault, error) {
	v, err := volume.Load(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, failf(exitUnusable, "%w", err).advise("overcast init %s --cloud NAME=DIR makes one", quoteName(dir))
	}
	return v, err
}

// unlock asks for the passphrase and derives the keys, which the caller wipes.
func unlock(cmd *cobra.Command, v *vault.Vault, from *passphraseFlags) (*vault.Keys, error) {
	pass, err := from.read(cmd, "Passphrase for "+quoteName(v.Dir)+": ", false)
	if err != nil {
		return nil, err
	}
	defer clear(pass)
	keys, err := v.Unlock(pass)
	switch {
	case errors.Is(err, vault.ErrWrongPassphrase):
		return nil, failf(exitPassphrase, "%w", err)
	case err != nil:
		return nil, failf(exitUnusable, "vault: %w", err)
	case cmd.Context().Err() != nil:
		keys.Wipe()
		return nil, errInterrupted
	}
	return keys, nil
}

// openVault is a vault whose files can be used, mounted or not.
type openVault struct {
	tree    tree.Tree
	lacking func() ([]string, error) // a line for each cloud that does not get what is written
}

// withVault runs f on the files of a vault: through its mount if it is mounted, since the mount has the lock, or else by
// opening it with the passphrase.
func withVault(cmd *cobra.Command, dir string, pass *passphraseFlags, f func(*openVault) error) error {
	v, err := loadVault(dir)
	if err != nil {
		return err
	}
	m, ok, err := volume.MountOf(v)
	if err != nil {
		return err
	}
	if ok {
		return f(mountedVault(v, m.Mountpoint))
	}
	if err := checkUsable(v); err != nil {
		return err
	}
	keys, err := unlock(cmd, v, pass)
	if err != nil {
		return err
	}
	return withKeys(cmd, v, keys, f)
}

// checkUsable finds everything that would keep a vault from being opened and needs no passphrase, so that nobody types one
// in vain.
func checkUsable(v *vault.Vault) error {
	if err := volume.CheckFree(v); err != nil {
		return err
	}
	return volume.CheckClouds(v)
}

// mountedVault reaches a vault through its mount. What is written is synced file by file: there is no other way to know
// that the mount has it all.
func mountedVault(v *vault.Vault, mountpoint string) *openVault {
	return &openVault{
		tree: tree.Local{Root: mountpoint, Sync: true},
		lacking: func() ([]string, error) {
			sum, err := v.ReadSummary()
			return volume.Lacking(sum), err
		},
	}
}

// withKeys opens a vault that is not mounted, runs f and closes it again. It wipes the keys. It never opens the mirror
// read-only: what the redo log holds has to reach the clouds before anything of it can be read.
func withKeys(cmd *cobra.Command, v *vault.Vault, keys *vault.Keys, f func(*openVault) error) error {
	vol, err := volume.Open(v, keys, volume.Options{Logger: slog.New(&warnings{w: cmd.ErrOrStderr()})})
	if err != nil {
		return err
	}
	for _, line := range vol.Warnings() {
		warn(cmd.ErrOrStderr(), "%s", line)
	}
	err = f(&openVault{tree: tree.OfMirror(vol.Mirror()), lacking: vol.Sync})
	return errors.Join(err, vol.Close())
}
