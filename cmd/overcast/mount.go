package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/daemon"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/machine"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume"
)

const mountLong = `Mount a vault on an empty directory, and return when the mount can be used.
The mount then goes on in the background and logs to state/log in the vault;
unmount, or SIGTERM, ends it with everything committed.

A cloud whose directory is missing is warned about and left out: the others
serve. Its directory is not created.

In the foreground a service manager is told when the mount can be used, and
when it ends, as sd_notify(3) has it.

As mount.fuse.overcast in /sbin, where make install puts a link, the program is
what mount(8) runs for a line of fstab of the type fuse.overcast:

  /srv/vault  /srv/Private  fuse.overcast  nofail,passfile=/etc/vault.pw  0 0

Its options are those of -o, and passfile=FILE, passcommand=CMD, identity=FILE,
idle=TIME, fsync=WHEN, from=CLOUD, and setuid=USER, with which root lets USER
serve the mount. A value with commas stands between double quotes, and a space
is \040 in fstab.`

type mountFlags struct {
	foreground bool
	readOnly   bool
	from       string
	allowOther bool
	debug      bool
	idle       time.Duration
	options    []string
	fsync      string
	asJSON     bool
	child      bool // this is the background process
	pass       cli.Passphrase
}

func newMountCmd() *cobra.Command {
	var f mountFlags
	cmd := &cobra.Command{
		Use:     "mount VAULT MOUNTPOINT",
		Short:   "Mount a vault",
		Long:    mountLong,
		Example: "  overcast mount ~/vault ~/Private\n  overcast mount --passcommand 'secret-tool lookup vault private' ~/vault ~/Private",
		Args:    cli.ExactArgs("VAULT", "MOUNTPOINT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := f.run(cmd, args[0], args[1])
			if err != nil && f.foreground {
				_ = daemon.NotifyFailed(output.Printable(err.Error())) // the error is told anyway
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.foreground, "foreground", "f", false, "stay in the foreground and log to standard error")
	flags.BoolVar(&f.readOnly, "read-only", false, "refuse every change")
	flags.StringVar(&f.from, "from", "", "with --read-only, show one `CLOUD` alone and as it is, whatever it lacks")
	flags.BoolVar(&f.allowOther, "allow-other", false, "let other users in, as far as modes allow")
	flags.DurationVar(&f.idle, "idle", 0, "unmount after this `TIME` of no use, such as 30m")
	flags.StringArrayVarP(&f.options, "options", "o", nil, "options as of mount(8): `OPT,...` such as ro,noexec,fsname=X")
	flags.StringVar(&f.fsync, "fsync", "", "`WHEN` fsync returns: one (safe here or in one cloud) or\nall (in every available cloud); else as vault.toml says")
	flags.BoolVar(&f.debug, "debug", false, "log every request, with names; only with --foreground")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	flags.BoolVar(&f.child, childFlag, false, "")
	if err := flags.MarkHidden(childFlag); err != nil {
		panic(err) // the flag was added one line above
	}
	f.pass.Register(flags)
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
	keys, err := cli.Unlock(cmd, v, &f.pass)
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
		return cli.UsageError(cmd, errors.New("--debug needs --foreground: it shows names that no log file may hold"))
	case f.fsync != "" && f.fsync != "one" && f.fsync != "all":
		return cli.UsageError(cmd, fmt.Errorf("--fsync %s: must be one or all", cli.QuoteName(f.fsync)))
	case f.from != "" && !f.readOnly:
		return cli.UsageError(cmd, errors.New("--from needs --read-only: what one cloud lacks is no ground for changes"))
	case f.idle < 0:
		return cli.UsageError(cmd, fmt.Errorf("--idle %s: must not be negative", f.idle))
	}
	return nil
}

// prepare finds everything that would make the mount fail and needs no passphrase, so that nobody types one in vain.
func (f *mountFlags) prepare(vaultDir, mountpoint string) (*vault.Vault, string, error) {
	v, err := cli.LoadVault(vaultDir)
	if err != nil {
		if _, swapped := volume.Load(mountpoint); swapped == nil && errors.Is(err, fs.ErrNotExist) {
			err = cli.Failf(cli.ExitUnusable, "vault: %s is no vault, and %s is one", cli.QuoteName(vaultDir), cli.QuoteName(mountpoint)).
				Advise("the vault comes first: overcast mount %s %s", cli.QuoteName(mountpoint), cli.QuoteName(vaultDir))
		}
		return nil, "", err
	}
	if err := volume.CheckFree(v); err != nil {
		return nil, "", err
	}
	at, err := volume.Canonical(mountpoint)
	if err != nil {
		return nil, "", mountpointFailure(cli.Failf(cli.ExitMountpoint, "mountpoint %s: %w", cli.QuoteName(mountpoint), cli.Reason(err)), mountpoint)
	}
	if err := v.CheckMountpoint(at); err != nil {
		return nil, "", mountpointFailure(cli.Failf(cli.ExitMountpoint, "%w", err), mountpoint)
	}
	if err := volume.CheckClouds(v); err != nil {
		return nil, "", err
	}
	return v, at, f.checkMachine(machine.This())
}

// mountpointFailure adds what makes a mountpoint usable.
func mountpointFailure(f *cli.Failure, mountpoint string) error {
	switch {
	case errors.Is(f, fs.ErrNotExist):
		return f.Advise("mkdir -p %s makes it", cli.QuoteName(mountpoint))
	case errors.Is(f, unix.ENOTEMPTY):
		return f.Advise("a mount would hide what is in it; name an empty directory")
	case errors.Is(f, unix.ENOTCONN):
		return f.Advise("overcast unmount --lazy %s takes it away", cli.QuoteName(mountpoint))
	}
	return f
}

func (f *mountFlags) checkMachine(m *machine.Machine) error {
	if err := m.FUSEProblem(); err != nil {
		return err
	}
	if c := m.AllowOther(); !c.OK && (f.allowOther || f.hasOption("allow_other")) {
		return cli.Failf(cli.ExitFailure, "mount: allow_other: %s", c.Detail).Advise("%s", c.Fix)
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
