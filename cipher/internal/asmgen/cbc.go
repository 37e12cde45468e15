package main

import "fmt"

// The layout of the types batch and schedule in package cbc.
const (
	scheduleRounds = 15 * 16

	batchLanes = 32
	batchSrc   = 0
	batchDst   = batchSrc + 8*batchLanes
	batchKeys  = batchDst + 8*batchLanes
	batchIV    = batchKeys + 8*batchLanes
)

// cbc is the file of package cbc.
type cbc struct{ *asm }

func cbcKernels() []byte {
	a := &cbc{newAsm()}
	// For VPERMT2Q over two registers of four blocks each: blocks 0 and 1, and
	// blocks 2 and 3, of both.
	a.data64("pairs01", 0, 1, 8, 9, 2, 3, 10, 11)
	a.data64("pairs23", 4, 5, 12, 13, 6, 7, 14, 15)
	a.keyExpansion()
	for _, lanes := range []int{1, 2, 4, 8} {
		a.encryptKeyed(lanes)
	}
	a.encryptAVX2()
	a.encryptAVX512(16)
	a.encryptAVX512(32)
	a.blocksSSE("decryptSSE", decryption, true)
	a.blocksSSE("encryptBlocksSSE", encryption, false)
	a.blocksSSE("decryptBlocksSSE", decryption, false)
	a.decryptAVX2()
	a.decryptAVX512()
	return a.Bytes()
}

// A direction names the instructions of the middle rounds and of the last.
type direction struct{ round, last string }

var (
	encryption = direction{"AESENC", "AESENCLAST"}
	decryption = direction{"AESDEC", "AESDECLAST"}
)

// keyExpansion emits the two steps of the key schedule that must not look
// anything up in tables.
func (a *cbc) keyExpansion() {
	a.text("subWord", 12, "w uint32) (s uint32")
	a.op("MOVL w+0(FP), X0")
	a.op("PSHUFD $0, X0, X0")
	a.op("AESKEYGENASSIST $0, X0, X0")
	a.op("MOVL X0, AX")
	a.op("MOVL AX, s+8(FP)")
	a.op("PXOR X0, X0")
	a.op("RET")

	a.text("invMixColumns", 16, "dst, src *[16]byte")
	a.op("MOVQ dst+0(FP), DI")
	a.op("MOVQ src+8(FP), SI")
	a.op("MOVOU (SI), X0")
	a.op("AESIMC X0, X0")
	a.op("MOVOU X0, (DI)")
	a.op("PXOR X0, X0")
	a.op("RET")
}

// lastKey loads the number of rounds of the schedule at SI into R8, and the
// address of its last key into R9.
func (a *cbc) lastKey() {
	a.op("MOVQ %d(SI), R8", scheduleRounds)
	a.op("MOVQ R8, R9")
	a.op("SHLQ $4, R9")
	a.op("ADDQ SI, R9")
}

// rounds emits everything but the first key addition for the given states,
// with the key schedule at SI, its last key at R9 and the number of rounds in
// R8. prefix makes the label unique in the function.
func (a *cbc) rounds(w width, d direction, states []int, prefix string) {
	round := func(key, name string) {
		a.op("%s %s, %s", w.broadcast, key, w.r(w.key))
		for _, s := range states {
			a.aes(w, name, s)
		}
	}
	a.eachRound(prefix, func(n int) { round(fmt.Sprintf("%d(SI)", 16*n), d.round) })
	round("(R9)", d.last)
}

// eachRound emits the 9, 11 or 13 middle rounds, as R8 says.
func (a *cbc) eachRound(prefix string, round func(n int)) {
	for n := 1; n <= 9; n++ {
		round(n)
	}
	a.op("CMPQ R8, $12")
	a.op("JLT %sLast", prefix)
	round(10)
	round(11)
	a.op("CMPQ R8, $12")
	a.op("JEQ %sLast", prefix)
	round(12)
	round(13)
	a.label(prefix + "Last")
}

// whiten emits the first key addition.
func (a *cbc) whiten(w width, states []int) {
	a.op("%s (SI), %s", w.broadcast, w.r(w.key))
	for _, s := range states {
		a.xor(w, w.r(w.key), s)
	}
}

func upTo(n int) []int { return from(0, n) }

func from(first, n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = first + i
	}
	return s
}
