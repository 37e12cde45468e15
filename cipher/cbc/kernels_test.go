package cbc

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
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
	return rand.NewChaCha8(sha256.Sum256([]byte(t.Name())))
}

func random(r *rand.ChaCha8, n int) []byte {
	b := make([]byte, n)
	r.Read(b)
	return b
}

// referenceEncrypt is the standard library's CBC.
func referenceEncrypt(key []byte, iv *[16]byte, plain []byte) []byte {
	out := make([]byte, len(plain))
	cipher.NewCBCEncrypter(mustAES(key), iv[:]).CryptBlocks(out, plain)
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

// TestKeys runs lanes under keys of all sizes side by side.
func TestKeys(t *testing.T) {
	forEachKernel(t, func(t *testing.T, im implementation) {
		r := newRand(t)
		for n := 0; n <= 64; n++ {
			lanes := make([]KeyLane, n)
			want := make([][]byte, n)
			for i := range lanes {
				key := random(r, keySizes[r.Uint64()%3])
				plain := random(r, 16*int(r.Uint64()%70))
				iv := [16]byte(random(r, 16))
				want[i] = referenceEncrypt(key, &iv, plain)
				lanes[i] = KeyLane{im.mustNew(t, key), Lane{&iv, plain, plain}}
				if i%2 == 0 {
					lanes[i].Dst = make([]byte, len(plain))
				}
			}
			EncryptKeys(lanes)
			for i, l := range lanes {
				if !bytes.Equal(l.Dst, want[i]) {
					t.Fatalf("lane %d of %d, %d bytes, differs", i, n, len(l.Src))
				}
			}
		}
	})
}

// TestBlocks takes every number of single blocks.
func TestBlocks(t *testing.T) {
	forEachKernel(t, func(t *testing.T, im implementation) {
		r := newRand(t)
		for n := 0; n <= 70; n++ {
			key := random(r, keySizes[n%3])
			c, b := im.mustNew(t, key), mustAES(key)
			plain := random(r, 16*n)
			want := make([]byte, 16*n)
			for i := 0; i < len(plain); i += 16 {
				b.Encrypt(want[i:], plain[i:])
			}
			got := make([]byte, 16*n)
			c.EncryptBlocks(got, plain)
			if !bytes.Equal(got, want) {
				t.Fatalf("%d blocks encrypted differ", n)
			}
			c.DecryptBlocks(got, got)
			if !bytes.Equal(got, plain) {
				t.Fatalf("%d blocks decrypted differ", n)
			}
			c.EncryptBlocks(got, got)
			c.DecryptBlocks(want, got)
			if !bytes.Equal(want, plain) {
				t.Fatalf("%d blocks encrypted in place differ", n)
			}
		}
	})
}

// TestMonteCarlo feeds 1,000,000 blocks of output back as input, each lane's
// IV being the last block before, against the same chains in the standard
// library, and goes the whole way back.
func TestMonteCarlo(t *testing.T) {
	const lanes, blocks, rounds = 40, 50, 500 // 1,000,000 blocks
	forEachKernel(t, func(t *testing.T, im implementation) {
		r := newRand(t)
		key := random(r, 32)
		c := im.mustNew(t, key)
		begin := random(r, lanes*blocks*16)
		want, got := bytes.Clone(begin), bytes.Clone(begin)
		var ivs [rounds + 1][lanes][16]byte
		batch := make([]Lane, lanes)
		for round := range rounds {
			for i := range batch {
				iv := &ivs[round][i]
				l, w := got[i*blocks*16:][:blocks*16], want[i*blocks*16:][:blocks*16]
				batch[i] = Lane{iv, l, l}
				cipher.NewCBCEncrypter(mustAES(key), iv[:]).CryptBlocks(w, w)
				ivs[round+1][i] = [16]byte(w[len(w)-16:])
			}
			c.Encrypt(batch)
		}
		if !bytes.Equal(got, want) {
			t.Fatal("the chains of encryptions differ")
		}
		for round := rounds - 1; round >= 0; round-- {
			for i := range batch {
				batch[i].IV = &ivs[round][i]
			}
			c.Decrypt(batch)
		}
		if !bytes.Equal(got, begin) {
			t.Fatal("the chains of decryptions do not lead back")
		}
	})
}

func TestWipe(t *testing.T) {
	forEachKernel(t, func(t *testing.T, im implementation) {
		c := im.mustNew(t, random(newRand(t), 32))
		c.Wipe()
		if !reflect.DeepEqual(c, new(Cipher)) {
			t.Error("something is left")
		}
		buf := make([]byte, 16)
		lane := Lane{new([16]byte), buf, buf}
		for name, call := range map[string]func(){
			"Encrypt":       func() { c.Encrypt([]Lane{lane}) },
			"Decrypt":       func() { c.Decrypt([]Lane{lane}) },
			"EncryptKeys":   func() { EncryptKeys([]KeyLane{{c, lane}}) },
			"EncryptBlocks": func() { c.EncryptBlocks(buf, buf) },
			"DecryptBlocks": func() { c.DecryptBlocks(buf, buf) },
		} {
			mustPanic(t, name, call)
		}
	})
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	f()
}

func TestNoAllocations(t *testing.T) {
	forEachKernel(t, func(t *testing.T, im implementation) {
		r := newRand(t)
		key := random(r, 32)
		c := im.mustNew(t, key)
		for _, n := range []int{1, 2, 40} {
			lengths := make([]int, n)
			for i := range lengths {
				lengths[i] = 512
			}
			lanes := newSample(r, key, false, lengths).lanes
			keyed := make([]KeyLane, n)
			for i := range keyed {
				keyed[i] = KeyLane{c, lanes[i]}
			}
			for name, call := range map[string]func(){
				"Encrypt":       func() { c.Encrypt(lanes) },
				"Decrypt":       func() { c.Decrypt(lanes) },
				"EncryptKeys":   func() { EncryptKeys(keyed) },
				"EncryptBlocks": func() { c.EncryptBlocks(lanes[0].Dst, lanes[0].Src) },
				"DecryptBlocks": func() { c.DecryptBlocks(lanes[0].Dst, lanes[0].Src) },
			} {
				if got := testing.AllocsPerRun(10, call); got != 0 {
					t.Errorf("%s of %d lanes allocated %v times", name, n, got)
				}
			}
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	forEachKernel(t, func(t *testing.T, im implementation) {
		key := random(newRand(t), 32)
		c := im.mustNew(t, key)
		var wg sync.WaitGroup
		for g := range byte(4) {
			wg.Go(func() {
				r := rand.NewChaCha8([32]byte{g})
				for range 20 {
					s := newSample(r, key, true, []int{512, 64, 4096, 16, 0, 512, 512, 512, 512, 512})
					c.Encrypt(s.lanes)
					s.check(t, "encrypt", s.want)
				}
			})
		}
		wg.Wait()
	})
}

// FuzzAgainstStandardLibrary takes a key size, a placement and the lengths of
// lanes, in blocks, from the input.
func FuzzAgainstStandardLibrary(f *testing.F) {
	for _, seed := range [][]byte{
		{0, 0}, {1, 1, 1}, {2, 0, 2, 2}, {0, 1, 255, 0, 1}, {2, 1, 32, 32, 32, 32, 32, 31, 33},
		bytes.Repeat([]byte{2, 0, 16}, 7), bytes.Repeat([]byte{1, 64}, 20), bytes.Repeat([]byte{0, 255, 254, 1}, 17),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) < 2 || len(in) > 80 {
			return
		}
		var lengths []int
		for _, n := range in[2:] {
			lengths = append(lengths, 16*int(n))
		}
		for _, im := range implementations {
			if !im.available {
				continue
			}
			r := rand.NewChaCha8(sha256.Sum256(in))
			key := random(r, keySizes[in[0]%3])
			newSample(r, key, in[1]%2 == 1, lengths).roundTrip(t, im.mustNew(t, key))
		}
	})
}

// TestKernels says what this machine proves. It is for the log of a CI run.
func TestKernels(t *testing.T) {
	t.Logf("cbc: %s in use", Kernel())
	forEachKernel(t, func(*testing.T, implementation) {})
}

func mustAES(key []byte) cipher.Block {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	return b
}
