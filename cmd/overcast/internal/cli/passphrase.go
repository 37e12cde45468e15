package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/secret"
	"github.com/overcast-fs/overcast/fs/tree"
	"github.com/overcast-fs/overcast/fs/vault"
)

// Passphrase says where the passphrase comes from. It is never an argument: those are seen by every process.
type Passphrase struct {
	file       string
	command    string
	identities []string // files that open the keys instead
}

// Register adds the flags of a command that opens a vault.
func (p *Passphrase) Register(fs *pflag.FlagSet) {
	p.RegisterNew(fs, "", "the passphrase")
	fs.StringArrayVarP(&p.identities, "identity", "i", nil, "open it with the age or ssh key in `FILE`, where passwd --recipient\nnamed its recipient, instead of the passphrase")
}

// RegisterNew adds the flags for a passphrase alone, with a prefix.
func (p *Passphrase) RegisterNew(fs *pflag.FlagSet, prefix, what string) {
	fs.StringVar(&p.file, prefix+"passfile", "", "read "+what+" from the first line of `FILE`")
	fs.StringVar(&p.command, prefix+"passcommand", "", "read it from the first line that `CMD` prints, run by sh")
}

// Given reports whether flags tell where the passphrase comes from.
func (p *Passphrase) Given() bool { return p.file != "" || p.command != "" }

// ByIdentity reports whether the keys are opened without the passphrase.
func (p *Passphrase) ByIdentity() bool { return len(p.identities) > 0 }

// Read gets the passphrase from the file, the command, the terminal or one line of standard input, in this order. With
// twice, a terminal is asked a second time and both must agree. The caller wipes the result.
func (p *Passphrase) Read(cmd *cobra.Command, prompt string, twice bool) ([]byte, error) {
	pass, err := p.source(cmd, prompt, twice)
	if err != nil {
		return nil, err
	}
	if len(pass) == 0 {
		return nil, Failf(ExitPassphrase, "passphrase: it is empty").
			Advise("--passfile FILE or --passcommand CMD tells it; -o passfile=FILE or passcommand=CMD in fstab")
	}
	return pass, nil
}

func (p *Passphrase) source(cmd *cobra.Command, prompt string, twice bool) ([]byte, error) {
	switch {
	case p.file != "" && p.command != "":
		return nil, UsageError(cmd, errors.New("--passfile and --passcommand exclude each other"))
	case p.file != "":
		f, err := os.Open(p.file)
		if err != nil {
			return nil, fmt.Errorf("passphrase: %w", err)
		}
		defer f.Close()
		WarnOpenToAll(cmd, f)
		return passphrase(secret.ReadLine(f))
	case p.command != "":
		pass, err := secret.FromCommand(cmd.Context(), p.command, cmd.InOrStdin(), cmd.ErrOrStderr())
		if err != nil && !errors.Is(err, secret.ErrUnfit) {
			err = fmt.Errorf("--passcommand: %w", err)
		}
		return passphrase(pass, err)
	}
	in := cmd.InOrStdin()
	if !output.IsTerminal(in) {
		return passphrase(secret.ReadLine(in))
	}
	pass, err := secret.Ask(cmd.Context(), in.(*os.File), cmd.ErrOrStderr(), prompt, twice)
	if cmd.Context().Err() != nil {
		return nil, ErrInterrupted
	}
	return passphrase(pass, err)
}

// passphrase says of an error that it is the passphrase's.
func passphrase(pass []byte, err error) ([]byte, error) {
	switch {
	case errors.Is(err, secret.ErrUnfit):
		err = Failf(ExitPassphrase, "passphrase: %w", err)
	case err != nil:
		err = fmt.Errorf("passphrase: %w", err)
	}
	return pass, err
}

// WarnOpenToAll warns of a file with a secret that every user of this machine can read. What a pipe holds is gone when it was
// read.
func WarnOpenToAll(cmd *cobra.Command, f *os.File) {
	const others = 0o004
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&others != 0 {
		Warn(cmd.ErrOrStderr(), "%s can be read by every user of this machine; chmod 600 closes it", QuoteName(f.Name()))
	}
}

// leastWorkFactor is the least that OWASP's list of scrypt's parameters has: 2^15, and then three times in parallel.
const leastWorkFactor = 15

// WarnWorkFactor warns of a passphrase that is easy to try.
func WarnWorkFactor(cmd *cobra.Command, factor int) {
	if factor < leastWorkFactor {
		Warn(cmd.ErrOrStderr(), "--scrypt-work-factor %d: below %d, a stolen keys.age lets passphrases be tried fast; %d is the default",
			factor, leastWorkFactor, vault.DefaultWorkFactor)
	}
}

// ErrInterrupted ends a command that a signal stopped.
var ErrInterrupted = tree.ErrInterrupted
