package mirror

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/redo"
)

// A fault says whose an error is that came from one cloud. Only what is the
// cloud's own, failed and full, may put it out; see the package's doc.
type fault int

const (
	faultless fault = iota
	failed          // the cloud does not work
	full            // it takes nothing
	strayed         // this one copy or name is not there as it should be: missing, older, newer, damaged, another
	lacking         // its filesystem has no such operation
	refused         // the program asked for what cannot be
	starved         // this process is out of descriptors or memory
	closing         // the mirror is being closed
)

// faultOf classifies an error. What it does not know is the program's: an
// unheard-of answer to one request says nothing of the next.
func faultOf(err error) fault {
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
		return faultless
	case is(ErrClosed, fs.ErrClosed, redo.ErrClosed):
		return closing
	case is(unix.EMFILE, unix.ENFILE, unix.ENOMEM): // wherever it showed, in the check of a directory too
		return starved
	case is(cloud.ErrAbsent): // with the errno of what is missing beside it
		return failed
	case is(cloud.ErrUnsupported, ErrUnsupported):
		return lacking
	case is(ErrMissing, ErrOlder, ErrConflict, ErrArriving, ErrTruncated, ErrDamaged, ErrStale),
		is(cipher.ErrDamaged, cipher.ErrNewer, cloud.ErrNotRegular),
		is(fs.ErrNotExist, unix.ENOTDIR, unix.EISDIR): // the merged view has what this cloud has not
		return strayed
	case is(unix.ENOSPC, unix.EDQUOT, unix.EROFS):
		return full
	case is(unix.EIO, unix.ESTALE, unix.ENOTCONN, unix.EREMOTEIO, unix.ENODEV, unix.ENXIO, unix.ENOMEDIUM),
		is(unix.EUCLEAN, unix.EBADMSG, unix.ETIMEDOUT, unix.ESHUTDOWN, unix.ENETDOWN, unix.ENETUNREACH),
		is(unix.EHOSTDOWN, unix.EHOSTUNREACH, unix.ECONNABORTED, unix.ECONNREFUSED, unix.ECONNRESET):
		return failed
	}
	return refused
}

// cloud reports whether the fault is the cloud's own.
func (f fault) cloud() bool { return f == failed || f == full }

// faultIn is faultOf for an error of one cloud. Where something is missing it
// looks whether that is all of the cloud: a directory that was removed or
// unmounted answers like one that is empty.
func faultIn(mb *member, err error) fault {
	f := faultOf(err)
	if f == strayed && mb.dir != nil && faultOf(mb.dir.Check()) == failed {
		return failed
	}
	return f
}
