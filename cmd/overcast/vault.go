package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/overcast-fs/overcast/fs/vault"
)

// loadVault reads what a vault's directory says without its passphrase.
func loadVault(dir string) (*vault.Vault, error) {
	real, err := canonical(dir)
	if err != nil {
		return nil, failf(exitUnusable, "vault %s: %w", quoteName(dir), reason(err))
	}
	v, err := vault.Load(real)
	if err != nil {
		f := failf(exitUnusable, "vault: %w", err)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, f.advise("overcast init %s --cloud NAME=DIR makes one", quoteName(dir))
		}
		return nil, f
	}
	return v, nil
}

// lockVault takes the vault's lock. Where another process has it, the failure says which, and where the vault is mounted.
func lockVault(v *vault.Vault) (*vault.Lock, error) {
	lock, err := v.Lock()
	if errors.Is(err, vault.ErrLocked) {
		return nil, lockedFailure(v, err)
	}
	if err != nil {
		return nil, failf(exitUnusable, "vault: %w", err)
	}
	return lock, nil
}

// checkUnlocked looks at the lock without taking it.
func checkUnlocked(v *vault.Vault) error {
	switch pid, locked, err := v.Mounted(); {
	case err != nil:
		return failf(exitUnusable, "vault: %w", err)
	case locked:
		return lockedFailure(v, fmt.Errorf("%s: %w by process %d", v.Dir, vault.ErrLocked, pid))
	}
	return nil
}

// lockedFailure adds to the error of a locked vault what the mount wrote down about itself.
func lockedFailure(v *vault.Vault, err error) error {
	summary, readErr := v.ReadSummary()
	pid, locked, mountedErr := v.Mounted()
	if readErr != nil || mountedErr != nil || !locked || summary.PID != pid || summary.Mountpoint == "" {
		return failf(exitUnusable, "vault: %w", err).advise("wait until that process has ended")
	}
	return failf(exitUnusable, "vault: %w at %s", err, quoteName(summary.Mountpoint)).
		advise("overcast unmount %s", quoteName(summary.Mountpoint))
}

// lacking lists the clouds that do not get what is written, with the reason.
func lacking(sum vault.Summary) []string {
	var lines []string
	for _, c := range sum.Clouds {
		if c.State != vault.CloudOK {
			lines = append(lines, describeCloud(c))
		}
	}
	return lines
}

func describeCloud(c vault.SummaryCloud) string {
	line := fmt.Sprintf("cloud %s is %s", c.Name, c.State)
	if c.Reason != "" {
		line += ": " + c.Reason
	}
	return line
}

// checkClouds looks at every cloud's directory as far as that needs no key, so that a hopeless command ends before it asks
// for the passphrase.
func checkClouds(v *vault.Vault) error {
	var reasons []error
	for _, c := range v.Clouds {
		err := v.CheckMarker(c.Dir, c.ID, nil)
		if errors.Is(err, vault.ErrWrongCloud) {
			return wrongCloud(v, c, err)
		}
		if err != nil {
			reasons = append(reasons, fmt.Errorf("%s: %w", c.Name, err))
		}
	}
	if len(reasons) == len(v.Clouds) {
		return failf(exitUnusable, "vault %s: no cloud is available (%w)", quoteName(v.Dir), reasons[0]).
			advise("overcast status %s tells about each", quoteName(v.Dir))
	}
	return nil
}

// wrongCloud: the folders were swapped, and using either would spoil it.
func wrongCloud(v *vault.Vault, c vault.Cloud, err error) error {
	return failf(exitUnusable, "cloud %s: %w", c.Name, err).
		advise("put each folder back, or correct the directories in %s", quoteName(filepath.Join(v.Dir, "vault.toml")))
}
