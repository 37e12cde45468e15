package mirror

import (
	"errors"
	"fmt"
	"strings"
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
	ErrReadOnly    = errors.New("read-only filesystem")
	ErrNoAttr      = errors.New("no such attribute")
	ErrUnsupported = errors.New("not supported")
	ErrTooLarge    = errors.New("file too large")
	ErrStale       = errors.New("replaced behind the mount")
	ErrNoData      = errors.New("no data beyond this offset")
	ErrNoCloud     = errors.New("no cloud is available")
	ErrClosed      = errors.New("closed")
)

// Reasons why one cloud's copy does not serve; an UnreadableError holds one
// for each cloud.
var (
	ErrArriving  = errors.New("arriving: changed elsewhere and not whole yet")
	ErrTruncated = errors.New("truncated")
	ErrDamaged   = errors.New("damaged")
	ErrOlder     = errors.New("an older version")
	ErrConflict  = errors.New("a conflicting version")
	ErrMissing   = errors.New("missing")
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
