package mirror_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/overcast-fs/overcast/fs/mirror"
)

// TestOrphanCostsNothing overwrites an open file that has no name any more, again and again.
func TestOrphanCostsNothing(t *testing.T) {
	for _, owners := range []bool{true, false} {
		b := newBox(t, 2)
		m := b.mount()
		want := random(3 << 20)
		write(t, m, "file", want)
		b.unmount(m)
		m = b.mountWith(func(c *mirror.Config) { c.Owners = owners })
		n, err := m.Walk("file")
		check(t, err)
		h, err := n.Open(mirror.OpenOptions{Write: true})
		check(t, err)
		check(t, m.Root().Unlink("file"))
		next, size := b.log.Next(), b.log.Size()
		for range 2 {
			for off := 0; off < len(want); off += 1 << 20 {
				copy(want[off:], random(1<<20))
				_, err := h.WriteAt(want[off:off+1<<20], int64(off))
				check(t, err)
				if got := m.Pending(); got > 1<<20 {
					t.Fatalf("%d bytes in memory", got)
				}
			}
		}
		if b.log.Next() != next || b.log.Size() != size {
			t.Errorf("the log went from %d entries and %d bytes to %d and %d", next, size, b.log.Next(), b.log.Size())
		}
		got := make([]byte, len(want))
		if _, err := h.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
			t.Errorf("owners %v: other bytes, from %d on: %v", owners, differ(got, want), err)
		}
		check(t, h.Close())
		n.Forget()
		b.unmount(m)
	}
}

// TestOrphanWrites holds random changes of an open file without a name against a byte slice. Some were made before it lost
// the name, and in some stories another file took that.
func TestOrphanWrites(t *testing.T) {
	for seed := range uint64(12) {
		b := newBox(t, 2)
		m := b.mount()
		rng := rand.New(rand.NewPCG(seed, 1))
		var want []byte
		if seed%4 > 0 {
			want = random(1 + rng.IntN(3<<20))
		}
		write(t, m, "file", want)
		if seed%4 > 1 {
			b.unmount(m)
			m = b.mount()
		}
		n, err := m.Walk("file")
		check(t, err)
		h, err := n.Open(mirror.OpenOptions{Write: true})
		check(t, err)
		for range rng.IntN(10) {
			want = mutate(t, rng, m, h, want)
		}
		if seed%3 == 0 {
			write(t, m, "other", []byte("other"))
			check(t, m.Root().Rename("other", m.Root(), "file", mirror.RenameFlags{}))
		} else {
			check(t, m.Root().Unlink("file"))
		}
		before := m.Pending()
		for step := range 60 {
			want = mutate(t, rng, m, h, want)
			if got := m.Pending(); got != 0 && got != before { // syncs change nothing
				t.Fatalf("seed %d step %d: %d bytes in memory", seed, step, m.Pending())
			}
			got := make([]byte, len(want)+1)
			k, err := h.ReadAt(got, 0)
			if err != io.EOF || !bytes.Equal(got[:k], want) {
				t.Fatalf("seed %d step %d: %d bytes, want %d, first difference at %d: %v", seed, step, k, len(want), differ(got[:k], want), err)
			}
		}
		if a, err := n.Attr(); err != nil || a.Size != int64(len(want)) || a.Nlink != 0 {
			t.Errorf("seed %d: %+v, %v", seed, a, err)
		}
		wantStates(t, m, "ok", "ok")
		check(t, h.Close())
		n.Forget()
		b.unmount(m)
	}
}

// TestOrphansGiveWay unlinks open files with changes in memory until there is no more room for them.
func TestOrphansGiveWay(t *testing.T) {
	const size, room = 200_000, 1 << 20
	b := newBox(t, 1)
	m := b.mount()
	m.SetRoom(room)
	var handles []*mirror.Handle
	var contents [][]byte
	var before int64
	gaveWay := false
	for i := range 20 {
		name := string(rune('a' + i))
		check(t, withFile(m, name, false, func(h *mirror.Handle) error { return h.Truncate(size) }))
		check(t, m.Sync())
		n, err := m.Walk(name)
		check(t, err)
		h, err := n.Open(mirror.OpenOptions{Write: true})
		check(t, err)
		content := random(size)
		_, err = h.WriteAt(content, 0)
		check(t, err)
		check(t, m.Root().Unlink(name))
		handles, contents = append(handles, h), append(contents, content)
		got := m.Pending()
		if got > room+2*size {
			t.Fatalf("%d bytes in memory after %d files", got, i+1)
		}
		gaveWay = gaveWay || got < before
		before = got
	}
	if !gaveWay {
		t.Errorf("%d bytes stay in memory", before)
	}
	for i, h := range handles {
		got := make([]byte, size)
		if _, err := h.ReadAt(got, 0); err != nil || !bytes.Equal(got, contents[i]) {
			t.Errorf("file %d has other bytes, from %d on: %v", i, differ(got, contents[i]), err)
		}
		check(t, h.Close())
	}
	if got := m.Pending(); got != 0 {
		t.Errorf("%d bytes in memory at the end", got)
	}
	b.unmount(m)
}
