package replica_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

const chunk = 4096

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newCloud is a cloud in memory; each number has a key of its own.
func newCloud(t testing.TB, k int) *replica.Cloud {
	keys, err := cipher.NewCloud(cipher.CloudParams{Key: &cipher.Key{byte(k + 1)}, VaultID: cipher.ID{1}, CloudID: cipher.ID{2, byte(k)}, Suite: cipher.AES256, ChunkLog2: 12})
	must(t, err)
	return &replica.Cloud{Index: k, Name: "cloud", Dir: cloudtest.NewMem(), Keys: keys}
}

func put(t testing.TB, d cloud.Dir, path string, data []byte) {
	t.Helper()
	f, err := d.Create(path, 0o600)
	must(t, err)
	_, err = f.WriteAt(data, 0)
	must(t, errors.Join(err, f.Close()))
}

func get(t testing.TB, d cloud.Dir, path string) []byte {
	t.Helper()
	info, err := d.Stat(path)
	must(t, err)
	f, err := d.Open(path, false)
	must(t, err)
	defer f.Close()
	data := make([]byte, info.Size)
	_, err = f.ReadAt(data, 0)
	must(t, err)
	return data
}

var vector = cipher.Vector(nil).With(7, 100)

func writeID(counter uint64) cipher.WriteID {
	return cipher.NewWriteID(7, counter, [6]byte{1})
}

// content is three chunks, the last of them short.
func content() []byte {
	data := make([]byte, 2*chunk+100)
	for i := range data {
		data[i] = byte(i*7)%251 + 1
	}
	return data
}

// write makes a whole file at a path, with holes at some chunks.
func write(t testing.TB, c *replica.Cloud, path string, holes ...int64) *replica.Copy {
	t.Helper()
	plain := content()
	cp, err := c.Begin(path, cipher.Header{Type: cipher.TypeFile, FileID: cipher.ID{5}, Salt: [16]byte{9, byte(c.Index)}}, 0o600)
	must(t, err)
	head := cipher.Header{Type: cipher.TypeFile, FileID: cipher.ID{5}, CommitID: cipher.ID{6}, Mode: 0o640, UID: 3, GID: 4, Length: int64(len(plain)), MtimeSec: 1_600_000_000, Version: vector}
	for i := range cp.Keys.Layout().Records(head.Length) {
		id := writeID(uint64(10 + i))
		part := plain[i*chunk : min((i+1)*chunk, head.Length)]
		if slices.Contains(holes, i) {
			id, head.Flags = cipher.WriteID{}, cipher.Sparse
		} else {
			cp.Keys.Terms(&head.Acc, i, []cipher.WriteID{id}, nil)
		}
		must(t, cp.Write(i, part, id))
	}
	must(t, cp.Fit(head.Length))
	must(t, cp.WriteHeader(&head))
	return cp
}

func TestHeader(t *testing.T) {
	c := newCloud(t, 0)
	write(t, c, "f").Close()
	whole := get(t, c.Dir, "f")
	flipped := slices.Clone(whole)
	flipped[100] ^= 1
	flipped[cipher.HeaderSize-1] |= 1 // with a zero there it looks like the beginning of one
	other := newCloud(t, 1)
	write(t, other, "f").Close()
	for _, test := range []struct {
		name string
		data []byte
		want error
	}{
		{"whole", whole, nil},
		{"a header alone", whole[:cipher.HeaderSize], nil},
		{"nothing", nil, replica.ErrBlank},
		{"shorter than a header", whole[:cipher.HeaderSize-1], replica.ErrBlank},
		{"zeros", make([]byte, 600), replica.ErrBlank},
		{"zeros before records", append(make([]byte, cipher.HeaderSize), whole[cipher.HeaderSize:]...), replica.ErrBlank},
		{"a flipped bit", flipped, cipher.ErrDamaged},
		{"another cloud's", get(t, other.Dir, "f"), cipher.ErrDamaged},
		{"no file of this program", bytes.Repeat([]byte("foreign "), 100), cipher.ErrDamaged},
	} {
		if c.Dir.Remove("g"); test.data != nil {
			put(t, c.Dir, "g", test.data)
		} else {
			put(t, c.Dir, "g", []byte{})
		}
		h, err := c.Header("g")
		if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if err == nil && (h.FileID != cipher.ID{5} || cipher.Compare(h.Version, vector) != cipher.Equal) {
			t.Errorf("%s: the header says %+v", test.name, h)
		}
	}
	if _, err := c.Header("nothing"); !replica.Missing(err) {
		t.Errorf("nothing is there, and the error is %v", err)
	}
	if _, err := c.Header("f/below"); !replica.Missing(err) {
		t.Errorf("a file is no directory, and the error is %v", err)
	}
}

// TestBegin: a file that was never committed has a DIRTY header with no version,
// whether something blank was there or nothing.
func TestBegin(t *testing.T) {
	c := newCloud(t, 0)
	put(t, c.Dir, "blank", make([]byte, 100))
	for _, path := range []string{"blank", "new"} {
		cp, err := c.Begin(path, cipher.Header{Type: cipher.TypeSymlink, FileID: cipher.ID{5}, Salt: [16]byte{8}, Length: 99, Version: vector}, 0o600)
		must(t, err)
		must(t, cp.Close())
		h, err := c.Header(path)
		must(t, err)
		if h.Type != cipher.TypeSymlink || h.FileID != (cipher.ID{5}) || h.Salt != [16]byte{8} || h.Flags != cipher.Dirty || len(h.Version) != 0 || h.Length != 0 {
			t.Errorf("%s: %+v", path, h)
		}
	}
}

// TestSoil: the version stays, and DIRTY is written once.
func TestSoil(t *testing.T) {
	c := newCloud(t, 0)
	cp := write(t, c, "f")
	defer cp.Close()
	before := get(t, c.Dir, "f")
	must(t, cp.Soil())
	h, err := c.Header("f")
	must(t, err)
	if h.Flags&cipher.Dirty == 0 || cipher.Compare(h.Version, vector) != cipher.Equal || h.Length != int64(len(content())) {
		t.Errorf("the header says %+v", h)
	}
	dirty := get(t, c.Dir, "f")
	if bytes.Equal(before, dirty) {
		t.Error("nothing was written")
	}
	must(t, cp.Soil())
	if !bytes.Equal(dirty, get(t, c.Dir, "f")) {
		t.Error("written twice")
	}
}

// TestBackingMode is the format's table of what a backing file's mode shows.
func TestBackingMode(t *testing.T) {
	for _, test := range []struct {
		mode  uint32
		moved bool
		want  uint32
	}{
		{0o644, false, 0o644}, {0o644, true, 0o1644}, {0o200, false, 0o1600}, {0, false, 0o1400},
		{0o4755, false, 0o1755}, {0o2755, false, 0o1755}, {0o1777, false, 0o1777}, {0o444, false, 0o444},
	} {
		if got := cipher.BackingMode(test.mode, test.moved); got != test.want {
			t.Errorf("mode %o, moved %v: %o, want %o", test.mode, test.moved, got, test.want)
		}
	}
}

// TestShow: mode, owner and mtime are the header's; where size and mtime do not
// show that there is another version, the mtime is now, and the mode says so.
func TestShow(t *testing.T) {
	now := time.Unix(1_700_000_000, 3)
	for _, test := range []struct {
		name   string
		before func(h *cipher.Header)
		mode   uint32
		mtime  time.Time
	}{
		{"the first version", func(h *cipher.Header) { h.Version = nil }, 0o640, time.Unix(1_600_000_000, 0)},
		{"another length", func(h *cipher.Header) { h.Length++ }, 0o640, time.Unix(1_600_000_000, 0)},
		{"another mtime", func(h *cipher.Header) { h.MtimeNsec++ }, 0o640, time.Unix(1_600_000_000, 0)},
		{"another mode alone", func(h *cipher.Header) { h.Mode = 0o600 }, 0o1640, now},
	} {
		c := newCloud(t, 0)
		cp := write(t, c, "f")
		before := *cp.Head
		test.before(&before)
		must(t, cp.Show(&before, true, now))
		must(t, cp.Close())
		info, err := c.Dir.Stat("f")
		must(t, err)
		if info.Mode != test.mode || !info.Mtime.Equal(test.mtime) || info.UID != 3 || info.GID != 4 {
			t.Errorf("%s: mode %o, mtime %v, owner %d:%d", test.name, info.Mode, info.Mtime, info.UID, info.GID)
		}
	}
}

func TestCopyXattrs(t *testing.T) {
	c := newCloud(t, 0)
	put(t, c.Dir, "a", nil)
	put(t, c.Dir, "b", nil)
	must(t, c.Dir.Setxattr("a", "user.overcast.x", []byte("1"), 0))
	must(t, c.Dir.Setxattr("a", "user.other", []byte("2"), 0))
	must(t, c.CopyXattrs("a", "b"))
	names, err := c.Dir.Listxattr("b")
	must(t, err)
	if !slices.Equal(names, []string{"user.overcast.x"}) {
		t.Errorf("it has %q", names)
	}
}

func long(t testing.TB, c *replica.Cloud) cipher.Name {
	t.Helper()
	n, err := c.Keys.EncodeName(cipher.PlainName(strings.Repeat("long", 40)))
	must(t, err)
	return n
}
