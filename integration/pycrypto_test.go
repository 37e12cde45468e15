package integration

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
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

// runIn runs a program in a directory and returns its standard output.
func runIn(t testing.TB, dir, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %.80q: %v\n%s", program, args, err, stderr.String())
	}
	return out
}

// runScript runs the script in dir, with the file "key" in it.
func runScript(t testing.TB, dir, action string, names ...string) {
	t.Helper()
	script, err := filepath.Abs("testdata/pycrypto_script.py")
	if err != nil {
		t.Fatal(err)
	}
	runIn(t, dir, debianPython, append([]string{script, action, "key"}, names...)...)
}

func writeIn(t testing.TB, dir, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func readIn(t *testing.T, dir, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// seal encrypts in memory; a nil iv is drawn.
func seal(t *testing.T, raw, iv, plain []byte, p pycrypto.Padding) []byte {
	t.Helper()
	key, err := pycrypto.NewKey(raw)
	if err != nil {
		t.Fatal(err)
	}
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
	if err != nil {
		t.Fatal(err)
	}
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
	for _, raw := range pycryptoKeys() {
		dir := t.TempDir()
		for _, n := range []int{0, 1, 15, 16, 17, 200, 64<<10 - 1, 64 << 10, 64<<10 + 1, 1 << 20} {
			plain := pycryptoNoise(n)
			enc := func(in []byte, iv []byte, args ...string) []byte {
				t.Helper()
				writeIn(t, dir, "in", in)
				base := []string{"enc", fmt.Sprintf("-aes-%d-cbc", 8*len(raw)), "-in", "in",
					"-K", hex.EncodeToString(raw), "-iv", hex.EncodeToString(iv)}
				return runIn(t, dir, "openssl", append(base, args...)...)
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
	at := func(name string) string { return filepath.Join(dir, name) }
	overcast := buildOvercast(t)
	writeIn(t, dir, "key", pycryptoNoise(16))
	writeIn(t, dir, "key2", pycryptoNoise(32))
	plain, err := os.Create(at("f"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(plain, rand.NewChaCha8([32]byte{1}), size); err != nil {
		t.Fatal(err)
	}
	if err := plain.Close(); err != nil {
		t.Fatal(err)
	}

	runScript(t, dir, "encrypt", "f")
	runIn(t, dir, overcast, "decrypt", "--key", "key", "--size", fmt.Sprint(size), "encrypted_f", "cut")
	demandSame(t, at("f"), at("cut"), size)
	runIn(t, dir, overcast, "decrypt", "--key", "key", "--force", "encrypted_f", "cut")
	demandSame(t, at("f"), at("cut"), size)

	runIn(t, dir, overcast, "encrypt", "--key", "key", "--key", "key2", "--force", "--pad", "space", "f", "encrypted_f", "second")
	runScript(t, dir, "decrypt", "f")
	demandSame(t, at("f"), at("decrypted_f"), size)
	runIn(t, dir, overcast, "decrypt", "--key", "key2", "--force", "second", "cut")
	demandSame(t, at("decrypted_f"), at("cut"), size+(16-size%16)%16)
}

// demandSame compares the first size bytes of two files. The second file may go on with padding, less than a block.
func demandSame(t *testing.T, a, b string, size int64) {
	t.Helper()
	info, err := os.Stat(b)
	if err != nil {
		t.Fatal(err)
	}
	if extra := info.Size() - size; extra < 0 || extra > 15 {
		t.Fatalf("%s has %d bytes, not %d", filepath.Base(b), info.Size(), size)
	}
	runIn(t, filepath.Dir(a), "cmp", "-n", fmt.Sprint(size), a, b)
}

// buildOvercast builds the program as it is delivered.
func buildOvercast(t testing.TB) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "overcast")
	runIn(t, ".", "go", "build", "-o", program, "github.com/overcast-fs/overcast/cmd/overcast")
	return program
}
