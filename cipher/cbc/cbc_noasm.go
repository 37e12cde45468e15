//go:build !amd64 || purego

package cbc

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
)

// Cipher is an expanded AES key. It is safe for concurrent use, except Wipe.
type Cipher struct {
	std cipher.Block
}

// Kernel names the implementation in use.
func Kernel() string { return "standard library" }

func newCipher(key []byte) (*Cipher, error) {
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("cbc: new: %w", err)
	}
	return &Cipher{std: b}, nil
}

// Wipe drops the key. Using the cipher afterwards panics.
func (c *Cipher) Wipe() { c.std = nil }

func (c *Cipher) encrypt(lanes []Lane) {
	for i := range lanes {
		stdEncrypt(c.std, &lanes[i])
	}
}

func (c *Cipher) decrypt(lanes []Lane) {
	for i := range lanes {
		stdDecrypt(c.std, &lanes[i])
	}
}

func encryptKeys(lanes []KeyLane) {
	for i := range lanes {
		stdEncrypt(lanes[i].Cipher.std, &lanes[i].Lane)
	}
}

func (c *Cipher) encryptBlocks(dst, src []byte) { stdEncryptBlocks(c.std, dst, src) }

func (c *Cipher) decryptBlocks(dst, src []byte) { stdDecryptBlocks(c.std, dst, src) }
