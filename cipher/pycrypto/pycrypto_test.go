package pycrypto

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// lengths are every short one, and those around the script's pieces and the
// package's buffers.
func lengths() []int {
	var all []int
	for n := range 201 {
		all = append(all, n)
	}
	for d := -17; d <= 17; d++ {
		all = append(all, 64<<10+d, bufferSize+d)
	}
	return append(all, 2*bufferSize-1, 2*bufferSize, 5*bufferSize+1)
}

func testKey(t testing.TB, raw []byte) *Key {
	t.Helper()
	k, err := NewKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// noise is the same for the same length, and not periodic.
func noise(n int) []byte {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(p)
	return p
}

// reference is the layout in the standard library's words.
func reference(t testing.TB, raw, iv, plain []byte, p Padding) []byte {
	t.Helper()
	block, err := aes.NewCipher(raw)
	if err != nil {
		t.Fatal(err)
	}
	padded := pad(append(make([]byte, 0, len(plain)+BlockSize), plain...), p)
	out := append(append([]byte(nil), iv...), padded...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out[BlockSize:], padded)
	return out
}

func encrypt(t testing.TB, raw, iv, plain []byte, p Padding) []byte {
	t.Helper()
	var out bytes.Buffer
	o := EncryptOptions{Padding: p, Rand: bytes.NewReader(iv)}
	n, err := Encrypt(bytes.NewReader(plain), o, Output{W: &out, Key: testKey(t, raw)})
	if err != nil || n != int64(len(plain)) {
		t.Fatalf("Encrypt of %d bytes: %d, %v", len(plain), n, err)
	}
	return out.Bytes()
}

func decrypt(t testing.TB, raw, file []byte, o DecryptOptions) ([]byte, error) {
	t.Helper()
	var out bytes.Buffer
	n, err := Decrypt(&out, bytes.NewReader(file), testKey(t, raw), o)
	if err == nil && n != int64(out.Len()) {
		t.Fatalf("Decrypt says %d bytes and wrote %d", n, out.Len())
	}
	return out.Bytes(), err
}

func TestPad(t *testing.T) {
	for n := range 33 {
		plain := noise(n)
		spaces := pad(append(make([]byte, 0, 64), plain...), Space)
		if want := string(plain) + strings.Repeat(" ", (16-n%16)%16); string(spaces) != want {
			t.Errorf("%d bytes padded with spaces: %x", n, spaces)
		}
		m := 16 - n%16
		pkcs := pad(append(make([]byte, 0, 64), plain...), PKCS7)
		if want := string(plain) + strings.Repeat(string(rune(m)), m); string(pkcs) != want {
			t.Errorf("%d bytes padded by PKCS #7: %x", n, pkcs)
		}
	}
}

func TestEveryLength(t *testing.T) {
	raw, iv := noise(16), noise(17)[:16]
	for _, n := range lengths() {
		plain := noise(n)
		for _, p := range []Padding{Space, PKCS7} {
			file := encrypt(t, raw, iv, plain, p)
			want := reference(t, raw, iv, plain, p)
			if !bytes.Equal(file, want) {
				t.Fatalf("%d bytes, %v: not the layout", n, p)
			}
			padded := pad(append(make([]byte, 0, n+BlockSize), plain...), p)
			for _, c := range []struct {
				o    DecryptOptions
				want []byte
			}{
				{DecryptOptions{Padding: Keep}, padded},
				{DecryptOptions{Padding: Exact, Size: int64(n)}, plain},
				{DecryptOptions{Padding: p}, unpadded(plain, p)},
			} {
				got, err := decrypt(t, raw, file, c.o)
				if err != nil || !bytes.Equal(got, c.want) {
					t.Fatalf("%d bytes, written with %v, read with %v: %d bytes, %v", n, p, c.o.Padding, len(got), err)
				}
			}
		}
	}
}

// unpadded is what reading yields for content that itself may end in spaces.
func unpadded(plain []byte, p Padding) []byte {
	if p == PKCS7 {
		return plain
	}
	for taken := (16 - len(plain)%16) % 16; taken < 15 && bytes.HasSuffix(plain, []byte(" ")); taken++ {
		plain = plain[:len(plain)-1]
	}
	return plain
}

func TestTrailingSpaces(t *testing.T) {
	raw, iv := noise(24), noise(16)
	for _, c := range []struct{ content, keep, space string }{
		{"", "", ""},
		{"a", "a" + strings.Repeat(" ", 15), "a"},
		{"a   ", "a" + strings.Repeat(" ", 15), "a"},
		{strings.Repeat(" ", 16), strings.Repeat(" ", 16), " "},
		{strings.Repeat(" ", 20), strings.Repeat(" ", 32), strings.Repeat(" ", 17)},
		{"sixteen bytes   ", "sixteen bytes   ", "sixteen bytes"},
	} {
		file := encrypt(t, raw, iv, []byte(c.content), Space)
		if got, err := decrypt(t, raw, file, DecryptOptions{}); string(got) != c.keep || err != nil {
			t.Errorf("%q kept: %q, %v", c.content, got, err)
		}
		if got, err := decrypt(t, raw, file, DecryptOptions{Padding: Space}); string(got) != c.space || err != nil {
			t.Errorf("%q stripped: %q, %v", c.content, got, err)
		}
	}
}

// TestKnownAnswers holds SP 800-38A, F.2.1 to F.2.6.
func TestKnownAnswers(t *testing.T) {
	const iv = "000102030405060708090a0b0c0d0e0f"
	const plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
		"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
	for _, c := range []struct{ key, cipher string }{
		{"2b7e151628aed2a6abf7158809cf4f3c",
			"7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2" +
				"73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"},
		{"8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
			"4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a" +
				"571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd"},
		{"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
			"f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d" +
				"39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"},
	} {
		raw, file := unhex(t, c.key), unhex(t, iv+c.cipher)
		if got := encrypt(t, raw, unhex(t, iv), unhex(t, plain), Space); !bytes.Equal(got, file) {
			t.Errorf("AES-%d encrypts to %x", len(raw)*8, got)
		}
		if got, err := decrypt(t, raw, file, DecryptOptions{}); !bytes.Equal(got, unhex(t, plain)) || err != nil {
			t.Errorf("AES-%d decrypts to %x, %v", len(raw)*8, got, err)
		}
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	p, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSeveralKeys(t *testing.T) {
	raws := [][]byte{noise(16), noise(24), noise(32)}
	ivs := noise(48)
	for _, n := range []int{0, 1, 16, 64 << 10, bufferSize, 3*bufferSize + 5} {
		plain := noise(n)
		files, tags := make([]bytes.Buffer, 3), make([]Tag, 3)
		var outputs []Output
		for i, raw := range raws {
			outputs = append(outputs, Output{W: &files[i], Key: testKey(t, raw), Tag: &tags[i]})
		}
		o := EncryptOptions{Padding: PKCS7, Rand: bytes.NewReader(ivs)}
		if _, err := Encrypt(iotest.HalfReader(bytes.NewReader(plain)), o, outputs...); err != nil {
			t.Fatal(err)
		}
		for i, raw := range raws {
			if !bytes.Equal(files[i].Bytes(), reference(t, raw, ivs[16*i:16*i+16], plain, PKCS7)) {
				t.Errorf("%d bytes, output %d: not the layout", n, i)
			}
			got, err := decrypt(t, raw, files[i].Bytes(), DecryptOptions{Padding: PKCS7, Tag: &tags[i]})
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%d bytes, output %d: %v", n, i, err)
			}
		}
	}
}

func TestIVsAreDrawn(t *testing.T) {
	seen := map[string]bool{}
	for range 8 {
		var a, b bytes.Buffer
		k := testKey(t, noise(16))
		if _, err := Encrypt(strings.NewReader("x"), EncryptOptions{Padding: Space}, Output{W: &a, Key: k}, Output{W: &b, Key: k}); err != nil {
			t.Fatal(err)
		}
		seen[string(a.Bytes()[:16])], seen[string(b.Bytes()[:16])] = true, true
	}
	if len(seen) != 16 {
		t.Errorf("%d different IVs of 16", len(seen))
	}
}

func TestDecryptErrors(t *testing.T) {
	raw := noise(32)
	file := encrypt(t, raw, noise(16), noise(100), PKCS7)
	for n := range file {
		if n >= 16 && n%16 == 0 {
			continue
		}
		if _, err := decrypt(t, raw, file[:n], DecryptOptions{}); !errors.Is(err, ErrLength) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	for _, c := range []struct {
		name string
		file []byte
		o    DecryptOptions
		want error
	}{
		{"a lost block", file[:len(file)-16], DecryptOptions{Padding: PKCS7}, ErrPadding},
		{"no block", file[:16], DecryptOptions{Padding: PKCS7}, ErrPadding},
		{"no padding", encrypt(t, raw, noise(16), make([]byte, 32), Space), DecryptOptions{Padding: PKCS7}, ErrPadding},
		{"too long a padding", encrypt(t, raw, noise(16), bytes.Repeat([]byte{17}, 32), Space), DecryptOptions{Padding: PKCS7}, ErrPadding},
		{"uneven padding", encrypt(t, raw, noise(16), append(make([]byte, 14), 1, 2), Space), DecryptOptions{Padding: PKCS7}, ErrPadding},
		{"too large a size", file, DecryptOptions{Padding: Exact, Size: 113}, ErrSize},
		{"a negative size", file, DecryptOptions{Padding: Exact, Size: -1}, ErrSize},
		{"a foreign tag", file, DecryptOptions{Tag: new(Tag)}, ErrTag},
	} {
		if _, err := decrypt(t, raw, c.file, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestTag(t *testing.T) {
	raw := noise(16)
	var out bytes.Buffer
	var tag Tag
	key := testKey(t, raw)
	if _, err := Encrypt(bytes.NewReader(noise(50)), EncryptOptions{Padding: Space}, Output{W: &out, Key: key, Tag: &tag}); err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, tagKeyByHand(raw))
	h.Write(out.Bytes())
	if !bytes.Equal(h.Sum(nil), tag[:]) {
		t.Error("the tag is not HMAC-SHA-256 over the file")
	}
	if err := key.Verify(bytes.NewReader(out.Bytes()), tag); err != nil {
		t.Error(err)
	}
	for i := range out.Len() {
		damaged := bytes.Clone(out.Bytes())
		damaged[i] ^= 1
		if err := key.Verify(bytes.NewReader(damaged), tag); !errors.Is(err, ErrTag) {
			t.Errorf("byte %d changed: Verify says %v", i, err)
		}
		if _, err := decrypt(t, raw, damaged, DecryptOptions{Tag: &tag}); !errors.Is(err, ErrTag) {
			t.Errorf("byte %d changed: Decrypt says %v", i, err)
		}
	}
	if err := testKey(t, noise(24)).Verify(bytes.NewReader(out.Bytes()), tag); !errors.Is(err, ErrTag) {
		t.Errorf("another key: %v", err)
	}
	if err := key.Verify(iotest.ErrReader(io.ErrClosedPipe), tag); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a failing reader: %v", err)
	}
}

// tagKeyByHand is HKDF (RFC 5869) of 32 bytes without a salt, spelled out.
func tagKeyByHand(raw []byte) []byte {
	extract := hmac.New(sha256.New, make([]byte, 32))
	extract.Write(raw)
	expand := hmac.New(sha256.New, extract.Sum(nil))
	expand.Write([]byte("overcast pycrypto hmac v1\x01"))
	return expand.Sum(nil)
}

func TestTagText(t *testing.T) {
	tag := Tag(noise(32))
	text, err := tag.MarshalText()
	if err != nil || len(text) != 65 || text[64] != '\n' {
		t.Fatalf("%q, %v", text, err)
	}
	for _, s := range []string{string(text), string(text[:64])} {
		var got Tag
		if err := got.UnmarshalText([]byte(s)); err != nil || got != tag {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"", "\n", string(text[:63]), string(text) + "\n", "g" + string(text[1:])} {
		if err := new(Tag).UnmarshalText([]byte(s)); err == nil {
			t.Errorf("%q is accepted", s)
		}
	}
}

func TestKeys(t *testing.T) {
	for n := range 40 {
		_, err := NewKey(make([]byte, n))
		if good := n == 16 || n == 24 || n == 32; good != (err == nil) || !good && !errors.Is(err, ErrKeySize) {
			t.Errorf("a key of %d bytes: %v", n, err)
		}
	}
	k := testKey(t, []byte("sixteen byte key"))
	for _, s := range []string{k.String(), fmt.Sprintf("%v %+v %#v %s %x %d %q", k, k, k, k, k, k, k)} {
		if strings.Trim(s, "[redact] ") != "" {
			t.Errorf("a key prints as %q", s)
		}
	}
	k.Wipe()
	if !bytes.Equal(k.tagKey, make([]byte, 32)) {
		t.Error("Wipe leaves the HMAC key")
	}
}

func TestPaddingNames(t *testing.T) {
	for _, p := range []Padding{Keep, PKCS7, Space} {
		if got, err := ParsePadding(p.String()); got != p || err != nil {
			t.Errorf("%v: %v, %v", p, got, err)
		}
	}
	for _, s := range []string{"", "exact", "PKCS7", Padding(9).String()} {
		if _, err := ParsePadding(s); err == nil {
			t.Errorf("%q is a padding", s)
		}
	}
	for _, p := range []Padding{Keep, Exact} {
		if _, err := Encrypt(strings.NewReader(""), EncryptOptions{Padding: p}); err == nil {
			t.Errorf("%v is taken for writing", p)
		}
	}
}

// TestReaders gives the same bytes in other portions, as pipes do.
func TestReaders(t *testing.T) {
	raw, iv, plain := noise(16), noise(16), noise(bufferSize+1000)
	want := reference(t, raw, iv, plain, PKCS7)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"one byte at a time": iotest.OneByteReader,
		"halves":             iotest.HalfReader,
		"data with EOF":      iotest.DataErrReader,
	} {
		var file, back bytes.Buffer
		o := EncryptOptions{Padding: PKCS7, Rand: bytes.NewReader(iv)}
		if _, err := Encrypt(wrap(bytes.NewReader(plain)), o, Output{W: &file, Key: testKey(t, raw)}); err != nil || !bytes.Equal(file.Bytes(), want) {
			t.Errorf("%s: encrypted wrongly, %v", name, err)
		}
		if _, err := Decrypt(&back, wrap(&file), testKey(t, raw), DecryptOptions{Padding: PKCS7}); err != nil || !bytes.Equal(back.Bytes(), plain) {
			t.Errorf("%s: decrypted wrongly, %v", name, err)
		}
	}
}

// A failingWriter takes some bytes and no more.
type failingWriter struct{ room int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if len(p) > w.room {
		return 0, io.ErrShortWrite
	}
	w.room -= len(p)
	return len(p), nil
}

// An endless reader never ends, so that only an error can.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestFailures(t *testing.T) {
	key := testKey(t, noise(16))
	pkcs := EncryptOptions{Padding: PKCS7}
	for _, room := range []int{0, 15, 16, bufferSize, 20 * bufferSize} {
		var healthy bytes.Buffer
		_, err := Encrypt(endless{}, pkcs, Output{W: &healthy, Key: key}, Output{W: &failingWriter{room}, Key: key})
		if !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("encrypt to a writer with %d bytes of room: %v", room, err)
		}
		if _, err := Decrypt(&failingWriter{room}, endless{}, key, DecryptOptions{}); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("decrypt to a writer with %d bytes of room: %v", room, err)
		}
	}
	for _, n := range []int{0, 5, 16, 100, bufferSize + 16} {
		src := func() io.Reader {
			return io.MultiReader(bytes.NewReader(noise(n)), iotest.ErrReader(io.ErrClosedPipe))
		}
		if _, err := Encrypt(src(), pkcs, Output{W: io.Discard, Key: key}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("encrypt from a reader that fails after %d bytes: %v", n, err)
		}
		if _, err := Decrypt(io.Discard, src(), key, DecryptOptions{}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("decrypt from a reader that fails after %d bytes: %v", n, err)
		}
	}
	noRandom := EncryptOptions{Padding: PKCS7, Rand: strings.NewReader("short")}
	if _, err := Encrypt(strings.NewReader("x"), noRandom, Output{W: io.Discard, Key: key}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("without randomness: %v", err)
	}
}

// TestConstantMemory streams far more than it may hold.
func TestConstantMemory(t *testing.T) {
	key := testKey(t, noise(16))
	const size = 64 << 20
	run := func(n int64) float64 {
		return testing.AllocsPerRun(1, func() {
			if _, err := Encrypt(io.LimitReader(endless{}, n), EncryptOptions{Padding: Space}, Output{W: io.Discard, Key: key}); err != nil {
				t.Fatal(err)
			}
			if _, err := Decrypt(io.Discard, io.LimitReader(endless{}, n), key, DecryptOptions{}); err != nil {
				t.Fatal(err)
			}
		})
	}
	if small, large := run(8*bufferSize), run(size); large > small+8 {
		t.Errorf("%.0f allocations for %d bytes, %.0f for %d", small, 8*bufferSize, large, size)
	}
}
