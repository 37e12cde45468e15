package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// logLimit is the size in bytes from which a log is put aside.
const logLimit = 1 << 20

// A Log is the log file of a mount in the background. When it is full it becomes NAME.1, of which there is one. It holds no
// names of files: nothing in a vault tells these.
type Log struct {
	path string

	mu     sync.Mutex // guards what follows
	file   *os.File
	size   int64
	stderr bool // standard error goes here, too
}

// OpenLog opens the log for appending, or makes it.
func OpenLog(path string) (*Log, error) {
	l := &Log{path: path}
	if err := l.open(); err != nil {
		return nil, err
	}
	return l, nil
}

// open opens the file for appending; the caller holds mu, or is the only one to know l.
func (l *Log) open() error {
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	info, err := f.Stat()
	if err == nil && l.stderr {
		err = unix.Dup3(int(f.Fd()), unix.Stderr, 0)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("log: %w", err), f.Close())
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Write appends one line.
func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size+int64(len(line)) > logLimit {
		if err := l.rotate(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(line)
	l.size += int64(n)
	return n, err
}

func (l *Log) rotate() error {
	if err := os.Rename(l.path, l.path+".1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("log: %w", err)
	}
	old := l.file
	if err := l.open(); err != nil {
		return err
	}
	return old.Close()
}

// TakeStderr detaches the process from whoever started it: its standard error, to which the Go runtime writes when the
// program crashes, goes to the log from now on.
func (l *Log) TakeStderr() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := unix.Dup3(int(l.file.Fd()), unix.Stderr, 0); err != nil {
		return fmt.Errorf("log: %w", err)
	}
	l.stderr = true
	return nil
}

// Close closes the log; standard error keeps its own handle.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}
