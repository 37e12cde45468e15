//go:build amd64 && !purego

package cbc

import "github.com/overcast-fs/overcast/cipher/internal/x86"

// implementations are the kernels, each with what it needs of the processor.
var implementations = []implementation{
	{kernelStd.String(), "", true, with(kernelStd)},
	{kernelSSE.String(), "AES-NI", x86.AES(), with(kernelSSE)},
	{kernelAVX2.String(), "VAES and AVX2", x86.VAES256(), with(kernelAVX2)},
	{kernelAVX512.String(), "VAES and AVX-512", x86.VAES512(), with(kernelAVX512)},
}

func with(k kernel) func([]byte) (*Cipher, error) {
	return func(key []byte) (*Cipher, error) { return newWith(k, key) }
}
