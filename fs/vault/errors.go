package vault

import (
	"errors"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/vault/internal/config"
	"github.com/overcast-fs/overcast/fs/vault/internal/keyfile"
)

// The sentinels of this package. What is returned wraps one of them, or an error
// of the operating system, with what was wrong and where, in one line.
var (
	// ErrDamaged: a file of the vault is not what was written there. It is the
	// same value as the sentinel of package cipher.
	ErrDamaged = cipher.ErrDamaged

	// ErrWrongCloud: a directory holds the marker of another cloud or vault.
	ErrWrongCloud = cipher.ErrWrongCloud

	// ErrInvalid: an option of init that no vault can have.
	ErrInvalid = errors.New("invalid option")

	// ErrSetting: vault.toml says something that a user may have written and that
	// no vault can have; it is to be corrected there.
	ErrSetting = config.ErrSetting

	// ErrIsCloud: a directory is a cloud's, where the vault's was wanted.
	ErrIsCloud = errors.New("a cloud, not a vault")

	// ErrUnusable: a directory that init must not make a vault or a cloud of.
	ErrUnusable = errors.New("unusable directory")

	// ErrUnknownFormat: the vault names a format, a suite or a chunk size that
	// this program does not know.
	ErrUnknownFormat = keyfile.ErrUnknownFormat

	// ErrWrongPassphrase: keys.age is whole, and this passphrase does not open it.
	ErrWrongPassphrase = keyfile.ErrWrongPassphrase

	// ErrWrongIdentity: no identity that was given opens the file of keys.
	ErrWrongIdentity = keyfile.ErrWrongIdentity

	// ErrNoRecipients: nothing but the passphrase opens the vault.
	ErrNoRecipients = errors.New("only its passphrase opens it, no identity")

	// ErrIdentity: an identity cannot be used, such as a hardware key that is
	// not there.
	ErrIdentity = keyfile.ErrIdentity

	// ErrOldKeys: a cloud belongs to the vault, and the keys know nothing of it:
	// they were copied before it was added.
	ErrOldKeys = errors.New("the keys are older than the clouds")

	// ErrJoin: something of a vault is here, and [Join] makes the rest of it.
	ErrJoin = errors.New("a part of a vault")

	// ErrWorkFactor: keys.age asks for more scrypt work than is ever done.
	ErrWorkFactor = keyfile.ErrWorkFactor

	// ErrLocked: another process has the vault mounted.
	ErrLocked = errors.New("already mounted")

	// ErrMountpoint: a directory that must not be mounted on.
	ErrMountpoint = errors.New("unusable mountpoint")

	// ErrNoMarker: a cloud's directory, or the marker in it, is missing; the
	// cloud is absent.
	ErrNoMarker = errors.New("no marker")

	// ErrCounter: the writer has no counter left that could be issued.
	ErrCounter = errors.New("counters exhausted")
)

// A joinable is an error that is an [ErrJoin] besides.
type joinable struct{ error }

func (joinable) Is(target error) bool { return target == ErrJoin }
func (j joinable) Unwrap() error      { return j.error }
