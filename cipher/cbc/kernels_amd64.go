//go:build amd64 && !purego

package cbc

import "github.com/overcast-fs/overcast/cipher/internal/x86"

//go:generate go run ../internal/asmgen ..

// A kernel is an implementation, in ascending order of what it needs.
type kernel uint8

const (
	kernelStd    kernel = iota // the standard library
	kernelSSE                  // AES-NI
	kernelAVX2                 // VAES on 256-bit registers
	kernelAVX512               // VAES on 512-bit registers
)

func (k kernel) String() string {
	return [...]string{"standard library", "AES-NI", "VAES+AVX2", "VAES+AVX-512"}[k]
}

// lanes is how many chains the kernel encrypts side by side under one key.
func (k kernel) lanes() int {
	return [...]int{1, maxKeyed, 16, maxLanes}[k]
}

// best is the kernel that New uses on this processor.
var best = func() kernel {
	switch {
	case x86.VAES512():
		return kernelAVX512
	case x86.VAES256():
		return kernelAVX2
	case x86.AES():
		return kernelSSE
	}
	return kernelStd
}()

// Kernel names the implementation in use.
func Kernel() string { return best.String() }

// schedule is an expanded key: up to 15 round keys. Its layout is known to the
// generator.
type schedule struct {
	keys   [15 * BlockSize]byte
	rounds int
}

// maxLanes is the number of lanes of the widest kernel, maxKeyed that of the
// widest one with a key for each lane.
const (
	maxLanes = 32
	maxKeyed = 8
)

// batch is what the encryption kernels work on: the same number of blocks of
// every lane. They leave the last ciphertext in iv. Its layout is known to the
// generator.
type batch struct {
	src, dst [maxLanes]*byte
	keys     [maxLanes]*schedule
	iv       [maxLanes][BlockSize]byte
}

// The encryption kernels for lanes under keys of their own.

//go:noescape
func encryptKeyed1(b *batch, blocks int)

//go:noescape
func encryptKeyed2(b *batch, blocks int)

//go:noescape
func encryptKeyed4(b *batch, blocks int)

//go:noescape
func encryptKeyed8(b *batch, blocks int)

// The encryption kernels for 16, 16 and 32 lanes under one key.

//go:noescape
func encryptAVX2(b *batch, keys *schedule, blocks int)

//go:noescape
func encryptAVX512x16(b *batch, keys *schedule, blocks int)

//go:noescape
func encryptAVX512x32(b *batch, keys *schedule, blocks int)

// The decryption kernels leave the last ciphertext in iv. decryptAVX2 does
// only blocks/16*16 blocks.

//go:noescape
func decryptSSE(keys *schedule, dst, src *byte, blocks int, iv *[BlockSize]byte)

//go:noescape
func decryptAVX2(keys *schedule, dst, src *byte, blocks int, iv *[BlockSize]byte)

//go:noescape
func decryptAVX512(keys *schedule, dst, src *byte, blocks int, iv *[BlockSize]byte)

//go:noescape
func encryptBlocksSSE(keys *schedule, dst, src *byte, blocks int)

//go:noescape
func decryptBlocksSSE(keys *schedule, dst, src *byte, blocks int)

// subWord is the SubWord of FIPS 197, by AESKEYGENASSIST.
//
//go:noescape
func subWord(w uint32) (s uint32)

// invMixColumns is the InvMixColumns of FIPS 197, by AESIMC.
//
//go:noescape
func invMixColumns(dst, src *[BlockSize]byte)
