package pycrypto

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/overcast-fs/overcast/cipher/cbc"
)

// BlockSize is the size in bytes of an AES block, and of the IV that a file
// begins with.
const BlockSize = 16

const tagInfo = "overcast pycrypto hmac v1"

var (
	// ErrLength is returned for a file that is not an IV and whole blocks.
	ErrLength = errors.New("not a 16-byte IV and whole 16-byte blocks")
	// ErrPadding is returned where PKCS #7 padding was demanded and is not
	// there: a wrong key, damage, or a file that was padded in another way.
	ErrPadding = errors.New("no PKCS #7 padding at the end")
	// ErrSize is returned where a file has fewer bytes than it was to be cut to.
	ErrSize = errors.New("shorter than the demanded size")
	// ErrTag is returned where the file and its tag do not belong together.
	ErrTag = errors.New("the HMAC does not match: wrong key, or changed since it was encrypted")
	// ErrKeySize is returned for a key that is not 16, 24 or 32 bytes long.
	ErrKeySize = errors.New("an AES key is 16, 24 or 32 bytes")
)

// A Padding says how the last block of a plaintext is filled, or what is to be
// taken off it again.
type Padding uint8

const (
	// Keep takes nothing off: every decrypted byte is content. Reading only.
	Keep Padding = iota
	// PKCS7 adds 1 to 16 bytes; in reading they are verified and taken off.
	PKCS7
	// Space adds 0 to 15 spaces, as the script does; in reading at most 15
	// trailing spaces are taken off, content or not.
	Space
	// Exact cuts to a size known from elsewhere. Reading only.
	Exact
)

func (p Padding) String() string {
	switch p {
	case Keep:
		return "none"
	case PKCS7:
		return "pkcs7"
	case Space:
		return "space"
	case Exact:
		return "exact"
	}
	return fmt.Sprintf("Padding(%d)", uint8(p))
}

// ParsePadding is the inverse of String for the paddings that have no
// parameter: "none", "pkcs7" and "space".
func ParsePadding(s string) (Padding, error) {
	for _, p := range []Padding{Keep, PKCS7, Space} {
		if s == p.String() {
			return p, nil
		}
	}
	return Keep, fmt.Errorf("unknown padding %q", s)
}

// CheckLength reports whether a file of n bytes can have this layout.
func CheckLength(n int64) error {
	if n < BlockSize || n%BlockSize != 0 {
		return fmt.Errorf("%d bytes: %w", n, ErrLength)
	}
	return nil
}

// A Key encrypts and authenticates files. It is safe for concurrent use.
type Key struct {
	cipher *cbc.Cipher
	tagKey []byte
}

// NewKey expands a raw AES key of 16, 24 or 32 bytes. It keeps no reference to
// raw. The error wraps [ErrKeySize].
func NewKey(raw []byte) (*Key, error) {
	switch len(raw) {
	case 16, 24, 32:
	default:
		return nil, fmt.Errorf("%d bytes: %w", len(raw), ErrKeySize)
	}
	cipher, err := cbc.New(raw)
	if err != nil {
		return nil, fmt.Errorf("expand the key: %w", err)
	}
	tagKey, err := hkdf.Key(sha256.New, raw, nil, tagInfo, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the HMAC key: %w", err)
	}
	return &Key{cipher: cipher, tagKey: tagKey}, nil
}

// Wipe forgets the key; it must not be used afterwards.
func (k *Key) Wipe() {
	k.cipher.Wipe()
	clear(k.tagKey)
}

// String keeps the key out of logs and error texts.
func (k *Key) String() string { return "[redacted]" }

// GoString keeps the key out of %#v.
func (k *Key) GoString() string { return "[redacted]" }

// Format keeps the key out of every other verb.
func (k *Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[redacted]") }
