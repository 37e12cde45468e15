package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/volume/internal/control"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// patience is how long anything here may take.
const patience = 20 * time.Second

// listen serves a socket whose path is longer than an address can be.
func listen(t *testing.T, handle control.Handler) (path string, s *control.Server) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 40))
	must(t, os.Mkdir(dir, 0o700))
	path = filepath.Join(dir, "control")
	s, err := control.Listen(t.Context(), path, handle)
	must(t, err)
	return path, s
}

func echo(_ context.Context, request []byte, send func(any) error) error {
	return errors.Join(send(json.RawMessage(request)), send("done"))
}

func call(t *testing.T, path string, request any) (lines []string, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err = control.Call(ctx, path, os.Getpid(), request, func(line []byte) error {
		lines = append(lines, string(line))
		return nil
	})
	return lines, err
}

// raw is a connection of somebody who keeps to no rules.
func raw(t *testing.T, path string) net.Conn {
	dir, err := os.Open(filepath.Dir(path))
	must(t, err)
	defer dir.Close()
	t.Chdir(filepath.Dir(path))
	c, err := net.Dial("unix", "control")
	must(t, err)
	must(t, c.SetDeadline(time.Now().Add(patience)))
	return c
}

func TestCall(t *testing.T) {
	path, s := listen(t, echo)
	info, err := os.Lstat(path)
	must(t, err)
	if info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("the socket is %v", info.Mode())
	}
	lines, err := call(t, path, map[string]int{"a": 1})
	if err != nil || strings.Join(lines, " ") != `{"a":1} "done"` {
		t.Errorf("%q, %v", lines, err)
	}
	if _, err := call(t, path, strings.Repeat("x", control.MaxLine)); err == nil {
		t.Error("a request without bounds")
	}
	if err := control.Call(t.Context(), path, os.Getpid()+1, 1, nil); !errors.Is(err, control.ErrNobody) {
		t.Errorf("another process than was meant: %v", err)
	}
	must(t, s.Close())
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	if _, err := call(t, path, 1); !errors.Is(err, control.ErrNobody) {
		t.Errorf("nobody listens: %v", err)
	}
}

// TestStale: what a killed process has left, or anybody else, is in nobody's way.
func TestStale(t *testing.T) {
	path, s := listen(t, echo)
	again, err := control.Listen(t.Context(), path, echo)
	must(t, err)
	if lines, err := call(t, path, 1); err != nil || len(lines) != 2 {
		t.Errorf("%q, %v", lines, err)
	}
	must(t, errors.Join(again.Close(), s.Close()))
	must(t, os.WriteFile(path, []byte("a file"), 0o600))
	again, err = control.Listen(t.Context(), path, echo)
	must(t, err)
	must(t, again.Close())
}

// TestCallerGoes: who goes away ends what was asked for.
func TestCallerGoes(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	path, s := listen(t, func(ctx context.Context, _ []byte, _ func(any) error) error {
		close(began)
		<-ctx.Done()
		close(ended)
		return ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	if err := control.Call(ctx, path, os.Getpid(), 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("it goes on")
	}
	must(t, s.Close())
}

// TestClose ends what was asked for, and who asked is told what the handler says.
func TestClose(t *testing.T) {
	began := make(chan struct{})
	path, s := listen(t, func(ctx context.Context, _ []byte, send func(any) error) error {
		close(began)
		<-ctx.Done()
		return send("ending")
	})
	closed := make(chan error, 1)
	go func() { <-began; closed <- s.Close() }()
	lines, err := call(t, path, 1)
	if err != nil || strings.Join(lines, " ") != `"ending"` {
		t.Errorf("%q, %v", lines, err)
	}
	must(t, <-closed)
}

// TestBounds: who asks for too much, or says nothing, is cut off, and keeps
// nobody else from anything.
func TestBounds(t *testing.T) {
	path, s := listen(t, echo)
	c := raw(t, path)
	silent := raw(t, path)
	long := []byte(strings.Repeat("x", 2*control.MaxLine))
	_, _ = c.Write(long) // it is closed meanwhile
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a request that is too long is read on")
	}
	if lines, err := call(t, path, 1); err != nil || len(lines) != 2 {
		t.Errorf("beside it: %q, %v", lines, err)
	}
	if n, err := silent.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("one who says nothing: %d, %v", n, err)
	}
	var many []net.Conn
	for range 20 {
		many = append(many, raw(t, path))
	}
	must(t, s.Close())
	for _, c := range many {
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("a connection outlives Close")
		}
		c.Close()
	}
	c.Close()
	silent.Close()
}
