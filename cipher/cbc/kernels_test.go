package cbc

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"math/rand/v2"
	"testing"
)

// An implementation is one kernel, forced.
type implementation struct {
	name      string
	needs     string
	available bool
	new       func(key []byte) (*Cipher, error)
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

func (im implementation) mustNew(t testing.TB, key []byte) *Cipher {
	t.Helper()
	c, err := im.new(key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newRand(t testing.TB) *rand.ChaCha8 {
	t.Helper()
	return rand.NewChaCha8([32]byte([]byte(fmt.Sprintf("%-32.32s", t.Name()))))
}

func random(r *rand.ChaCha8, n int) []byte {
	b := make([]byte, n)
	r.Read(b)
	return b
}

// referenceEncrypt is the standard library's CBC.
func referenceEncrypt(key []byte, iv *[16]byte, plain []byte) []byte {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	out := make([]byte, len(plain))
	cipher.NewCBCEncrypter(b, iv[:]).CryptBlocks(out, plain)
	return out
}

// A sample is lanes of one test with what they must become.
type sample struct {
	lanes       []Lane
	plain, want [][]byte
	arena       []byte
}

// newSample makes lanes of the given lengths with random bytes, each at a
// random offset from a cache line, in one arena with untouched bytes between
// them.
func newSample(r *rand.ChaCha8, key []byte, inPlace bool, lengths []int) *sample {
	s := new(sample)
	size := 0
	for _, n := range lengths {
		size += 2 * (n + 160)
	}
	s.arena = bytes.Repeat([]byte{0xa5}, size)
	at := 0
	take := func(n int) []byte {
		at += 16 + int(r.Uint64()%64)
		b := s.arena[at : at+n : at+n]
		at += n + 16
		return b
	}
	for _, n := range lengths {
		iv := [16]byte(random(r, 16))
		plain := random(r, n)
		src := take(n)
		copy(src, plain)
		dst := src
		if !inPlace {
			dst = take(n)
		}
		s.lanes = append(s.lanes, Lane{&iv, dst, src})
		s.plain = append(s.plain, plain)
		s.want = append(s.want, referenceEncrypt(key, &iv, plain))
	}
	return s
}

// swap makes every lane's output its input.
func (s *sample) swap() {
	for i := range s.lanes {
		l := &s.lanes[i]
		l.Dst, l.Src = l.Src, l.Dst
	}
}

func (s *sample) check(t testing.TB, what string, want [][]byte) {
	t.Helper()
	for i, l := range s.lanes {
		if !bytes.Equal(l.Dst, want[i]) {
			t.Fatalf("%s: lane %d of %d, %d bytes, differs", what, i, len(s.lanes), len(want[i]))
		}
	}
}

// checkMargins reports whether anything outside of the lanes was written to.
// It destroys the lanes.
func (s *sample) checkMargins(t testing.TB) {
	t.Helper()
	for _, l := range s.lanes {
		for j := range l.Src {
			l.Src[j], l.Dst[j] = 0xa5, 0xa5
		}
	}
	for i, b := range s.arena {
		if b != 0xa5 {
			t.Fatalf("byte %d of %d lies in no lane and was changed", i, len(s.arena))
		}
	}
}

// roundTrip encrypts and decrypts the sample.
func (s *sample) roundTrip(t testing.TB, c *Cipher) {
	t.Helper()
	c.Encrypt(s.lanes)
	s.check(t, "encrypt", s.want)
	s.swap()
	c.Decrypt(s.lanes)
	s.check(t, "decrypt", s.plain)
	s.checkMargins(t)
}

var keySizes = []int{16, 24, 32}

// TestLanes takes every number of lanes, of equal and of mixed lengths.
func TestLanes(t *testing.T) {
	forEachKernel(t, func(t *testing.T, im implementation) {
		r := newRand(t)
		for n := 0; n <= 64; n++ {
			key := random(r, keySizes[n%3])
			c := im.mustNew(t, key)
			for _, limit := range []int{3, 40, 257} {
				equal, mixed := make([]int, n), make([]int, n)
				for i := range n {
					equal[i] = 16 * limit
					mixed[i] = 16 * int(r.Uint64()%uint64(limit+1))
				}
				for _, inPlace := range []bool{false, true} {
					newSample(r, key, inPlace, equal).roundTrip(t, c)
					newSample(r, key, inPlace, mixed).roundTrip(t, c)
				}
			}
		}
	})
}

// TestLengths takes every length up to two chunks, alone and between others.
func TestLengths(t *testing.T) {
	forEachKernel(t, func(t *testing.T, im implementation) {
		r := newRand(t)
		for n := 0; n <= 2*4096; n += 16 {
			key := random(r, keySizes[n/16%3])
			c := im.mustNew(t, key)
			inPlace := n/16%2 == 0
			newSample(r, key, inPlace, []int{n}).roundTrip(t, c)
			newSample(r, key, !inPlace, []int{n, 48, n, n, 0, n, n, n, n, n, 512}).roundTrip(t, c)
		}
	})
}
