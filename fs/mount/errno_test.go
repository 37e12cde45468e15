package mount

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror"
)

func TestErrnoOf(t *testing.T) {
	missing := &fs.PathError{Op: "openat", Path: "entry", Err: syscall.ENOENT}
	for _, c := range []struct {
		err error
		no  syscall.Errno
	}{
		{nil, 0},
		{fs.ErrNotExist, syscall.ENOENT},
		{missing, syscall.ENOENT},
		{fs.ErrExist, syscall.EEXIST},
		{fs.ErrPermission, syscall.EPERM},
		{&os.LinkError{Op: "rename", Err: syscall.EXDEV}, syscall.EXDEV},
		{mirror.ErrNotDir, syscall.ENOTDIR},
		{mirror.ErrIsDir, syscall.EISDIR},
		{mirror.ErrNotEmpty, syscall.ENOTEMPTY},
		{&fs.PathError{Op: "rmdir", Err: syscall.ENOTEMPTY}, syscall.ENOTEMPTY},
		{mirror.ErrNameTooLong, syscall.ENAMETOOLONG},
		{mirror.ErrInvalid, syscall.EINVAL},
		{mirror.ErrReadOnly, syscall.EROFS},
		{mirror.ErrNoAttr, syscall.ENODATA},
		{mirror.ErrUnsupported, syscall.EOPNOTSUPP},
		{mirror.ErrTooLarge, syscall.EFBIG},
		{mirror.ErrStale, syscall.ESTALE},
		{mirror.ErrNoData, syscall.ENXIO},
		{mirror.ErrNoCloud, syscall.EIO},
		{fmt.Errorf("%w (%w)", cloud.ErrUnsupported, syscall.EINVAL), syscall.EOPNOTSUPP},
		{fmt.Errorf("%w: %w", cloud.ErrAbsent, missing), syscall.EIO},
		{os.ErrClosed, syscall.EBADF},
		{syscall.ENOSPC, syscall.ENOSPC},
		{syscall.ENOSYS, syscall.EOPNOTSUPP},
		{io.ErrUnexpectedEOF, syscall.EIO},
		{errors.New("anything else"), syscall.EIO},
		// Whatever one cloud said of a file that none can serve is not the answer.
		{&mirror.UnreadableError{What: "open", Clouds: []mirror.CloudError{{Cloud: "a", Err: missing}, {Cloud: "b", Err: mirror.ErrDamaged}}}, syscall.EIO},
	} {
		if got := errnoOf(c.err); got != c.no {
			t.Errorf("%v: %v, want %v", c.err, got, c.no)
		}
		if c.err == nil {
			continue
		}
		if got := errnoOf(fmt.Errorf("write: cloud a: %w", c.err)); got != c.no {
			t.Errorf("%v, wrapped: %v, want %v", c.err, got, c.no)
		}
	}
}

func TestErrorsAreLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	f := &filesystem{logger: slog.New(slog.NewTextHandler(&log, nil)), logged: map[failure]bool{}}
	for range 3 {
		for ino := range uint64(3) {
			f.logOnce(failure{"read", ino, "damaged"})
		}
	}
	if got := strings.Count(log.String(), "\n"); got != 3 {
		t.Errorf("%d lines:\n%s", got, &log)
	}
	for ino := range uint64(3 * maxLogged) {
		f.logOnce(failure{"read", ino, "damaged"})
	}
	if len(f.logged) > maxLogged {
		t.Errorf("%d failures are remembered", len(f.logged))
	}
}
