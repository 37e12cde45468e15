package cipher

import "errors"

// The sentinels of this package. What is returned wraps one of them with what
// was wrong and where; match with [errors.Is].
var (
	// ErrDamaged: it does not authenticate under this cloud's key, or it does
	// and still breaks a rule of the format. Nothing in it may be believed.
	ErrDamaged = errors.New("damaged")

	// ErrNewer: authentic, but written by a later format than this one. It is
	// never served, healed over or deleted.
	ErrNewer = errors.New("written by a newer version")

	// ErrSize: a length, offset or buffer shape that no file can have.
	ErrSize = errors.New("impossible size")

	// ErrInvalid: the caller asked to seal something that the format forbids.
	ErrInvalid = errors.New("not allowed by the format")

	// ErrName: a name that no file, or no attribute, can have.
	ErrName = errors.New("impossible name")

	// ErrForeign: an entry that is none of this cloud's names. It is never
	// shown as a file and never deleted.
	ErrForeign = errors.New("foreign entry")

	// ErrMetadata: an entry that is the format's own and not a file's name:
	// the marker, a sidecar, a temporary file, or one that is reserved.
	ErrMetadata = errors.New("metadata entry")

	// ErrSidecar: a long name whose sidecar is missing or not the one that the
	// entry asks for, so that the name cannot be told.
	ErrSidecar = errors.New("long name without its sidecar")

	// ErrWrongCloud: an authentic-looking marker that names another cloud or
	// another vault.
	ErrWrongCloud = errors.New("marker of another cloud")
)
