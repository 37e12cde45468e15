package cipher

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
)

// redacted is what every type that holds a key shows of itself.
const redacted = "[redacted]"

// A Key is 32 secret bytes. However it is printed, logged or marshalled, it
// says only [redacted]; whoever stores a key does so from its bytes, openly.
type Key [32]byte

// NewKey draws a key from the operating system.
func NewKey() *Key {
	k := new(Key)
	rand.Read(k[:])
	return k
}

// Equal reports whether two keys are the same, in constant time.
func (k *Key) Equal(other *Key) bool {
	return subtle.ConstantTimeCompare(k[:], other[:]) == 1
}

// Wipe overwrites the key with zeros.
func (k *Key) Wipe() { clear(k[:]) }

// String returns "[redacted]".
func (Key) String() string { return redacted }

// GoString returns "[redacted]".
func (Key) GoString() string { return redacted }

// Format writes "[redacted]" for every verb, %x and %v alike.
func (Key) Format(s fmt.State, _ rune) { io.WriteString(s, redacted) }

// MarshalText returns "[redacted]", so that JSON and structured logs tell
// nothing. There is deliberately no way back.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }
