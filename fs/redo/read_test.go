package redo

import (
	"errors"
	"fmt"
	"testing"
)

// TestReadFrom reads what earlier runs and this one have appended, over several segments, a failed sync and what is retired.
func TestReadFrom(t *testing.T) {
	store := newFakeDisk()
	read := func(l *Log, from uint64) (got []string) {
		t.Helper()
		last := uint64(0)
		if err := l.ReadFrom(from, func(seq uint64, payload []byte) error {
			if seq <= last {
				t.Errorf("entry %d after %d", seq, last)
			}
			last = seq
			got = append(got, fmt.Sprint(seq, " ", string(payload[:min(len(payload), 3)])))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return got
	}
	l := open(t, store)
	appendAll(t, l, "a1", "a2")
	expect(t, read(l, 0), "1 a1", "2 a2")
	must(t, l.Close())

	l = open(t, store)
	defer l.Close()
	big := string(make([]byte, rotateSize))
	appendAll(t, l, "b3", big, "b5")
	expect(t, read(l, 2), "2 a2", "3 b3", "4 \x00\x00\x00", "5 b5")
	store.failing("sync 0", 1)
	must(t, l.Sync()) // what is in doubt lies in another segment now
	appendAll(t, l, "b6")
	expect(t, read(l, 3), "3 b3", "4 \x00\x00\x00", "5 b5", "6 b6")
	must(t, l.Retire(5))
	expect(t, read(l, 0), "5 b5", "6 b6")
	expect(t, read(l, 7))
	stop := errors.New("stop")
	if err := l.ReadFrom(0, func(uint64, []byte) error { return stop }); err != stop {
		t.Errorf("an error of the caller's comes back as %v", err)
	}
}
