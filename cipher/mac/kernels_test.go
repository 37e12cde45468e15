package mac

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"sync"
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
	return rand.NewChaCha8(sha256.Sum256([]byte(t.Name())))
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

// TestMonteCarlo makes every sum a part of the next message, in 20 chains
// side by side.
func TestMonteCarlo(t *testing.T) {
	forEachKernel(t, func(t *testing.T, im implementation) {
		r := newRand(t)
		key := random(r, 32)
		k := im.new(key)
		got, want := make([]Message, 20), make([]Message, 20)
		for i := range got {
			got[i], want[i] = message(r, 200+7*i), Message{}
			want[i].Prefix, want[i].Body = got[i].Prefix, bytes.Clone(got[i].Body)
		}
		for range 2000 {
			k.Sum(got)
			for i := range got {
				g, w := &got[i], &want[i]
				copy(w.Sum[:], reference(key, w))
				copy(g.Body[len(g.Body)-32:], g.Sum[:])
				copy(w.Body[len(w.Body)-32:], w.Sum[:])
			}
		}
		for i := range got {
			if got[i].Sum != want[i].Sum {
				t.Errorf("chain %d differs", i)
			}
		}
	})
}

func TestWipe(t *testing.T) {
	forEachKernel(t, func(t *testing.T, im implementation) {
		k := im.new(random(newRand(t), 32))
		k.Wipe()
		if !reflect.DeepEqual(k, new(Key)) {
			t.Error("something is left")
		}
		for _, n := range []int{1, 40} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%d messages: no panic", n)
					}
				}()
				k.Sum(make([]Message, n))
			}()
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	forEachKernel(t, func(t *testing.T, im implementation) {
		key := random(newRand(t), 32)
		k := im.new(key)
		var wg sync.WaitGroup
		for g := range byte(4) {
			wg.Go(func() {
				r := rand.NewChaCha8([32]byte{g})
				for range 20 {
					msgs := make([]Message, 9)
					for i := range msgs {
						msgs[i] = message(r, int(r.Uint64()%700))
					}
					k.Sum(msgs)
					checkSums(t, key, msgs)
				}
			})
		}
		wg.Wait()
	})
}

// FuzzAgainstStandardLibrary takes the lengths of key and messages from the
// input.
func FuzzAgainstStandardLibrary(f *testing.F) {
	for _, seed := range [][]byte{
		{0}, {32, 0, 0}, {64, 0, 47, 0, 48}, {65, 0, 103, 0, 104, 0, 111, 0, 112},
		bytes.Repeat([]byte{32, 16, 16}, 17), bytes.Repeat([]byte{1, 0, 0, 16}, 21),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) < 1 || len(in) > 100 {
			return
		}
		for _, im := range implementations {
			if !im.available {
				continue
			}
			r := rand.NewChaCha8(sha256.Sum256(in))
			key := random(r, int(in[0]))
			var msgs []Message
			for b := in[1:]; len(b) >= 2; b = b[2:] {
				msgs = append(msgs, message(r, int(binary.BigEndian.Uint16(b)%8192)))
			}
			im.new(key).Sum(msgs)
			checkSums(t, key, msgs)
		}
	})
}

// TestKernels says what this machine proves. It is for the log of a CI run.
func TestKernels(t *testing.T) {
	t.Logf("mac: %s in use", Kernel())
	forEachKernel(t, func(*testing.T, implementation) {})
}
