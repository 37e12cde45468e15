package mirror_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"testing"

	"github.com/overcast-fs/overcast/fs/mirror"
)

func TestWriteReadRemount(t *testing.T) {
	b := newBox(t, 2)
	m := b.mount()
	content := random(100_000)
	write(t, m, "file", content)
	if got := read(t, m, "file"); !bytes.Equal(got, content) {
		t.Fatal("other bytes before remount")
	}
	b.unmount(m)
	m = b.mount()
	if got := read(t, m, "file"); !bytes.Equal(got, content) {
		t.Fatal("other bytes after remount")
	}
	b.unmount(m)
	for k := range b.n {
		m := b.mount(without(b.n, k)...)
		if got := read(t, m, "file"); !bytes.Equal(got, content) {
			t.Fatalf("other bytes from cloud %d alone", k)
		}
		b.unmount(m)
	}
}

func TestNames(t *testing.T) {
	b := newBox(t, 2)
	m := b.mount()
	root := m.Root()
	d, err := root.Mkdir("dir", 0o755, mirror.Owner{})
	check(t, err)
	write(t, m, "dir/a", []byte("a"))
	write(t, m, "dir/b", []byte("b"))
	check(t, d.Rename("a", root, "moved", mirror.RenameFlags{}))
	check(t, d.Rename("b", root, "moved", mirror.RenameFlags{}))
	if got := read(t, m, "moved"); string(got) != "b" {
		t.Fatalf("moved holds %q", got)
	}
	if _, err := d.Lookup("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("lookup of what was moved: %v", err)
	}
	_, err = root.Symlink("link", "target", mirror.Owner{})
	check(t, err)
	check(t, root.Rmdir("dir"))
	b.unmount(m)
	m = b.mount()
	l, err := m.Walk("link")
	check(t, err)
	if target, err := l.Readlink(); err != nil || target != "target" {
		t.Fatalf("readlink: %q, %v", target, err)
	}
	list, err := m.Root().ReadDir()
	check(t, err)
	if len(list) != 2 {
		t.Fatalf("root holds %v", list)
	}
	check(t, m.Root().Unlink("moved"))
	check(t, m.Root().Unlink("link"))
	b.unmount(m)
}

// TestRandomWrites holds random writes, truncates and holes against a plain
// byte slice, across commits and mounts.
func TestRandomWrites(t *testing.T) {
	for seed := range uint64(21 / everyScene) {
		b := newBox(t, 2)
		rng := rand.New(rand.NewPCG(seed, 1))
		var want []byte
		m := b.mount()
		write(t, m, "f", nil)
		n, err := m.Walk("f")
		check(t, err)
		h, err := n.Open(mirror.OpenOptions{Write: true})
		check(t, err)
		for step := range 200 {
			want = mutate(t, rng, m, h, want)
			got := make([]byte, len(want)+1)
			k, err := h.ReadAt(got, 0)
			if err != io.EOF || !bytes.Equal(got[:k], want) {
				t.Fatalf("seed %d step %d: %d bytes, want %d, first difference at %d: %v", seed, step, k, len(want), differ(got[:k], want), err)
			}
			if rng.IntN(20) == 0 {
				check(t, h.Close())
				n.Forget()
				b.unmount(m)
				m = b.mount(without(2, rng.IntN(3))...)
				got := read(t, m, "f")
				if !bytes.Equal(got, want) {
					t.Fatalf("seed %d step %d: after remount differs at %d (len %d, want %d)", seed, step, differ(got, want), len(got), len(want))
				}
				b.unmount(m)
				m = b.mount()
				n, err = m.Walk("f")
				check(t, err)
				h, err = n.Open(mirror.OpenOptions{Write: true})
				check(t, err)
			}
		}
		check(t, h.Close())
		b.unmount(m)
	}
}

func mutate(t *testing.T, rng *rand.Rand, m *mirror.Mirror, h *mirror.Handle, want []byte) []byte {
	t.Helper()
	off := rng.Int64N(40_000)
	switch rng.IntN(10) {
	case 0:
		size := rng.Int64N(40_000)
		check(t, h.Truncate(size))
		return resized(want, size)
	case 1:
		n := 1 + rng.Int64N(20_000)
		check(t, h.Allocate(3, off, n)) // punch hole
		if off < int64(len(want)) {
			clear(want[off:min(off+n, int64(len(want)))])
		}
		return want
	case 2:
		check(t, h.Sync())
		return want
	case 3:
		check(t, m.Sync())
		return want
	case 4:
		check(t, h.Truncate(0))
		return nil
	}
	data := random(int(1 + rng.Int64N(10_000)))
	if rng.IntN(3) == 0 {
		off = int64(len(want))
	}
	_, err := h.WriteAt(data, off)
	check(t, err)
	want = resized(want, max(int64(len(want)), off+int64(len(data))))
	copy(want[off:], data)
	return want
}

func resized(b []byte, n int64) []byte {
	out := make([]byte, n)
	copy(out, b)
	return out
}

func differ(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
