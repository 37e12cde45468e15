package life

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/vault/kit"
)

const recoveryLong = `Make a recovery kit: one line on paper, with which and any one cloud everything
comes back, without the vault's directory, without its passphrase, and, as the
paper says, without this program. The line is the identity of an age key of
256 random bits; what it opens lies in every cloud as z-recovery.age. No cloud
can guess it, nor can all of them.

The page is printed on standard output, or with --html into a file to be
printed, with a QR code. It is a secret: print it, and remove the file.

--check reads the line back, as somebody typed it from the paper, and tries it on
every cloud. --update brings the kit on the paper into clouds that were away.
--revoke ends it; but a cloud may have kept what the paper opens.`

type recoveryFlags struct {
	html       string
	check      string
	update     string
	revoke     bool
	replace    bool
	asJSON     bool
	pass, next cli.Passphrase
}

// NewRecoveryCmd is the command recovery.
func NewRecoveryCmd() *cobra.Command {
	var f recoveryFlags
	cmd := &cobra.Command{
		Use:     "recovery VAULT",
		Short:   "Make a recovery kit on paper, try it, or revoke it",
		Long:    recoveryLong,
		Example: "  overcast recovery ~/vault --html /tmp/kit.html\n  overcast recovery ~/vault --check -",
		Args:    cli.ExactArgs("VAULT"),
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.html, "html", "", "write the page as HTML into `FILE`, which is not there yet, instead of printing it")
	flags.StringVar(&f.check, "check", "", "try the line that is in `FILE`, or - for standard input; it needs no passphrase")
	flags.StringVar(&f.update, "update", "", "bring the kit whose line is in `FILE`, or - to type it, into clouds that were away")
	flags.BoolVar(&f.revoke, "revoke", false, "remove it from every cloud")
	flags.BoolVar(&f.replace, "replace", false, "make another kit, and the paper of the one before worthless")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	f.pass.Register(flags)
	f.next.RegisterNew(flags, "new-", "a new passphrase, where --identity opens the vault,")
	return cmd
}

func (f *recoveryFlags) run(cmd *cobra.Command, dir string) error {
	if err := f.alone(cmd); err != nil {
		return err
	}
	v, err := cli.LoadVault(dir)
	if err != nil {
		return err
	}
	if f.check != "" {
		return f.runCheck(cmd, v)
	}
	var typed *kit.Kit
	if f.update != "" {
		if typed, err = readKit(cmd, f.update); err != nil {
			return err
		}
	}
	keys, pass, err := cli.Open(cmd, v, &f.pass)
	if err != nil {
		return err
	}
	defer keys.Wipe()
	defer func() { clear(pass) }()
	if name := cli.QuoteName(v.Dir); typed == nil && !f.revoke && !f.replace && keys.Recovery != "" {
		return cli.Failf(cli.ExitFailure, "recovery: %s has a recovery kit already", name).
			Advise("--check FILE tries its paper, --update FILE brings it to every cloud, --replace makes another and that paper worthless")
	}
	if pass == nil && (typed == nil || typed.Recipient() != keys.Recovery) { // the keys are sealed anew, and nobody told for which passphrase
		if pass, err = f.next.Read(cmd, "New passphrase: ", true); err != nil {
			return err
		}
	}
	o := vault.ResealOptions{Passphrase: pass, UI: cli.PluginUI(cmd)}
	switch {
	case typed != nil:
		list, err := v.InstallKit(keys, typed, o)
		return f.finish(cmd, v, list, err, "The recovery kit opens every cloud.")
	case f.revoke:
		list, err := v.RevokeKit(keys, o)
		return f.finish(cmd, v, list, err, "The recovery kit is revoked. A cloud may have kept what the paper opens: destroy the paper.")
	}
	return f.make(cmd, v, keys, o)
}

// alone refuses flags that exclude each other.
func (f *recoveryFlags) alone(cmd *cobra.Command) error {
	n := 0
	for _, set := range []bool{f.html != "" || f.replace, f.check != "", f.update != "", f.revoke} {
		if set {
			n++
		}
	}
	if n > 1 {
		return cli.UsageError(cmd, errors.New("--html and --replace, --check, --update and --revoke exclude each other"))
	}
	return nil
}

// make draws a kit and shows it before it counts: whatever happens, no kit is in
// a cloud that is not on paper.
func (f *recoveryFlags) make(cmd *cobra.Command, v *vault.Vault, keys *vault.Keys, o vault.ResealOptions) error {
	drawn, err := kit.Draw()
	if err != nil {
		return err
	}
	page := kit.Page{Kit: drawn, Vault: v.ID, Printed: time.Now()}
	for _, c := range v.Clouds {
		page.Clouds = append(page.Clouds, c.Name)
	}
	if err := f.show(cmd, v, page); err != nil {
		return err
	}
	list, err := v.InstallKit(keys, drawn, o)
	if f.asJSON && err == nil {
		return errors.Join(cli.PrintJSON(cmd, recoveryResult{Vault: v.Dir, ID: v.ID, Line: drawn.Line(), HTML: f.html, Clouds: cloudResults(list)}), shortfall(list))
	}
	return f.finish(cmd, v, list, err, "The kit opens every cloud that is here. Try what is on the paper: overcast recovery "+cli.QuoteName(v.Dir)+" --check -")
}

// show prints the page, or writes it into a file outside of the clouds.
func (f *recoveryFlags) show(cmd *cobra.Command, v *vault.Vault, page kit.Page) error {
	if f.html != "" {
		text, err := page.HTML()
		if err != nil {
			return err
		}
		if err := v.WriteElsewhere(f.html, text); err != nil {
			return cli.Failf(cli.ExitUnusable, "recovery: %w", err).Advise("name a new file outside of every cloud")
		}
		cli.Warn(cmd.ErrOrStderr(), "%s opens every cloud: print it, and remove it", cli.QuoteName(f.html))
		return nil
	}
	if f.asJSON {
		return nil // it is a part of that
	}
	text, err := page.Text()
	if err == nil {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
	}
	return err
}

// runCheck tries what is on the paper.
func (f *recoveryFlags) runCheck(cmd *cobra.Command, v *vault.Vault) error {
	typed, err := readKit(cmd, f.check)
	if err != nil {
		return err
	}
	list := v.CheckKit(typed)
	opens := 0
	for _, c := range list {
		if c.Err == nil {
			opens++
		}
	}
	if opens == 0 {
		if err := f.print(cmd, v, list); err != nil {
			return err
		}
		return cli.Failf(cli.ExitUnusable, "recovery: this kit opens no cloud of %s", cli.QuoteName(v.Dir)).
			Advise("overcast recovery %s makes one that does", cli.QuoteName(v.Dir))
	}
	return f.finish(cmd, v, list, nil, "This kit opens everything.")
}

// readKit reads the line of a kit, which a terminal does not show.
func readKit(cmd *cobra.Command, name string) (*kit.Kit, error) {
	text, err := readTyped(cmd, name)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	typed, err := kit.Parse(text)
	if err != nil {
		return nil, cli.Failf(cli.ExitPassphrase, "recovery kit: %w", err).Advise("type the line as it is on the paper; blanks and small letters do not matter")
	}
	return typed, nil
}

// kitFailure is the failure of a kit that opens no cloud.
func kitFailure(command string, err error) error {
	f := cli.Failf(cli.ExitUnusable, "%s: %w", command, err)
	switch {
	case errors.Is(err, vault.ErrNoKit):
		return f.Advise("name the folder that holds %s; if a sync tool has yet to bring that file, wait for it", cipher.RecoveryName)
	case errors.Is(err, vault.ErrOtherKit):
		f.Code = cli.ExitPassphrase
		return f.Advise("the paper is of another vault, or an older one; another cloud may still have what it opens")
	}
	return f
}

func readTyped(cmd *cobra.Command, name string) ([]byte, error) {
	if name != "-" {
		return cli.ReadSecret(cmd, name)
	}
	return cli.Ask(cmd, "The line of the kit: ") // what follows it belongs to somebody else: the new passphrase
}

// recoveryResult is what recovery prints as JSON.
type recoveryResult struct {
	Vault  string        `json:"vault"`
	ID     cipher.ID     `json:"id"`
	Line   string        `json:"line,omitempty"` // the secret, of a kit that was made
	HTML   string        `json:"html,omitempty"`
	Clouds []cloudResult `json:"clouds"`
}

type cloudResult struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason"`
}

func cloudResults(list []vault.CloudKit) (all []cloudResult) {
	for _, c := range list {
		r := cloudResult{Name: c.Name, OK: c.Err == nil}
		if c.Err != nil {
			r.Reason = c.Err.Error()
		}
		all = append(all, r)
	}
	return all
}

// finish says what became of the kit in each cloud.
func (f *recoveryFlags) finish(cmd *cobra.Command, v *vault.Vault, list []vault.CloudKit, err error, done string) error {
	if err != nil {
		return resealFailure("recovery", err)
	}
	if err := f.print(cmd, v, list); err != nil {
		return err
	}
	if err := shortfall(list); err != nil {
		return err
	}
	if !f.asJSON {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), done)
	}
	return err
}

func (f *recoveryFlags) print(cmd *cobra.Command, v *vault.Vault, list []vault.CloudKit) error {
	if f.asJSON {
		return cli.PrintJSON(cmd, recoveryResult{Vault: v.Dir, ID: v.ID, Clouds: cloudResults(list)})
	}
	return printClouds(cmd.OutOrStdout(), list)
}

func printClouds(w io.Writer, list []vault.CloudKit) error {
	var rows [][]string
	for _, c := range cloudResults(list) {
		word := "ok"
		if !c.OK {
			word = "not"
		}
		rows = append(rows, []string{c.Name, word, output.Printable(c.Reason)})
	}
	return output.Table(w, "  ", rows)
}

// shortfall is the failure of what was not done in every cloud.
func shortfall(list []vault.CloudKit) error {
	for _, c := range list {
		if c.Err != nil {
			return cli.Failf(cli.ExitPartial, "recovery: not in every cloud: %s: %w", c.Name, c.Err).
				Advise("when the cloud is there again: overcast recovery VAULT --update FILE, or --revoke")
		}
	}
	return nil
}
