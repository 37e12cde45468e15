package pycrypto

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

// A Tag authenticates one encrypted file. Its text form, which a .hmac file
// holds, is 64 lower-case hexadecimal digits and a newline.
type Tag [sha256.Size]byte

// MarshalText returns the text form; the error is always nil.
func (t Tag) MarshalText() ([]byte, error) {
	return append(hex.AppendEncode(nil, t[:]), '\n'), nil
}

// UnmarshalText reads the text form, with or without the newline.
func (t *Tag) UnmarshalText(text []byte) error {
	text = bytes.TrimSuffix(text, []byte("\n"))
	if len(text) != hex.EncodedLen(len(t)) {
		return fmt.Errorf("%d characters: an HMAC is %d hexadecimal digits", len(text), hex.EncodedLen(len(t)))
	}
	if _, err := hex.Decode(t[:], text); err != nil {
		return fmt.Errorf("an HMAC is hexadecimal: %w", err)
	}
	return nil
}

// Verify reads a whole encrypted file and compares it with its tag, without
// decrypting anything. The error wraps [ErrTag], or is the reader's.
func (k *Key) Verify(src io.Reader, tag Tag) error {
	h := k.newHash()
	if _, err := io.Copy(h, src); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	return tag.check(h)
}

func (k *Key) newHash() hash.Hash { return hmac.New(sha256.New, k.tagKey) }

func (t Tag) check(h hash.Hash) error {
	if !hmac.Equal(h.Sum(nil), t[:]) {
		return ErrTag
	}
	return nil
}
