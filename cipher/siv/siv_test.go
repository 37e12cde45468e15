package siv

import (
	"bytes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The two examples of RFC 5297, appendix A.
var rfc5297 = []struct {
	name, key, plaintext, output string
	ad                           []string
}{
	{
		name: "A.1 deterministic",
		key: "fffefdfc fbfaf9f8 f7f6f5f4 f3f2f1f0" +
			"f0f1f2f3 f4f5f6f7 f8f9fafb fcfdfeff",
		ad: []string{
			"10111213 14151617 18191a1b 1c1d1e1f 20212223 24252627",
		},
		plaintext: "11223344 55667788 99aabbcc ddee",
		output:    "85632d07 c6e8f37f 950acd32 0a2ecc93 40c02b96 90c4dc04 daef7f6a fe5c",
	},
	{
		name: "A.2 nonce-based",
		key: "7f7e7d7c 7b7a7978 77767574 73727170" +
			"40414243 44454647 48494a4b 4c4d4e4f",
		ad: []string{
			"00112233 44556677 8899aabb ccddeeff deaddada deaddada ffeeddcc bbaa9988 77665544 33221100",
			"10203040 50607080 90a0",
			"09f91102 9d74e35b d84156c5 635688c0",
		},
		plaintext: "74686973 20697320 736f6d65 20706c61 696e7465 78742074 6f20656e 63727970" +
			"74207573 696e6720 5349562d 414553",
		output: "7bdb6e3b 432667eb 06f4d14b ff2fbd0f cb900f2f ddbe4043 26601965 c889bf17" +
			"dba77ceb 094fa663 b7a3f748 ba8af829 ea64ad54 4a272e9c 485b62a3 fd5c0d",
	},
}

func TestRFC5297(t *testing.T) {
	for _, test := range rfc5297 {
		t.Run(test.name, func(t *testing.T) {
			s, err := New(unhex(t, test.key))
			if err != nil {
				t.Fatal(err)
			}
			var ad [][]byte
			for _, a := range test.ad {
				ad = append(ad, unhex(t, a))
			}
			plaintext, output := unhex(t, test.plaintext), unhex(t, test.output)
			if got := s.Seal([]byte("x"), plaintext, ad...); !bytes.Equal(got[1:], output) {
				t.Errorf("Seal = %x, want %x", got[1:], output)
			}
			got, err := s.Open([]byte("x"), output, ad...)
			if err != nil || !bytes.Equal(got[1:], plaintext) {
				t.Errorf("Open = %x, %v, want %x", got[1:], err, plaintext)
			}
		})
	}
}

// The CMAC examples of RFC 4493, section 4, and their subkeys.
func TestRFC4493(t *testing.T) {
	key := unhex(t, "2b7e151628aed2a6abf7158809cf4f3c")
	s, err := New(slices.Concat(key, key))
	if err != nil {
		t.Fatal(err)
	}
	if want := unhex(t, "fbeed618357133667c85e08f7236a8de"); !bytes.Equal(s.k1[:], want) {
		t.Errorf("K1 = %x, want %x", s.k1, want)
	}
	if want := unhex(t, "f7ddac306ae266ccf90bc11ee46d513b"); !bytes.Equal(s.k2[:], want) {
		t.Errorf("K2 = %x, want %x", s.k2, want)
	}
	message := unhex(t, "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51"+
		"30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710")
	for n, want := range map[int]string{
		0:  "bb1d6929e95937287fa37d129b756746",
		16: "070a16b46b4d4144f79bdd9dd04a287c",
		40: "dfa66747de9ae63030ca32611497c827",
		64: "51f0bebf7e3b9d92fc49741779363cfe",
	} {
		if got := s.pass().mac(message[:n], nil); !bytes.Equal(got[:], unhex(t, want)) {
			t.Errorf("CMAC of %d bytes = %x, want %s", n, got, want)
		}
	}
}

// TestXorend holds the one-pass xorend against the definition.
func TestXorend(t *testing.T) {
	s, err := New(bytes.Repeat([]byte{7}, 64))
	if err != nil {
		t.Fatal(err)
	}
	end := [16]byte([]byte("0123456789abcdef"))
	for n := 16; n <= 80; n++ {
		data := bytes.Repeat([]byte{0xa5}, n)
		xored := slices.Clone(data)
		for i, b := range end {
			xored[n-16+i] ^= b
		}
		if s.pass().mac(data, &end) != s.pass().mac(xored, nil) {
			t.Errorf("xorend over %d bytes differs from its definition", n)
		}
	}
}

// TestCounter holds the key stream against the standard library's, over a carry out of the low byte, and at every length of
// a last block.
func TestCounter(t *testing.T) {
	s, err := New(bytes.Repeat([]byte{7}, 64))
	if err != nil {
		t.Fatal(err)
	}
	for _, low := range []byte{0, 0xff} {
		for n := range 300 {
			iv := [16]byte(bytes.Repeat([]byte{low}, 16))
			got, want := make([]byte, n), make([]byte, n)
			s.pass().xorKeyStream(got, iv)
			iv[8] &= 0x7f
			iv[12] &= 0x7f
			cipher.NewCTR(s.ctr, iv[:]).XORKeyStream(want, want)
			if !bytes.Equal(got, want) {
				t.Fatalf("%d bytes under an IV of %#x differ", n, low)
			}
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for _, keySize := range []int{32, 48, 64} {
		s, err := New(bytes.Repeat([]byte{0x42}, keySize))
		if err != nil {
			t.Fatal(err)
		}
		for n := range 70 {
			plaintext := bytes.Repeat([]byte{byte(n)}, n)
			sealed := s.Seal(nil, plaintext, []byte("ad"))
			if len(sealed) != n+Overhead {
				t.Fatalf("key %d: sealed %d bytes into %d", keySize, n, len(sealed))
			}
			got, err := s.Open(nil, sealed, []byte("ad"))
			if err != nil || !bytes.Equal(got, plaintext) {
				t.Fatalf("key %d, %d bytes: %x, %v", keySize, n, got, err)
			}
		}
	}
}

// TestOpenRefuses flips every bit, and changes the associated data in every
// way that keeps its bytes.
func TestOpenRefuses(t *testing.T) {
	s, err := New(bytes.Repeat([]byte{1}, 64))
	if err != nil {
		t.Fatal(err)
	}
	sealed := s.Seal(nil, []byte("seventeen bytes.."), []byte("ab"), []byte("c"))
	refused := func(what string, ciphertext []byte, ad ...[]byte) {
		t.Helper()
		dst := make([]byte, 1, 256)
		got, err := s.Open(dst, ciphertext, ad...)
		if !errors.Is(err, ErrOpen) || len(got) != 1 {
			t.Errorf("%s: Open = %q, %v", what, got, err)
		}
		if !bytes.Equal(dst[:256], make([]byte, 256)) {
			t.Errorf("%s: unverified plaintext left behind dst", what)
		}
	}
	for bit := range len(sealed) * 8 {
		bad := slices.Clone(sealed)
		bad[bit/8] ^= 1 << (bit % 8)
		refused(fmt.Sprint("bit ", bit), bad, []byte("ab"), []byte("c"))
	}
	for n := range sealed {
		refused(fmt.Sprint("cut to ", n), sealed[:n], []byte("ab"), []byte("c"))
	}
	refused("associated data regrouped", sealed, []byte("a"), []byte("bc"))
	refused("associated data joined", sealed, []byte("abc"))
	refused("associated data swapped", sealed, []byte("c"), []byte("ab"))
	refused("no associated data", sealed)
	refused("an empty string more", sealed, []byte("ab"), []byte("c"), nil)
}

func TestLimits(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33, 65} {
		if _, err := New(make([]byte, n)); err == nil {
			t.Errorf("New took a key of %d bytes", n)
		}
	}
	s, err := New(make([]byte, 64))
	if err != nil {
		t.Fatal(err)
	}
	s.Seal(nil, nil, make([][]byte, MaxAssociated)...)
	defer func() {
		if recover() == nil {
			t.Error("Seal took more associated data than the RFC allows")
		}
	}()
	s.Seal(nil, nil, make([][]byte, MaxAssociated+1)...)
}

func TestRedacted(t *testing.T) {
	s, err := New(make([]byte, 64))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s", "%d"} {
		if got := fmt.Sprintf(verb+verb, s, *s); got != "[redacted][redacted]" {
			t.Errorf("%s prints %q", verb, got)
		}
	}
	s.Wipe()
	if s.k1 != [16]byte{} || s.cmac != nil || s.ctr != nil {
		t.Error("Wipe left key material")
	}
}

// TestFuzzSeeds holds that the fuzz target has seeds, so that it runs with
// every test.
func TestFuzzSeeds(t *testing.T) {
	if seeds, err := filepath.Glob("testdata/fuzz/FuzzOpen/seed-*"); err != nil || len(seeds) < 4 {
		t.Errorf("FuzzOpen has seeds %v, %v", seeds, err)
	}
}

func FuzzOpen(f *testing.F) {
	s, err := New(bytes.Repeat([]byte{3}, 64))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.Seal(nil, []byte("plaintext"), []byte("ad")), []byte("ad"))
	f.Fuzz(func(t *testing.T, data, ad []byte) {
		if plaintext, err := s.Open(nil, data, ad); err == nil {
			if again := s.Seal(nil, plaintext, ad); !bytes.Equal(again, data) {
				t.Errorf("%x opens, but seals to %x", data, again)
			}
		}
		got, err := s.Open(nil, s.Seal(nil, data, ad), ad)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("round trip of %x: %x, %v", data, got, err)
		}
	})
}
