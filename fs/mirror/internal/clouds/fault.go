package clouds

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/redo"
)

// A Fault says whose an error is that came from one cloud. Only what is the
// cloud's own, Failed and Full, may put it out; see the package's doc.
type Fault int

const (
	Faultless Fault = iota
	Failed          // the cloud does not work
	Full            // it takes nothing
	Strayed         // this one copy or name is not there as it should be: missing, older, newer, damaged, another
	Lacking         // its filesystem has no such operation
	Refused         // the program asked for what cannot be
	Starved         // this process is out of descriptors or memory
	Closing         // the mirror is being closed
)

// FaultOf classifies an error. What it does not know is the program's: an
// unheard-of answer to one request says nothing of the next.
func FaultOf(err error) Fault {
	is := func(list ...error) bool {
		for _, e := range list {
			if errors.Is(err, e) {
				return true
			}
		}
		return false
	}
	switch {
	case err == nil:
		return Faultless
	case is(ErrClosed, fs.ErrClosed, redo.ErrClosed):
		return Closing
	case is(unix.EMFILE, unix.ENFILE, unix.ENOMEM): // wherever it showed, in the check of a directory too
		return Starved
	case is(cloud.ErrAbsent): // with the errno of what is missing beside it
		return Failed
	case is(cloud.ErrUnsupported, ErrUnsupported):
		return Lacking
	case is(replica.ErrMissing, replica.ErrOlder, replica.ErrConflict, replica.ErrArriving, replica.ErrTruncated, replica.ErrDamaged, replica.ErrStale),
		is(cipher.ErrDamaged, cipher.ErrNewer, cloud.ErrNotRegular),
		is(fs.ErrNotExist, unix.ENOTDIR, unix.EISDIR): // the merged view has what this cloud has not
		return Strayed
	case is(unix.ENOSPC, unix.EDQUOT, unix.EROFS):
		return Full
	case is(unix.EIO, unix.ESTALE, unix.ENOTCONN, unix.EREMOTEIO, unix.ENODEV, unix.ENXIO, unix.ENOMEDIUM),
		is(unix.EUCLEAN, unix.EBADMSG, unix.ETIMEDOUT, unix.ESHUTDOWN, unix.ENETDOWN, unix.ENETUNREACH),
		is(unix.EHOSTDOWN, unix.EHOSTUNREACH, unix.ECONNABORTED, unix.ECONNREFUSED, unix.ECONNRESET):
		return Failed
	}
	return Refused
}

// OfCloud reports whether the fault is the cloud's own.
func (f Fault) OfCloud() bool { return f == Failed || f == Full }

// Ours reports whether the fault is this process's, so that it says nothing of
// any cloud: the same, asked again later, may go well.
func (f Fault) Ours() bool { return f == Starved || f == Closing }
