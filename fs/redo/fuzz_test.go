package redo

import (
	"bytes"
	"testing"
)

// FuzzSegment reads anything as a segment.
func FuzzSegment(f *testing.F) {
	d, ends := sample(f)
	whole := d.files[segmentName(1)].data
	f.Add([]byte{})
	f.Add(whole)
	f.Add(whole[:ends[2]])
	f.Add(append(bytes.Clone(whole), make([]byte, 4096)...))
	f.Add(append(bytes.Clone(whole[:ends[0]]), 0xff, 0xff, 0xff, 0xff))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := newFakeDisk()
		d.files[segmentName(1)] = &fakeFile{data: data}
		got := replayed(t, open(t, d))
		if len(got) > len(sampleWant) {
			t.Fatalf("entries from nowhere: %q", got)
		}
	})
}

// FuzzEntries reads any sequence of authentic entries: each byte of kinds is one, with a piece of body.
func FuzzEntries(f *testing.F) {
	f.Add([]byte{5, 2, 2}, bytes.Repeat([]byte{0, 0, 0, 0, 0, 0, 0, 1}, 8))
	f.Add([]byte{1, 2, 2, 4}, []byte("body"))
	f.Add([]byte{1, 3, 3, 2}, []byte{0, 0, 0, 0, 0, 0, 0, 1})
	f.Add([]byte{2, 1, 99}, []byte{})
	f.Add([]byte{1, 4, 4, 2}, bytes.Repeat([]byte{0xff}, 8))
	f.Fuzz(func(t *testing.T, kinds, body []byte) {
		d := newFakeDisk()
		w, err := createSegment(d, &testKey, 1, head{after: 1, first: 1, mark: 1})
		must(t, err)
		for _, k := range kinds[:min(len(kinds), 64)] {
			must(t, w.write(nil, kind(k), body[:min(len(body), partSize)]))
		}
		l, err := Open(d, &testKey)
		if err != nil {
			return
		}
		n := uint64(0)
		must(t, l.Replay(func(uint64, []byte) error { n++; return nil }))
		if n >= l.Next() {
			t.Fatalf("%d entries, next is %d", n, l.Next())
		}
	})
}
