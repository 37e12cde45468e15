package mirror_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// TestHeldLog lets the only cloud fail while the log is replayed. The mount is read-only and says why; the next one has
// everything.
func TestHeldLog(t *testing.T) {
	b := newBox(t, 1)
	m := b.mount()
	check(t, tryWrite(m, "file", []byte("content"), true))
	b.disk.Kill()
	b.wrap = func(_ int, d cloud.Dir) cloud.Dir {
		return cloudtest.NewFaulty(d, cloudtest.Rule{Op: "open", To: 1, Err: syscall.EIO})
	}
	m = b.mount()
	if !m.ReadOnly() || !errors.Is(m.Held(), syscall.EIO) {
		t.Errorf("read-only: %v, because of %v", m.ReadOnly(), m.Held())
	}
	if err := tryWrite(m, "other", nil, false); !errors.Is(err, mirror.ErrReadOnly) {
		t.Errorf("a change: %v", err)
	}
	b.unmount(m)
	b.wrap = nil
	m = b.mount()
	if err := m.Held(); err != nil || m.ReadOnly() {
		t.Errorf("the next mount is read-only, because of %v", err)
	}
	if got := string(read(t, m, "file")); got != "content" {
		t.Errorf("the file is %q", got)
	}
	b.unmount(m)
}
