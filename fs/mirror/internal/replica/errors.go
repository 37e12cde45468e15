package replica

import (
	"errors"
	"fmt"
)

// Reasons why one cloud's copy does not serve.
var (
	ErrArriving  = errors.New("arriving: changed elsewhere and not whole yet")
	ErrTruncated = errors.New("truncated")
	ErrDamaged   = errors.New("damaged")
	ErrOlder     = errors.New("an older version")
	ErrConflict  = errors.New("a conflicting version")
	ErrMissing   = errors.New("missing")
	ErrStale     = errors.New("replaced behind the mount")
)

// ErrBlank: a backing file has no header yet. Zeros are in its place, or the
// beginning of one: it was never committed, or a power cut took it.
var ErrBlank = fmt.Errorf("%w: no header yet", ErrTruncated)
