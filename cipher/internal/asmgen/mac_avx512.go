package main

// sha256AVX512 emits the compression of equally many blocks of 16 messages:
// Z0 to Z7 hold the working variables a to h, Z16 to Z31 the message schedule,
// one message in each of the 16 words of a register.
func (a *asm) sha256AVX512() {
	a.text("sha256AVX512", 24, "src *[lanes]*byte, states *states, blocks int")
	a.op("MOVQ src+0(FP), DX")
	a.op("MOVQ states+8(FP), DI")
	a.op("MOVQ blocks+16(FP), CX")
	a.op("SHLQ $6, CX")
	a.op("XORQ BX, BX")
	a.op("LEAQ constants<>(SB), SI")
	for i := range 8 {
		a.op("VMOVDQU64 %d(DI), Z%d", 64*i, i)
	}
	a.label("loop")
	a.loadWords()
	var v [8]int
	for i := range v {
		v[i] = i
	}
	for t := range 64 {
		if t >= 16 {
			a.scheduleWord(t)
		}
		a.round16(v, t)
		v = [8]int{v[3], v[0], v[1], v[2], v[7], v[4], v[5], v[6]}
	}
	for i := range 8 {
		a.op("VPADDD %d(DI), Z%d, Z%d", 64*i, i, i)
		a.op("VMOVDQU64 Z%d, %d(DI)", i, 64*i)
	}
	a.op("ADDQ $64, BX")
	a.op("CMPQ BX, CX")
	a.op("JNE loop")
	a.forget(avx512)
	a.op("RET")
}

// loadWords loads a block of every message and transposes it, so that Z(16+t)
// holds word t of all of them.
func (a *asm) loadWords() {
	const first, flip = 16, 12
	a.op("VMOVDQU64 flip<>(SB), Z%d", flip)
	for i := range 16 {
		a.op("MOVQ %d(DX), AX", 8*i)
		a.op("VMOVDQU64 (AX)(BX*1), Z%d", first+i)
		a.op("VPSHUFB Z%d, Z%d, Z%d", flip, first+i, first+i)
	}
	// Within 128 bits, between four messages.
	for r := first; r < first+16; r += 4 {
		a.op("VPUNPCKLDQ Z%d, Z%d, Z8", r+1, r)
		a.op("VPUNPCKHDQ Z%d, Z%d, Z9", r+1, r)
		a.op("VPUNPCKLDQ Z%d, Z%d, Z10", r+3, r+2)
		a.op("VPUNPCKHDQ Z%d, Z%d, Z11", r+3, r+2)
		a.op("VPUNPCKLQDQ Z10, Z8, Z%d", r)
		a.op("VPUNPCKHQDQ Z10, Z8, Z%d", r+1)
		a.op("VPUNPCKLQDQ Z11, Z9, Z%d", r+2)
		a.op("VPUNPCKHQDQ Z11, Z9, Z%d", r+3)
	}
	// Between four registers, by 128 bits.
	for r := first; r < first+4; r++ {
		a.op("VSHUFI32X4 $0x44, Z%d, Z%d, Z8", r+4, r)
		a.op("VSHUFI32X4 $0xee, Z%d, Z%d, Z9", r+4, r)
		a.op("VSHUFI32X4 $0x44, Z%d, Z%d, Z10", r+12, r+8)
		a.op("VSHUFI32X4 $0xee, Z%d, Z%d, Z11", r+12, r+8)
		a.op("VSHUFI32X4 $0x88, Z10, Z8, Z%d", r)
		a.op("VSHUFI32X4 $0xdd, Z10, Z8, Z%d", r+4)
		a.op("VSHUFI32X4 $0x88, Z11, Z9, Z%d", r+8)
		a.op("VSHUFI32X4 $0xdd, Z11, Z9, Z%d", r+12)
	}
}

// xor3 is the table of VPTERNLOGD for the XOR of three; choose and majority
// are those of Ch and Maj in FIPS 180-4.
const xor3, choose, majority = 0x96, 0xca, 0xe8

// scheduleWord makes word t of the message schedule in the place of word t-16.
func (a *asm) scheduleWord(t int) {
	w := func(i int) int { return 16 + i%16 }
	a.op("VPRORD $7, Z%d, Z8", w(t-15))
	a.op("VPRORD $18, Z%d, Z9", w(t-15))
	a.op("VPSRLD $3, Z%d, Z10", w(t-15))
	a.op("VPTERNLOGD $%#x, Z9, Z10, Z8", xor3)
	a.op("VPRORD $17, Z%d, Z11", w(t-2))
	a.op("VPRORD $19, Z%d, Z12", w(t-2))
	a.op("VPSRLD $10, Z%d, Z13", w(t-2))
	a.op("VPTERNLOGD $%#x, Z12, Z13, Z11", xor3)
	a.op("VPADDD Z%d, Z%d, Z%d", w(t-7), w(t), w(t))
	a.op("VPADDD Z8, Z%d, Z%d", w(t), w(t))
	a.op("VPADDD Z11, Z%d, Z%d", w(t), w(t))
}

// round16 emits round t. v names the registers of a to h.
//
// What bounds the kernel is the way from one e to the next, so everything else
// is added up before Sigma1(e) is there: the new e in the place of h; then T1,
// the new e less d, and with it the new a in the place of d.
func (a *asm) round16(v [8]int, t int) {
	wa, wb, wc, wd, we, wf, wg, wh := v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
	a.op("VPADDD.BCST %d(SI), Z%d, Z14", 4*t, 16+t%16)
	a.op("VPADDD Z14, Z%d, Z%d", wh, wh)
	a.op("VPADDD Z%d, Z%d, Z%d", wd, wh, wh)
	a.op("VMOVDQA64 Z%d, Z8", we)
	a.op("VPTERNLOGD $%#x, Z%d, Z%d, Z8", choose, wg, wf)
	a.op("VPRORD $6, Z%d, Z9", we)
	a.op("VPRORD $11, Z%d, Z10", we)
	a.op("VPRORD $25, Z%d, Z11", we)
	a.op("VPADDD Z8, Z%d, Z%d", wh, wh)
	a.op("VPTERNLOGD $%#x, Z10, Z11, Z9", xor3)
	a.op("VPADDD Z9, Z%d, Z%d", wh, wh)
	a.op("VMOVDQA64 Z%d, Z12", wa)
	a.op("VPTERNLOGD $%#x, Z%d, Z%d, Z12", majority, wc, wb)
	a.op("VPRORD $2, Z%d, Z13", wa)
	a.op("VPRORD $13, Z%d, Z14", wa)
	a.op("VPRORD $22, Z%d, Z15", wa)
	a.op("VPSUBD Z%d, Z%d, Z%d", wd, wh, wd)
	a.op("VPTERNLOGD $%#x, Z14, Z15, Z13", xor3)
	a.op("VPADDD Z12, Z%d, Z%d", wd, wd)
	a.op("VPADDD Z13, Z%d, Z%d", wd, wd)
}
