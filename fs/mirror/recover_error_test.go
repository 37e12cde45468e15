package mirror_test

import (
	"bytes"
	"strings"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror"
)

const (
	chunk  = 4096
	record = chunk + cipher.RecordOverhead
)

// endings are changes of a file of three chunks and a part of one, and what is left of them when one chunk cannot be read
// while they are done again.
var endings = []struct {
	name    string
	changes func(h *mirror.Handle) error
	broken  int64 // the chunk that cannot be read
	want    func(before []byte) []byte
}{
	{"overwrites", func(h *mirror.Handle) error {
		for i := range int64(4) {
			if _, err := h.WriteAt([]byte("new"), i*chunk+7); err != nil {
				return err
			}
		}
		return nil
	}, 2, func(b []byte) []byte {
		copy(b[7:], "new")
		copy(b[chunk+7:], "new")
		return b
	}},
	{"a write beyond the end", func(h *mirror.Handle) error {
		if _, err := h.WriteAt([]byte("new"), 0); err != nil {
			return err
		}
		if _, err := h.WriteAt([]byte("far"), 9*chunk+1); err != nil {
			return err
		}
		return h.Truncate(8 * chunk)
	}, 3, func(b []byte) []byte {
		copy(b, "new")
		return b
	}},
	{"direct writes", func(h *mirror.Handle) error {
		for i := range int64(4) {
			if _, err := h.WriteAt(bytes.Repeat([]byte("x"), chunk), (4+i)*chunk); err != nil {
				return err
			}
		}
		_, err := h.WriteAt([]byte("new"), 0)
		return err
	}, 6, func(b []byte) []byte {
		return append(b, bytes.Repeat([]byte("x"), 2*chunk)...)
	}},
	{"emptied", func(h *mirror.Handle) error {
		if _, err := h.WriteAt([]byte("new"), chunk); err != nil {
			return err
		}
		if err := h.Truncate(0); err != nil {
			return err
		}
		_, err := h.WriteAt([]byte("again"), 0)
		return err
	}, 1, func(b []byte) []byte { return b }},
}

// TestRecoveryEndsAtAnError lets the disk fail once while the changes since the last commit are done again: the file has
// those before that change then, and none after it.
func TestRecoveryEndsAtAnError(t *testing.T) {
	layout := cipher.Layout{ChunkLog2: 12}
	for _, test := range endings {
		b := newBox(t, 2)
		m := b.mount()
		before := random(4*chunk - 5)
		if test.name == "direct writes" {
			before = random(4 * chunk)
		}
		write(t, m, "file", before)
		b.unmount(m)
		m = b.mount()
		check(t, withFile(m, "file", false, test.changes))
		b.disk.Kill()
		b.wrap = func(_ int, d cloud.Dir) cloud.Dir {
			s := &spy{Dir: d}
			failed := false
			s.watch(func(e event) error {
				if at := layout.RecordOffset(test.broken); e.op == "readat" && !failed && e.off <= at && at < e.off+record {
					failed = true
					return syscall.EIO
				}
				return nil
			})
			return s
		}
		m = b.mount()
		if !strings.Contains(b.said.String(), "level=ERROR") {
			t.Errorf("%s: nothing is said: %s", test.name, b.said)
		}
		want := test.want(bytes.Clone(before))
		for n := range 2 {
			if got, err := tryRead(m, "file"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, mount %d: %d bytes, want %d, first difference at %d: %v", test.name, n, len(got), len(want), differ(got, want), err)
			}
			b.unmount(m)
			b.wrap = nil
			m = b.mount()
		}
		b.unmount(m)
	}
}
