package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// ErrNobody: no process listens, or another one than was meant.
var ErrNobody = errors.New("the process of the mount does not answer")

// Call sends a request to the process pid, which has the vault's lock, and gives
// each answer to got, until there are no more. Its error is one that wraps
// [ErrNobody], or got's, or the connection's, or the context's.
func Call(ctx context.Context, path string, pid int, request any, got func(line []byte) error) error {
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if len(line) >= MaxLine {
		return fmt.Errorf("a request of %d bytes, at most %d", len(line), MaxLine)
	}
	c, err := dial(ctx, path, pid)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })()
	if _, err := c.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("%w: %w", ErrNobody, err)
	}
	lines := bufio.NewScanner(c)
	lines.Buffer(make([]byte, 0, 64<<10), MaxLine)
	for lines.Scan() {
		if err := got(lines.Bytes()); err != nil {
			return err
		}
	}
	return errors.Join(ctx.Err(), lines.Err())
}

func dial(ctx context.Context, path string, pid int) (*net.UnixConn, error) {
	dir, err := openDir(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	c, err := (&net.Dialer{Timeout: askTime}).DialContext(ctx, "unix", address(dir, filepath.Base(path)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNobody, errors.Join(ctx.Err(), withoutAddress(err)))
	}
	unix := c.(*net.UnixConn)
	if peer, err := peerOf(unix); err != nil || int(peer.Pid) != pid {
		return nil, errors.Join(fmt.Errorf("%w: its socket is another process's", ErrNobody), err, c.Close())
	}
	return unix, nil
}

// withoutAddress leaves out an address that tells nobody anything.
func withoutAddress(err error) error {
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		return call.Err
	}
	return err
}
