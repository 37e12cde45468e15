package exchange

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/fs/mirror/audit"
)

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestManifestRoundTrip(t *testing.T) {
	want := make(Manifest)
	var text strings.Builder
	for i, name := range []string{
		"a", "dir/b c", "tab\there", "new\nline", `"quoted"`, "no UTF-8 \xff", "Ünïcödé", "#hash", `back\slash`, "turned\u202earound",
	} {
		sum := audit.Sum{Size: int64(i) << 33, SHA256: sha256.Sum256([]byte(name))}
		want[name] = sum
		if err := writeManifestLine(&text, name, sum); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "list")
	writeFile(t, file, "# made by a test\n\n"+text.String())
	got, err := ReadManifest(file)
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v\nfrom\n%s", got, err, text.String())
	}
}

func TestManifestRefuses(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	for _, line := range []string{
		"a", "a\t1", "a\t1\t" + hash + "\tmore", "\t1\t" + hash, "/\t1\t" + hash, "a\t-1\t" + hash, "a\t1.5\t" + hash,
		"a\t1\t" + hash[1:], "a\t1\t" + hash + "00", "a\t1\tz" + hash[1:], "\"a\t1\t" + hash, "\"a\\q\"\t1\t" + hash,
	} {
		if err := make(Manifest).parse(line); err == nil {
			t.Errorf("%q is accepted", line)
		}
	}
	m := make(Manifest)
	for i, path := range []string{"a/b", "./a//b", "/a/b"} {
		if err := m.parse(fmt.Sprintf("%s\t1\t%s", path, hash)); (err == nil) != (i == 0) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := ReadManifest(filepath.Join(t.TempDir(), "missing")); !os.IsNotExist(reasonOf(err)) {
		t.Errorf("a missing manifest: %v", err)
	}
}

// reasonOf gives the innermost error.
func reasonOf(err error) error {
	for {
		next, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		err = next.Unwrap()
	}
}

func FuzzManifest(f *testing.F) {
	f.Add("a\t1\t" + strings.Repeat("0a", 32))
	f.Add("\"\\xff\\n\"\t1\t" + strings.Repeat("0a", 32))
	f.Fuzz(func(t *testing.T, line string) {
		m := make(Manifest)
		if m.parse(line) != nil {
			return
		}
		for name, sum := range m {
			var text strings.Builder
			if err := writeManifestLine(&text, name, sum); err != nil {
				t.Fatal(err)
			}
			again := make(Manifest)
			if err := again.parse(strings.TrimSuffix(text.String(), "\n")); err != nil || !maps.Equal(again, m) {
				t.Errorf("%q is written as %q and read as %v, %v", name, text.String(), again, err)
			}
		}
	})
}
