package pycrypto

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"testing"
)

// FuzzDecrypt compares the reader with the standard library: on any bytes, it
// either gives what the layout says or refuses what the layout does not have.
func FuzzDecrypt(f *testing.F) {
	raw := noise(16)
	f.Add([]byte{}, uint8(Keep), int64(0))
	f.Add(noise(16), uint8(PKCS7), int64(0))
	f.Add(noise(31), uint8(Space), int64(0))
	f.Add(reference(f, raw, noise(16), []byte("padded"), PKCS7), uint8(PKCS7), int64(6))
	f.Add(reference(f, raw, noise(16), []byte("spaced   "), Space), uint8(Space), int64(9))
	f.Add(reference(f, raw, noise(16), noise(300), Space), uint8(Exact), int64(299))
	f.Fuzz(func(t *testing.T, file []byte, padding uint8, size int64) {
		p := Padding(padding % 4)
		got, err := decrypt(t, raw, file, DecryptOptions{Padding: p, Size: size})
		want, ok := expected(t, raw, file, p, size)
		if ok != (err == nil) || ok && !bytes.Equal(got, want) {
			t.Errorf("%d bytes, %v, size %d: %x, %v; want %x, %v", len(file), p, size, got, err, want, ok)
		}
	})
}

// expected is the layout's reading in its plainest words; ok is false where it
// has none.
func expected(t *testing.T, raw, file []byte, p Padding, size int64) (plain []byte, ok bool) {
	if len(file) < 16 || len(file)%16 != 0 {
		return nil, false
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		t.Fatal(err)
	}
	plain = make([]byte, len(file)-16)
	cipher.NewCBCDecrypter(block, file[:16]).CryptBlocks(plain, file[16:])
	switch p {
	case Space:
		shortest := max(0, len(plain)-15)
		return append(plain[:shortest:shortest], bytes.TrimRight(plain[shortest:], " ")...), true
	case Exact:
		if size < 0 || size > int64(len(plain)) {
			return nil, false
		}
		return plain[:size], true
	case PKCS7:
		for n := 1; n <= 16; n++ {
			if rest, found := bytes.CutSuffix(plain, bytes.Repeat([]byte{byte(n)}, n)); found && len(plain) > 0 && int(plain[len(plain)-1]) == n {
				return rest, true
			}
		}
		return nil, false
	}
	return plain, true
}
