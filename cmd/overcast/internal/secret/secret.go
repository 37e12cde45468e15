// Package secret reads one secret line: from a stream, from a command, or typed
// at a terminal that does not show it. Its buffers never grow, so that no copies
// of a secret are left behind.
package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// Max bounds a secret in bytes.
const Max = 4096

// ErrUnfit is wrapped by the error of a secret that was read and cannot be taken.
var ErrUnfit = errors.New("it cannot be used")

type unfit string

func (u unfit) Error() string      { return string(u) }
func (unfit) Is(target error) bool { return target == ErrUnfit }

// FromCommand runs a shell command and takes the first line of its output. The
// caller wipes it.
func FromCommand(ctx context.Context, command string, in io.Reader, stderr io.Writer) ([]byte, error) {
	sh := exec.CommandContext(ctx, "sh", "-c", command)
	sh.Stdin, sh.Stderr = in, stderr
	out, err := sh.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := sh.Start(); err != nil {
		return nil, err
	}
	line, err := ReadLine(out)
	io.Copy(io.Discard, out)
	if waitErr := sh.Wait(); waitErr != nil {
		clear(line)
		return nil, waitErr
	}
	return line, err
}

// ReadLine reads up to a line's end, which it drops, and not a byte further:
// what follows belongs to somebody else. The caller wipes it.
func ReadLine(r io.Reader) ([]byte, error) {
	line := make([]byte, 0, Max+1)
	for {
		next := line[len(line) : len(line)+1]
		n, err := r.Read(next)
		if n == 1 && next[0] == '\n' || err == io.EOF {
			return bytes.TrimSuffix(line, []byte("\r")), nil
		}
		if err != nil {
			clear(line)
			return nil, err
		}
		line = line[:len(line)+n]
		if len(line) > Max {
			clear(line)
			return nil, unfit(fmt.Sprintf("longer than %d bytes", Max))
		}
	}
}

// Ask prompts for a secret at a terminal. With twice it asks a second time, and
// both must agree. The end of ctx ends the wait. The caller wipes the result.
func Ask(ctx context.Context, in *os.File, out io.Writer, prompt string, twice bool) ([]byte, error) {
	t, err := openTerminal(in, out)
	if err != nil {
		return nil, err
	}
	line, err := t.ask(ctx, prompt, twice)
	return line, errors.Join(err, t.restore())
}

// terminal asks for secrets; from its opening to restore it shows nothing that
// is typed.
type terminal struct {
	in     *os.File
	out    io.Writer
	before unix.Termios
}

func openTerminal(in *os.File, out io.Writer) (*terminal, error) {
	before, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	quiet := *before
	quiet.Lflag = quiet.Lflag&^(unix.ECHO|unix.ECHONL) | unix.ICANON | unix.ISIG
	quiet.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(int(in.Fd()), unix.TCSETS, &quiet); err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	return &terminal{in: in, out: out, before: *before}, nil
}

func (t *terminal) restore() error {
	if err := unix.IoctlSetTermios(int(t.in.Fd()), unix.TCSETS, &t.before); err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	return nil
}

func (t *terminal) ask(ctx context.Context, prompt string, twice bool) ([]byte, error) {
	line, err := t.line(ctx, prompt)
	if err != nil || !twice || len(line) == 0 {
		return line, err
	}
	again, err := t.line(ctx, "Once more: ")
	defer clear(again)
	if err == nil && !bytes.Equal(line, again) {
		err = unfit("the two do not match")
	}
	if err != nil {
		clear(line)
		return nil, err
	}
	return line, nil
}

// line prints a prompt and reads a line. The end of ctx ends the wait; the read
// goes on, in a program that is about to end.
func (t *terminal) line(ctx context.Context, prompt string) ([]byte, error) {
	type answer struct {
		line []byte
		err  error
	}
	answered := make(chan answer, 1)
	fmt.Fprint(t.out, prompt)
	go func() {
		line, err := ReadLine(t.in)
		answered <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(t.out)
		return nil, ctx.Err()
	case a := <-answered:
		fmt.Fprintln(t.out) // the user's was not shown
		return a.line, a.err
	}
}
