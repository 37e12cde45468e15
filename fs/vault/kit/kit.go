// Package kit is a vault's recovery kit: an identity of age on paper, and the
// pages that hold it. With it and any one cloud everything comes back.
//
//	kit.go   the identity: drawn, and read back as somebody typed it
//	page.go  the paper, as text and as HTML with a QR code
package kit

import (
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
)

// prefix is how age spells the identities of kits, which no quantum computer is
// known to break.
const prefix = "AGE-SECRET-KEY-PQ-1"

// Length is how many characters an identity has: the prefix, 52 for its 256 bits
// and 6 that tell a typing error.
const Length = len(prefix) + 52 + 6

// A Kit is the secret of a recovery kit. It never prints.
type Kit struct{ identity *age.HybridIdentity }

// Draw makes a new one.
func Draw() (*Kit, error) {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, err
	}
	return &Kit{id}, nil
}

// ErrTyped: what was read is no identity of a kit.
var ErrTyped = errors.New("not the line of a recovery kit")

// Parse finds the identity in what somebody typed, in capitals or not and with
// blanks between, or in the whole text of a kit. No error shows a part of it.
func Parse(text []byte) (*Kit, error) {
	for line := range strings.Lines(string(text)) {
		line = strings.ToUpper(strings.Join(strings.Fields(line), ""))
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		if len(line) != Length {
			return nil, fmt.Errorf("%w: it has %d characters and should have %d", ErrTyped, len(line), Length)
		}
		id, err := age.ParseHybridIdentity(line)
		if err != nil {
			return nil, fmt.Errorf("%w: a character is wrong", ErrTyped)
		}
		return &Kit{id}, nil
	}
	return nil, fmt.Errorf("%w: that begins with %s", ErrTyped, prefix)
}

// Identity opens what is sealed for the kit.
func (k *Kit) Identity() age.Identity { return k.identity }

// Line is the secret in age's own spelling.
func (k *Kit) Line() string { return k.identity.String() }

// Recipient is what the keys are sealed for. Only whoever has the keys may know
// it: what a cloud could seal for it would be believed.
func (k *Kit) Recipient() string { return k.identity.Recipient().String() }

// String keeps the secret out of messages.
func (k *Kit) String() string { return "[redacted]" }

// GoString is String.
func (k *Kit) GoString() string { return k.String() }

// Format is String, whatever the verb.
func (k *Kit) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }
