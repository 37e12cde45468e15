//go:build amd64 && !purego

// Package x86 says which instructions of this processor the kernels may use.
// It follows golang.org/x/sys/cpu, so GODEBUG=cpu.avx512f=off and the like
// choose a lesser kernel, and adds the two bits missing there.
package x86

import (
	"encoding/binary"
	"strings"

	"golang.org/x/sys/cpu"
)

// cpuid is the instruction of that name.
//
//go:noescape
func cpuid(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)

func leaf7() (ebx, ecx uint32) {
	if most, _, _, _ := cpuid(0, 0); most < 7 {
		return 0, 0
	}
	_, ebx, ecx, _ = cpuid(7, 0)
	return ebx, ecx
}

// Brand returns what the processor calls itself, if anything.
func Brand() string {
	const first, last = 0x80000002, 0x80000004
	if most, _, _, _ := cpuid(0x80000000, 0); most < last {
		return ""
	}
	var name []byte
	for leaf := uint32(first); leaf <= last; leaf++ {
		eax, ebx, ecx, edx := cpuid(leaf, 0)
		for _, r := range []uint32{eax, ebx, ecx, edx} {
			name = binary.LittleEndian.AppendUint32(name, r)
		}
	}
	return strings.TrimSpace(strings.TrimRight(string(name), "\x00"))
}

// AES reports AES-NI with SSE4.1.
func AES() bool { return cpu.X86.HasAES && cpu.X86.HasSSE41 }

// VAES256 reports AES on 256-bit registers with AVX2.
func VAES256() bool {
	_, ecx := leaf7()
	return AES() && cpu.X86.HasAVX2 && ecx&(1<<9) != 0
}

// AVX512 reports the foundation, byte and word instructions, and all of it on
// the shorter registers too.
func AVX512() bool {
	return cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL
}

// VAES512 reports AES on 512-bit registers.
func VAES512() bool { return VAES256() && AVX512() && cpu.X86.HasAVX512VAES }

// SHA reports the SHA extensions with SSSE3 and SSE4.1.
func SHA() bool {
	ebx, _ := leaf7()
	return cpu.X86.HasSSSE3 && cpu.X86.HasSSE41 && ebx&(1<<29) != 0
}
