package mirror

import (
	"errors"
	"fmt"
	"strings"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Errors of the merged view. Together with fs.ErrNotExist, fs.ErrExist and
// errors that wrap a backing filesystem's errno they are all that operations
// return.
var (
	ErrNotDir      = errors.New("not a directory")
	ErrIsDir       = errors.New("is a directory")
	ErrNotEmpty    = errors.New("directory not empty")
	ErrNameTooLong = errors.New("name too long")
	ErrInvalid     = errors.New("invalid argument")
	ErrReadOnly    = clouds.ErrReadOnly
	ErrNoAttr      = errors.New("no such attribute")
	ErrUnsupported = clouds.ErrUnsupported
	ErrTooLarge    = errors.New("file too large")
	ErrStale       = replica.ErrStale
	ErrNoData      = errors.New("no data beyond this offset")
	ErrNoCloud     = clouds.ErrNoCloud
	ErrClosed      = clouds.ErrClosed
)

// Reasons why one cloud's copy does not serve; an UnreadableError holds one
// for each cloud.
var (
	ErrArriving  = replica.ErrArriving
	ErrTruncated = replica.ErrTruncated
	ErrDamaged   = replica.ErrDamaged
	ErrOlder     = replica.ErrOlder
	ErrConflict  = replica.ErrConflict
	ErrMissing   = replica.ErrMissing
)

// CloudError is what one cloud answered.
type CloudError struct {
	Cloud string
	Err   error
}

func (e CloudError) Error() string { return e.Cloud + ": " + e.Err.Error() }
func (e CloudError) Unwrap() error { return e.Err }

// UnreadableError says, for each cloud, why it could not serve. It unwraps to
// every reason.
type UnreadableError struct {
	What   string
	Clouds []CloudError
}

func (e *UnreadableError) Error() string {
	reasons := make([]string, len(e.Clouds))
	for i, c := range e.Clouds {
		reasons[i] = c.Error()
	}
	return fmt.Sprintf("%s: no cloud can serve it (%s)", e.What, strings.Join(reasons, "; "))
}

// Unwrap returns the reason of each cloud.
func (e *UnreadableError) Unwrap() []error {
	errs := make([]error, len(e.Clouds))
	for i, c := range e.Clouds {
		errs[i] = c
	}
	return errs
}
