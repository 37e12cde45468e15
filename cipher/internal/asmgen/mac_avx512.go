package main

// sha256AVX512 emits the compression of equally many blocks of 16 messages, one
// in each word of a register.
// Z0 to Z7 are the working variables, Z16 to Z31 the message schedule.
func (a *mac) sha256AVX512() {
	a.text("sha256AVX512", 24, "src *[lanes]*byte, states *states, blocks int")
	a.op("MOVQ src+0(FP), DX")
	a.op("MOVQ states+8(FP), DI")
	a.op("MOVQ blocks+16(FP), CX")
	a.op("SHLQ $6, CX")
	a.op("XORQ BX, BX")
	a.op("LEAQ constants<>(SB), R8")
	a.op("LEAQ constants<>+192(SB), R9")
	for i := range 8 {
		a.op("VMOVDQU64 %d(DI), Z%d", 64*i, i)
	}
	a.label("block")
	a.loadWords()
	a.allRounds()
	for i := range 8 {
		a.op("VPADDD %d(DI), Z%d, Z%d", 64*i, i, i)
		a.op("VMOVDQU64 Z%d, %d(DI)", i, 64*i)
	}
	a.op("ADDQ $64, BX")
	a.op("CMPQ BX, CX")
	a.op("JNE block")
	a.forget(avx512)
	a.op("RET")
}

// allRounds emits rounds 0 to 15, and as a loop three times the same with the
// message schedule. SI points to the constants of 16 rounds.
func (a *mac) allRounds() {
	a.op("MOVQ R8, SI")
	for t := range 16 {
		a.round(t)
	}
	a.label("rounds")
	a.op("ADDQ $64, SI")
	for t := range 16 {
		a.scheduleWord(t)
		a.round(t)
	}
	a.op("CMPQ SI, R9")
	a.op("JNE rounds")
}

// variables returns the registers of a to h in round t. Every fourth round
// they are where they began.
func variables(t int) (v [8]int) {
	for i := range v {
		v[i] = i&4 + (i-t)&3
	}
	return v
}

// loadWords loads a block of every message and transposes it, so that Z(16+t)
// holds word t of all of them.
func (a *mac) loadWords() {
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

// scheduleWord makes word t of the message schedule in the place of word t-16,
// with Z8 to Z13.
func (a *mac) scheduleWord(t int) {
	w := func(i int) int { return 16 + (t+i)%16 }
	a.sigma(w(1), 8, [3]int{7, 18, 3})
	a.sigma(w(14), 11, [3]int{17, 19, 10})
	a.op("VPADDD Z%d, Z%d, Z%d", w(9), w(0), w(0))
	a.op("VPADDD Z8, Z%d, Z%d", w(0), w(0))
	a.op("VPADDD Z11, Z%d, Z%d", w(0), w(0))
}

// sigma emits the small sigma functions: the XOR of two rotations and a shift
// of word w, in Zt, with the two registers after it.
func (a *mac) sigma(w, t int, by [3]int) {
	a.op("VPRORD $%d, Z%d, Z%d", by[0], w, t)
	a.op("VPRORD $%d, Z%d, Z%d", by[1], w, t+1)
	a.op("VPSRLD $%d, Z%d, Z%d", by[2], w, t+2)
	a.op("VPTERNLOGD $%#x, Z%d, Z%d, Z%d", xor3, t+1, t+2, t)
}

// round emits round t with Z8 to Z15.
//
// What bounds the kernel is the way from one e to the next, so everything else
// is added up before Sigma1(e) is there: the new e in the place of h; then T1,
// the new e less d, and with it the new a in the place of d.
func (a *mac) round(t int) {
	v := variables(t)
	wa, wb, wc, wd, we, wf, wg, wh := v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
	a.op("VPADDD.BCST %d(SI), Z%d, Z14", 4*t, 16+t)
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
