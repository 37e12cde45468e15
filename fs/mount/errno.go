package mount

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// errnos says which errno a program sees. The first entry that matches counts;
// errors that wrap an errno of a backing filesystem and match none pass it on.
var errnos = [...]struct {
	err error
	no  syscall.Errno
}{
	{cloud.ErrAbsent, syscall.EIO}, // it wraps what the missing directory gave
	{fs.ErrNotExist, syscall.ENOENT},
	{syscall.ENOTEMPTY, syscall.ENOTEMPTY}, // which is an fs.ErrExist
	{fs.ErrExist, syscall.EEXIST},
	{mirror.ErrNotDir, syscall.ENOTDIR},
	{mirror.ErrIsDir, syscall.EISDIR},
	{mirror.ErrNotEmpty, syscall.ENOTEMPTY},
	{mirror.ErrNameTooLong, syscall.ENAMETOOLONG},
	{mirror.ErrInvalid, syscall.EINVAL},
	{mirror.ErrReadOnly, syscall.EROFS},
	{mirror.ErrNoAttr, syscall.ENODATA},
	{mirror.ErrUnsupported, syscall.EOPNOTSUPP},
	{mirror.ErrTooLarge, syscall.EFBIG},
	{mirror.ErrStale, syscall.ESTALE},
	{mirror.ErrNoData, syscall.ENXIO},
	{cloud.ErrUnsupported, syscall.EOPNOTSUPP},
	{fs.ErrClosed, syscall.EBADF},
}

// errnoOf translates an error of the mirror. What it does not know is EIO.
func errnoOf(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	// Unwrapping to the reason of each cloud, it would match whatever one of
	// them said.
	if unreadable, ok := errors.AsType[*mirror.UnreadableError](err); ok && unreadable != nil {
		return syscall.EIO
	}
	for _, e := range errnos {
		if errors.Is(err, e.err) {
			return e.no
		}
	}
	no, ok := errors.AsType[syscall.Errno](err)
	switch {
	case !ok && errors.Is(err, fs.ErrPermission): // as EACCES is, too
		return syscall.EPERM
	case !ok || no == 0:
		return syscall.EIO
	case no == syscall.ENOSYS:
		// From a filesystem server it means "never ask again".
		return syscall.EOPNOTSUPP
	}
	return no
}
