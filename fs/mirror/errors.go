package mirror

import (
	"errors"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/view"
)

// Errors of the merged view. Together with fs.ErrNotExist, fs.ErrExist and
// errors that wrap a backing filesystem's errno they are all that operations
// return.
var (
	ErrNotDir      = errors.New("not a directory")
	ErrIsDir       = errors.New("is a directory")
	ErrNotEmpty    = view.ErrNotEmpty
	ErrNameTooLong = view.ErrNameTooLong
	ErrInvalid     = content.ErrInvalid
	ErrReadOnly    = clouds.ErrReadOnly
	ErrNoAttr      = errors.New("no such attribute")
	ErrUnsupported = clouds.ErrUnsupported
	ErrTooLarge    = content.ErrTooLarge
	ErrStale       = replica.ErrStale
	ErrNoData      = content.ErrNoData
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
type CloudError = copies.CloudError

// UnreadableError says, for each cloud, why it could not serve. It unwraps to
// every reason.
type UnreadableError = copies.UnreadableError
