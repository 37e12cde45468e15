package mirror_test

import (
	"fmt"
	"testing"

	"github.com/overcast-fs/overcast/fs/mirror"
)

// TestSyncNamesFile kills after an fsync of a file that the log did not name any more when the fsync before it wrote to the
// log.
func TestSyncNamesFile(t *testing.T) {
	b := newBox(t, 2)
	m := b.mount()
	check(t, withFile(m, "file", false, func(h *mirror.Handle) error {
		if _, err := h.WriteAt([]byte("first"), 0); err != nil {
			return err
		}
		// A file is committed when one of its handles is closed.
		if err := withFile(m, "file", false, func(*mirror.Handle) error { return nil }); err != nil {
			return err
		}
		return h.Sync()
	}))
	check(t, withFile(m, "file", false, func(h *mirror.Handle) error {
		if _, err := h.WriteAt([]byte("second"), 0); err != nil {
			return err
		}
		return h.Sync()
	}))
	b.disk.Kill()
	m = b.mount()
	if got := read(t, m, "file"); string(got) != "second" {
		t.Errorf("after the kill the file holds %q", got)
	}
	b.unmount(m)
}

// TestReplayRewritten kills after a file was emptied and written again and again: only its last version comes back.
func TestReplayRewritten(t *testing.T) {
	for _, boot := range []bool{true, false} {
		b := newBox(t, 2)
		m := b.mount()
		var want string
		for n := range 8 {
			want = fmt.Sprintf("version %d", n)
			check(t, withFile(m, "file", true, func(h *mirror.Handle) error {
				if _, err := h.WriteAt([]byte(want), 0); err != nil {
					return err
				}
				return h.Sync()
			}))
			if n%2 == 0 {
				check(t, m.Commit())
			}
		}
		b.disk.Kill()
		if !boot {
			b.state.powerCut()
		}
		m = b.mount()
		if got := read(t, m, "file"); string(got) != want {
			t.Errorf("same boot %v: the file holds %q, want %q", boot, got, want)
		}
		b.unmount(m)
	}
}
