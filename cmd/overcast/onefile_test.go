package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/fs/exchange"
)

// names lists a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestInterrupted stops a command that waits for a pipe which nobody will ever write to.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	writeFile(t, key, "sixteen byte key")
	for _, command := range []string{"encrypt", "decrypt"} {
		r, w := io.Pipe()
		ctx, cancel := context.WithCancel(context.Background())
		started := make(chan struct{})
		go func() {
			<-started
			cancel()
		}()
		in := readerFunc(func(p []byte) (int, error) {
			close(started)
			return r.Read(p)
		})
		root := newRootCmd()
		root.SetArgs([]string{command, "--key", key, "-", filepath.Join(dir, "out")})
		root.SetIn(in)
		root.SetErr(io.Discard)
		if err := root.ExecuteContext(ctx); !errors.Is(err, cli.ErrInterrupted) {
			t.Errorf("%s: %v", command, err)
		}
		w.Close()
	}
	if left := names(t, dir); len(left) != 1 {
		t.Errorf("left: %q", left)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestObservedReader ends at the next read once the command is interrupted.
func TestObservedReader(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cmd := &cobra.Command{}
	cmd.SetContext(ctx)
	cmd.SetErr(io.Discard)
	r, finish := (&source{Reader: bytes.NewReader(make([]byte, 100)), size: 100}).observed(cmd)
	defer finish()
	if n, err := r.Read(make([]byte, 10)); n != 10 || err != nil {
		t.Errorf("before: %d, %v", n, err)
	}
	cancel()
	if n, err := r.Read(make([]byte, 10)); n != 0 || !errors.Is(err, cli.ErrInterrupted) {
		t.Errorf("after: %d, %v", n, err)
	}
}

func TestPrefixed(t *testing.T) {
	for in, want := range map[string]string{
		"a": "encrypted_a", "d/a": "d/encrypted_a", "/a": "/encrypted_a", "-": "-", "./-": "encrypted_-", "../a": "../encrypted_a",
	} {
		if got := exchange.Prefixed(exchange.EncryptedPrefix, in); got != want {
			t.Errorf("prefixed(%q) = %q, want %q", in, got, want)
		}
	}
}
