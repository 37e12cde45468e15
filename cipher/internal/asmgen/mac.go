package main

import "fmt"

// sha256K are the round constants of FIPS 180-4, section 4.2.2.
var sha256K = [64]uint64{
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}

// mac is the file of package mac.
type mac struct{ *asm }

func macKernels() []byte {
	a := &mac{newAsm()}
	words := make([]uint64, 32)
	for i := range words {
		words[i] = sha256K[2*i] | sha256K[2*i+1]<<32
	}
	a.data64("constants", words...)
	// For PSHUFB: the bytes of each word backwards.
	low, high := uint64(0x0405060700010203), uint64(0x0c0d0e0f08090a0b)
	a.data64("flip", low, high, low, high, low, high, low, high)
	a.sha256NI(1)
	a.sha256NI(2)
	a.sha256AVX512()
	return a.Bytes()
}

// shaLane names the registers of one message in the SHA-NI kernels. X0 holds
// what SHA256RNDS2 takes unasked, X13 and X14 are shared.
type shaLane struct {
	abef, cdgh int
	m          [4]int
	state, src string
	frame      int
}

func (l shaLane) word(i int) int { return l.m[i%4] }

// sha256NI emits the compression of equally many blocks of one or two
// messages by the SHA extensions.
//
// Source: S. Gulley et al., New Instructions Supporting the Secure Hash
// Algorithm on Intel Architecture Processors, 2013.
func (a *mac) sha256NI(n int) {
	lanes := []shaLane{
		{1, 2, [4]int{3, 4, 5, 6}, "DI", "SI", 0},
		{7, 8, [4]int{9, 10, 11, 12}, "R8", "R9", 32},
	}[:n]
	name, docs := "sha256NI", []string{"state *[8]uint32, src *byte", "state0 *[8]uint32, src0 *byte, state1 *[8]uint32, src1 *byte"}
	fmt.Fprintf(a, "\n// func %s%d(%s, blocks int)\nTEXT ·%s%d(SB), NOSPLIT, $%d-%d\n", name, n, docs[n-1], name, n, 32*n, 16*n+8)
	for i, l := range lanes {
		suffix := ""
		if n > 1 {
			suffix = fmt.Sprint(i)
		}
		a.op("MOVQ state%s+%d(FP), %s", suffix, 16*i, l.state)
		a.op("MOVQ src%s+%d(FP), %s", suffix, 16*i+8, l.src)
	}
	a.op("MOVQ blocks+%d(FP), CX", 16*n)
	a.op("LEAQ constants<>(SB), AX")
	a.op("MOVOU flip<>(SB), X14")
	for _, l := range lanes {
		a.loadState(l)
	}
	a.label("loop")
	for _, l := range lanes {
		a.op("MOVOU X%d, %d(SP)", l.abef, l.frame)
		a.op("MOVOU X%d, %d(SP)", l.cdgh, l.frame+16)
	}
	for i := range 16 {
		for _, l := range lanes {
			a.fourRounds(l, i)
		}
	}
	for _, l := range lanes {
		for i, r := range []int{l.abef, l.cdgh} {
			a.op("MOVOU %d(SP), X0", l.frame+16*i)
			a.op("PADDD X0, X%d", r)
		}
		a.op("ADDQ $64, %s", l.src)
	}
	a.op("DECQ CX")
	a.op("JNE loop")
	a.op("PXOR X0, X0")
	for _, l := range lanes {
		a.storeState(l)
		a.op("MOVOU X0, %d(SP)", l.frame)
		a.op("MOVOU X0, %d(SP)", l.frame+16)
	}
	a.forget(sse)
	a.op("RET")
}

// loadState loads DCBA and HGFE and makes ABEF and CDGH of them.
func (a *mac) loadState(l shaLane) {
	a.op("MOVOU (%s), X%d", l.state, l.abef)
	a.op("MOVOU 16(%s), X%d", l.state, l.cdgh)
	a.op("PSHUFD $0xb1, X%d, X%d", l.abef, l.abef)
	a.op("PSHUFD $0x1b, X%d, X%d", l.cdgh, l.cdgh)
	a.op("MOVO X%d, X13", l.abef)
	a.op("PALIGNR $8, X%d, X%d", l.cdgh, l.abef)
	a.op("PBLENDW $0xf0, X13, X%d", l.cdgh)
}

// storeState is the inverse of loadState.
func (a *mac) storeState(l shaLane) {
	a.op("PSHUFD $0x1b, X%d, X%d", l.abef, l.abef)
	a.op("PSHUFD $0xb1, X%d, X%d", l.cdgh, l.cdgh)
	a.op("MOVO X%d, X13", l.abef)
	a.op("PBLENDW $0xf0, X%d, X%d", l.cdgh, l.abef)
	a.op("PALIGNR $8, X13, X%d", l.cdgh)
	a.op("MOVOU X%d, (%s)", l.abef, l.state)
	a.op("MOVOU X%d, 16(%s)", l.cdgh, l.state)
}

// fourRounds emits the rounds 4i to 4i+3 and what part of the message schedule
// can be had by then.
func (a *mac) fourRounds(l shaLane, i int) {
	m := l.word(i)
	if i < 4 {
		a.op("MOVOU %d(%s), X%d", 16*i, l.src, m)
		a.op("PSHUFB X14, X%d", m)
	}
	a.op("MOVOU %d(AX), X0", 16*i)
	a.op("PADDD X%d, X0", m)
	a.op("SHA256RNDS2 X0, X%d, X%d", l.abef, l.cdgh)
	if i >= 3 && i < 15 {
		next := l.word(i + 1)
		a.op("MOVO X%d, X13", m)
		a.op("PALIGNR $4, X%d, X13", l.word(i+3))
		a.op("PADDD X13, X%d", next)
		a.op("SHA256MSG2 X%d, X%d", m, next)
	}
	a.op("PSHUFD $0x0e, X0, X0")
	a.op("SHA256RNDS2 X0, X%d, X%d", l.cdgh, l.abef)
	if i >= 1 && i < 13 {
		a.op("SHA256MSG1 X%d, X%d", m, l.word(i+3))
	}
}
