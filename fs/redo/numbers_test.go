package redo

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

func openWith(t testing.TB, store Store, o Options) *Log {
	t.Helper()
	l, err := OpenWith(store, &testKey, o)
	must(t, err)
	return l
}

// Numbers go on over everything that ends a run.
func TestNumbersNeverStartAgain(t *testing.T) {
	d := newFakeDisk()
	l := open(t, d)
	id := l.ID()
	for run := range uint64(5) {
		if seqs := appendAll(t, l, "a", "b"); seqs[0] != 2*run+1 {
			t.Fatalf("run %d begins with %d", run, seqs[0])
		}
		must(t, l.Retire(l.Next()))
		must(t, l.Close())
		before := d.ops
		for range 3 { // runs that do nothing write nothing
			l = open(t, d)
			expect(t, replayed(t, l))
			must(t, l.Close())
		}
		if len(d.files) != 1 || d.ops > before+2*3*2 {
			t.Fatalf("%d segments, %d operations", len(d.files), d.ops-before)
		}
		if l = open(t, d); l.ID() != id || l.Mark() != 2*run+3 {
			t.Fatalf("log %x at %d", l.ID(), l.Mark())
		}
	}
}

func TestFreshLogs(t *testing.T) {
	d := newFakeDisk()
	one, two := open(t, d), open(t, d)
	if one.ID() == two.ID() || one.ID() == [16]byte{} {
		t.Errorf("ids %x and %x", one.ID(), two.ID())
	}
	must(t, one.Close())
	if len(d.files) != 0 {
		t.Error("a log without entries left a segment")
	}
}

// What the caller has applied is where a log goes on whose segments are gone.
func TestGoesOnFromWhatIsApplied(t *testing.T) {
	d := newFakeDisk()
	o := Options{ID: [16]byte{1}, Below: 100}
	l := openWith(t, d, o)
	if l.ID() != o.ID || l.Next() != 100 || l.Mark() != 100 {
		t.Fatalf("log %x, next %d, mark %d", l.ID(), l.Next(), l.Mark())
	}
	if seqs := appendAll(t, l, "a", "b", "c"); seqs[0] != 100 {
		t.Fatal(seqs)
	}
	must(t, l.Sync())
	expect(t, replayed(t, open(t, d)), "100:a", "101:b", "102:c")

	// What was applied is not yielded, in the log of that id.
	o.Below = 102
	l = openWith(t, d, o)
	expect(t, replayed(t, l), "102:c")
	l = openWith(t, d, Options{ID: [16]byte{2}, Below: 1000})
	expect(t, replayed(t, l), "100:a", "101:b", "102:c")
	if l.ID() != o.ID || l.Next() != 103 {
		t.Fatalf("log %x, next %d", l.ID(), l.Next())
	}

	// More was applied than the log has: a power cut took its end, or it was put back.
	o.Below = 200
	l = openWith(t, d, o)
	expect(t, replayed(t, l))
	if seqs := appendAll(t, l, "d"); seqs[0] != 200 {
		t.Fatal(seqs)
	}
	expect(t, replayed(t, open(t, d)), "200:d")

	// Less: the caller sees it by the mark.
	must(t, l.Retire(201))
	must(t, l.Close())
	o.Below = 150
	if l = openWith(t, d, o); l.Mark() != 201 || l.Next() != 201 {
		t.Fatalf("next %d, mark %d", l.Next(), l.Mark())
	}
}

func TestBoots(t *testing.T) {
	d := newFakeDisk()
	long := strings.Repeat("b", 100)
	for i, boot := range []string{"one", "", "two", long} {
		appendAll(t, openWith(t, d, Options{Boot: boot}), fmt.Sprint(i))
	}
	for _, boot := range []string{"", "one", long} {
		got := ""
		for e, err := range openWith(t, d, Options{Boot: boot}).Entries() {
			must(t, err)
			same := e.Boot != "" && e.Boot == boot[:min(len(boot), maxBoot)]
			if e.SameBoot != same || len(e.Boot) > maxBoot || string(e.Payload) != fmt.Sprint(e.Seq-1) {
				t.Errorf("in boot %.5q: %+v", boot, e)
			}
			got += e.Boot[:min(len(e.Boot), 3)] + " "
		}
		if got != "one  two bbb " {
			t.Errorf("boots %q", got)
		}
	}
}

// earlierSegment is one as earlier versions wrote it: its head has neither id nor boot.
func earlierSegment(t *testing.T, d *fakeDisk, number uint64, h head, payloads ...string) {
	t.Helper()
	w, err := createSegment(d, &testKey, number, h)
	must(t, err)
	f := d.files[segmentName(number)]
	f.data = f.data[:saltSize]
	w.entry, w.size = 0, saltSize
	var body []byte
	for _, n := range []uint64{h.after, h.first, h.mark} {
		body = binary.BigEndian.AppendUint64(body, n)
	}
	must(t, w.write(nil, kindHead, body))
	for _, p := range payloads {
		must(t, w.writePayload([][]byte{[]byte(p)}))
	}
}

func TestSegmentsOfEarlierVersions(t *testing.T) {
	d := newFakeDisk()
	earlierSegment(t, d, 1, head{after: 1, first: 1, mark: 1}, "a", "b", "lost")
	earlierSegment(t, d, 2, head{after: 3, first: 3, mark: 2}, "c")
	l := openWith(t, d, Options{Boot: "now"})
	if l.Losses() != nil {
		t.Fatal(l.Losses())
	}
	expect(t, replayed(t, l), "2:b", "3:c")
	for e, err := range l.Entries() {
		if must(t, err); e.Boot != "" || e.SameBoot {
			t.Errorf("%+v", e)
		}
	}
	appendAll(t, l, "d")
	after := open(t, d)
	expect(t, replayed(t, after), "2:b", "3:c", "4:d")
	if after.ID() != l.ID() {
		t.Errorf("log %x was %x", after.ID(), l.ID())
	}
	// The first run after an update may end before it has written a segment; what it told its caller stays true.
	delete(d.files, segmentName(3))
	if l := openWith(t, d, Options{ID: l.ID(), Below: 3}); l.ID() != after.ID() {
		t.Error("another log")
	} else {
		expect(t, replayed(t, l), "3:c")
	}
}
