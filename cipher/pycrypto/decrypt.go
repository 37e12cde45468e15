package pycrypto

import (
	"fmt"
	"hash"
	"io"

	"github.com/overcast-fs/overcast/cipher/cbc"
)

// DecryptOptions say how a file is read.
type DecryptOptions struct {
	Padding Padding
	Size    int64 // the plaintext's size in bytes, with Exact only
	Tag     *Tag  // demanded if not nil
}

// Decrypt reads src to its end and writes its plaintext to dst. It returns the
// number of plaintext bytes. The error wraps [ErrLength], [ErrPadding],
// [ErrSize] or [ErrTag], or is the reader's or the writer's; after any of them
// what dst received is worthless.
func Decrypt(dst io.Writer, src io.Reader, key *Key, o DecryptOptions) (int64, error) {
	if o.Padding == Exact && o.Size < 0 {
		return 0, fmt.Errorf("cut to %d bytes: %w", o.Size, ErrSize)
	}
	d := &decrypter{key: key, options: o, sink: newWriteBehind(dst)}
	if o.Tag != nil {
		d.hash = key.newHash()
		src = io.TeeReader(src, d.hash)
	}
	err := d.run(src)
	if closeErr := d.sink.close(); err == nil && closeErr != nil {
		err = fmt.Errorf("write: %w", closeErr)
	}
	return d.written, err
}

type decrypter struct {
	key     *Key
	options DecryptOptions
	sink    *writeBehind
	hash    hash.Hash
	iv      [BlockSize]byte
	written int64
	// held is the newest plaintext: what padding takes off is always in it,
	// so it waits here until something follows.
	held []byte
}

func (d *decrypter) run(src io.Reader) error {
	n, last, err := readFull(src, d.iv[:])
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if last {
		return CheckLength(int64(n))
	}
	in := make([]byte, bufferSize)
	for total := int64(BlockSize); !last; {
		if n, last, err = readFull(src, in); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		total += int64(n)
		if err := CheckLength(total); err != nil {
			return err
		}
		if n > 0 && !d.decrypt(in[:n]) {
			return nil
		}
	}
	if d.hash != nil {
		if err := d.options.Tag.check(d.hash); err != nil {
			return err
		}
	}
	return d.finish()
}

// decrypt continues with whole blocks, and reports whether dst still takes
// bytes.
func (d *decrypter) decrypt(blocks []byte) bool {
	plain := d.sink.buffer(len(blocks))
	d.key.cipher.Decrypt([]cbc.Lane{{IV: &d.iv, Dst: plain, Src: blocks}})
	copy(d.iv[:], blocks[len(blocks)-BlockSize:])
	d.flush()
	d.held = plain
	return !d.sink.failed.Load()
}

// finish takes the padding off what is held, and writes it.
func (d *decrypter) finish() error {
	switch d.options.Padding {
	case PKCS7:
		n := paddingLength(d.held)
		if n == 0 {
			return ErrPadding
		}
		d.held = d.held[:len(d.held)-n]
	case Space:
		for n := 0; n < BlockSize-1 && len(d.held) > 0 && d.held[len(d.held)-1] == ' '; n++ {
			d.held = d.held[:len(d.held)-1]
		}
	}
	d.flush()
	if d.options.Padding == Exact && d.written != d.options.Size {
		return fmt.Errorf("%d bytes, not %d: %w", d.written, d.options.Size, ErrSize)
	}
	return nil
}

// flush writes what is held.
func (d *decrypter) flush() {
	p := d.held
	d.held = nil
	if p == nil {
		return
	}
	if d.options.Padding == Exact {
		p = p[:min(int64(len(p)), d.options.Size-d.written)]
	}
	d.written += int64(len(p))
	d.sink.write(p)
}

// paddingLength returns the length of the PKCS #7 padding that plain ends
// with, or 0. It need not be constant-time: nobody who learns its answer by
// timing can have chosen the file and not see the answer itself.
func paddingLength(plain []byte) int {
	if len(plain) == 0 {
		return 0
	}
	n := int(plain[len(plain)-1])
	if n > BlockSize || n > len(plain) {
		return 0
	}
	for _, b := range plain[len(plain)-n:] {
		if int(b) != n {
			return 0
		}
	}
	return n
}
