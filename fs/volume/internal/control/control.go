package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// MaxLine is the size of a request, and of an answer, at most.
	MaxLine = 1 << 20

	// maxCallers is how many requests are served at a time; who comes later is turned
	// away. So many may wait to be.
	maxCallers = 8
	backlog    = 64

	// askTime is how long a caller may take to ask, and sendTime how long to read an
	// answer.
	askTime  = 5 * time.Second
	sendTime = 30 * time.Second
)

// A Handler answers a request. Its error ends the connection without another
// word: what the caller is to know of it, the handler has sent.
type Handler func(ctx context.Context, request []byte, send func(answer any) error) error

// Server listens, until Close.
type Server struct {
	dir      *os.File
	name     string
	listener net.Listener
	handle   Handler
	cancel   context.CancelFunc
	all      sync.WaitGroup
}

// Listen makes the socket and serves it. Whoever calls it has the vault's lock, so
// that a socket that is there is nobody's. When ctx is done what was asked for
// ends.
func Listen(ctx context.Context, path string, handle Handler) (*Server, error) {
	dir, err := openDir(path)
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, name: filepath.Base(path), handle: handle}
	if s.listener, err = s.listen(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), dir.Close())
	}
	ctx, s.cancel = context.WithCancel(ctx)
	s.all.Go(func() { s.accept(ctx) })
	return s, nil
}

// openDir opens the directory of a socket, which is reached through it: its own
// path may be longer than an address of a socket can be.
func openDir(path string) (*os.File, error) {
	return os.OpenFile(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY, 0)
}

// address leads to a socket in an open directory.
func address(dir *os.File, name string) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), name)
}

// listen makes the socket. Nobody can connect before it is closed to others.
func (s *Server) listen() (l net.Listener, err error) {
	if err := unix.Unlinkat(int(s.dir.Fd()), s.name, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), s.name)
	defer file.Close()
	at := address(s.dir, s.name)
	if err = unix.Bind(fd, &unix.SockaddrUnix{Name: at}); err == nil {
		err = unix.Chmod(at, 0o600)
	}
	if err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err == nil {
		l, err = net.FileListener(file)
	}
	if err != nil {
		return nil, errors.Join(err, s.remove())
	}
	if l, ok := l.(*net.UnixListener); ok {
		l.SetUnlinkOnClose(false)
	}
	return l, nil
}

func (s *Server) remove() error {
	if err := unix.Unlinkat(int(s.dir.Fd()), s.name, 0); !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}

// Close ends what was asked for, waits for that, and removes the socket.
func (s *Server) Close() error {
	s.cancel()
	err := errors.Join(s.remove(), s.listener.Close())
	s.all.Wait()
	return errors.Join(err, s.dir.Close())
}

func (s *Server) accept(ctx context.Context) {
	slots := make(chan struct{}, maxCallers)
	for {
		c, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // this process has no descriptors left
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
			continue
		}
		select {
		case slots <- struct{}{}:
			s.all.Go(func() {
				defer func() { <-slots }()
				serve(ctx, c.(*net.UnixConn), s.handle)
			})
		default:
			c.Close()
		}
	}
}

// serve serves one connection.
func serve(ctx context.Context, c *net.UnixConn, handle Handler) {
	defer c.Close()
	if peer, err := peerOf(c); err != nil || peer.Uid != uint32(os.Geteuid()) && peer.Uid != 0 {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })()
	if c.SetReadDeadline(time.Now().Add(askTime)) != nil {
		return
	}
	in := bufio.NewReader(io.LimitReader(c, MaxLine))
	request, err := in.ReadBytes('\n')
	if err != nil || c.SetReadDeadline(time.Time{}) != nil || ctx.Err() != nil {
		return
	}
	gone := make(chan struct{})
	go func() { // a caller says nothing more: it waits, or it is gone
		defer close(gone)
		_, _ = c.Read(make([]byte, 1))
		cancel()
	}()
	_ = handle(ctx, request, (&conn{c: c}).send)
	c.Close()
	<-gone
}

// peerOf tells who is at the other end.
func peerOf(c *net.UnixConn) (peer *unix.Ucred, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	failed := raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	return peer, errors.Join(failed, err)
}

// conn is a connection to which several goroutines send.
type conn struct {
	mu sync.Mutex
	c  *net.UnixConn
}

// send sends an answer. One who does not read it is not waited for for long.
func (c *conn) send(answer any) error {
	line, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	if len(line) >= MaxLine {
		return fmt.Errorf("an answer of %d bytes", len(line))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.c.SetWriteDeadline(time.Now().Add(sendTime)); err != nil {
		return err
	}
	_, err = c.c.Write(append(line, '\n'))
	return err
}
