package main

import (
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/fs/vault"
)

// openVault is a vault whose files can be used, mounted or not.
type openVault struct {
	tree    tree
	lacking func() ([]string, error) // a line for each cloud that does not get what is written
}

// withVault runs f on the files of a vault: through its mount if it is mounted, since the mount has the lock, or else by
// opening it with the passphrase.
func withVault(cmd *cobra.Command, dir string, pass *passphraseFlags, f func(*openVault) error) error {
	v, err := loadVault(dir)
	if err != nil {
		return err
	}
	m, ok, err := mountOf(v.Dir)
	if err != nil {
		return err
	}
	if ok {
		return f(mountedVault(v, m.Mountpoint))
	}
	return withSession(cmd, v, pass, f)
}

// mountedVault reaches a vault through its mount. What is written is synced file by file: there is no other way to know
// that the mount has it all.
func mountedVault(v *vault.Vault, mountpoint string) *openVault {
	return &openVault{
		tree: localTree{root: mountpoint, sync: true},
		lacking: func() ([]string, error) {
			sum, err := v.ReadSummary()
			return lacking(sum), err
		},
	}
}

// withSession opens a vault that is not mounted, runs f and closes it again. It never opens the mirror read-only: what the
// redo log holds has to reach the clouds before anything of it can be read.
func withSession(cmd *cobra.Command, v *vault.Vault, pass *passphraseFlags, f func(*openVault) error) error {
	if err := checkUnlocked(v); err != nil {
		return err
	}
	if err := checkClouds(v); err != nil {
		return err
	}
	keys, err := unlock(cmd, v, pass)
	if err != nil {
		return err
	}
	return withKeys(cmd, v, keys, f)
}

// withKeys is withSession for keys that are at hand. It wipes them.
func withKeys(cmd *cobra.Command, v *vault.Vault, keys *vault.Keys, f func(*openVault) error) error {
	lock, err := lockVault(v)
	if err != nil {
		keys.Wipe()
		return err
	}
	s, err := openSession(v, lock, keys, sessionOptions{logger: slog.New(&warnings{w: cmd.ErrOrStderr()})})
	if err != nil {
		return err
	}
	for _, line := range append(s.state.Warnings(), lacking(s.summary())...) {
		warn(cmd.ErrOrStderr(), "%s", line)
	}
	err = f(&openVault{
		tree: newMirrorTree(s.mirror),
		lacking: func() ([]string, error) {
			err := s.mirror.Sync() // a cloud may fail only now
			return lacking(s.summary()), err
		},
	})
	return errors.Join(err, s.Close())
}
