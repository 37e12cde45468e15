package cli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"
	"filippo.io/age/plugin"
	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/secret"
	"github.com/overcast-fs/overcast/fs/vault"
)

// Identities reads the files with identities.
func (p *Passphrase) Identities(cmd *cobra.Command) (all []age.Identity, err error) {
	if p.Given() {
		return nil, UsageError(cmd, errors.New("--identity is instead of a passphrase"))
	}
	for _, name := range p.identities {
		file, err := ReadSecret(cmd, name)
		if err != nil {
			return nil, fmt.Errorf("identity: %w", err)
		}
		ids, err := vault.ParseIdentities(file, PluginUI(cmd), func() ([]byte, error) {
			return Ask(cmd, "Passphrase of "+QuoteName(name)+": ")
		})
		clear(file)
		if err != nil {
			return nil, Failf(ExitPassphrase, "identity: %s: %w", QuoteName(name), err)
		}
		all = append(all, ids...)
	}
	return all, nil
}

// ReadSecret reads a small file that only its owner should be able to read.
func ReadSecret(cmd *cobra.Command, name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	WarnOpenToAll(cmd, f)
	const limit = 64 << 10 // more than any key has
	return io.ReadAll(io.LimitReader(f, limit))
}

// Ask asks for another secret than the vault's passphrase at a terminal, or reads a line of standard input.
func Ask(cmd *cobra.Command, prompt string) ([]byte, error) {
	in := cmd.InOrStdin()
	if !output.IsTerminal(in) {
		return secret.ReadLine(in)
	}
	line, err := secret.Ask(cmd.Context(), in.(*os.File), cmd.ErrOrStderr(), prompt, false)
	if cmd.Context().Err() != nil {
		return nil, ErrInterrupted
	}
	return line, err
}

// PluginUI lets a plugin of age, such as one for a hardware key, talk to the user.
func PluginUI(cmd *cobra.Command) *plugin.ClientUI {
	say := func(format string, args ...any) {
		fmt.Fprintf(cmd.ErrOrStderr(), "overcast: %s\n", output.Printable(fmt.Sprintf(format, args...)))
	}
	return plugin.NewTerminalUI(say, say)
}
