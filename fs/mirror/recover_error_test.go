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

type recoveryEnding struct {
	name    string
	changes func(h *mirror.Handle) error
	broken  int64 // the chunk that cannot be read
	want    func(before []byte) []byte
}

// endings are changes of a file of three chunks and a part of one, and what is left of them when one chunk cannot be read
// while they are done again.
var endings = []recoveryEnding{
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

// TestRecoveryEndsAtDamage lets a chunk be damaged while the changes since the last commit are done again: the file has
// those before that change then, and none after it. Records that were written directly may be there in part: one that does
// not verify was never written.
func TestRecoveryEndsAtDamage(t *testing.T) {
	for _, test := range endings {
		if test.name == "direct writes" {
			continue
		}
		b, before := test.killed(t)
		b.wrap = test.broke(func(_ int, p []byte) error {
			p[len(p)-1] ^= 1
			return nil
		})
		m := b.mount()
		if !strings.Contains(b.said.String(), "level=ERROR") {
			t.Errorf("%s: nothing is said: %s", test.name, b.said)
		}
		want := test.want(bytes.Clone(before))
		b.unmount(m)
		b.wrap = nil
		for n := range 2 {
			m = b.mount()
			if got, err := tryRead(m, "file"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, mount %d: %d bytes, want %d, first difference at %d: %v", test.name, n, len(got), len(want), differ(got, want), err)
			}
			b.unmount(m)
		}
	}
}

// TestRecoveryWaitsForAnAnswer lets the disk fail once while the changes since the last commit are done again. That says
// nothing of what is there: the file waits for the next mount, which has all of them, and until then nobody can read or
// change it.
func TestRecoveryWaitsForAnAnswer(t *testing.T) {
	for _, test := range endings {
		b, before := test.killed(t)
		want := test.all(t, before)
		failed := map[int]bool{} // once in each cloud
		b.wrap = test.broke(func(k int, _ []byte) error {
			if failed[k] {
				return nil
			}
			failed[k] = true
			return syscall.EIO
		})
		m := b.mount()
		if len(failed) == 0 || !strings.Contains(b.said.String(), "level=ERROR") {
			t.Errorf("%s: nothing fails, or nothing is said: %s", test.name, b.said)
		}
		if got, err := tryRead(m, "file"); err == nil {
			t.Errorf("%s: it can be read: %d bytes", test.name, len(got))
		}
		if err := tryWrite(m, "file", nil, true); err == nil {
			t.Errorf("%s: it can be replaced", test.name)
		}
		b.unmount(m)
		b.wrap = nil
		for n := range 2 {
			m = b.mount()
			if got, err := tryRead(m, "file"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, mount %d: %d bytes, want %d, first difference at %d: %v", test.name, n, len(got), len(want), differ(got, want), err)
			}
			b.unmount(m)
		}
	}
}

// killed makes the file, changes it and kills the process.
func (test recoveryEnding) killed(t *testing.T) (b *box, before []byte) {
	b = newBox(t, 2)
	m := b.mount()
	before = random(4*chunk - 5)
	if test.name == "direct writes" {
		before = random(4 * chunk)
	}
	write(t, m, "file", before)
	b.unmount(m)
	m = b.mount()
	check(t, withFile(m, "file", false, test.changes))
	b.disk.Kill()
	return b, before
}

// all is what the changes make of the file.
func (test recoveryEnding) all(t *testing.T, before []byte) []byte {
	b := newBox(t, 1)
	m := b.mount()
	write(t, m, "file", before)
	check(t, withFile(m, "file", false, test.changes))
	defer b.unmount(m)
	return read(t, m, "file")
}

// broke lets something happen to what is read of the broken chunk's record.
func (test recoveryEnding) broke(act func(k int, p []byte) error) func(int, cloud.Dir) cloud.Dir {
	return func(k int, d cloud.Dir) cloud.Dir {
		return breaking{d, k, cipher.Layout{ChunkLog2: 12}.RecordOffset(test.broken), act}
	}
}

// breaking is a directory in which something happens to what is read at an offset, but not to what a check of the whole
// file reads.
type breaking struct {
	cloud.Dir
	k   int
	at  int64
	act func(k int, p []byte) error
}

func (d breaking) Open(path string, write bool) (cloud.File, error) {
	f, err := d.Dir.Open(path, write)
	if err != nil {
		return nil, err
	}
	return breakingFile{f, d}, nil
}

type breakingFile struct {
	cloud.File
	dir breaking
}

func (f breakingFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	if at := f.dir.at - off; at >= 0 && at < min(record, int64(n)) {
		if failed := f.dir.act(f.dir.k, p[at:min(at+record, int64(n))]); failed != nil {
			return 0, failed
		}
	}
	return n, err
}
