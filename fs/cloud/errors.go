package cloud

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func notRegular(errno unix.Errno) error { return fmt.Errorf("%w (%w)", ErrNotRegular, errno) }

// unsupported marks the errnos that say "no such operation here"; also gives
// those that do so for one operation only.
func unsupported(err error, also ...unix.Errno) error {
	errno, ok := err.(unix.Errno)
	if !ok {
		return err
	}
	for _, no := range append(also, unix.EOPNOTSUPP, unix.ENOSYS) {
		if errno == no {
			return fmt.Errorf("%w (%w)", ErrUnsupported, errno)
		}
	}
	return err
}
