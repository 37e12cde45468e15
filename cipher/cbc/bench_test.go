package cbc

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"testing"
)

func benchLanes(n, size, stride int) []Lane {
	src, dst := make([]byte, n*size), make([]byte, n*stride+16)
	lanes := make([]Lane, n)
	for i := range lanes {
		lanes[i] = Lane{new([16]byte), dst[16+i*stride:][:size], src[i*size:][:size]}
	}
	return lanes
}

func BenchmarkEncrypt(b *testing.B) {
	for _, im := range implementations {
		if !im.available {
			continue
		}
		for _, n := range []int{1, 2, 4, 8, 16, 32, 64} {
			b.Run(fmt.Sprintf("%s/%dx4KiB", im.name, n), func(b *testing.B) {
				c := im.mustNew(b, make([]byte, 32))
				lanes := benchLanes(n, 4096, 4096+48)
				b.SetBytes(int64(4096 * n))
				b.ReportAllocs()
				for b.Loop() {
					c.Encrypt(lanes)
				}
			})
		}
	}
}

func BenchmarkDecrypt(b *testing.B) {
	for _, im := range implementations {
		if !im.available {
			continue
		}
		for _, n := range []int{512, 4096, 65536, 1 << 20} {
			b.Run(fmt.Sprintf("%s/%d", im.name, n), func(b *testing.B) {
				c := im.mustNew(b, make([]byte, 32))
				lanes := benchLanes(1, n, n+48)
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					c.Decrypt(lanes)
				}
			})
		}
	}
}

func BenchmarkStd(b *testing.B) {
	blk, _ := aes.NewCipher(make([]byte, 32))
	var iv [16]byte
	lanes := benchLanes(1, 4096, 4096+48)
	b.Run("encrypt", func(b *testing.B) {
		b.SetBytes(4096)
		for b.Loop() {
			cipher.NewCBCEncrypter(blk, iv[:]).CryptBlocks(lanes[0].Dst, lanes[0].Src)
		}
	})
	b.Run("decrypt", func(b *testing.B) {
		b.SetBytes(4096)
		for b.Loop() {
			cipher.NewCBCDecrypter(blk, iv[:]).CryptBlocks(lanes[0].Dst, lanes[0].Src)
		}
	})
}
