// Package cbc encrypts and decrypts AES-CBC (NIST SP 800-38A) for many
// independent chunks at once.
//
// CBC encryption is serial inside a chunk: each block waits for the one before
// it, and a modern core has nothing else to do meanwhile. Independent chunks,
// here called lanes, side by side fill it. Decryption is parallel even inside
// one chunk. A call therefore takes all lanes that the caller has.
//
// The package knows no padding and authenticates nothing. It is used under
// package cipher, which verifies before it decrypts.
//
// # Kernels
//
// On amd64 there are kernels for VAES on 512-bit registers, for VAES on
// 256-bit registers and for AES-NI, chosen by what the processor has. They are
// written by the generator in cipher/internal/asmgen. Elsewhere, and with the
// build tag purego, the standard library does the work, block by block. What
// GODEBUG=cpu.avx512f=off, cpu.avx512vaes=off, cpu.avx2=off or cpu.aes=off
// switches off is not used.
//
//	cbc.go             Lane, New and the calls, with their checks
//	cbc_amd64.go       Cipher, where there are kernels
//	cbc_noasm.go       Cipher, where there are none
//	kernels_amd64.go   which kernels there are, and which one is used
//	queue_amd64.go     lanes of any lengths as calls of a kernel
//	schedule_amd64.go  round keys, in the shape that the kernels read
//	std.go             the standard library's block cipher in the place of a kernel
//
// # Constant time
//
// The kernels use neither keys nor data to branch or to address memory. They
// have no tables: rounds are the processor's AES instructions, whose time does
// not depend on their operands, and the key schedule takes its S-box from
// AESKEYGENASSIST and its inverse from AESIMC. What they do depends on the
// number of lanes, their lengths and addresses and the size of the key, none of
// which is secret. The standard library gives the same assurance where it uses
// AES instructions (amd64, arm64 and others that have them); its plain Go, which
// purego or a processor without them leaves, looks bytes up in tables and does
// not.
//
// # Keys in memory
//
// Round keys are in the Cipher and nowhere else, pass through vector registers
// that the kernels zero before they return, and are overwritten by Wipe. Those
// of the standard library cannot be overwritten, only dropped.
package cbc
