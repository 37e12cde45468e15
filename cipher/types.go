package cipher

import "fmt"

// A Suite chooses the block cipher that encrypts a cloud's contents. It is
// fixed for each cloud when the vault is made.
type Suite uint8

// The suites of format 1.
const (
	AES128 Suite = 1
	AES256 Suite = 2 // the default
)

// ParseSuite reads what [Suite.String] writes.
func ParseSuite(s string) (Suite, error) {
	for _, suite := range []Suite{AES128, AES256} {
		if s == suite.String() {
			return suite, nil
		}
	}
	return 0, fmt.Errorf("cipher: unknown suite %q, want %v or %v", s, AES256, AES128)
}

// String returns "aes-128" or "aes-256".
func (s Suite) String() string {
	switch s {
	case AES128:
		return "aes-128"
	case AES256:
		return "aes-256"
	}
	return fmt.Sprintf("suite %d", uint8(s))
}

func (s Suite) valid() bool { return s == AES128 || s == AES256 }

// keySize returns how many bytes of enc_key and hdr_enc_key the suite uses.
func (s Suite) keySize() int {
	if s == AES128 {
		return 16
	}
	return 32
}

// A Type says what a backing file stands for.
type Type uint8

// The types of format 1; 2 is not used, directories are directories.
const (
	TypeFile    Type = 1
	TypeSymlink Type = 3 // content: the target
	TypeFIFO    Type = 4
	TypeSocket  Type = 5
	TypeChar    Type = 6 // content: see [Device]
	TypeBlock   Type = 7 // content: see [Device]
	TypeGone    Type = 8 // content: a batch of removals, see [Removal]
)

// Special reports whether the type's entries carry the letter w.
func (t Type) Special() bool { return t >= TypeSymlink && t <= TypeBlock }

func (t Type) valid() bool { return t == TypeFile || t.Special() || t == TypeGone }

// String returns the type in a word or two.
func (t Type) String() string {
	switch t {
	case TypeFile:
		return "file"
	case TypeSymlink:
		return "symlink"
	case TypeFIFO:
		return "fifo"
	case TypeSocket:
		return "socket"
	case TypeChar:
		return "character device"
	case TypeBlock:
		return "block device"
	case TypeGone:
		return "batch of removals"
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Flags are a header's flags.
type Flags uint32

// The flags of format 1.
const (
	// Dirty: the header holds the last committed version and length, and
	// records may be newer than it.
	Dirty Flags = 1 << iota
	// Sparse: records of zeros only are holes. Without it they are damage.
	Sparse

	knownFlags = Dirty | Sparse
)
