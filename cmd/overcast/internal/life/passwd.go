package life

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/fs/vault"
)

const passwdLong = `Change the passphrase of a vault, or let age identities open it besides: those
of age-keygen, keys of ssh, and hardware keys through a plugin of age. The
keys in keys.age stay as they are, and the vault may be mounted. Until the new
files are written and have been read back the old ones count.

Copies of keys.age that were made before still open with the old passphrase.
Remove them, and make new ones.`

type passwdFlags struct {
	recipients   []string
	noRecipients bool
	recovery     string
	workFactor   int
	asJSON       bool
	pass, next   cli.Passphrase
}

// NewPasswdCmd is the command passwd.
func NewPasswdCmd() *cobra.Command {
	var f passwdFlags
	cmd := &cobra.Command{
		Use:     "passwd VAULT [--recipient AGE …]",
		Short:   "Change a vault's passphrase, or let age identities open it",
		Long:    passwdLong,
		Example: "  overcast passwd ~/vault\n  overcast passwd ~/vault --recipient \"$(age-keygen -y ~/key.txt)\"",
		Args:    cli.ExactArgs("VAULT"),
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	flags := cmd.Flags()
	f.pass.Register(flags)
	f.next.RegisterNew(flags, "new-", "the new passphrase")
	flags.StringVar(&f.recovery, "recovery", "", "open it with the line of a recovery kit in `FILE`, or - to type it,\ninstead of the passphrase")
	flags.StringArrayVarP(&f.recipients, "recipient", "r", nil, "let whoever has the identity of `AGE` (age1…, ssh-…) open the vault;\nonce for each of them; the passphrase stays")
	flags.BoolVar(&f.noRecipients, "no-recipients", false, "let nobody open it without the passphrase any more")
	flags.IntVar(&f.workFactor, "scrypt-work-factor", 0, "how hard it is to try a passphrase: 2 to the power `N`; else as it is")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func (f *passwdFlags) run(cmd *cobra.Command, dir string) error {
	if err := f.check(cmd); err != nil {
		return err
	}
	v, err := cli.LoadVault(dir)
	if err != nil {
		return err
	}
	keys, pass, err := f.open(cmd, v)
	if err != nil {
		return err
	}
	defer keys.Wipe()
	defer func() { clear(pass) }()
	// The passphrase stays where only recipients change; somebody who came with an identity has told none.
	changes := pass == nil || !f.aboutRecipients() || f.next.Given()
	if f.workFactor != 0 {
		cli.WarnWorkFactor(cmd, f.workFactor)
	}
	if changes {
		clear(pass)
		if pass, err = f.next.Read(cmd, "New passphrase: ", true); err != nil {
			return err
		}
	}
	o := vault.ResealOptions{Passphrase: pass, WorkFactor: f.workFactor, Recipients: f.recipients, UI: cli.PluginUI(cmd)}
	if f.noRecipients {
		o.Recipients = []string{}
	}
	if err := v.Reseal(keys, o); err != nil {
		return resealFailure("passwd", err)
	}
	return f.print(cmd, v, keys, changes)
}

// open opens the keys with whatever somebody has; the passphrase is nil where that is not it.
func (f *passwdFlags) open(cmd *cobra.Command, v *vault.Vault) (*vault.Keys, []byte, error) {
	if f.recovery == "" {
		return cli.Open(cmd, v, &f.pass)
	}
	typed, err := readKit(cmd, f.recovery)
	if err != nil {
		return nil, nil, err
	}
	var dirs []string
	for _, c := range v.Clouds {
		if c.Dir != "" {
			dirs = append(dirs, c.Dir)
		}
	}
	file, _, err := vault.OpenKit(typed, dirs)
	if err != nil {
		return nil, nil, kitFailure("passwd", err)
	}
	return file.Keys, nil, nil
}

func (f *passwdFlags) aboutRecipients() bool { return len(f.recipients) > 0 || f.noRecipients }

// check refuses flags that contradict each other or have no meaning.
func (f *passwdFlags) check(cmd *cobra.Command) error {
	switch {
	case f.recovery != "" && (f.pass.Given() || f.pass.ByIdentity()):
		return cli.UsageError(cmd, errors.New("--recovery is instead of a passphrase and of an identity"))
	case len(f.recipients) > 0 && f.noRecipients:
		return cli.UsageError(cmd, errors.New("--recipient and --no-recipients exclude each other"))
	case f.workFactor != 0 && (f.workFactor < vault.MinWorkFactor || f.workFactor > vault.MaxWorkFactor):
		return cli.UsageError(cmd, fmt.Errorf("--scrypt-work-factor %d: must be %d to %d", f.workFactor, vault.MinWorkFactor, vault.MaxWorkFactor))
	}
	return nil
}

// resealFailure: a wrong recipient is a matter of usage, everything else one of the vault.
func resealFailure(command string, err error) error {
	switch {
	case errors.Is(err, vault.ErrInvalid):
		return cli.Failf(cli.ExitUsage, "%s: %w", command, err)
	case errors.Is(err, vault.ErrLocked):
		return cli.Failf(cli.ExitUnusable, "%s: %w", command, err).Advise("wait until that command has ended")
	}
	return cli.Failf(cli.ExitUnusable, "%s: %w", command, err)
}

// passwdResult is what passwd prints as JSON.
type passwdResult struct {
	Vault      string   `json:"vault"`
	Passphrase bool     `json:"passphrase_changed"`
	Recipients []string `json:"recipients"`
}

func (f *passwdFlags) print(cmd *cobra.Command, v *vault.Vault, keys *vault.Keys, changed bool) error {
	if f.asJSON {
		return cli.PrintJSON(cmd, passwdResult{v.Dir, changed, append([]string{}, keys.Recipients...)})
	}
	var text strings.Builder
	name := cli.QuoteName(v.Dir)
	if changed {
		fmt.Fprintf(&text, "%s has a new passphrase.\n", name)
		fmt.Fprintf(&text, "Copies of its keys.age from before still open with the old one: remove them, and make new ones with overcast keys %s --copy-to FILE\n", name)
	}
	for _, r := range keys.Recipients {
		fmt.Fprintf(&text, "%s opens with the identity of %s.\n", name, r)
	}
	if f.noRecipients {
		fmt.Fprintf(&text, "%s opens with its passphrase alone. Copies of keys-recipients.age from before still open.\n", name)
	}
	_, err := fmt.Fprint(cmd.OutOrStdout(), text.String())
	return err
}
