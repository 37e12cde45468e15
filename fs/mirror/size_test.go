package mirror_test

import (
	"fmt"
	"testing"

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
