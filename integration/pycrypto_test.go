package integration

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/cipher/pycrypto"
)

// debianPython is the interpreter that Debian's python3-pycryptodome and python3-cryptography belong to; another one in
// the PATH may have neither.
const debianPython = "/usr/bin/python3"

// pycryptoKeys are one key of each size.
func pycryptoKeys() [][]byte {
	return [][]byte{pycryptoNoise(16), pycryptoNoise(24), pycryptoNoise(32)}
}

// pycryptoNoise gives n bytes, always the same for the same n.
func pycryptoNoise(n int) []byte {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}).Read(p)
	return p
}

// pycryptoLengths are those at which padding, blocks and the script's pieces of 64 KiB end.
func pycryptoLengths() []int {
	var all []int
	for n := range 201 {
		all = append(all, n)
	}
	for n := 64<<10 - 17; n <= 64<<10+17; n++ {
		all = append(all, n)
	}
	return all
}

// runScript runs the script in dir, with the file "key" in it.
func runScript(t testing.TB, dir, action string, names ...string) {
	t.Helper()
	script, err := filepath.Abs("testdata/pycrypto_script.py")
	must(t, err)
	command{dir: dir}.run(t, append([]string{debianPython, script, action, "key"}, names...)...)
}

func writeIn(t testing.TB, dir, name string, content []byte) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
}

func readIn(t testing.TB, dir, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	must(t, err)
	return content
}

// seal encrypts in memory; a nil iv is drawn.
func seal(t *testing.T, raw, iv, plain []byte, p pycrypto.Padding) []byte {
	t.Helper()
	key, err := pycrypto.NewKey(raw)
	must(t, err)
	o := pycrypto.EncryptOptions{Padding: p}
	if iv != nil {
		o.Rand = bytes.NewReader(iv)
	}
	var out bytes.Buffer
	if _, err := pycrypto.Encrypt(bytes.NewReader(plain), o, pycrypto.Output{W: &out, Key: key}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// demandPlain decrypts in memory and compares.
func demandPlain(t *testing.T, raw, file, want []byte, o pycrypto.DecryptOptions) {
	t.Helper()
	key, err := pycrypto.NewKey(raw)
	must(t, err)
	var out bytes.Buffer
	if _, err := pycrypto.Decrypt(&out, bytes.NewReader(file), key, o); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Fatalf("a file of %d bytes, read with %v, is not what went in", len(file), o.Padding)
	}
}

// spaced is what the script makes of a plaintext before it encrypts it.
func spaced(plain []byte) []byte {
	return append(bytes.Clone(plain), strings.Repeat(" ", (16-len(plain)%16)%16)...)
}

// TestPyCryptoScript holds every length against the script, in both directions.
func TestPyCryptoScript(t *testing.T) {
	t.Parallel()
	for _, raw := range pycryptoKeys() {
		t.Run(fmt.Sprintf("AES-%d", 8*len(raw)), func(t *testing.T) {
			theirs, ours := t.TempDir(), t.TempDir()
			writeIn(t, theirs, "key", raw)
			writeIn(t, ours, "key", raw)
			var names []string
			for _, n := range pycryptoLengths() {
				name := fmt.Sprint(n)
				names = append(names, name)
				writeIn(t, theirs, name, pycryptoNoise(n))
				writeIn(t, ours, "encrypted_"+name, seal(t, raw, nil, pycryptoNoise(n), pycrypto.Space))
			}
			runScript(t, theirs, "encrypt", names...)
			runScript(t, ours, "decrypt", names...)
			for _, n := range pycryptoLengths() {
				plain, file := pycryptoNoise(n), readIn(t, theirs, fmt.Sprintf("encrypted_%d", n))
				if !bytes.Equal(seal(t, raw, file[:16], plain, pycrypto.Space), file) {
					t.Fatalf("%d bytes: not the file that the script writes", n)
				}
				demandPlain(t, raw, file, spaced(plain), pycrypto.DecryptOptions{})
				demandPlain(t, raw, file, plain, pycrypto.DecryptOptions{Padding: pycrypto.Exact, Size: int64(n)})
				if !bytes.Equal(readIn(t, ours, fmt.Sprintf("decrypted_%d", n)), spaced(plain)) {
					t.Fatalf("%d bytes: not what the script decrypts", n)
				}
			}
		})
	}
}

// TestPyCryptoOpenSSL holds both paddings against openssl enc, in both directions.
func TestPyCryptoOpenSSL(t *testing.T) {
	t.Parallel()
	need(t, "openssl", "openssl")
	for _, raw := range pycryptoKeys() {
		dir := t.TempDir()
		for _, n := range []int{0, 1, 15, 16, 17, 200, 64<<10 - 1, 64 << 10, 64<<10 + 1, 1 << 20} {
			plain := pycryptoNoise(n)
			enc := func(in []byte, iv []byte, args ...string) []byte {
				t.Helper()
				writeIn(t, dir, "in", in)
				base := []string{"openssl", "enc", fmt.Sprintf("-aes-%d-cbc", 8*len(raw)), "-in", "in",
					"-K", hex.EncodeToString(raw), "-iv", hex.EncodeToString(iv)}
				return []byte(command{dir: dir}.run(t, append(base, args...)...))
			}
			pkcs := seal(t, raw, nil, plain, pycrypto.PKCS7)
			if !bytes.Equal(enc(pkcs[16:], pkcs[:16], "-d"), plain) {
				t.Errorf("AES-%d, %d bytes: openssl reads something else", 8*len(raw), n)
			}
			space := seal(t, raw, nil, plain, pycrypto.Space)
			if !bytes.Equal(enc(space[16:], space[:16], "-d", "-nopad"), spaced(plain)) {
				t.Errorf("AES-%d, %d bytes: openssl -nopad reads something else", 8*len(raw), n)
			}
			iv := pycryptoNoise(16)
			theirs := append(bytes.Clone(iv), enc(plain, iv)...)
			demandPlain(t, raw, theirs, plain, pycrypto.DecryptOptions{Padding: pycrypto.PKCS7})
		}
	}
}

// TestPyCryptoLarge streams a file that no buffer holds.
func TestPyCryptoLarge(t *testing.T) { pycryptoLarge(t, 64<<20+5) }

// pycryptoLarge takes a file of size bytes through the commands and the script, in both directions.
func pycryptoLarge(t *testing.T, size int64) {
	dir := t.TempDir()
	overcast := func(args ...string) {
		t.Helper()
		command{dir: dir}.run(t, append([]string{programPath(t)}, args...)...)
	}
	writeIn(t, dir, "key", pycryptoNoise(16))
	writeIn(t, dir, "key2", pycryptoNoise(32))
	largeFile(t, filepath.Join(dir, "f"), size)

	runScript(t, dir, "encrypt", "f")
	overcast("decrypt", "--key", "key", "--size", fmt.Sprint(size), "encrypted_f", "cut")
	demandSame(t, dir, "f", "cut", size)
	overcast("decrypt", "--key", "key", "--force", "encrypted_f", "cut")
	demandSame(t, dir, "f", "cut", size)

	overcast("encrypt", "--key", "key", "--key", "key2", "--force", "--pad", "space", "f", "encrypted_f", "second")
	runScript(t, dir, "decrypt", "f")
	demandSame(t, dir, "f", "decrypted_f", size)
	overcast("decrypt", "--key", "key2", "--force", "second", "cut")
	demandSame(t, dir, "decrypted_f", "cut", size+(16-size%16)%16)
}

// largeFile writes a file of noise.
func largeFile(t testing.TB, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{1}), size)
	must(t, errors.Join(err, f.Close()))
}

// demandSame compares the first size bytes of two files. The second may go on with padding, less than a block.
func demandSame(t *testing.T, dir, a, b string, size int64) {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, b))
	must(t, err)
	if extra := info.Size() - size; extra < 0 || extra > 15 {
		t.Fatalf("%s has %d bytes, not %d", b, info.Size(), size)
	}
	command{dir: dir}.run(t, "cmp", "-n", fmt.Sprint(size), a, b)
}

// programPath is the program under test.
func programPath(t testing.TB) string {
	t.Helper()
	path, err := program()
	must(t, err)
	return path
}
