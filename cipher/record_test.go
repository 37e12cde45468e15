package cipher

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/overcast-fs/overcast/cipher/cbc"
	"github.com/overcast-fs/overcast/cipher/mac"
)

// testIDs are write ids that differ, from counter 1 on.
func testIDs(n int) []WriteID {
	ids := make([]WriteID, n)
	for i := range ids {
		ids[i] = NewWriteID(7, uint64(i+1), [6]byte{byte(i), 1})
	}
	return ids
}

// testPlain is n bytes that are never zero and repeat nowhere in step with
// blocks or chunks.
func testPlain(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i%251) + 1
	}
	return p
}

// sealed returns the records of n bytes of testPlain, with what they open to.
func sealed(t testing.TB, f *File, n int, first int64) ([]byte, opened) {
	t.Helper()
	count := int(f.layout.Records(int64(n)))
	want := opened{testPlain(n), testIDs(count), slices.Repeat([]RecordState{RecordOK}, count)}
	records := make([]byte, n+RecordOverhead*count)
	if err := f.Seal(records, want.plain, first, want.ids); err != nil {
		t.Fatal(err)
	}
	return records, want
}

// damaged turns record i of want to what must come of a record that is refused.
func damaged(f *File, want opened, i int, state RecordState) opened {
	want.plain, want.ids, want.states = slices.Clone(want.plain), slices.Clone(want.ids), slices.Clone(want.states)
	clear(f.chunk(want.plain, i))
	want.ids[i], want.states[i] = WriteID{}, state
	return want
}

// TestSealLengths seals every kind of tail, and runs around the size of a
// group; and one record at a time, which must come to the same.
func TestSealLengths(t *testing.T) {
	const chunk = 1 << MinChunkLog2
	lengths := []int{0, chunk - 17, chunk - 16, chunk - 15, chunk - 1, chunk, chunk + 1, 2*chunk + 4095}
	for n := 1; n <= 49; n++ {
		lengths = append(lengths, n)
	}
	for _, records := range []int{maxGroup - 1, maxGroup, maxGroup + 1, 2*maxGroup + 1} {
		lengths = append(lengths, records*chunk, records*chunk+5)
	}
	for _, suite := range []Suite{AES128, AES256} {
		f := testFile(t, suite, MinChunkLog2)
		for _, n := range lengths {
			records, want := sealed(t, f, n, 1000)
			wantOpen(t, f, want, records, 1000)
			for i, id := range want.ids {
				single := make([]byte, len(f.record(records, i)))
				if err := f.Seal(single, f.chunk(want.plain, i), 1000+int64(i), []WriteID{id}); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(single, f.record(records, i)) {
					t.Fatalf("%v, %d bytes: record %d depends on what is sealed beside it", suite, n, i)
				}
			}
			if t.Failed() {
				t.Fatalf("%v, %d bytes", suite, n)
			}
		}
	}
}

// TestOpenDamage harms records in every way that differs to the code: each bit
// of a short tail, and each part of full records in the midst of a run.
func TestOpenDamage(t *testing.T) {
	f := testFile(t, AES256, MinChunkLog2)
	for n := 1; n <= 33; n += 4 {
		records, want := sealed(t, f, n, 3)
		for bit := range len(records) * 8 {
			records[bit/8] ^= 1 << (bit % 8)
			wantOpen(t, f, damaged(f, want, 0, RecordDamaged), records, 3)
			records[bit/8] ^= 1 << (bit % 8)
		}
		wantOpen(t, f, want, records, 3)
		wantOpen(t, f, damaged(f, want, 0, RecordDamaged), records, 4)
	}

	const count = maxGroup + 8
	records, all := sealed(t, f, count<<MinChunkLog2-100, 0)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		want, bad := all, slices.Clone(records)
		for range 1 + rng.IntN(count) {
			i := rng.IntN(count)
			record := f.record(bad, i)
			if want.states[i] != RecordOK {
				continue
			}
			if rng.IntN(3) == 0 {
				clear(record)
				want = damaged(f, want, i, RecordHole)
				continue
			}
			record[rng.IntN(len(record))] ^= 1 << rng.IntN(8)
			want = damaged(f, want, i, RecordDamaged)
		}
		wantOpen(t, f, want, bad, 0)
	}

	// Two records in each other's place, and one of another file.
	copy(records, f.record(records, 1))
	wantOpen(t, f, damaged(f, all, 0, RecordDamaged), records, 0)
	other, err := testCloud(t, AES256, MinChunkLog2).NewFile(TypeFile, [16]byte{6})
	if err != nil {
		t.Fatal(err)
	}
	foreign, one := sealed(t, other, 100, 0)
	wantOpen(t, f, damaged(f, one, 0, RecordDamaged), foreign, 0)
}

// TestOpenPadding opens tails whose tags are right over padding that is wrong.
func TestOpenPadding(t *testing.T) {
	f := testFile(t, AES256, MinChunkLog2)
	for _, n := range []int{1, 15, 16, 20, 4095} {
		records, want := sealed(t, f, n, 0)
		for bad := range f.padding(n) {
			body, tag := f.split(records)
			iv, ct := (*[IVSize]byte)(body), body[IVSize:]
			lane := []cbc.Lane{{IV: iv, Dst: ct, Src: ct}}
			reseal := func(change func()) {
				f.enc.Decrypt(lane)
				change()
				f.enc.Encrypt(lane)
				msg := newMessages(body, n)
				f.tags.Sum(msg)
				copy(tag, msg[0].Sum[:])
			}
			reseal(func() { ct[n+bad] ^= 1 })
			wantOpen(t, f, damaged(f, want, 0, RecordDamaged), records, 0)
			reseal(func() { ct[n+bad] ^= 1 })
		}
		wantOpen(t, f, want, records, 0)
	}
}

// TestShapes holds that an impossible shape is refused before a byte is written.
func TestShapes(t *testing.T) {
	f := testFile(t, AES256, MinChunkLog2)
	last := f.layout.maxRecords() - 1
	for _, test := range []struct {
		plain, records, ids int
		first               int64
		ok                  bool
	}{
		{0, 0, 0, 0, true},
		{1, 49, 1, 0, true},
		{4096, 4144, 1, last, true},
		{0, 48, 1, 0, false},
		{1, 48, 1, 0, false},
		{1, 50, 1, 0, false},
		{1, 1, 0, 0, false},
		{1, 49, 2, 0, false},
		{4097, 4145, 1, 0, false},
		{8192, 8288, 2, -1, false},
		{4096, 4144, 1, last + 1, false},
		{8192, 8288, 2, last, false},
		{8192, 8288, 2, 1<<63 - 1, false},
	} {
		plain, records := make([]byte, test.plain), make([]byte, test.records)
		ids, states := testIDs(test.ids), make([]RecordState, test.ids)
		want := func(what string, err error) {
			t.Helper()
			if test.ok && err != nil || !test.ok && !errors.Is(err, ErrSize) {
				t.Errorf("%s with %+v: %v", what, test, err)
			}
		}
		want("Seal", f.Seal(records, plain, test.first, ids))
		if !test.ok && !isZero(records) {
			t.Errorf("Seal wrote, though refused, with %+v", test)
		}
		want("Open", f.Open(plain, records, test.first, ids, states))
	}
	for _, states := range []int{0, 2} {
		if err := f.Open(make([]byte, 1), make([]byte, 49), 0, testIDs(1), make([]RecordState, states)); !errors.Is(err, ErrSize) {
			t.Errorf("Open with %d states for one record: %v", states, err)
		}
	}
	if err := f.Seal(make([]byte, 49), make([]byte, 1), 0, make([]WriteID, 1)); !errors.Is(err, ErrInvalid) {
		t.Errorf("Seal took a write id without a counter: %v", err)
	}
}

func TestPeekIDs(t *testing.T) {
	f := testFile(t, AES256, MinChunkLog2)
	const count = maxGroup + 3
	records, want := sealed(t, f, (count-1)<<MinChunkLog2+1, 0)
	clear(f.record(records, 5))
	want = damaged(f, want, 5, RecordHole)
	ids := make([]WriteID, count)
	if err := f.PeekIDs(ids, records, 49); err != nil || !slices.Equal(ids, want.ids) {
		t.Errorf("PeekIDs: %v, %v", ids, err)
	}
	for _, last := range []int{-1, 0, 48, 50, 4144, 4145} {
		if err := f.PeekIDs(ids, records, last); !errors.Is(err, ErrSize) {
			t.Errorf("PeekIDs with a last record of %d: %v", last, err)
		}
	}
	if err := f.PeekIDs(nil, nil, 0); err != nil {
		t.Errorf("PeekIDs of nothing: %v", err)
	}
	if err := f.PeekIDs(nil, records, 49); !errors.Is(err, ErrSize) {
		t.Errorf("PeekIDs into nothing: %v", err)
	}
}

// TestTerms updates an acc by old and new write ids, and leaves out what is
// not there.
func TestTerms(t *testing.T) {
	f := testFile(t, AES256, MinChunkLog2)
	const count = 2*maxGroup + 3
	ids := testIDs(count)
	var whole, parts, updated Acc
	f.Terms(&whole, 10, ids, nil)
	for i := range ids {
		f.Terms(&parts, 10+int64(i), ids[i:i+1], nil)
	}
	if whole != parts || whole == (Acc{}) {
		t.Errorf("acc at once %x, in parts %x", whole, parts)
	}
	old := slices.Clone(ids)
	old[100] = NewWriteID(8, 8, [6]byte{8})
	f.Terms(&updated, 10, old, nil)
	f.Terms(&updated, 110, old[100:101], nil)
	f.Terms(&updated, 110, ids[100:101], nil)
	if updated != whole {
		t.Errorf("updated acc %x, want %x", updated, whole)
	}

	states := slices.Repeat([]RecordState{RecordOK}, count)
	states[0], states[64], states[count-1] = RecordHole, RecordDamaged, RecordHole
	var some, want Acc
	f.Terms(&some, 10, ids, states)
	for i := range ids {
		if states[i] == RecordOK {
			f.Terms(&want, 10+int64(i), ids[i:i+1], nil)
		}
	}
	if some != want {
		t.Errorf("acc with holes %x, want %x", some, want)
	}
}

// TestSP80038A puts the CBC examples of NIST SP 800-38A, F.2.1 and F.2.5, into
// a record, which then has a block of padding more.
func TestSP80038A(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	iv := unhex("000102030405060708090a0b0c0d0e0f")
	plain := unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
		"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710")
	for key, want := range map[string]string{
		"2b7e151628aed2a6abf7158809cf4f3c": "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2" +
			"73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
		"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4": "f58c4c04d6e5f1ba779eabfb5f7bfbd6" +
			"9cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
	} {
		f := testFile(t, AES256, MinChunkLog2)
		var err error
		if f.enc, err = cbc.New(unhex(key)); err != nil {
			t.Fatal(err)
		}
		var id WriteID // the one whose IV is NIST's
		f.iv.DecryptBlocks(id[:], iv)
		record := make([]byte, len(plain)+RecordOverhead)
		if err := f.Seal(record, plain, 0, []WriteID{id}); err != nil {
			t.Fatal(err)
		}
		wantBytes(t, "IV", record[:IVSize], iv)
		wantBytes(t, "CT", record[IVSize:IVSize+len(plain)], unhex(want))
		wantOpen(t, f, opened{plain, []WriteID{id}, []RecordState{RecordOK}}, record, 0)
	}
}

// TestConcurrent uses one file from many goroutines, for the race detector.
func TestConcurrent(t *testing.T) {
	f := testFile(t, AES256, MinChunkLog2)
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			n := 3<<MinChunkLog2 + g
			records, want := sealed(t, f, n, int64(g))
			wantOpen(t, f, want, records, int64(g))
			if raw, err := f.SealCommitHeader(testHeader()); err != nil || len(raw) != HeaderSize {
				t.Errorf("SealHeader: %v", err)
			}
		})
	}
	group.Wait()
}

// TestAllocs holds that a call's allocations do not grow with its chunks. What
// little is allowed is the group, which the pool may have dropped.
func TestAllocs(t *testing.T) {
	f := testFile(t, AES256, MinChunkLog2)
	const count = 4 * maxGroup
	records, want := sealed(t, f, count<<MinChunkLog2, 0)
	states := make([]RecordState, count)
	ids := make([]WriteID, count)
	var acc Acc
	for what, call := range map[string]func(){
		"Seal":    func() { _ = f.Seal(records, want.plain, 0, want.ids) },
		"Open":    func() { _ = f.Open(want.plain, records, 0, ids, states) },
		"PeekIDs": func() { _ = f.PeekIDs(ids, records, 4144) },
		"Terms":   func() { f.Terms(&acc, 0, ids, nil) },
	} {
		if n := testing.AllocsPerRun(10, call); n > 2 {
			t.Errorf("%s of %d chunks allocates %v times", what, count, n)
		}
	}
}

func TestBatchSize(t *testing.T) {
	for log2 := uint8(MinChunkLog2); log2 <= MaxChunkLog2; log2++ {
		f := testFile(t, AES256, log2)
		if n := f.groupSize(); n < minGroup || n > maxGroup {
			t.Errorf("2^%d: groups of %d records", log2, n)
		}
	}
}

func TestRecordStateString(t *testing.T) {
	if got := fmt.Sprint(RecordDamaged, RecordHole, RecordOK); got != "damaged hole ok" {
		t.Error(got)
	}
}

func newMessages(body []byte, n int) []mac.Message {
	return []mac.Message{{Prefix: tagPrefix(0, n), Body: body}}
}
