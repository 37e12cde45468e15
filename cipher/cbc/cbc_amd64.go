//go:build amd64 && !purego

package cbc

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"slices"
)

// Cipher is an expanded AES key. It is safe for concurrent use, except Wipe.
type Cipher struct {
	kernel   kernel
	enc, dec schedule
	std      cipher.Block // only for kernelStd
}

func newCipher(key []byte) (*Cipher, error) { return newWith(best, key) }

func newWith(k kernel, key []byte) (*Cipher, error) {
	c := &Cipher{kernel: k}
	if k != kernelStd {
		expand(&c.enc, &c.dec, key)
		return c, nil
	}
	var err error
	if c.std, err = aes.NewCipher(key); err != nil {
		return nil, fmt.Errorf("cbc: new: %w", err)
	}
	return c, nil
}

// Wipe overwrites the round keys, which are nowhere else unless the standard
// library holds them. Using the cipher afterwards panics.
func (c *Cipher) Wipe() { *c = Cipher{} }

func (c *Cipher) encrypt(lanes []Lane) {
	if c.kernel == kernelStd {
		for i := range lanes {
			stdEncrypt(c.std, &lanes[i])
		}
		return
	}
	q := queue{cipher: c, lanes: lanes, width: c.kernel.lanes()}
	q.run()
}

// encryptKeys runs lanes with equally many rounds together.
func encryptKeys(lanes []KeyLane) {
	for _, rounds := range [...]int{10, 12, 14} {
		if slices.ContainsFunc(lanes, func(l KeyLane) bool { return l.Cipher.enc.rounds == rounds }) {
			q := queue{keyed: lanes, rounds: rounds, width: maxKeyed}
			q.run()
		}
	}
	for i := range lanes {
		if c := lanes[i].Cipher; c.kernel == kernelStd {
			stdEncrypt(c.std, &lanes[i].Lane)
		}
	}
}

func (c *Cipher) decrypt(lanes []Lane) {
	for i := range lanes {
		if c.kernel == kernelStd {
			stdDecrypt(c.std, &lanes[i])
		} else {
			c.decryptLane(&lanes[i])
		}
	}
}

func (c *Cipher) decryptLane(l *Lane) {
	iv, dst, src := *l.IV, l.Dst, l.Src
	for len(src) > 0 {
		n := min(len(src)/BlockSize, maxBlocks)
		switch {
		case c.kernel == kernelAVX512:
			decryptAVX512(&c.dec, &dst[0], &src[0], n, &iv)
		case c.kernel == kernelAVX2 && n >= 16:
			n &^= 15
			decryptAVX2(&c.dec, &dst[0], &src[0], n, &iv)
		default:
			decryptSSE(&c.dec, &dst[0], &src[0], n, &iv)
		}
		dst, src = dst[n*BlockSize:], src[n*BlockSize:]
	}
}

func (c *Cipher) encryptBlocks(dst, src []byte) {
	if c.kernel == kernelStd {
		stdEncryptBlocks(c.std, dst, src)
		return
	}
	for len(src) > 0 {
		n := min(len(src)/BlockSize, maxBlocks)
		encryptBlocksSSE(&c.enc, &dst[0], &src[0], n)
		dst, src = dst[n*BlockSize:], src[n*BlockSize:]
	}
}

func (c *Cipher) decryptBlocks(dst, src []byte) {
	if c.kernel == kernelStd {
		stdDecryptBlocks(c.std, dst, src)
		return
	}
	for len(src) > 0 {
		n := min(len(src)/BlockSize, maxBlocks)
		decryptBlocksSSE(&c.dec, &dst[0], &src[0], n)
		dst, src = dst[n*BlockSize:], src[n*BlockSize:]
	}
}
