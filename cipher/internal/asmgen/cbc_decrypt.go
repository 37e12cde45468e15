package main

import "fmt"

// blockArguments loads the arguments of the kernels over the blocks of one
// buffer.
func (a *cbc) blockArguments(name string, chained bool) {
	doc, size := "keys *schedule, dst, src *byte, blocks int", 32
	if chained {
		doc, size = doc+", iv *[16]byte", 40
	}
	a.text(name, size, doc)
	a.op("MOVQ keys+0(FP), SI")
	a.lastKey()
	a.op("MOVQ dst+8(FP), DI")
	a.op("MOVQ src+16(FP), DX")
	a.op("MOVQ blocks+24(FP), CX")
	if chained {
		a.op("MOVQ iv+32(FP), R10")
	}
}

// group emits the blocks that fill the given number of registers, from src at
// DX to dst at DI. When chained, each result is XORed with the ciphertext
// before it, the very first one with the chaining value at R10. All loads come
// before all stores, so dst may be src; only the last ciphertext, which the
// next group needs, is saved by itself.
func (a *cbc) group(w width, d direction, registers int, chained bool) {
	states := upTo(registers)
	for _, s := range states {
		a.op("%s %d(DX), %s", w.move, w.bytes()*s, w.r(s))
	}
	a.whiten(w, states)
	a.rounds(w, d, states, fmt.Sprintf("%s%d", w.reg, registers))
	if chained {
		a.chain(w, registers)
	}
	for _, s := range states {
		a.op("%s %s, %d(DI)", w.move, w.r(s), w.bytes()*s)
	}
	a.op("ADDQ $%d, DX", w.bytes()*registers)
	a.op("ADDQ $%d, DI", w.bytes()*registers)
	a.op("SUBQ $%d, CX", w.blocks*registers)
}

// chain XORs the group at DX with the ciphertext one block before it and moves
// the chaining value on.
func (a *cbc) chain(w width, registers int) {
	t := w.key - 1
	switch w.reg {
	case "X":
		a.op("MOVOU (R10), X%d", t)
	case "Y":
		a.op("VMOVDQU (R10), X%d", t)
		a.op("VINSERTI128 $1, (DX), Y%d, Y%d", t, t)
	case "Z":
		a.op("VBROADCASTI32X4 (R10), Z%d", t)
		a.op("VMOVDQU64 (DX), Z%d", t-1)
		a.op("VALIGNQ $6, Z%d, Z%d, Z%d", t, t-1, t)
	}
	a.xor(w, w.r(t), 0)
	for s := 1; s < registers; s++ {
		a.op("%s %d(DX), %s", w.move, w.bytes()*s-16, w.r(t))
		a.xor(w, w.r(t), s)
	}
	end := w.bytes()*registers - 16
	move := "VMOVDQU"
	if w.reg == "X" {
		move = "MOVOU"
	}
	a.op("%s %d(DX), X14", move, end)
	a.op("%s X14, (R10)", move)
}

// groups emits loops over ever smaller groups.
func (a *cbc) groups(w width, d direction, sizes []int, chained bool) {
	for _, n := range sizes {
		loop := fmt.Sprintf("loop%s%d", w.reg, n)
		a.op("JMP %sTest", loop)
		a.label(loop)
		a.group(w, d, n, chained)
		a.label(loop + "Test")
		a.op("CMPQ CX, $%d", w.blocks*n)
		a.op("JGE %s", loop)
	}
}

func (a *cbc) blocksSSE(name string, d direction, chained bool) {
	a.blockArguments(name, chained)
	a.groups(sse, d, []int{8, 4, 1}, chained)
	a.forget(sse)
	a.op("RET")
}

// decryptAVX2 leaves up to 15 blocks to decryptSSE.
func (a *cbc) decryptAVX2() {
	a.blockArguments("decryptAVX2", true)
	a.groups(avx2, decryption, []int{8}, true)
	a.forget(avx2)
	a.op("RET")
}

// decryptAVX512 decrypts whole groups of 32 blocks, and what is left in groups
// of up to 16 under masks.
func (a *cbc) decryptAVX512() {
	a.blockArguments("decryptAVX512", true)
	a.groups(avx512, decryption, []int{8}, true)
	a.op("JMP tailTest")
	a.label("tail")
	a.maskedGroup()
	a.label("tailTest")
	a.op("CMPQ CX, $0")
	a.op("JGT tail")
	a.forget(avx512)
	a.op("RET")
}

// maskedGroup is group for 1 to 16 blocks, whichever CX says. A masked load
// does not touch, and cannot fault on, what its mask leaves out.
func (a *cbc) maskedGroup() {
	const registers = 4
	states, t := upTo(registers), avx512.key-1
	a.op("MOVQ $16, BX")
	a.op("CMPQ CX, BX")
	a.op("CMOVQLT CX, BX")
	a.op("MOVQ CX, R11")
	a.op("LEAQ (BX)(BX*1), CX")
	a.op("MOVQ $1, AX")
	a.op("SHLQ CX, AX")
	a.op("DECQ AX")
	a.op("MOVQ R11, CX")
	for s := range registers {
		a.op("KMOVW AX, K%d", 1+s)
		a.op("SHRQ $8, AX")
	}
	for _, s := range states {
		a.op("VMOVDQU64.Z %d(DX), K%d, Z%d", 64*s, 1+s, s)
	}
	a.whiten(avx512, states)
	a.rounds(avx512, decryption, states, "masked")
	a.op("VBROADCASTI32X4 (R10), Z%d", t)
	a.op("VMOVDQU64.Z (DX), K1, Z%d", t-1)
	a.op("VALIGNQ $6, Z%d, Z%d, Z%d", t, t-1, t)
	a.xor(avx512, avx512.r(t), 0)
	for s := 1; s < registers; s++ {
		a.op("VMOVDQU64.Z %d(DX), K%d, Z%d", 64*s-16, 1+s, t)
		a.xor(avx512, avx512.r(t), s)
	}
	a.op("MOVQ BX, AX")
	a.op("SHLQ $4, AX")
	a.op("VMOVDQU -16(DX)(AX*1), X15")
	a.op("VMOVDQU X15, (R10)")
	for _, s := range states {
		a.op("VMOVDQU64 Z%d, K%d, %d(DI)", s, 1+s, 64*s)
	}
	a.op("ADDQ AX, DX")
	a.op("ADDQ AX, DI")
	a.op("SUBQ BX, CX")
}
