package mirror_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// TestBackingSize compares the sizes of backing files, of which stat makes the sizes that it shows, with the format's,
// after lengths were changed in one session and committed in between or not.
func TestBackingSize(t *testing.T) {
	layout := cipher.Layout{ChunkLog2: 12}
	lengths := []int64{1, 100, 4095, 4096, 4097, 8192, 20000}
	for _, commits := range []bool{false, true} {
		for _, first := range lengths {
			for _, second := range lengths {
				b := newBox(t, 2)
				m := b.mount()
				write(t, m, "file", random(int(first)))
				if commits {
					check(t, m.Sync())
				}
				check(t, withFile(m, "file", false, func(h *mirror.Handle) error { return h.Truncate(second) }))
				b.unmount(m)
				want, err := layout.CipherSize(second)
				check(t, err)
				for k := range b.n {
					name, err := b.cipher(k).EncodeName("file")
					check(t, err)
					info, err := b.disk.Dir(cloudName(k)).Stat(string(name.Entry))
					if err != nil || info.Size != want {
						t.Errorf("%s: cloud %d has %d bytes, want %d (%v)",
							fmt.Sprintf("%d, then %d, committed between: %v", first, second, commits), k, info.Size, want, err)
					}
				}
			}
		}
	}
}

// TestTakeoverMtime renames a file over another: the name then shows the source's mtime, also from the clouds.
func TestTakeoverMtime(t *testing.T) {
	b := newBox(t, 2)
	m := b.mount()
	write(t, m, "old", []byte("old"))
	write(t, m, "new", []byte("newer"))
	check(t, m.Sync())
	want := mtime(t, m, "new")
	check(t, m.Root().Rename("new", m.Root(), "old", mirror.RenameFlags{}))
	b.unmount(m)
	m = b.mount()
	if got := mtime(t, m, "old"); !got.Equal(want) {
		t.Errorf("the mtime is %v, want %v", got, want)
	}
	b.unmount(m)
}

func mtime(t *testing.T, m *mirror.Mirror, path string) time.Time {
	t.Helper()
	n, err := m.Walk(path)
	check(t, err)
	defer n.Forget()
	attr, err := n.Attr()
	check(t, err)
	return attr.Mtime
}
