//go:build amd64 && !purego

package mac

import "github.com/overcast-fs/overcast/cipher/internal/x86"

// implementations are the kernels, each with what it needs of the processor.
var implementations = []implementation{
	{kernelStd.String(), "", true, with(kernelStd)},
	{kernelSHA.String(), "the SHA extensions", x86.SHA(), with(kernelSHA)},
	{kernelAVX512.String(), "AVX-512", x86.AVX512(), with(kernelAVX512)},
	{(kernelAVX512 | kernelSHA).String(), "AVX-512 and the SHA extensions", x86.AVX512() && x86.SHA(), with(kernelAVX512 | kernelSHA)},
}

func with(k kernel) func([]byte) *Key {
	return func(key []byte) *Key { return newWith(k, key) }
}
