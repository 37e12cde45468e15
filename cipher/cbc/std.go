package cbc

import (
	"crypto/cipher"
	"crypto/subtle"
)

// The standard library's block cipher, driven block by block. A
// cipher.BlockMode would have to be allocated for each lane.

func stdEncrypt(b cipher.Block, l *Lane) {
	prev := l.IV[:]
	for i := 0; i < len(l.Src); i += BlockSize {
		dst := l.Dst[i : i+BlockSize]
		subtle.XORBytes(dst, l.Src[i:i+BlockSize], prev)
		b.Encrypt(dst, dst)
		prev = dst
	}
}

// stdDecrypt goes backwards, so that in place the ciphertext of the block
// before is still there to be XORed in.
func stdDecrypt(b cipher.Block, l *Lane) {
	for i := len(l.Src) - BlockSize; i >= 0; i -= BlockSize {
		dst := l.Dst[i : i+BlockSize]
		prev := l.IV[:]
		if i > 0 {
			prev = l.Src[i-BlockSize : i]
		}
		b.Decrypt(dst, l.Src[i:i+BlockSize])
		subtle.XORBytes(dst, dst, prev)
	}
}

func stdEncryptBlocks(b cipher.Block, dst, src []byte) {
	for i := 0; i < len(src); i += BlockSize {
		b.Encrypt(dst[i:i+BlockSize], src[i:i+BlockSize])
	}
}

func stdDecryptBlocks(b cipher.Block, dst, src []byte) {
	for i := 0; i < len(src); i += BlockSize {
		b.Decrypt(dst[i:i+BlockSize], src[i:i+BlockSize])
	}
}
