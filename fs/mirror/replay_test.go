package mirror_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// TestReplayManyFiles kills the process after it made many files in many directories, of which one was moved: they are all
// there after the next mount, which takes time in proportion.
func TestReplayManyFiles(t *testing.T) {
	few, many := replayFiles(t, 500), replayFiles(t, 4000)
	if ratio := many.Seconds() / few.Seconds(); ratio > 24 {
		t.Errorf("replaying 8 times the files takes %.0f times as long: %v, %v", ratio, few, many)
	}
}

func replayFiles(t *testing.T, n int) time.Duration {
	b := newBox(t, 2)
	m := b.mount()
	for i := range n {
		if i%100 == 0 {
			d, err := m.Root().Mkdir(fmt.Sprint("dir", i/100), 0o755, mirror.Owner{})
			check(t, err)
			d.Forget()
		}
		write(t, m, fmt.Sprintf("dir%d/file%d", i/100, i), fmt.Appendf(nil, "content %d", i))
	}
	check(t, m.Root().Rename("dir0", m.Root(), "moved", mirror.RenameFlags{}))
	b.disk.Kill()
	start := time.Now()
	m = b.mount()
	took := time.Since(start)
	for i := range n {
		path := fmt.Sprintf("dir%d/file%d", i/100, i)
		if i < 100 {
			path = fmt.Sprintf("moved/file%d", i)
		}
		if got, want := string(read(t, m, path)), fmt.Sprintf("content %d", i); got != want {
			t.Fatalf("%s is %q, want %q", path, got, want)
		}
	}
	b.unmount(m)
	return took
}

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
