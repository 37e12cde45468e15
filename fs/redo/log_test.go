package redo

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var testKey = [32]byte(bytes.Repeat([]byte{7}, 32))

func open(t testing.TB, store Store) *Log {
	t.Helper()
	l, err := Open(store, &testKey)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func appendAll(t testing.TB, l *Log, payloads ...string) (seqs []uint64) {
	t.Helper()
	for _, p := range payloads {
		seq, err := l.Append([]byte(p))
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, seq)
	}
	return seqs
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// replayed returns what Replay yields as "number:payload".
func replayed(t testing.TB, l *Log) []string {
	t.Helper()
	got := []string{}
	must(t, l.Replay(func(seq uint64, payload []byte) error {
		got = append(got, fmt.Sprintf("%d:%s", seq, payload))
		return nil
	}))
	return got
}

func expect(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("replayed %q, want %q", got, want)
	}
}

func TestReplayAcrossRuns(t *testing.T) {
	d := newFakeDisk()
	l := open(t, d)
	expect(t, replayed(t, l))
	if seqs := appendAll(t, l, "a", "", "c"); !slices.Equal(seqs, []uint64{1, 2, 3}) {
		t.Fatal(seqs)
	}
	l = open(t, d)
	expect(t, replayed(t, l), "1:a", "2:", "3:c")
	appendAll(t, l, "d")
	expect(t, replayed(t, l), "1:a", "2:", "3:c")
	must(t, l.Retire(3))

	l = open(t, d)
	expect(t, replayed(t, l), "3:c", "4:d")
	if l.Losses() != nil {
		t.Fatal(l.Losses())
	}
}

func TestEntriesAreSealedAndBoundToTheirPlace(t *testing.T) {
	d := newFakeDisk()
	l := open(t, d)
	appendAll(t, l, "the very same secret", "the very same secret")
	name := segmentName(1)
	if bytes.Contains(d.files[name].data, []byte("secret")) {
		t.Fatal("plaintext in the segment")
	}
	raw := d.files[name].data[saltSize+lengthSize+kindSize+headSize+tagSize:]
	if bytes.Equal(raw[:len(raw)/2], raw[len(raw)/2:]) {
		t.Fatal("equal payloads look equal")
	}

	other := bytes.Repeat([]byte{8}, 32)
	foreign, err := Open(d, (*[32]byte)(other))
	must(t, err)
	expect(t, replayed(t, foreign))
	if len(foreign.Losses()) != 1 {
		t.Fatal(foreign.Losses())
	}

	d.files[segmentName(2)] = d.files[name]
	delete(d.files, name)
	expect(t, replayed(t, open(t, d)))
}

func TestSwappedSegmentsDoNotOpen(t *testing.T) {
	d := newFakeDisk()
	for range 3 {
		appendAll(t, open(t, d), "x")
	}
	d.files[segmentName(2)], d.files[segmentName(3)] = d.files[segmentName(3)], d.files[segmentName(2)]
	expect(t, replayed(t, open(t, d)), "1:x")
}

func TestLargePayloads(t *testing.T) {
	d := newFakeDisk()
	l := open(t, d)
	sums := map[uint64][32]byte{}
	for _, size := range []int{0, 1, partSize - 1, partSize, partSize + 1, 3*partSize + 7} {
		p := bytes.Repeat([]byte("0123456789a"), size/11+1)[:size]
		cut := size / 3
		seq, err := l.AppendV(p[:cut], nil, p[cut:])
		must(t, err)
		sums[seq] = sha256.Sum256(p)
	}
	n := 0
	must(t, open(t, d).Replay(func(seq uint64, payload []byte) error {
		n++
		if sha256.Sum256(payload) != sums[seq] {
			t.Errorf("entry %d differs", seq)
		}
		return nil
	}))
	if n != len(sums) {
		t.Fatalf("%d of %d entries", n, len(sums))
	}
	if _, err := l.Append(make([]byte, MaxPayload+1)); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
}

func TestRotationAndRetireRemoveSegments(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "foreign"), nil, 0o600))
	l := open(t, DirStore(dir))
	var last uint64
	for range 20 {
		seq, err := l.Append(make([]byte, 2<<20))
		must(t, err)
		last = seq
	}
	count := func() int {
		names, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
		must(t, err)
		return len(names)
	}
	if n := count(); n != 3 {
		t.Fatalf("%d segments for 40 MiB", n)
	}
	before := l.Size()
	must(t, l.Retire(last))
	if n := count(); n != 1 {
		t.Fatalf("%d segments after all but one entry were retired", n)
	}
	if l.Size() >= before {
		t.Fatalf("size %d after retiring, %d before", l.Size(), before)
	}
	if got := open(t, DirStore(dir)); len(replayed(t, got)) != 1 {
		t.Fatal("the entry not retired is gone")
	}
	must(t, l.Retire(l.Next()))
	must(t, l.Close())
	if n := count(); n != 1 || l.Size() > 200 {
		t.Fatalf("%d segments of %d bytes after Close", n, l.Size())
	}
	if _, err := os.Stat(filepath.Join(dir, "foreign")); err != nil {
		t.Fatal(err)
	}
	must(t, l.Close())
	if _, err := l.Append(nil); err != ErrClosed {
		t.Fatal(err)
	}
	if err := l.Retire(1); err != ErrClosed {
		t.Fatal(err)
	}
}

func TestRetireBeyondTheEndIsRefused(t *testing.T) {
	l := open(t, newFakeDisk())
	appendAll(t, l, "a")
	if err := l.Retire(3); err == nil {
		t.Fatal("retired an entry that does not exist yet")
	}
}

func TestReplayStopsWhereAsked(t *testing.T) {
	d := newFakeDisk()
	appendAll(t, open(t, d), "a", "b", "c", "d")
	l := open(t, d)
	var got []string
	must(t, l.Replay(func(seq uint64, payload []byte) error {
		got = append(got, string(payload))
		if seq == 2 {
			appendAll(t, l, "new")
			return l.Retire(4)
		}
		return nil
	}))
	expect(t, got, "a", "b", "d")
	boom := errors.New("boom")
	if err := l.Replay(func(uint64, []byte) error { return boom }); err != boom {
		t.Fatal(err)
	}
}

func TestFailedAppendIsNotReplayed(t *testing.T) {
	for _, landed := range []int{0, 1, 5, 1 << 20} {
		d := newFakeDisk()
		l := open(t, d)
		appendAll(t, l, "a")
		d.torn = landed
		d.fault = func(int, string) error { return errors.New("disk full") }
		if _, err := l.Append([]byte("lost")); err == nil {
			t.Fatal("no error")
		}
		d.fault = nil
		if seqs := appendAll(t, l, "b"); seqs[0] != 2 {
			t.Fatalf("number %d", seqs[0])
		}
		expect(t, replayed(t, open(t, d)), "1:a", "2:b")
	}
}

func TestFullDiskLeavesNoEmptySegmentsAndRecovers(t *testing.T) {
	d := newFakeDisk()
	l := open(t, d)
	appendAll(t, l, "a", "b")
	full := errors.New("disk full")
	d.fault = func(_ int, what string) error {
		if strings.HasPrefix(what, "write") {
			return full
		}
		return nil
	}
	for range 5 {
		if _, err := l.Append([]byte("c")); !errors.Is(err, full) {
			t.Fatal(err)
		}
	}
	if len(d.files) != 1 {
		t.Fatalf("%d segments", len(d.files))
	}
	if err := l.Retire(2); !errors.Is(err, full) {
		t.Fatal(err)
	}
	expect(t, replayed(t, open(t, d)), "1:a", "2:b")
	must(t, l.Retire(l.Next()))
	if len(d.files) != 0 {
		t.Fatalf("%d segments after everything was retired", len(d.files))
	}
	d.fault = nil
	if seqs := appendAll(t, l, "c"); seqs[0] != 3 {
		t.Fatal(seqs)
	}
	must(t, l.Sync())
	expect(t, replayed(t, open(t, d)), "3:c")
}

func TestSegmentOfANewerVersionIsAnError(t *testing.T) {
	d := newFakeDisk()
	l := open(t, d)
	appendAll(t, l, "a")
	must(t, l.current.write(nil, 99, []byte("future")))
	if _, err := Open(d, &testKey); !errors.Is(err, ErrNewer) {
		t.Fatal(err)
	}
}

func TestUnreadableSegmentIsAnError(t *testing.T) {
	dir := t.TempDir()
	appendAll(t, open(t, DirStore(dir)), "a")
	name := filepath.Join(dir, segmentName(1))
	must(t, os.Rename(name, filepath.Join(dir, "x")))
	must(t, os.Symlink("x", name))
	expect(t, replayed(t, open(t, DirStore(dir)))) // a link is not a segment
	if _, err := Open(DirStore(filepath.Join(dir, "none")), &testKey); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

func TestSegmentNames(t *testing.T) {
	for _, n := range []uint64{0, 1, 0xabcdef, 1<<64 - 1} {
		if got, ok := segmentNumber(segmentName(n)); !ok || got != n {
			t.Errorf("%x: %x %v", n, got, ok)
		}
	}
	for _, name := range []string{"", ".redo", "1.redo", "000000000000000A.redo", "0000000000000001", "+000000000000001.redo",
		"0000000000000001.redo~", "00000000000000001.redo"} {
		if _, ok := segmentNumber(name); ok {
			t.Errorf("%q is taken for a segment", name)
		}
	}
}

func TestLogDoesNotPrintItsKey(t *testing.T) {
	l := open(t, newFakeDisk())
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(format, l); !strings.Contains(s, "[redacted]") || strings.Contains(s, "7 7") {
			t.Errorf("%s prints %s", format, s)
		}
	}
}
