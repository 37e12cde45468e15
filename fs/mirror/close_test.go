package mirror_test

import (
	"bytes"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/redo"
)

// TestCloseUnderWriters closes the mirror in the middle of writes that are made durable one by one. Those that are under
// way end well, later ones are refused, and no cloud is blamed.
func TestCloseUnderWriters(t *testing.T) {
	b := newBox(t, 2)
	spies := b.spied()
	m := b.mount()
	const writers = 4
	written := make([][]byte, writers)
	closed := make(chan error, 1)
	spies[0].watch(closeInside(m, closed))
	var wg sync.WaitGroup
	var handles []*mirror.Handle
	for i := range writers {
		_, h, err := m.Root().Create(string(rune('a'+i)), 0o644, mirror.Owner{})
		check(t, err)
		handles = append(handles, h)
	}
	for i, h := range handles {
		wg.Go(func() {
			written[i] = writeUntilClosed(t, h)
		})
	}
	wg.Wait()
	if err := <-closed; err != nil {
		t.Errorf("closing: %v", err)
	}
	wantStates(t, m, "ok", "ok")
	if len(b.state.owes) > 0 {
		t.Errorf("behind are %v", b.state.owes)
	}
	for what, err := range map[string]error{
		"create": create(m), "lookup": forget(m.Root().Lookup("a")), "sync": m.Sync(), "unlink": m.Root().Unlink("a"),
	} {
		if !errors.Is(err, mirror.ErrClosed) {
			t.Errorf("%s after it: %v", what, err)
		}
	}
	check(t, m.Close())
	b.wrap = nil
	log, err := redo.Open(store{b.disk.Store("log")}, &[32]byte{1})
	check(t, err)
	check(t, log.Replay(func(uint64, []byte) error { return errors.New("an entry was left") }))
	for k := range b.n {
		m := b.mount(without(b.n, k)...)
		for i, want := range written {
			if got := read(t, m, string(rune('a'+i))); !bytes.Equal(got, want) {
				t.Errorf("cloud %d: %d bytes, want %d, equal: %v", k, len(got), len(want), bytes.Equal(got, want))
			}
		}
		b.unmount(m)
	}
}

// closeInside closes the mirror in the middle of a write that a cloud is shown, and goes on when that lets nobody in.
func closeInside(m *mirror.Mirror, closed chan<- error) func(event) error {
	var once sync.Once
	return func(e event) error {
		if e.op != "writeat" || e.off < 20*record {
			return nil
		}
		once.Do(func() {
			go func() { closed <- m.Close() }()
			for {
				if _, err := m.Statfs(); errors.Is(err, mirror.ErrClosed) {
					break
				}
				runtime.Gosched()
			}
		})
		return nil
	}
}

// writeUntilClosed writes and syncs chunk after chunk, and returns what was taken.
func writeUntilClosed(t *testing.T, h *mirror.Handle) (written []byte) {
	for {
		piece := random(chunk)
		_, err := h.WriteAt(piece, int64(len(written)))
		if err == nil {
			written = append(written, piece...)
			err = h.Sync()
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, mirror.ErrClosed) {
			t.Errorf("write: %v", err)
		}
		if err := h.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		return written
	}
}
