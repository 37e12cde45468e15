package cbc

import (
	"crypto/aes"
	"fmt"
	"unsafe"
)

// BlockSize is the AES block size in bytes.
const BlockSize = 16

// A Lane is one independent CBC chain: the blocks of Src, encrypted or
// decrypted into Dst from *IV. Dst and Src have the same length, a multiple of
// BlockSize, zero included; they are the same memory or do not overlap. The
// lanes of one call must not overlap each other. IV is only read, and must not
// lie in any Dst.
type Lane struct {
	IV       *[BlockSize]byte
	Dst, Src []byte
}

// A KeyLane is a Lane with its own key.
type KeyLane struct {
	Cipher *Cipher
	Lane
}

// New expands an AES key of 16, 24 or 32 bytes. It keeps no reference to key.
func New(key []byte) (*Cipher, error) {
	switch len(key) {
	case 16, 24, 32:
		return newCipher(key)
	}
	return nil, fmt.Errorf("cbc: new: %w", aes.KeySizeError(len(key)))
}

// Encrypt encrypts each lane as its own CBC chain. It panics where a lane is
// not what Lane describes.
func (c *Cipher) Encrypt(lanes []Lane) {
	for i := range lanes {
		lanes[i].check()
	}
	c.encrypt(lanes)
}

// Decrypt is the inverse of Encrypt.
func (c *Cipher) Decrypt(lanes []Lane) {
	for i := range lanes {
		lanes[i].check()
	}
	c.decrypt(lanes)
}

// EncryptKeys is Encrypt for lanes under different keys.
func EncryptKeys(lanes []KeyLane) {
	for i := range lanes {
		lanes[i].check()
	}
	encryptKeys(lanes)
}

// EncryptBlocks encrypts every block of src on its own (ECB) into dst, which
// has the same length and is the same memory or does not overlap. It is for
// blocks that are unique by construction, never for content.
func (c *Cipher) EncryptBlocks(dst, src []byte) {
	checkBuffers(dst, src)
	c.encryptBlocks(dst, src)
}

// DecryptBlocks is the inverse of EncryptBlocks.
func (c *Cipher) DecryptBlocks(dst, src []byte) {
	checkBuffers(dst, src)
	c.decryptBlocks(dst, src)
}

// String keeps round keys out of logs.
func (c *Cipher) String() string { return "[redacted]" }

// GoString is String, for %#v.
func (c *Cipher) GoString() string { return "[redacted]" }

// Format is String, for every verb.
func (c *Cipher) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[redacted]") }

func (l *Lane) check() {
	checkBuffers(l.Dst, l.Src)
	if l.IV == nil {
		panic("cbc: lane without an IV")
	}
}

func checkBuffers(dst, src []byte) {
	if len(dst) != len(src) {
		panic("cbc: dst and src differ in length")
	}
	if len(src)%BlockSize != 0 {
		panic("cbc: length is not a multiple of the block size")
	}
	if partialOverlap(dst, src) {
		panic("cbc: dst and src overlap in part")
	}
}

// partialOverlap reports whether equally long slices share memory without
// being the same memory.
func partialOverlap(dst, src []byte) bool {
	if len(src) == 0 {
		return false
	}
	d, s := uintptr(unsafe.Pointer(&dst[0])), uintptr(unsafe.Pointer(&src[0]))
	n := uintptr(len(src))
	return d != s && d < s+n && s < d+n
}
