// Package siv implements AES-SIV, the deterministic authenticated encryption
// of RFC 5297: AES-CMAC over the associated data and the plaintext (S2V) gives
// a synthetic IV, and AES in counter mode under that IV encrypts.
//
// Equal plaintexts with equal associated data give equal ciphertexts under one
// key, and that is all they give away; nothing has to be drawn at random and
// nothing can be reused by mistake. Overcast encrypts names with it.
//
// The package is built on crypto/aes, takes as long for one input as for any
// other of its length, and returns no plaintext that did not authenticate.
package siv

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Overhead is how much longer a ciphertext is than its plaintext, in bytes.
const Overhead = aes.BlockSize

// MaxAssociated is the greatest number of associated-data strings of one call
// (RFC 5297, section 7: 127 components less the plaintext).
const MaxAssociated = 126

// ErrOpen means that a ciphertext does not authenticate under the key and the
// associated data that were given.
var ErrOpen = errors.New("siv: message authentication failed")

// A SIV is a key, expanded. It is safe for concurrent use until it is wiped.
type SIV struct {
	cmac   cipher.Block // K1: authenticates
	ctr    cipher.Block // K2: encrypts
	k1, k2 block
	zero   block // the MAC of a zero block, with which S2V begins
}

type block = [aes.BlockSize]byte

// A pass is one call, with the memory in which its blocks are encrypted: what an
// interface is given does not stay on the stack, and a name has few blocks.
type pass struct {
	*SIV
	x, last block
}

// New expands a key of 32, 48 or 64 bytes, for AES-128, AES-192 and AES-256.
// Its first half authenticates, its second half encrypts.
func New(key []byte) (*SIV, error) {
	if len(key) != 32 && len(key) != 48 && len(key) != 64 {
		return nil, fmt.Errorf("siv: key of %d bytes, want 32, 48 or 64", len(key))
	}
	s := new(SIV)
	var err error
	if s.cmac, err = aes.NewCipher(key[:len(key)/2]); err != nil {
		return nil, fmt.Errorf("siv: %w", err)
	}
	if s.ctr, err = aes.NewCipher(key[len(key)/2:]); err != nil {
		return nil, fmt.Errorf("siv: %w", err)
	}
	s.cmac.Encrypt(s.k1[:], s.k1[:])
	double(&s.k1)
	s.k2 = s.k1
	double(&s.k2)
	s.zero = s.pass().mac(make([]byte, aes.BlockSize), nil)
	return s, nil
}

func (s *SIV) pass() *pass { return &pass{SIV: s} }

// Wipe forgets the key. The standard library's expanded keys cannot be
// overwritten; they are left to the garbage collector.
func (s *SIV) Wipe() { *s = SIV{} }

// Format writes "[redacted]" for every verb.
func (SIV) Format(f fmt.State, _ rune) { io.WriteString(f, "[redacted]") }

// Seal appends the synthetic IV and the ciphertext of plaintext to dst. The
// order and number of associated-data strings count; it panics if there are
// more than [MaxAssociated]. The plaintext must not overlap what is appended.
func (s *SIV) Seal(dst, plaintext []byte, ad ...[]byte) []byte {
	p := s.pass()
	iv := p.s2v(plaintext, ad)
	dst = append(slices.Grow(dst, Overhead+len(plaintext)), iv[:]...)
	start := len(dst)
	dst = append(dst, plaintext...)
	p.xorKeyStream(dst[start:], iv)
	return dst
}

// Open appends the plaintext of a ciphertext that [SIV.Seal] made to dst. It
// fails with [ErrOpen] unless the ciphertext and the associated data are
// exactly those; dst then holds no more than before. It panics as Seal does.
func (s *SIV) Open(dst, ciphertext []byte, ad ...[]byte) ([]byte, error) {
	if len(ciphertext) < Overhead {
		return dst, fmt.Errorf("%w: %d bytes are too few", ErrOpen, len(ciphertext))
	}
	iv := block(ciphertext)
	start := len(dst)
	out := append(dst, ciphertext[Overhead:]...)
	p := s.pass()
	p.xorKeyStream(out[start:], iv)
	want := p.s2v(out[start:], ad)
	if subtle.ConstantTimeCompare(iv[:], want[:]) != 1 {
		clear(out[start:])
		return dst, ErrOpen
	}
	return out, nil
}

// xorKeyStream encrypts or decrypts data in place. The top bits of the two low
// words are cleared, so that implementations may count in 32 or 64 bits; this one
// counts in 32, which is enough for what fits into memory.
func (p *pass) xorKeyStream(data []byte, iv block) {
	iv[8] &= 0x7f
	iv[12] &= 0x7f
	p.x = iv
	for len(data) > 0 {
		p.ctr.Encrypt(p.last[:], p.x[:])
		n := subtle.XORBytes(data, data, p.last[:min(len(data), aes.BlockSize)])
		data = data[n:]
		binary.BigEndian.PutUint32(p.x[12:], binary.BigEndian.Uint32(p.x[12:])+1)
	}
}

// s2v is RFC 5297, section 2.4, for at least one component, the plaintext.
func (p *pass) s2v(plaintext []byte, ad [][]byte) block {
	if len(ad) > MaxAssociated {
		panic("siv: too many associated-data strings")
	}
	d := p.zero
	for _, a := range ad {
		double(&d)
		sum := p.mac(a, nil)
		subtle.XORBytes(d[:], d[:], sum[:])
	}
	if len(plaintext) >= aes.BlockSize {
		return p.mac(plaintext, &d)
	}
	double(&d)
	subtle.XORBytes(d[:], d[:], plaintext)
	d[len(plaintext)] ^= 0x80
	return p.mac(d[:], nil)
}

// mac is AES-CMAC (RFC 4493). A non-nil end is XORed over the last 16 bytes of
// data, which then has at least as many ("xorend" of RFC 5297).
func (p *pass) mac(data []byte, end *block) block {
	p.x, p.last = block{}, block{}
	x, last := &p.x, &p.last
	split := len(data) // where end begins
	if end != nil {
		split -= aes.BlockSize
	}
	n := 0
	for ; len(data)-n > aes.BlockSize; n += aes.BlockSize {
		subtle.XORBytes(x[:], x[:], data[n:n+aes.BlockSize])
		xorFrom(x, end, n-split)
		p.cmac.Encrypt(x[:], x[:])
	}
	copy(last[:], data[n:])
	if len(data)-n == aes.BlockSize {
		subtle.XORBytes(last[:], last[:], p.k1[:])
	} else {
		last[len(data)-n] = 0x80
		subtle.XORBytes(last[:], last[:], p.k2[:])
	}
	xorFrom(last, end, n-split)
	subtle.XORBytes(x[:], x[:], last[:])
	p.cmac.Encrypt(x[:], x[:])
	return *x
}

// xorFrom XORs onto a block the part of end that lies over it, where the block
// begins at bytes after end's beginning, or before it if at is negative.
func xorFrom(b, end *block, at int) {
	switch {
	case end == nil || at <= -aes.BlockSize || at >= aes.BlockSize:
	case at < 0:
		subtle.XORBytes(b[-at:], b[-at:], end[:])
	default:
		subtle.XORBytes(b[:], b[:], end[at:])
	}
}

// double multiplies a block by x in GF(2^128) ("dbl" of RFC 5297), without a
// branch on its bits.
func double(b *block) {
	carry := b[0] >> 7
	for i := range len(b) - 1 {
		b[i] = b[i]<<1 | b[i+1]>>7
	}
	b[len(b)-1] = b[len(b)-1]<<1 ^ 0x87&-carry
}
