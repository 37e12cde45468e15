package replica_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// read is a file's plaintext as Each shows it.
func read(t testing.TB, cp *replica.Copy) (plain []byte) {
	t.Helper()
	must(t, cp.Each(cp.Head.Length, func(r *replica.Run) error {
		plain = append(plain, r.Plain...)
		return nil
	}))
	return plain
}

func TestRecords(t *testing.T) {
	c := newCloud(t, 0)
	cp := write(t, c, "f", 1)
	defer cp.Close()
	want := content()
	clear(want[chunk : 2*chunk])
	if !bytes.Equal(read(t, cp), want) {
		t.Error("it reads otherwise than it was written")
	}
	acc, bad, err := cp.Check(cp.Head)
	if err != nil || len(bad) > 0 || acc != cp.Head.Acc {
		t.Errorf("chunks %v are bad, acc agrees: %v (%v)", bad, acc == cp.Head.Acc, err)
	}
	for i, state := range []cipher.RecordState{cipher.RecordOK, cipher.RecordHole, cipher.RecordOK} {
		plain, id, got := cp.One(int64(i), cp.Head.Length)
		if got != state || id.IsZero() != (state == cipher.RecordHole) || !bytes.Equal(plain, want[i*chunk:min((i+1)*chunk, len(want))]) {
			t.Errorf("chunk %d is %v, id %v", i, got, id)
		}
	}
}

// TestRecordsOverRuns reads a file that takes several reads.
func TestRecordsOverRuns(t *testing.T) {
	c := newCloud(t, 0)
	cp := write(t, c, "f")
	defer cp.Close()
	head := *cp.Head
	head.Length, head.Flags, head.Acc = 3<<20+5, cipher.Sparse, cipher.Acc{}
	must(t, cp.Fit(0))
	must(t, cp.Fit(head.Length))
	last := cp.Keys.Layout().Records(head.Length) - 1
	must(t, cp.Write(last, []byte("right"), writeID(50)))
	cp.Keys.Terms(&head.Acc, last, []cipher.WriteID{writeID(50)}, nil)
	must(t, cp.WriteHeader(&head))
	runs := 0
	must(t, cp.Each(head.Length, func(*replica.Run) error { runs++; return nil }))
	if acc, bad, err := cp.Check(&head); runs != 4 || err != nil || len(bad) > 0 || acc != head.Acc {
		t.Errorf("%d runs, chunks %v are bad (%v)", runs, bad, err)
	}
	if plain := read(t, cp); string(plain[3<<20:]) != "right" {
		t.Errorf("the end is %q", plain[3<<20:])
	}
}

// TestCheck damages one copy in every way in which a record can be bad.
func TestCheck(t *testing.T) {
	layout := cipher.Layout{ChunkLog2: 12}
	for _, test := range []struct {
		name   string
		damage func(cp *replica.Copy) error
		bad    []int64
		agrees bool // acc
	}{
		{"nothing", func(cp *replica.Copy) error { return nil }, nil, true},
		{"a flipped bit", func(cp *replica.Copy) error {
			_, err := cp.File.WriteAt([]byte{1}, layout.RecordOffset(1)+100)
			return err
		}, []int64{1}, false},
		{"a hole in a file that has none", func(cp *replica.Copy) error {
			return cp.Write(1, make([]byte, chunk), cipher.WriteID{})
		}, []int64{1}, false},
		{"a record of another chunk", func(cp *replica.Copy) error {
			raw := make([]byte, chunk+cipher.RecordOverhead)
			if _, err := cp.File.ReadAt(raw, layout.RecordOffset(0)); err != nil {
				return err
			}
			_, err := cp.File.WriteAt(raw, layout.RecordOffset(1))
			return err
		}, []int64{1}, false},
		{"a record that no version covers", func(cp *replica.Copy) error {
			return cp.Write(1, make([]byte, chunk), writeID(101))
		}, []int64{1}, false},
		{"a record of another writer", func(cp *replica.Copy) error {
			return cp.Write(0, make([]byte, chunk), cipher.NewWriteID(8, 1, [6]byte{}))
		}, []int64{0}, false},
		{"an older record", func(cp *replica.Copy) error {
			return cp.Write(1, make([]byte, chunk), writeID(3))
		}, nil, false},
		{"a file that ends in a record", func(cp *replica.Copy) error {
			return cp.File.Truncate(layout.RecordOffset(2) + 20)
		}, []int64{2}, false},
		{"a file that ends before one", func(cp *replica.Copy) error {
			return cp.File.Truncate(layout.RecordOffset(1))
		}, []int64{1, 2}, false},
		{"a file that goes on", func(cp *replica.Copy) error {
			_, err := cp.File.WriteAt([]byte("more"), layout.RecordOffset(2)+100+cipher.RecordOverhead)
			return err
		}, nil, true},
	} {
		cp := write(t, newCloud(t, 0), "f")
		must(t, test.damage(cp))
		acc, bad, err := cp.Check(cp.Head)
		if err != nil || !slices.Equal(bad, test.bad) || (acc == cp.Head.Acc) != test.agrees {
			t.Errorf("%s: chunks %v are bad, acc agrees: %v (%v)", test.name, bad, acc == cp.Head.Acc, err)
		}
		must(t, cp.Close())
	}
}

// TestCheckSparse: a hole that is not there whole is no hole.
func TestCheckSparse(t *testing.T) {
	cp := write(t, newCloud(t, 0), "f", 1, 2)
	defer cp.Close()
	must(t, cp.File.Truncate(cipher.Layout{ChunkLog2: 12}.RecordOffset(2)))
	_, bad, err := cp.Check(cp.Head)
	if err != nil || !slices.Equal(bad, []int64{2}) {
		t.Errorf("chunks %v are bad (%v)", bad, err)
	}
}

// TestCopyFrom: a record that is taken from another cloud is, byte for byte, the
// one that was written here first; and what does not verify there is not taken.
func TestCopyFrom(t *testing.T) {
	from := write(t, newCloud(t, 1), "f", 1)
	defer from.Close()
	c := newCloud(t, 0)
	cp := write(t, c, "f", 1)
	defer cp.Close()
	want := get(t, c.Dir, "f")
	layout, length := cp.Keys.Layout(), cp.Head.Length
	must(t, cp.File.Truncate(cipher.HeaderSize))
	must(t, cp.Fit(length))
	for i := range layout.Records(length) {
		must(t, cp.CopyFrom(from, i, length))
	}
	if !bytes.Equal(get(t, c.Dir, "f"), want) {
		t.Error("the records are others")
	}
	_, err := from.File.WriteAt([]byte{1}, layout.RecordOffset(2)+20)
	must(t, err)
	if err := cp.CopyFrom(from, 2, length); !errors.Is(err, cipher.ErrDamaged) {
		t.Errorf("a damaged record gives %v", err)
	}
	if !bytes.Equal(get(t, c.Dir, "f"), want) {
		t.Error("a damaged record was taken")
	}
}

func TestFit(t *testing.T) {
	cp := write(t, newCloud(t, 0), "f")
	defer cp.Close()
	for _, length := range []int64{0, 1, chunk, chunk + 1, 2*chunk + 100, 5 * chunk} {
		must(t, cp.Fit(length))
		info, err := cp.File.Stat()
		must(t, err)
		if size, err := cp.Keys.Layout().CipherSize(length); err != nil || info.Size != size {
			t.Errorf("length %d: %d bytes, want %d (%v)", length, info.Size, size, err)
		}
	}
}
