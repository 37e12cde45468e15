package vault

import (
	"errors"
	"strings"
	"unicode"

	"github.com/overcast-fs/overcast/cipher"
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
	ErrSetting = errors.New("wrong setting")

	// ErrIsCloud: a directory is a cloud's, where the vault's was wanted.
	ErrIsCloud = errors.New("a cloud, not a vault")

	// ErrUnusable: a directory that init must not make a vault or a cloud of.
	ErrUnusable = errors.New("unusable directory")

	// ErrUnknownFormat: the vault names a format, a suite or a chunk size that
	// this program does not know.
	ErrUnknownFormat = errors.New("unknown format")

	// ErrWrongPassphrase: keys.age is whole, and this passphrase does not open it.
	ErrWrongPassphrase = errors.New("wrong passphrase")

	// ErrWorkFactor: keys.age asks for more scrypt work than is ever done.
	ErrWorkFactor = errors.New("scrypt work factor too large")

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

// oneLine makes foreign text fit for one line of a message on a terminal.
func oneLine(text string) string {
	const limit = 200
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + " …"
	}
	return text
}
