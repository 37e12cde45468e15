package clouds

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
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/redo"
)

func TestFaultOf(t *testing.T) {
	for want, list := range map[Fault][]error{
		Faultless: {nil},
		Failed: {
			syscall.EIO, syscall.ESTALE, syscall.ENOTCONN, syscall.ENODEV, syscall.ENXIO, syscall.ETIMEDOUT, syscall.EHOSTDOWN,
			cloud.ErrAbsent, fmt.Errorf("%w: %w", cloud.ErrAbsent, syscall.ENOENT),
			errors.Join(syscall.EIO, syscall.EACCES), // what failed, and then its cleaning up
		},
		Full: {syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS},
		Strayed: {
			replica.ErrMissing, replica.ErrOlder, replica.ErrConflict, replica.ErrArriving, replica.ErrTruncated, replica.ErrDamaged, replica.ErrStale, cipher.ErrDamaged, cipher.ErrNewer,
			fs.ErrNotExist, syscall.ENOENT, syscall.ENOTDIR, syscall.EISDIR, fmt.Errorf("%w (%w)", cloud.ErrNotRegular, syscall.ENXIO),
		},
		Lacking: {cloud.ErrUnsupported, fmt.Errorf("%w (%w)", cloud.ErrUnsupported, syscall.EPERM), ErrUnsupported},
		Refused: {
			syscall.EEXIST, syscall.ENOTEMPTY, syscall.EACCES, syscall.EPERM, syscall.ENAMETOOLONG, syscall.EINVAL, syscall.EFBIG,
			syscall.EMLINK, syscall.EXDEV, syscall.EBUSY, syscall.ESPIPE, fs.ErrPermission, ErrReadOnly, ErrNoCloud,
			io.ErrUnexpectedEOF, errors.New("of which nobody has heard"),
		},
		Starved: {syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, fmt.Errorf("%w: %w", cloud.ErrAbsent, syscall.EMFILE)},
		Closing: {os.ErrClosed, ErrClosed, redo.ErrClosed, fmt.Errorf("%w: %w", ErrClosed, syscall.EIO)},
	} {
		for _, err := range list {
			if got := FaultOf(err); got != want {
				t.Errorf("%v is %d, want %d", err, got, want)
			}
			if err == nil {
				continue
			}
			wrapped := fmt.Errorf("write: cloud a: %w", &fs.PathError{Op: "write", Path: "p", Err: err})
			if got := FaultOf(wrapped); got != want {
				t.Errorf("%v is %d, want %d", wrapped, got, want)
			}
		}
		if got := want.OfCloud(); got != (want == Failed || want == Full) {
			t.Errorf("%d is a cloud's: %v", want, got)
		}
		if got := want.Ours(); got != (want == Starved || want == Closing) {
			t.Errorf("%d is ours: %v", want, got)
		}
	}
}
