package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/secret"
	"github.com/overcast-fs/overcast/fs/tree"
)

// passphraseFlags says where the passphrase comes from. It is never an argument: those are seen by every process.
type passphraseFlags struct {
	file    string
	command string
}

func (p *passphraseFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&p.file, "passfile", "", "read the passphrase from the first line of `FILE`")
	fs.StringVar(&p.command, "passcommand", "", "read it from the first line that `CMD` prints, run by sh")
}

// read gets the passphrase from the file, the command, the terminal or one line of standard input, in this order. With
// twice, a terminal is asked a second time and both must agree. The caller wipes the result.
func (p *passphraseFlags) read(cmd *cobra.Command, prompt string, twice bool) ([]byte, error) {
	pass, err := p.source(cmd, prompt, twice)
	if err != nil {
		return nil, err
	}
	if len(pass) == 0 {
		return nil, failf(exitPassphrase, "passphrase: it is empty")
	}
	return pass, nil
}

func (p *passphraseFlags) source(cmd *cobra.Command, prompt string, twice bool) ([]byte, error) {
	switch {
	case p.file != "" && p.command != "":
		return nil, usageError(cmd, errors.New("--passfile and --passcommand exclude each other"))
	case p.file != "":
		f, err := os.Open(p.file)
		if err != nil {
			return nil, fmt.Errorf("passphrase: %w", err)
		}
		defer f.Close()
		warnOpenToAll(cmd, f)
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
		return nil, errInterrupted
	}
	return passphrase(pass, err)
}

// passphrase says of an error that it is the passphrase's.
func passphrase(pass []byte, err error) ([]byte, error) {
	switch {
	case errors.Is(err, secret.ErrUnfit):
		err = failf(exitPassphrase, "passphrase: %w", err)
	case err != nil:
		err = fmt.Errorf("passphrase: %w", err)
	}
	return pass, err
}

// warnOpenToAll warns of a file with a secret that every user of this machine can read. What a pipe holds is gone when it was
// read.
func warnOpenToAll(cmd *cobra.Command, f *os.File) {
	const others = 0o004
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&others != 0 {
		warn(cmd.ErrOrStderr(), "%s can be read by every user of this machine; chmod 600 closes it", quoteName(f.Name()))
	}
}

// errInterrupted ends a command that a signal stopped.
var errInterrupted = tree.ErrInterrupted
