package mac

import "fmt"

// Size is the length of an HMAC-SHA-256 in bytes.
const Size = 32

// A Message is Prefix ‖ Body; Key.Sum puts its HMAC into Sum. Body may have any
// length and is only read.
type Message struct {
	Prefix [16]byte
	Body   []byte
	Sum    [Size]byte
}

// New prepares the HMAC key of any length. It keeps no reference to key.
func New(key []byte) *Key { return newKey(key) }

// Sum authenticates every message.
func (k *Key) Sum(msgs []Message) { k.sum(msgs) }

// String keeps key material out of logs.
func (k *Key) String() string { return "[redacted]" }

// GoString is String, for %#v.
func (k *Key) GoString() string { return "[redacted]" }

// Format is String, for every verb.
func (k *Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[redacted]") }
