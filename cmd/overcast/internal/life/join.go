package life

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/fs/vault"
)

const joinLong = `Open a vault that exists on a machine that does not know it: a second one, or
this one after a loss. It takes the folders of clouds, in any order, and finds
out by the marker in each which cloud it is. Nothing is written into a cloud,
and no keys are made: they come from a copy of keys.age.

A cloud whose folder is not named is absent, until cloud move tells where it is.
Run it again with a newer keys.age when a cloud was added.`

type joinFlags struct {
	keys       string
	recovery   string
	workFactor int
	asJSON     bool
	pass, next cli.Passphrase
}

// NewJoinCmd is the command join.
func NewJoinCmd() *cobra.Command {
	var f joinFlags
	cmd := &cobra.Command{
		Use:     "join VAULT {--keys FILE | --recovery FILE} DIR…",
		Short:   "Open an existing vault on this machine",
		Long:    joinLong,
		Example: "  overcast join ~/vault --keys /media/stick/keys.age ~/Dropbox/private ~/Sync/private",
		Args:    cli.MinArgs("VAULT", "DIR"),
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0], args[1:]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.keys, "keys", "", "the copy of keys.age, a `FILE`")
	flags.StringVar(&f.recovery, "recovery", "", "instead of --keys, the line of a recovery kit in `FILE`, or - to type it")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	f.pass.Register(flags)
	f.next.RegisterNew(flags, "new-", "the passphrase of the keys.age here, where FILE has none,")
	flags.IntVar(&f.workFactor, "scrypt-work-factor", vault.DefaultWorkFactor, "how hard it is to try that: 2 to the power `N`")
	return cmd
}

func (f *joinFlags) run(cmd *cobra.Command, dir string, dirs []string) error {
	switch {
	case f.keys != "" && f.recovery != "":
		return cli.UsageError(cmd, errors.New("--keys and --recovery exclude each other"))
	case f.keys == "" && f.recovery == "":
		return cli.UsageError(cmd, errors.New("--keys FILE, or --recovery FILE, is missing"))
	case f.workFactor < vault.MinWorkFactor || f.workFactor > vault.MaxWorkFactor:
		return cli.UsageError(cmd, fmt.Errorf("--scrypt-work-factor %d: must be %d to %d", f.workFactor, vault.MinWorkFactor, vault.MaxWorkFactor))
	}
	keys, err := f.open(cmd, dirs)
	if err != nil {
		return err
	}
	defer keys.Wipe()
	o := vault.JoinOptions{Keys: keys, Dirs: dirs, Copied: f.recovery == "" && outside(f.keys, dir), WorkFactor: f.workFactor, UI: cli.PluginUI(cmd)}
	if keys.NeedsPassphrase() {
		cli.WarnWorkFactor(cmd, f.workFactor)
		if o.Passphrase, err = f.next.Read(cmd, "New passphrase: ", true); err != nil {
			return err
		}
		defer clear(o.Passphrase)
	}
	joined, err := vault.Join(dir, o)
	if err != nil {
		return joinFailure(err)
	}
	if joined.Warning != "" {
		cli.Warn(cmd.ErrOrStderr(), "%s", joined.Warning)
	}
	return f.print(cmd, joined)
}

// open opens the copy of the keys.
func (f *joinFlags) open(cmd *cobra.Command, dirs []string) (*vault.KeysFile, error) {
	if f.recovery != "" {
		return f.openKit(cmd, dirs)
	}
	sealed, err := vault.ReadKeys(f.keys)
	if err != nil {
		failed := cli.Failf(cli.ExitUnusable, "join: %w", err)
		if errors.Is(err, fs.ErrNotExist) {
			failed.Advise("it is the keys.age of the vault's directory on a machine that has it, or your copy of that")
		}
		return nil, failed
	}
	keys, err := f.unseal(cmd, sealed)
	if err != nil && !errors.As(err, new(*cli.Failure)) {
		err = cli.KeysFailure(fmt.Errorf("%s: %w", cli.QuoteName(f.keys), err))
	}
	return keys, err
}

func (f *joinFlags) unseal(cmd *cobra.Command, sealed []byte) (*vault.KeysFile, error) {
	if f.pass.ByIdentity() {
		ids, err := f.pass.Identities(cmd)
		if err != nil {
			return nil, err
		}
		return vault.OpenKeysWith(sealed, ids)
	}
	if vault.ForRecipients(sealed) {
		return nil, cli.Failf(cli.ExitPassphrase, "join: %s opens with an identity, not with a passphrase", cli.QuoteName(f.keys)).
			Advise("--identity FILE opens it")
	}
	pass, err := f.pass.Read(cmd, "Passphrase for "+cli.QuoteName(f.keys)+": ", false)
	if err != nil {
		return nil, err
	}
	defer clear(pass)
	return vault.OpenKeys(sealed, pass)
}

// openKit opens the keys that a recovery kit opens in the clouds.
func (f *joinFlags) openKit(cmd *cobra.Command, dirs []string) (*vault.KeysFile, error) {
	typed, err := readKit(cmd, f.recovery)
	if err != nil {
		return nil, err
	}
	keys, differ, err := vault.OpenKit(typed, dirs)
	if err != nil {
		return nil, kitFailure("join", err)
	}
	if differ != "" {
		cli.Warn(cmd.ErrOrStderr(), "the clouds' recovery kits differ: %s; overcast recovery VAULT --update FILE makes them one", differ)
	}
	return keys, nil
}

// outside reports whether a file lies elsewhere than in a vault's directory.
func outside(file, dir string) bool {
	in, err := os.Stat(dir)
	if err != nil {
		return true
	}
	at, err := os.Stat(filepath.Dir(file))
	return err != nil || !os.SameFile(in, at)
}

// joinFailure adds the way out.
func joinFailure(err error) error {
	f := cli.Failf(cli.ExitUnusable, "join: %w", err)
	switch {
	case errors.Is(err, vault.ErrOldKeys):
		return f.Advise("copy the newer keys.age from the machine on which the cloud was added, and join with that")
	case errors.Is(err, vault.ErrNoMarker):
		return f.Advise("name the folder that holds %s; if a sync tool has yet to bring that file, wait for it", cipher.MarkerName)
	case errors.Is(err, vault.ErrWrongCloud):
		return f.Advise("join it with the keys.age of its own vault, to another directory")
	case errors.Is(err, vault.ErrIsCloud):
		return f.Advise("the vault comes first, a new directory outside of every cloud; then the clouds' folders")
	}
	return f
}

// joinResult is what join prints as JSON.
type joinResult struct {
	Vault   string        `json:"vault"`
	ID      cipher.ID     `json:"id"`
	Existed bool          `json:"existed"`
	Clouds  []joinedCloud `json:"clouds"`
}

type joinedCloud struct {
	Name string    `json:"name"`
	Dir  string    `json:"dir"`
	ID   cipher.ID `json:"id"`
}

func (f *joinFlags) print(cmd *cobra.Command, v *vault.Joined) error {
	result := joinResult{Vault: v.Dir, ID: v.ID, Existed: v.Existed}
	var rows [][]string
	for _, c := range v.Clouds {
		result.Clouds = append(result.Clouds, joinedCloud(c))
		where := cli.QuoteName(c.Dir)
		if c.Dir == "" {
			where = fmt.Sprintf("absent; when its folder is here: overcast cloud move %s %s DIR", cli.QuoteName(v.Dir), c.Name)
		}
		rows = append(rows, []string{c.Name, where})
	}
	if f.asJSON {
		return cli.PrintJSON(cmd, result)
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "Joined the vault %s over:\n", cli.QuoteName(v.Dir))
	if err := output.Table(out, "  ", rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "Next: overcast mount %s MOUNTPOINT\n", cli.QuoteName(v.Dir))
	return err
}
