package volume

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/vault"
)

// ErrCloudInUse means that another process of this machine changes a cloud, by a
// vault directory of its own.
var ErrCloudInUse = errors.New("another process of this machine uses its directory, through another vault directory")

// cloudLocks keep others on this machine from changing clouds while one volume
// does: those that have another vault directory with the same keys. Each is a
// flock of a cloud's directory, which leaves nothing behind there and is nothing
// to a sync tool. The kernel gives it back when the process ends. Where a
// filesystem may stop to answer, or has no such locks, there is none. A cloud that
// is opened anew stays locked meanwhile.
type cloudLocks struct {
	mu   sync.Mutex
	held map[cipher.ID]*os.File
}

// take locks a cloud's directory, unless it is locked for this volume already.
func (l *cloudLocks) take(c vault.Cloud) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	dir, err := os.OpenFile(c.Dir, unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	if was := l.held[c.ID]; was != nil && same(was, dir) {
		return dir.Close()
	}
	err = flock(dir)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return errors.Join(ErrCloudInUse, dir.Close())
	case err != nil:
		return dir.Close() // there are none
	}
	if was := l.held[c.ID]; was != nil {
		err = was.Close()
	}
	if l.held == nil {
		l.held = map[cipher.ID]*os.File{}
	}
	l.held[c.ID] = dir
	return err
}

func same(a, b *os.File) bool {
	x, err := a.Stat()
	y, other := b.Stat()
	return err == nil && other == nil && os.SameFile(x, y)
}

// flock locks an open directory for this open file alone, without waiting.
func flock(dir *os.File) error {
	conn, err := dir.SyscallConn()
	if err != nil {
		return err
	}
	var locked error
	err = conn.Control(func(fd uintptr) {
		for locked = unix.EINTR; locked == unix.EINTR; {
			locked = unix.Flock(int(fd), unix.LOCK_EX|unix.LOCK_NB)
		}
	})
	return errors.Join(err, locked)
}

// release gives all of them back.
func (l *cloudLocks) release() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for id, dir := range l.held {
		if err := dir.Close(); err != nil {
			errs = append(errs, fmt.Errorf("lock of a cloud: %w", err))
		}
		delete(l.held, id)
	}
	return errors.Join(errs...)
}
