package audit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
)

func TestWhere(t *testing.T) {
	b, long := newBox(t, 12), strings.Repeat("long", 60)
	b.write("file", pattern(100), nil)
	b.write(long, pattern(10), nil)
	b.write("damaged", pattern(10), nil)
	b.must(os.Truncate(filepath.Join(b.dir, string(b.entry("damaged"))), 300))
	b.must(os.Mkdir(filepath.Join(b.dir, string(b.entry("dir"))), 0o700))
	dir, err := cloud.OpenDir(b.dir)
	b.must(err)
	defer dir.Close()
	c := New(dir, b.keys)
	for plain, want := range map[string]Spot{
		"file":      {Head: &cipher.Header{}},
		long:        {Head: &cipher.Header{}},
		"dir":       {Dir: true},
		"damaged":   {Err: cipher.ErrDamaged},
		"nothing":   {Err: fs.ErrNotExist},
		"dir/below": {Err: fs.ErrNotExist},
	} {
		got, err := c.Where(plain)
		b.must(err)
		if got.Dir != want.Dir || (got.Head == nil) != (want.Head == nil) || !errors.Is(got.Err, want.Err) {
			t.Errorf("%q: %+v, want %+v", plain, got, want)
		}
		if back, toolCopy, err := c.Plain(got.Entry); back != plain || toolCopy || err != nil {
			t.Errorf("%q is at %q, which is said to be %q (copy %v, %v)", plain, got.Entry, back, toolCopy, err)
		}
	}
	name, err := b.keys.EncodeName(cipher.PlainName(long))
	b.must(err)
	if back, toolCopy, err := c.Plain(string(name.Entry) + ".sync-conflict-1"); back != long || !toolCopy || err != nil {
		t.Errorf("a sync tool's copy: %q, copy %v, %v", back, toolCopy, err)
	}
	b.must(os.Remove(filepath.Join(b.dir, string(name.Sidecar))))
	if got, err := c.Where(long); err != nil || !errors.Is(got.Err, fs.ErrNotExist) || got.Head == nil {
		t.Errorf("without its sidecar: %+v, %v", got, err)
	}
	for _, bad := range []string{"a//b", "..", "a/\x00"} {
		if _, err := c.Where(bad); !errors.Is(err, cipher.ErrName) {
			t.Errorf("%q: %v", bad, err)
		}
		if _, _, err := c.Plain(bad); err == nil {
			t.Errorf("%q leads back", bad)
		}
	}
}
