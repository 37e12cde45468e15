package mirror

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/redo"
)

func TestFaultOf(t *testing.T) {
	for want, list := range map[fault][]error{
		faultless: {nil},
		failed: {
			syscall.EIO, syscall.ESTALE, syscall.ENOTCONN, syscall.ENODEV, syscall.ENXIO, syscall.ETIMEDOUT, syscall.EHOSTDOWN,
			cloud.ErrAbsent, fmt.Errorf("%w: %w", cloud.ErrAbsent, syscall.ENOENT),
			errors.Join(syscall.EIO, syscall.EACCES), // what failed, and then its cleaning up
		},
		full: {syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS},
		strayed: {
			ErrMissing, ErrOlder, ErrConflict, ErrArriving, ErrTruncated, ErrDamaged, ErrStale, cipher.ErrDamaged, cipher.ErrNewer,
			fs.ErrNotExist, syscall.ENOENT, syscall.ENOTDIR, syscall.EISDIR, fmt.Errorf("%w (%w)", cloud.ErrNotRegular, syscall.ENXIO),
		},
		lacking: {cloud.ErrUnsupported, fmt.Errorf("%w (%w)", cloud.ErrUnsupported, syscall.EPERM), ErrUnsupported},
		refused: {
			syscall.EEXIST, syscall.ENOTEMPTY, syscall.EACCES, syscall.EPERM, syscall.ENAMETOOLONG, syscall.EINVAL, syscall.EFBIG,
			syscall.EMLINK, syscall.EXDEV, syscall.EBUSY, syscall.ESPIPE, fs.ErrPermission, ErrNotEmpty, ErrReadOnly, ErrNoCloud,
			io.ErrUnexpectedEOF, errors.New("of which nobody has heard"),
		},
		starved: {syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, fmt.Errorf("%w: %w", cloud.ErrAbsent, syscall.EMFILE)},
		closing: {os.ErrClosed, ErrClosed, redo.ErrClosed, fmt.Errorf("%w: %w", ErrClosed, syscall.EIO)},
	} {
		for _, err := range list {
			if got := faultOf(err); got != want {
				t.Errorf("%v is %d, want %d", err, got, want)
			}
			if err == nil {
				continue
			}
			wrapped := fmt.Errorf("write: cloud a: %w", &fs.PathError{Op: "write", Path: "p", Err: err})
			if got := faultOf(wrapped); got != want {
				t.Errorf("%v is %d, want %d", wrapped, got, want)
			}
		}
		if got := want.cloud(); got != (want == failed || want == full) {
			t.Errorf("%d is a cloud's: %v", want, got)
		}
	}
}
