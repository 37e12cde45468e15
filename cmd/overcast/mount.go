package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume"
)

const mountLong = `Mount a vault on an empty directory, and return when the mount can be used.
The mount then goes on in the background and logs to state/log in the vault;
unmount, or SIGTERM, ends it with everything committed.

A cloud whose directory is missing is warned about and left out: the others
serve. Its directory is not created.`

type mountFlags struct {
	foreground bool
	readOnly   bool
	allowOther bool
	debug      bool
	idle       time.Duration
	options    []string
	fsync      string
	asJSON     bool
	child      bool // this is the background process
	pass       passphraseFlags
}

func newMountCmd() *cobra.Command {
	var f mountFlags
	cmd := &cobra.Command{
		Use:     "mount VAULT MOUNTPOINT",
		Short:   "Mount a vault",
		Long:    mountLong,
		Example: "  overcast mount ~/vault ~/Private\n  overcast mount --passcommand 'secret-tool lookup vault private' ~/vault ~/Private",
		Args:    exactArgs("VAULT", "MOUNTPOINT"),
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0], args[1]) },
	}
	fs := cmd.Flags()
	fs.BoolVarP(&f.foreground, "foreground", "f", false, "stay in the foreground and log to standard error")
	fs.BoolVar(&f.readOnly, "read-only", false, "refuse every change")
	fs.BoolVar(&f.allowOther, "allow-other", false, "let other users in, as far as modes allow")
	fs.DurationVar(&f.idle, "idle", 0, "unmount after this `TIME` of no use, such as 30m")
	fs.StringArrayVarP(&f.options, "options", "o", nil, "options as of mount(8): `OPT,...` such as ro,noexec,fsname=X")
	fs.StringVar(&f.fsync, "fsync", "", "`WHEN` fsync returns: one (safe here or in one cloud) or\nall (in every available cloud); else as vault.toml says")
	fs.BoolVar(&f.debug, "debug", false, "log every request, with names; only with --foreground")
	fs.BoolVar(&f.asJSON, "json", false, "print JSON")
	fs.BoolVar(&f.child, childFlag, false, "")
	if err := fs.MarkHidden(childFlag); err != nil {
		panic(err) // the flag was added one line above
	}
	f.pass.register(fs)
	return cmd
}

func (f *mountFlags) run(cmd *cobra.Command, vaultDir, mountpoint string) error {
	if f.child {
		return f.runChild(cmd, vaultDir, mountpoint)
	}
	if err := f.check(cmd); err != nil {
		return err
	}
	v, mountpoint, err := f.prepare(vaultDir, mountpoint)
	if err != nil {
		return err
	}
	keys, err := unlock(cmd, v, &f.pass)
	if err != nil {
		return err
	}
	defer keys.Wipe()
	if f.foreground {
		return f.runForeground(cmd, v, mountpoint, keys)
	}
	return f.runBackground(cmd, v, mountpoint, keys)
}

// check refuses flags that contradict each other or have no meaning.
func (f *mountFlags) check(cmd *cobra.Command) error {
	switch {
	case f.debug && !f.foreground:
		return usageError(cmd, errors.New("--debug needs --foreground: it shows names that no log file may hold"))
	case f.fsync != "" && f.fsync != "one" && f.fsync != "all":
		return usageError(cmd, fmt.Errorf("--fsync %s: must be one or all", quoteName(f.fsync)))
	case f.idle < 0:
		return usageError(cmd, fmt.Errorf("--idle %s: must not be negative", f.idle))
	}
	return nil
}

// prepare finds everything that would make the mount fail and needs no passphrase, so that nobody types one in vain.
func (f *mountFlags) prepare(vaultDir, mountpoint string) (*vault.Vault, string, error) {
	v, err := loadVault(vaultDir)
	if err != nil {
		return nil, "", err
	}
	if err := volume.CheckFree(v); err != nil {
		return nil, "", err
	}
	at, err := volume.Canonical(mountpoint)
	if err != nil {
		return nil, "", failf(exitMountpoint, "mountpoint %s: %w", quoteName(mountpoint), reason(err))
	}
	if err := v.CheckMountpoint(at); err != nil {
		return nil, "", failf(exitMountpoint, "%w", err)
	}
	if err := volume.CheckClouds(v); err != nil {
		return nil, "", err
	}
	return v, at, f.checkMachine(thisMachine())
}

func (f *mountFlags) checkMachine(m *machine) error {
	if err := m.fuseProblem(); err != nil {
		return err
	}
	if c := m.checkAllowOther(); !c.OK && (f.allowOther || f.hasOption("allow_other")) {
		return failf(exitFailure, "mount: allow_other: %s", c.Detail).advise("%s", c.Fix)
	}
	return nil
}

// hasOption reports whether a word is among those after -o.
func (f *mountFlags) hasOption(word string) bool {
	return slices.ContainsFunc(f.options, func(list string) bool {
		return slices.Contains(strings.Split(list, ","), word)
	})
}

// fsyncAll is the choice of --fsync, or the vault's.
func (f *mountFlags) fsyncAll(v *vault.Vault) bool {
	if f.fsync == "" {
		return v.Settings.FsyncAll
	}
	return f.fsync == "all"
}
