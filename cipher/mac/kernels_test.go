package mac

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// An implementation is one kernel, forced.
type implementation struct {
	name      string
	needs     string
	available bool
	new       func(key []byte) *Key
}

// forEachKernel runs f on every kernel that this machine has, and names those
// that it has not.
func forEachKernel(t *testing.T, f func(t *testing.T, im implementation)) {
	for _, im := range implementations {
		if !im.available {
			t.Logf("NOT RUN: kernel %s needs %s", im.name, im.needs)
			continue
		}
		t.Run(im.name, func(t *testing.T) { f(t, im) })
	}
}

func random(r *rand.ChaCha8, n int) []byte {
	b := make([]byte, n)
	r.Read(b)
	return b
}

func newRand(t testing.TB) *rand.ChaCha8 {
	t.Helper()
	var seed [32]byte
	copy(seed[:], t.Name())
	return rand.NewChaCha8(seed)
}

// message makes a random message whose body lies at a random offset from a
// cache line.
func message(r *rand.ChaCha8, n int) Message {
	at := int(r.Uint64() % 64)
	return Message{Prefix: [16]byte(random(r, 16)), Body: random(r, at+n)[at:]}
}

func checkSums(t testing.TB, key []byte, msgs []Message) {
	t.Helper()
	for i := range msgs {
		if !bytes.Equal(msgs[i].Sum[:], reference(key, &msgs[i])) {
			t.Fatalf("message %d of %d, %d bytes of body, differs", i, len(msgs), len(msgs[i].Body))
		}
	}
}

// TestLengths takes every length up to a chunk and more, in mixed batches.
func TestLengths(t *testing.T) {
	forEachKernel(t, func(t *testing.T, im implementation) {
		r := newRand(t)
		for n := 0; n <= 4096+200; {
			key := random(r, int(r.Uint64()%140))
			msgs := make([]Message, 1+r.Uint64()%40)
			for i := range msgs {
				length := n
				if i%3 == 2 {
					length = int(r.Uint64() % (4096 + 200))
				} else {
					n++
				}
				msgs[i] = message(r, length)
			}
			im.new(key).Sum(msgs)
			checkSums(t, key, msgs)
		}
	})
}

// TestBatches takes every number of messages, of equal lengths.
func TestBatches(t *testing.T) {
	forEachKernel(t, func(t *testing.T, im implementation) {
		r := newRand(t)
		for n := 0; n <= 64; n++ {
			key := random(r, 32)
			for _, length := range []int{0, 47, 48, 112, 4112} {
				msgs := make([]Message, n)
				for i := range msgs {
					msgs[i] = message(r, length)
				}
				im.new(key).Sum(msgs)
				checkSums(t, key, msgs)
			}
		}
	})
}
