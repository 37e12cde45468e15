package mirror_test

import (
	"testing"

	"github.com/overcast-fs/overcast/fs/mirror"
)

// TestReadOnlyMarksNoBoot mounts read-only after a power cut. That replays nothing, so that the next mount must still know
// of the power cut.
func TestReadOnlyMarksNoBoot(t *testing.T) {
	for _, logged := range []bool{false, true} {
		b := newBox(t, 2)
		m := b.mount()
		write(t, m, "file", []byte("content"))
		if logged {
			b.disk.Kill()
		} else {
			b.unmount(m)
		}
		b.state.boot = false
		m = b.mountWith(func(c *mirror.Config) { c.ReadOnly = true })
		if b.state.boot {
			t.Errorf("entries in the log: %v: the read-only mount marks the boot", logged)
		}
		b.unmount(m)
		m = b.mount()
		if !b.state.boot {
			t.Errorf("entries in the log: %v: the mount does not mark the boot", logged)
		}
		b.unmount(m)
	}
}
