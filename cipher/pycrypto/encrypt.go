package pycrypto

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"hash"
	"io"

	"github.com/overcast-fs/overcast/cipher/cbc"
)

// An Output is one of the files that a plaintext is encrypted to.
type Output struct {
	W   io.Writer
	Key *Key
	Tag *Tag // if not nil, receives the tag of the file
}

// EncryptOptions say how a file is written.
type EncryptOptions struct {
	Padding Padding   // PKCS7 or Space
	Rand    io.Reader // 16 bytes of IV for each output; nil means crypto/rand
}

// Encrypt reads src to its end, once, and writes it to every output under that
// output's key and an IV of its own. It returns the number of plaintext bytes.
//
// One chain cannot be encrypted in parallel, but the chains of several outputs
// can: they are lanes of one kernel call, so that a second output costs little.
// After the first error, of src or of any output, nothing more is encrypted.
func Encrypt(src io.Reader, o EncryptOptions, outputs ...Output) (int64, error) {
	if o.Padding != PKCS7 && o.Padding != Space {
		return 0, fmt.Errorf("padding %q is for reading only", o.Padding)
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	e := newEncrypter(outputs)
	n, err := e.run(src, o)
	if closeErr := e.close(); err == nil {
		err = closeErr
	}
	return n, err
}

// A chain is the state of one output.
type chain struct {
	out  Output
	sink *writeBehind
	hash hash.Hash       // nil without a tag
	iv   [BlockSize]byte // the last block written
}

type encrypter struct {
	chains []chain
	lanes  []cbc.KeyLane
}

func newEncrypter(outputs []Output) *encrypter {
	e := &encrypter{
		chains: make([]chain, len(outputs)),
		lanes:  make([]cbc.KeyLane, len(outputs)),
	}
	for i, out := range outputs {
		c := &e.chains[i]
		c.out = out
		w := out.W
		if out.Tag != nil {
			c.hash = out.Key.newHash()
			w = io.MultiWriter(w, c.hash)
		}
		c.sink = newWriteBehind(w)
		e.lanes[i].Cipher = out.Key.cipher
		e.lanes[i].IV = &c.iv
	}
	return e
}

func (e *encrypter) run(src io.Reader, o EncryptOptions) (int64, error) {
	if err := e.begin(o.Rand); err != nil {
		return 0, err
	}
	in := make([]byte, bufferSize, bufferSize+BlockSize)
	for total := int64(0); ; {
		n, last, err := readFull(src, in)
		if err != nil {
			return total, fmt.Errorf("read: %w", err)
		}
		total += int64(n)
		plain := in[:n]
		if last {
			plain = pad(plain, o.Padding)
		}
		if len(plain) > 0 && !e.encrypt(plain) || last {
			return total, nil
		}
	}
}

// begin draws each output's IV and writes it.
func (e *encrypter) begin(random io.Reader) error {
	for i := range e.chains {
		c := &e.chains[i]
		if _, err := io.ReadFull(random, c.iv[:]); err != nil {
			return fmt.Errorf("draw an IV: %w", err)
		}
		p := c.sink.buffer(BlockSize)
		copy(p, c.iv[:])
		c.sink.write(p)
	}
	return nil
}

// encrypt continues every chain with plain, and reports whether all outputs
// still take bytes; close knows the error of one that does not.
func (e *encrypter) encrypt(plain []byte) bool {
	for i := range e.chains {
		e.lanes[i].Src = plain
		e.lanes[i].Dst = e.chains[i].sink.buffer(len(plain))
	}
	cbc.EncryptKeys(e.lanes)
	healthy := true
	for i := range e.chains {
		c := &e.chains[i]
		dst := e.lanes[i].Dst
		copy(c.iv[:], dst[len(dst)-BlockSize:])
		healthy = healthy && !c.sink.failed.Load()
		c.sink.write(dst)
	}
	return healthy
}

// close waits for every writer, fills in the tags, and returns the first error.
func (e *encrypter) close() error {
	var first error
	for i := range e.chains {
		c := &e.chains[i]
		if err := c.sink.close(); err != nil && first == nil {
			first = fmt.Errorf("write: %w", err)
		}
		if c.hash != nil {
			c.hash.Sum(c.out.Tag[:0])
		}
	}
	return first
}

// pad appends to plain, whose capacity has room for a block.
func pad(plain []byte, p Padding) []byte {
	missing := BlockSize - len(plain)%BlockSize
	if p == PKCS7 {
		return append(plain, bytes.Repeat([]byte{byte(missing)}, missing)...)
	}
	return append(plain, bytes.Repeat([]byte{' '}, missing%BlockSize)...)
}

// readFull fills p unless src ends before; last says that src ended.
func readFull(src io.Reader, p []byte) (n int, last bool, err error) {
	n, err = io.ReadFull(src, p)
	switch err {
	case nil:
		return n, false, nil
	case io.EOF, io.ErrUnexpectedEOF:
		return n, true, nil
	}
	return n, false, err
}
