package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/tree"
)

// maxPassphrase bounds a passphrase in bytes, so that its buffer never grows and leaves no copies behind.
const maxPassphrase = 4096

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
		return readLine(f)
	case p.command != "":
		return commandLine(cmd, p.command)
	}
	in := cmd.InOrStdin()
	if !isTerminal(in) {
		return readLine(in)
	}
	t, err := openTerminal(in.(*os.File), cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	pass, err := t.ask(cmd.Context(), prompt, twice)
	return pass, errors.Join(err, t.restore())
}

// warnOpenToAll warns of a file with a secret that every user of this machine can read. What a pipe holds is gone when it was
// read.
func warnOpenToAll(cmd *cobra.Command, f *os.File) {
	const others = 0o004
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&others != 0 {
		warn(cmd.ErrOrStderr(), "%s can be read by every user of this machine; chmod 600 closes it", quoteName(f.Name()))
	}
}

// commandLine runs a shell command and takes the first line of its output. Its standard error is the user's.
func commandLine(cmd *cobra.Command, command string) ([]byte, error) {
	sh := exec.CommandContext(cmd.Context(), "sh", "-c", command)
	sh.Stdin, sh.Stderr = cmd.InOrStdin(), cmd.ErrOrStderr()
	out, err := sh.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("passphrase: --passcommand: %w", err)
	}
	if err := sh.Start(); err != nil {
		return nil, fmt.Errorf("passphrase: --passcommand: %w", err)
	}
	pass, err := readLine(out)
	io.Copy(io.Discard, out)
	if waitErr := sh.Wait(); waitErr != nil {
		clear(pass)
		return nil, fmt.Errorf("passphrase: --passcommand: %w", waitErr)
	}
	return pass, err
}

// readLine reads up to a line's end, which it drops, and not a byte further: what follows belongs to somebody else.
func readLine(r io.Reader) ([]byte, error) {
	line := make([]byte, 0, maxPassphrase+1)
	for {
		next := line[len(line) : len(line)+1]
		n, err := r.Read(next)
		if n == 1 && next[0] == '\n' || err == io.EOF {
			return bytes.TrimSuffix(line, []byte("\r")), nil
		}
		if err != nil {
			clear(line)
			return nil, fmt.Errorf("passphrase: %w", err)
		}
		line = line[:len(line)+n]
		if len(line) > maxPassphrase {
			clear(line)
			return nil, failf(exitPassphrase, "passphrase: longer than %d bytes", maxPassphrase)
		}
	}
}

// terminal asks for secrets; from its opening to restore it shows nothing that is typed.
type terminal struct {
	in     *os.File
	out    io.Writer
	before unix.Termios
}

func openTerminal(in *os.File, out io.Writer) (*terminal, error) {
	before, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("passphrase: terminal: %w", err)
	}
	quiet := *before
	quiet.Lflag = quiet.Lflag&^(unix.ECHO|unix.ECHONL) | unix.ICANON | unix.ISIG
	quiet.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(int(in.Fd()), unix.TCSETS, &quiet); err != nil {
		return nil, fmt.Errorf("passphrase: terminal: %w", err)
	}
	return &terminal{in: in, out: out, before: *before}, nil
}

func (t *terminal) restore() error {
	if err := unix.IoctlSetTermios(int(t.in.Fd()), unix.TCSETS, &t.before); err != nil {
		return fmt.Errorf("passphrase: terminal: %w", err)
	}
	return nil
}

// ask reads one secret, and compares it with a second one if asked to.
func (t *terminal) ask(ctx context.Context, prompt string, twice bool) ([]byte, error) {
	pass, err := t.line(ctx, prompt)
	if err != nil || !twice || len(pass) == 0 {
		return pass, err
	}
	again, err := t.line(ctx, "Once more: ")
	defer clear(again)
	if err == nil && !bytes.Equal(pass, again) {
		err = failf(exitPassphrase, "passphrase: the two do not match")
	}
	if err != nil {
		clear(pass)
		return nil, err
	}
	return pass, nil
}

// line prints a prompt and reads a line. A signal ends the wait; the read goes on, in a program that is about to end.
func (t *terminal) line(ctx context.Context, prompt string) ([]byte, error) {
	type answer struct {
		pass []byte
		err  error
	}
	answered := make(chan answer, 1)
	fmt.Fprint(t.out, prompt)
	go func() {
		pass, err := readLine(t.in)
		answered <- answer{pass, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(t.out)
		return nil, errInterrupted
	case a := <-answered:
		fmt.Fprintln(t.out) // the user's was not shown
		return a.pass, a.err
	}
}

// errInterrupted ends a command that a signal stopped.
var errInterrupted = tree.ErrInterrupted
