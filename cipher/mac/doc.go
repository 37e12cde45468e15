// Package mac computes HMAC-SHA-256 (RFC 2104, FIPS 180-4) of many messages
// under one key at once.
//
// A SHA-256 compression is one long chain of dependent instructions, in which
// most of a modern core is idle; independent messages side by side fill it. A
// call therefore takes all messages that the caller has. The states after the
// key's two blocks are computed once for each key.
//
// # Kernels
//
// On amd64, 16 messages run in the words of 512-bit registers (AVX-512), and
// two, or the last few of many, by the SHA extensions. They are written by the
// generator in cipher/internal/asmgen. Where the processor has neither,
// elsewhere, and with the build tag purego, the standard library does the work.
// What GODEBUG=cpu.avx512f=off or cpu.ssse3=off switches off is not used.
//
//	mac.go            Message, New and Sum
//	mac_amd64.go      Key, where there are kernels
//	mac_noasm.go      Key, where there are none
//	kernels_amd64.go  which kernels there are, and which one is used
//	wide_amd64.go     up to 16 messages at once through the AVX-512 kernel
//	flight_amd64.go   one message on its way: which blocks come next
//	std.go            the standard library's HMAC in the place of a kernel
//
// # Constant time
//
// SHA-256 is additions, rotations and logic; the kernels use neither keys nor
// data to branch or to address memory, and none of their instructions takes
// longer for some operands than for others. What they do depends on the number
// and the lengths of the messages, which are not secret. Comparing sums is the
// caller's, who must use crypto/subtle.
package mac
