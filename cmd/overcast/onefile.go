package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cipher/pycrypto"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/fs/exchange"
)

// This file holds what keygen, encrypt and decrypt share.

// stdio is the file name that stands for standard input or standard output.
const stdio = exchange.Stdio

const decryptedPrefix = "decrypted_"

// progressFrom is the size in bytes from which a file is worth a progress bar.
const progressFrom = 64 << 20

// readKey reads a raw key from a file.
func readKey(cmd *cobra.Command, path string) (*pycrypto.Key, error) {
	key, err := exchange.ReadKey(path, func(f *os.File) { cli.WarnOpenToAll(cmd, f) })
	if bad, ok := errors.AsType[*exchange.KeyError](err); ok {
		next := "overcast keygen makes one"
		if bad.Text {
			next = "a key file holds the raw bytes: no newline, no hexadecimal"
		}
		return nil, cli.Failf(cli.ExitFailure, "%w", err).Advise("%s", next)
	}
	return key, err
}

// adviseForce adds the way out for a command that has a --force.
func adviseForce(err error) error {
	if errors.Is(err, exchange.ErrTaken) {
		return cli.Failf(cli.ExitFailure, "%w", err).Advise("choose another name, or --force replaces it")
	}
	return err
}

// wipe forgets keys, unless err tells that work was left behind with them.
func wipe(err error, keys ...*pycrypto.Key) {
	if errors.Is(err, cli.ErrInterrupted) {
		return
	}
	for _, key := range keys {
		key.Wipe()
	}
}

// A source is the file that is read: a regular one, or a pipe of any kind.
type source struct {
	io.Reader
	file *os.File // nil for standard input
	size int64    // in bytes, or -1 if only the end will tell
}

// openSource opens path, or takes standard input for "-". Opening a named pipe waits for its other end.
func openSource(cmd *cobra.Command, path string) (*source, error) {
	if path == stdio {
		return &source{Reader: cmd.InOrStdin(), size: -1}, nil
	}
	f, err := exchange.Interruptible(cmd.Context(), func() (*os.File, error) { return os.Open(path) })
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = cli.Failf(cli.ExitFailure, "%s: is a directory", path).
			Advise("%s takes one file; for trees there are overcast import and export", cmd.Name())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	s := &source{Reader: f, file: f, size: -1}
	if info.Mode().IsRegular() {
		s.size = info.Size()
	}
	return s, nil
}

// seekable reports whether the source can be read a second time, by rewind.
func (s *source) seekable() bool { return s.size >= 0 }

func (s *source) rewind() error {
	_, err := s.file.Seek(0, io.SeekStart)
	return err
}

func (s *source) close() {
	if s.file != nil {
		s.file.Close()
	}
}

// observed is the source as the command should read it: it ends when the command is interrupted, and a large file shows
// its progress on a terminal.
func (s *source) observed(cmd *cobra.Command) (r io.Reader, finish func()) {
	bar := &output.Progress{}
	if !s.seekable() || s.size >= progressFrom {
		bar = output.NewProgress(cmd.ErrOrStderr(), s.size)
	}
	return exchange.Observe(cmd.Context(), s.Reader, bar.Add), bar.Clear
}

// noteIntegrity says, once for each command, what the layout does not give.
func noteIntegrity(cmd *cobra.Command, next string) {
	fmt.Fprintf(cmd.ErrOrStderr(), "overcast: note: this layout has no integrity, so a changed file decrypts without an error; %s\n", next)
}
