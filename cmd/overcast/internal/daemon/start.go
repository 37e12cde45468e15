package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/vault"
)

// A report is what the background process tells the one that started it, one JSON value each: any number of warnings, then
// either that it is ready or that it failed.
type report struct {
	Warning string         `json:"warning,omitempty"`
	Ready   *vault.Summary `json:"ready,omitempty"`
	Failure *Failure       `json:"failure,omitempty"`
}

// A Failure is why the background process ended, in the words and with the exit code of the command that it is.
type Failure struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Next    string `json:"next"`
}

// Error gives the message.
func (f *Failure) Error() string { return f.Message }

// Spec says what is started.
type Spec struct {
	Args   []string          // of the program; they lead to [Inherit]
	Keys   *vault.Keys       // which stay the caller's
	Stderr io.Writer         // of the process until it is ready, if it is a file
	Warn   func(line string) // is told what it warns of
}

// Start runs this program again and returns when the mount can be used. The error is a [*Failure] where the process said
// why it ended, and the context's where that is done: the process is then told to end.
func Start(ctx context.Context, s Spec) (vault.Summary, error) {
	child, reports, err := s.start()
	if err != nil {
		return vault.Summary{}, fmt.Errorf("background process: %w", err)
	}
	defer reports.Close()
	stop := context.AfterFunc(ctx, func() { _ = child.Process.Signal(unix.SIGTERM) })
	defer stop()
	sum, err := s.await(reports)
	if errors.Is(err, io.EOF) {
		_ = child.Wait() // its state tells more
		err = fmt.Errorf("the background process ended: %s", child.ProcessState)
	}
	if ctx.Err() != nil {
		return vault.Summary{}, ctx.Err()
	}
	if err != nil {
		return vault.Summary{}, err
	}
	return sum, child.Process.Release()
}

// start runs the process in a session of its own.
func (s Spec) start() (*exec.Cmd, *os.File, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	// Whoever waits for the end of something that this process inherited must not wait for the mount to end. A kernel that
	// is too old for this call only keeps more open.
	_ = unix.CloseRange(secretFD, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	secretOut, secretIn, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer secretIn.Close()
	defer secretOut.Close()
	reports, reportsIn, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer reportsIn.Close()
	child := exec.Command(program, s.Args...)
	child.Args[0] = "overcast"
	child.Dir = "/"
	child.Stderr, _ = s.Stderr.(*os.File)
	child.ExtraFiles = []*os.File{secretOut, reportsIn}
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		return nil, nil, errors.Join(err, reports.Close())
	}
	if err := writeKeys(secretIn, s.Keys); err != nil {
		return nil, nil, errors.Join(err, reports.Close(), child.Process.Kill(), child.Wait())
	}
	return child, reports, nil
}

// await passes warnings on until the process is ready or fails. io.EOF means that it died.
func (s Spec) await(reports io.Reader) (vault.Summary, error) {
	for decoder := json.NewDecoder(reports); ; {
		var r report
		if err := decoder.Decode(&r); err != nil {
			return vault.Summary{}, err
		}
		switch {
		case r.Ready != nil:
			return *r.Ready, nil
		case r.Failure != nil:
			return vault.Summary{}, r.Failure
		default:
			s.Warn(r.Warning)
		}
	}
}
