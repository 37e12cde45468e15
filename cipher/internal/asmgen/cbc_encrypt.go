package main

import "fmt"

// encryptKeyed emits the SSE kernel for a few lanes, each under its own key
// schedule: one state per register, with all lanes' rounds side by side.
//
// In this and the other encryption kernels, every step first loads from all
// lanes and then stores to all lanes, so a batch may name one lane twice.
func (a *cbc) encryptKeyed(lanes int) {
	a.text(fmt.Sprintf("encryptKeyed%d", lanes), 16, "b *batch, blocks int")
	a.op("MOVQ b+0(FP), DI")
	a.op("MOVQ blocks+8(FP), CX")
	a.op("SHLQ $4, CX")
	a.op("XORQ BX, BX")
	for i := range lanes {
		a.op("MOVQ %d(DI), R%d", batchKeys+8*i, 8+i)
		a.op("MOVOU %d(DI), X%d", batchIV+16*i, i)
	}
	a.op("MOVQ %d(R8), SI", scheduleRounds)
	a.op("MOVQ SI, DX")
	a.op("SHLQ $4, DX")
	round := func(key func(lane int) string, name string) {
		for i := range lanes {
			a.op("MOVOU %s, X%d", key(i), 15-i%2)
			a.op("%s X%d, X%d", name, 15-i%2, i)
		}
	}
	at := func(n int) func(int) string {
		return func(lane int) string { return fmt.Sprintf("%d(R%d)", 16*n, 8+lane) }
	}
	a.label("loop")
	for i := range lanes {
		// The key goes onto the plaintext first: that need not wait for the
		// block before.
		a.op("MOVQ %d(DI), AX", batchSrc+8*i)
		a.op("MOVOU (AX)(BX*1), X14")
		a.op("MOVOU (R%d), X15", 8+i)
		a.op("PXOR X15, X14")
		a.op("PXOR X14, X%d", i)
	}
	for n := 1; n <= 9; n++ {
		round(at(n), "AESENC")
	}
	for _, n := range []int{10, 12} {
		a.op("CMPQ SI, $%d", n)
		a.op("JEQ last")
		round(at(n), "AESENC")
		round(at(n+1), "AESENC")
	}
	a.label("last")
	round(func(lane int) string { return fmt.Sprintf("(R%d)(DX*1)", 8+lane) }, "AESENCLAST")
	for i := range lanes {
		a.op("MOVQ %d(DI), AX", batchDst+8*i)
		a.op("MOVOU X%d, (AX)(BX*1)", i)
	}
	a.op("ADDQ $16, BX")
	a.op("CMPQ BX, CX")
	a.op("JNE loop")
	for i := range lanes {
		a.op("MOVOU X%d, %d(DI)", i, batchIV+16*i)
	}
	a.forget(sse)
	a.op("RET")
}

// wideArguments loads the arguments of the encryption kernels that have one
// key for all lanes.
func (a *cbc) wideArguments() {
	a.op("MOVQ b+0(FP), DI")
	a.op("MOVQ keys+8(FP), SI")
	a.lastKey()
	a.op("MOVQ blocks+16(FP), CX")
	a.op("SHLQ $4, CX")
	a.op("XORQ BX, BX")
}

// chainingValues moves the lanes' chaining values between batch and registers.
func (a *cbc) chainingValues(w width, states int, store bool) {
	for i := range states {
		mem, reg := fmt.Sprintf("%d(DI)", batchIV+w.bytes()*i), w.r(i)
		if store {
			mem, reg = reg, mem
		}
		a.op("%s %s, %s", w.move, mem, reg)
	}
}

// step emits one block of every lane: lane i's block is block i%w.blocks of
// register i/w.blocks. Registers from 8 on are free.
func (a *cbc) step(w width, states int, prefix string) {
	insert := map[string]string{"Y": "VINSERTI128", "Z": "VINSERTI32X4"}[w.reg]
	extract := map[string]string{"Y": "VEXTRACTI128", "Z": "VEXTRACTI32X4"}[w.reg]
	for s := range states {
		t := w.r(8 + s%4)
		for i := range w.blocks {
			a.op("MOVQ %d(DI), AX", batchSrc+8*(s*w.blocks+i))
			if i == 0 {
				a.op("VMOVDQU (AX)(BX*1), X%d", 8+s%4)
			} else {
				a.op("%s $%d, (AX)(BX*1), %s, %s", insert, i, t, t)
			}
		}
		a.xor(w, t, s)
	}
	a.whiten(w, upTo(states))
	a.rounds(w, encryption, upTo(states), prefix)
	for s := range states {
		for i := range w.blocks {
			a.op("MOVQ %d(DI), AX", batchDst+8*(s*w.blocks+i))
			if i == 0 {
				a.op("VMOVDQU X%d, (AX)(BX*1)", s)
			} else {
				a.op("%s $%d, %s, (AX)(BX*1)", extract, i, w.r(s))
			}
		}
	}
	a.op("ADDQ $16, BX")
}

func (a *cbc) encryptAVX2() {
	const states = 8
	a.text("encryptAVX2", 24, "b *batch, keys *schedule, blocks int")
	a.wideArguments()
	a.chainingValues(avx2, states, false)
	a.label("loop")
	a.step(avx2, states, "one")
	a.op("CMPQ BX, CX")
	a.op("JNE loop")
	a.chainingValues(avx2, states, true)
	a.forget(avx2)
	a.op("RET")
}

// encryptAVX512 emits the kernel for four lanes in each register. It takes two
// blocks of a lane at a time and brings them into lane order between
// registers: half the memory operations, and half as often back to a line of
// a cache set that all lanes fight over when they lie 4 KiB apart.
func (a *cbc) encryptAVX512(lanes int) {
	states := lanes / 4
	first, second := upTo(states), from(8, states)
	a.text(fmt.Sprintf("encryptAVX512x%d", lanes), 24, "b *batch, keys *schedule, blocks int")
	a.wideArguments()
	a.chainingValues(avx512, states, false)
	a.op("VMOVDQU64 pairs01<>(SB), Z28")
	a.op("VMOVDQU64 pairs23<>(SB), Z29")
	a.op("SUBQ $32, CX")
	a.op("JLT odd")
	a.label("loop")
	for s := range states {
		a.gatherPair(s)
	}
	a.whiten(avx512, first)
	a.rounds(avx512, encryption, first, "first")
	for s := range states {
		a.xor(avx512, avx512.r(s), 8+s)
	}
	a.whiten(avx512, second)
	a.rounds(avx512, encryption, second, "second")
	for s := range states {
		a.scatterPair(s)
	}
	a.op("ADDQ $32, BX")
	a.op("CMPQ BX, CX")
	a.op("JLE loop")
	a.label("odd")
	a.op("ADDQ $32, CX")
	a.op("CMPQ BX, CX")
	a.op("JEQ done")
	a.step(avx512, states, "one")
	a.label("done")
	a.chainingValues(avx512, states, true)
	a.forget(avx512)
	a.op("RET")
}

// gatherPair loads two blocks each of the lanes 4s to 4s+3, XORs the first
// ones into Zs and leaves the second ones in Z(8+s).
func (a *cbc) gatherPair(s int) {
	t := 16 + 3*(s%4)
	for half := range 2 {
		a.op("MOVQ %d(DI), AX", batchSrc+8*(4*s+2*half))
		a.op("MOVQ %d(DI), DX", batchSrc+8*(4*s+2*half+1))
		a.op("VMOVDQU64 (AX)(BX*1), Y%d", t+half)
		a.op("VINSERTI64X4 $1, (DX)(BX*1), Z%d, Z%d", t+half, t+half)
	}
	a.op("VSHUFI32X4 $0x88, Z%d, Z%d, Z%d", t+1, t, t+2)
	a.op("VSHUFI32X4 $0xdd, Z%d, Z%d, Z%d", t+1, t, 8+s)
	a.xor(avx512, avx512.r(t+2), s)
}

// scatterPair stores the ciphertext of a gatherPair and keeps the second
// blocks in Zs as chaining values.
func (a *cbc) scatterPair(s int) {
	t := 16 + s%8
	a.op("VMOVDQA64 Z%d, Z%d", s, t)
	a.op("VPERMT2Q Z%d, Z28, Z%d", 8+s, t)
	a.op("VPERMT2Q Z%d, Z29, Z%d", 8+s, s)
	for half := range 2 {
		r := []int{t, s}[half]
		a.op("MOVQ %d(DI), AX", batchDst+8*(4*s+2*half))
		a.op("MOVQ %d(DI), DX", batchDst+8*(4*s+2*half+1))
		a.op("VMOVDQU64 Y%d, (AX)(BX*1)", r)
		a.op("VEXTRACTI64X4 $1, Z%d, (DX)(BX*1)", r)
	}
	a.op("VMOVDQA64 Z%d, Z%d", 8+s, s)
}
