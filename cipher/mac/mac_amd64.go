//go:build amd64 && !purego

package mac

import "crypto/sha256"

// Key is a prepared HMAC key. It is safe for concurrent use, except Wipe.
type Key struct {
	kernel       kernel
	inner, outer state   // after the first block
	std          *stdKey // where the kernel has nothing for few messages
}

// initial is the chaining value of FIPS 180-4, section 5.3.3.
var initial = state{
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
}

// maxBlocks bounds one call of a kernel, in which the runtime cannot stop the
// goroutine, to some hundred microseconds.
const maxBlocks = 2048

// minWide is the number of messages from which 16 lanes, the others idle, beat
// pairs on the SHA extensions.
const minWide = 9

func newKey(key []byte) *Key { return newWith(best, key) }

func newWith(kernel kernel, key []byte) *Key {
	k := &Key{kernel: kernel}
	if kernel&kernelSHA == 0 {
		k.std = newStdKey(key)
	}
	if kernel != kernelStd {
		k.inner = k.padded(key, 0x36)
		k.outer = k.padded(key, 0x5c)
	}
	return k
}

// padded returns the state after the block that holds the key XOR pad.
func (k *Key) padded(key []byte, pad byte) state {
	var block [blockSize]byte
	defer clear(block[:])
	if len(key) > blockSize {
		sum := sha256.Sum256(key)
		key = sum[:]
		defer clear(key)
	}
	copy(block[:], key)
	for i := range block {
		block[i] ^= pad
	}
	if k.kernel&kernelSHA != 0 {
		s := initial
		sha256NI1(&s, &block[0], 1)
		return s
	}
	var src [lanes]*byte
	for i := range src {
		src[i] = &block[0]
	}
	w := new(wide)
	defer w.wipe()
	w.setColumn(0, initial)
	sha256AVX512(&src, &w.states, 1)
	return w.column(0)
}

// Wipe overwrites the key, or drops what of it the standard library holds. Using
// it afterwards panics.
func (k *Key) Wipe() { *k = Key{} }

func (k *Key) sum(msgs []Message) {
	switch {
	case k.kernel&kernelAVX512 != 0 && len(msgs) >= minWide:
		var w wide
		w.run(k, msgs)
		w.wipe()
	case k.kernel&kernelSHA != 0:
		var flights [2]flight
		k.pairs(flights[:], 0, msgs)
		clear(flights[:])
	default:
		k.std.sum(msgs)
	}
}

// pairs ends the first n flights and then msgs, two at a time, on the SHA
// extensions.
func (k *Key) pairs(flights []flight, n int, msgs []Message) {
	for {
		for ; n < 2 && len(msgs) > 0; n++ {
			flights[n].begin(k, &msgs[0])
			msgs = msgs[1:]
		}
		if n == 0 {
			return
		}
		f, g := &flights[0], &flights[min(1, n-1)]
		blocks := min(f.blocks, g.blocks, maxBlocks)
		if n == 1 {
			sha256NI1(&f.state, f.src(), blocks)
		} else {
			sha256NI2(&f.state, f.src(), &g.state, g.src(), blocks)
		}
		for i := min(1, n-1); i >= 0; i-- {
			f := &flights[i]
			if f.advance(blocks) {
				f.finish(k)
			}
			if f.stage == stageDone {
				n--
				*f = flights[n]
			}
		}
	}
}
