package mirror_test

import (
	"bytes"
	"testing"

	"github.com/overcast-fs/overcast/fs/mirror"
)

// TestRecoverAppended kills while a committed file grows: what was written beyond the committed length comes back, with its
// holes, in every cloud.
func TestRecoverAppended(t *testing.T) { recoverAppended(t, func(*box) {}) }

// TestRecoverCopied is the same for a vault that was copied after the kill, so that
// the machine is another writer.
func TestRecoverCopied(t *testing.T) {
	recoverAppended(t, func(b *box) { check(t, b.state.RenewWriter()) })
}

func recoverAppended(t *testing.T, meanwhile func(*box)) {
	const more, hole = 15000, 40000
	for _, committed := range []int{0, 1, 100, 4096, 5000, 8192} {
		b := newBox(t, 2)
		m := b.mount()
		want := make([]byte, hole+100)
		copy(want, random(committed+more))
		copy(want[hole:], "after the hole")
		write(t, m, "file", want[:committed])
		check(t, m.Sync())
		check(t, withFile(m, "file", false, func(h *mirror.Handle) error {
			for _, off := range []int{committed, committed + more/2, hole} {
				if _, err := h.WriteAt(want[off:min(off+more/2, len(want))], int64(off)); err != nil {
					return err
				}
			}
			b.disk.Kill()
			return nil
		}))
		meanwhile(b)
		b.unmount(b.mount())
		for k := range b.n {
			m := b.mount(without(b.n, k)...)
			if got, err := tryRead(m, "file"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes committed, cloud %d: %v, equal: %v", committed, k, err, bytes.Equal(got, want))
			}
			b.unmount(m)
		}
	}
}
