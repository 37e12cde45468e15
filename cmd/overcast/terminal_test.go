package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
)

// openPTY opens a pseudo-terminal: the user's side and the program's.
func openPTY(t *testing.T) (user, program *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetUint32(int(user.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return user, program
}

func echoes(t *testing.T, tty *os.File) bool {
	t.Helper()
	mode, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return mode.Lflag&unix.ECHO != 0
}

// prompted is an overcast whose standard input is a terminal.
type prompted struct {
	*exec.Cmd
	user, tty *os.File
	said      *io.PipeReader // its standard error
}

func startPrompted(t *testing.T, args ...string) *prompted {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	said, stderr := io.Pipe()
	p := &prompted{Cmd: exec.CommandContext(ctx, os.Args[0], args...), said: said}
	p.user, p.tty = openPTY(t)
	t.Cleanup(func() { p.user.Close() })
	p.Args[0] = "overcast"
	p.Stdin, p.Stderr = p.tty, stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// await reads what the program says up to a prompt.
func (p *prompted) await(t *testing.T, prompt string) {
	t.Helper()
	var said []byte
	one := make([]byte, 1)
	for !bytes.HasSuffix(said, []byte(prompt)) {
		if _, err := p.said.Read(one); err != nil {
			t.Fatalf("%q, but no prompt %q: %v", said, prompt, err)
		}
		said = append(said, one[0])
	}
}

func TestPromptShowsNothing(t *testing.T) {
	dir := t.TempDir()
	p := startPrompted(t, "init", filepath.Join(dir, "vault"), "--cloud", "a="+filepath.Join(dir, "a"), "--scrypt-work-factor", "1")
	for _, prompt := range []string{"New passphrase: ", "Once more: "} {
		p.await(t, prompt)
		if echoes(t, p.tty) {
			t.Errorf("%q: what is typed would be seen", prompt)
		}
		if _, err := p.user.WriteString("correct horse\n"); err != nil {
			t.Fatal(err)
		}
	}
	go io.Copy(io.Discard, p.said)
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if !echoes(t, p.tty) {
		t.Error("the terminal was left without echo")
	}
	p.tty.Close()
	shown, _ := io.ReadAll(p.user) // ends with EIO, as the other side is closed
	if strings.Contains(string(shown), "horse") {
		t.Errorf("the terminal shows %q", shown)
	}
}

func TestPromptInterrupted(t *testing.T) {
	dir := t.TempDir()
	vault := filepath.Join(dir, "vault")
	p := startPrompted(t, "init", vault, "--cloud", "a="+filepath.Join(dir, "a"), "--scrypt-work-factor", "1")
	p.await(t, "New passphrase: ")
	if err := p.Process.Signal(unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	p.await(t, "\novercast: interrupted\n")
	if err := p.Wait(); err == nil || p.ProcessState.ExitCode() != cli.ExitFailure {
		t.Errorf("ended with %v", err)
	}
	if !echoes(t, p.tty) {
		t.Error("the terminal was left without echo")
	}
	if _, err := os.Stat(vault); err == nil {
		t.Error("a vault was made all the same")
	}
}
