package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
)

// A box is a cloud's directory that a test writes by hand.
type box struct {
	*testing.T
	dir  string
	keys *cipher.Cloud
}

func newBox(t *testing.T, chunkLog2 uint8) *box {
	t.Helper()
	keys, err := cipher.NewCloud(cipher.CloudParams{
		Key: cipher.NewKey(), VaultID: cipher.NewID(), CloudID: cipher.NewID(), Suite: cipher.AES256, ChunkLog2: chunkLog2,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &box{T: t, dir: t.TempDir(), keys: keys}
}

func (b *box) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// audit opens the directory as it is now.
func (b *box) audit(plain string) (Sum, error) {
	b.Helper()
	dir, err := cloud.OpenDir(b.dir)
	b.must(err)
	defer dir.Close()
	return New(dir, b.keys).Sum(plain)
}

// write seals a file, lets change spoil it, and writes it under a plain name.
func (b *box) write(plain string, content []byte, change func(h *cipher.Header, records []byte)) {
	b.Helper()
	h := &cipher.Header{
		Type: cipher.TypeFile, FileID: cipher.NewID(), CommitID: cipher.NewID(), Mode: 0o600, Length: int64(len(content)),
		Version: cipher.Vector{{Writer: 1, Counter: 1000}},
	}
	keys, err := b.keys.NewFile(h.Type, h.Salt)
	b.must(err)
	layout := b.keys.Layout()
	var records []byte
	for i := range layout.Records(h.Length) {
		chunk := content[i*layout.ChunkSize() : min(int64(len(content)), (i+1)*layout.ChunkSize())]
		record := make([]byte, len(chunk)+cipher.RecordOverhead)
		if bytes.Count(chunk, []byte{0}) == len(chunk) {
			h.Flags |= cipher.Sparse
		} else {
			ids := []cipher.WriteID{cipher.NewWriteID(1, uint64(i)+1, [6]byte{})}
			b.must(keys.Seal(record, chunk, i, ids))
			keys.Terms(&h.Acc, i, ids, nil)
		}
		records = append(records, record...)
	}
	if change != nil {
		change(h, records)
	}
	header, err := keys.SealCommitHeader(h)
	b.must(err)
	name, err := b.keys.EncodeName(cipher.PlainName(plain))
	b.must(err)
	b.must(os.WriteFile(filepath.Join(b.dir, string(name.Entry)), append(header, records...), 0o600))
	if name.Sidecar != "" {
		b.must(os.WriteFile(filepath.Join(b.dir, string(name.Sidecar)), name.SidecarData, 0o600))
	}
}

func pattern(n int) []byte { return bytes.Repeat([]byte("audit"), n/5+1)[:n] }

func TestSum(t *testing.T) {
	for _, log2 := range []uint8{12, 16, 20} {
		b, chunk := newBox(t, log2), 1<<log2
		sparse := make([]byte, 3*chunk+7)
		copy(sparse[chunk:], "island")
		for _, content := range [][]byte{
			nil, pattern(1), pattern(chunk - 1), pattern(chunk), pattern(chunk + 1), pattern(3<<20 + 5), sparse, make([]byte, chunk),
		} {
			for _, name := range []string{"short", strings.Repeat("long", 60)} {
				b.write(name, content, nil)
				got, err := b.audit(name)
				if err != nil || got.Size != int64(len(content)) || got.SHA256 != sha256.Sum256(content) {
					t.Errorf("%d bytes in chunks of %d: %d bytes, %v", len(content), chunk, got.Size, err)
				}
			}
		}
	}
}

func TestSumRefuses(t *testing.T) {
	content := pattern(3*4096 + 100)
	for name, change := range map[string]func(h *cipher.Header, records []byte){
		"a damaged record":          func(_ *cipher.Header, r []byte) { r[5000] ^= 1 },
		"an empty record":           func(_ *cipher.Header, r []byte) { clear(r[:4144]) },
		"a hole that is none":       func(h *cipher.Header, r []byte) { h.Flags |= cipher.Sparse; clear(r[:4144]) },
		"an interrupted commit":     func(h *cipher.Header, _ []byte) { h.Flags |= cipher.Dirty },
		"a record of a later write": func(h *cipher.Header, _ []byte) { h.Version[0].Counter = 3 },
		"a mixture of versions":     func(h *cipher.Header, _ []byte) { h.Acc[0] ^= 1 },
	} {
		b := newBox(t, 12)
		b.write("file", content, change)
		if _, err := b.audit("file"); !errors.Is(err, cipher.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := newBox(t, 12)
	b.write("file", content, func(h *cipher.Header, _ []byte) { h.Length += 4096 })
	if _, err := b.audit("file"); err == nil {
		t.Error("a file that ends before its length is accepted")
	}
}

func TestSumNames(t *testing.T) {
	b := newBox(t, 12)
	if _, err := b.audit("missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := b.audit("a//b"); !errors.Is(err, cipher.ErrName) {
		t.Errorf("an impossible path: %v", err)
	}
	long := strings.Repeat("long", 60)
	b.write(long, pattern(10), nil)
	name, err := b.keys.EncodeName(cipher.PlainName(long))
	b.must(err)
	sidecar := filepath.Join(b.dir, string(name.Sidecar))
	b.must(os.WriteFile(sidecar, []byte("damaged"), 0o600))
	if _, err := b.audit(long); !errors.Is(err, cipher.ErrDamaged) {
		t.Errorf("a damaged sidecar: %v", err)
	}
	b.must(os.Remove(sidecar))
	if _, err := b.audit(long); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a lost sidecar: %v", err)
	}
	b.must(os.WriteFile(filepath.Join(b.dir, string(name.Entry)), make([]byte, 100), 0o600))
	b.must(os.WriteFile(sidecar, name.SidecarData, 0o600))
	if _, err := b.audit(long); !errors.Is(err, cipher.ErrDamaged) {
		t.Errorf("a file without a header: %v", err)
	}
	b.must(os.Mkdir(filepath.Join(b.dir, string(b.entry("dir"))), 0o700))
	if _, err := b.audit("dir"); !errors.Is(err, cloud.ErrNotRegular) {
		t.Errorf("a directory: %v", err)
	}
}

func (b *box) entry(plain string) cipher.EntryName {
	b.Helper()
	name, err := b.keys.EncodeName(cipher.PlainName(plain))
	b.must(err)
	return name.Entry
}

func TestTree(t *testing.T) {
	b := newBox(t, 12)
	long := strings.Repeat("long", 60)
	b.write("file", pattern(5000), nil)
	b.write(long, pattern(10), nil)
	b.write("damaged", pattern(10), func(_ *cipher.Header, r []byte) { r[0] ^= 1 })
	dir := filepath.Join(b.dir, string(b.entry("dir")))
	b.must(os.Mkdir(dir, 0o750))
	b.must(os.Link(filepath.Join(b.dir, string(b.entry("file"))), filepath.Join(dir, string(b.entry("link")))))
	b.must(os.WriteFile(filepath.Join(b.dir, cipher.MarkerName), nil, 0o600))
	b.must(os.WriteFile(filepath.Join(b.dir, string(b.entry("file"))+" (1)"), nil, 0o600))
	b.must(os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600))

	opened, err := cloud.OpenDir(b.dir)
	b.must(err)
	defer opened.Close()
	tree, err := New(opened, b.keys).Tree()
	b.must(err)
	if len(tree.Nodes) != 5 || len(tree.Strange) != 2 {
		t.Errorf("%d nodes, and strange are %q", len(tree.Nodes), tree.Strange)
	}
	if n := tree.Nodes["dir/link"]; n.Err != nil || n.Sum.SHA256 != sha256.Sum256(pattern(5000)) || n.Info.Nlink != 2 {
		t.Errorf("the link is %+v", n)
	}
	if n := tree.Nodes["dir"]; !n.Dir || n.Mode != 0o750 || n.Err != nil {
		t.Errorf("the directory is %+v", n)
	}
	if n := tree.Nodes["damaged"]; !errors.Is(n.Err, cipher.ErrDamaged) || n.Header == nil {
		t.Errorf("the damaged file is %+v", n)
	}
	if n := tree.Nodes[long]; n.Sum.Size != 10 || n.Err != nil {
		t.Errorf("the file with a long name is %+v", n)
	}
}
