package mirror_test

import (
	"bytes"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

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
		b.state.powerCut()
		m = b.mountWith(func(c *mirror.Config) { c.ReadOnly = true })
		if b.state.SameBoot() {
			t.Errorf("entries in the log: %v: the read-only mount marks the boot", logged)
		}
		b.unmount(m)
		m = b.mount()
		if !b.state.SameBoot() {
			t.Errorf("entries in the log: %v: the mount does not mark the boot", logged)
		}
		b.unmount(m)
	}
}

// TestLogNamesNoFile lets the replay find something missing. What it says of that shows nothing that the clouds hide.
func TestLogNamesNoFile(t *testing.T) {
	b := newBox(t, 2)
	m := b.mount()
	write(t, m, "secret", []byte("content"))
	_, err := m.Root().Mkdir("private", 0o755, mirror.Owner{})
	check(t, err)
	check(t, m.Sync())
	d, err := m.Walk("private")
	check(t, err)
	check(t, m.Root().Rename("secret", d, "hidden", mirror.RenameFlags{}))
	check(t, m.Root().Link("another", must(m.Walk("private/hidden"))))
	for k := range b.n {
		for _, path := range []string{b.entry(k, "private", "hidden"), b.entry(k, "another")} {
			check(t, b.disk.Dir(cloudName(k)).Remove(path))
		}
	}
	b.disk.Kill()
	m = b.mount()
	if !strings.Contains(b.said.String(), "cannot be finished") {
		t.Errorf("nothing was missed: %s", b.said)
	}
	for _, name := range []string{"secret", "private", "hidden", "another"} {
		if strings.Contains(b.said.String(), name) {
			t.Errorf("the log names %q: %s", name, b.said)
		}
	}
	b.unmount(m)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestSidecarIsBounded puts files, directories and FIFOs where sidecars are looked for. No more is read than a sidecar can
// hold, and the names beside them are listed.
func TestSidecarIsBounded(t *testing.T) {
	b := newBox(t, 1)
	spies := b.spied()
	m := b.mount()
	long := strings.Repeat("n", 200)
	write(t, m, long, []byte("long"))
	write(t, m, "short", []byte("short"))
	check(t, m.Sync())
	dir := b.disk.Dir(cloudName(0))
	hash := func(n int) string { return strings.Repeat("0", 39) + string(rune('1'+n)) }
	for n, plant := range []func(path string) error{
		func(path string) error { return dir.Mkdir(path, 0o755) },
		dir.Plant,
		func(path string) error {
			f, err := dir.Create(path, 0o644)
			check(t, err)
			return f.Truncate(6 << 30)
		},
	} {
		f, err := dir.Create("x"+hash(n), 0o644)
		check(t, err)
		check(t, f.Close())
		check(t, plant("y"+hash(n)))
	}
	reads := 0
	spies[0].watch(func(e event) error {
		if e.op == "readat" && strings.HasPrefix(e.path, "y") {
			if reads++; reads > 10 {
				return syscall.EIO
			}
		}
		return nil
	})
	list, err := m.Root().ReadDir()
	check(t, err)
	if len(list) != 2 || reads != 2 {
		t.Errorf("%d sidecars were read in %d pieces; the directory holds %v", 2, reads, list)
	}
	spies[0].watch(nil)
	b.unmount(m)
}

// TestReadDuringCommit reads a file while the commit of what was appended to it is between the new header and its end.
func TestReadDuringCommit(t *testing.T) {
	for _, n := range []int{1, 2} {
		for _, size := range []int{20_000, 3 << 20} { // checked as a whole, and by reads that come across all of it
			b := newBox(t, n)
			m := b.mount()
			want := random(size + 40_000)
			size = size / 4096 * 4096
			write(t, m, "file", want[:size])
			b.unmount(m)
			spies := b.spied()
			m = b.mount() // which believes nothing yet
			node, err := m.Walk("file")
			check(t, err)
			h, err := node.Open(mirror.OpenOptions{Write: true})
			check(t, err)
			_, err = h.WriteAt(want[size:], int64(size))
			check(t, err)
			readAll := func(when string) {
				got := make([]byte, len(want))
				for off := 0; off < len(got); off += 64 << 10 {
					part := got[off:min(off+64<<10, len(got))]
					if _, err := h.ReadAt(part, int64(off)); err != nil {
						t.Errorf("%d clouds, %d bytes, %s, at %d: %v", b.n, size, when, off, err)
					}
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%d clouds, %d bytes, %s: other bytes", b.n, size, when)
				}
			}
			reads := 0
			for _, s := range spies {
				s.watch(func(e event) error {
					if e.op == "chtimes" { // the last thing that a commit does to a copy
						reads++
						readAll("during the commit")
					}
					return nil
				})
			}
			check(t, m.Commit())
			if reads != n {
				t.Errorf("%d clouds: %d reads during the commit", n, reads)
			}
			readAll("after the commit")
			if strings.Contains(b.said.String(), "ERROR") || strings.Contains(b.said.String(), "WARN") {
				t.Errorf("%d clouds, %d bytes: %s", n, size, b.said)
			}
			check(t, h.Close())
			node.Forget()
			b.unmount(m)
		}
	}
}

// TestRenameFailsWhileOpening lets a rename over another file fail in every cloud while another program is opening its
// source. Neither waits for the other for ever.
func TestRenameFailsWhileOpening(t *testing.T) {
	b := newBox(t, 2)
	spies := b.spied()
	m := b.mount()
	write(t, m, "old", []byte("old"))
	write(t, m, "new", []byte("new"))
	node, err := m.Walk("new")
	check(t, err)
	opened := make(chan error, 1)
	open := func() {
		h, err := node.Open(mirror.OpenOptions{})
		if err == nil {
			err = h.Close()
		}
		opened <- err
	}
	var once sync.Once
	for _, s := range spies {
		s.watch(func(e event) error {
			if e.op != "rename" {
				return nil
			}
			once.Do(func() {
				go open()
				for !node.Opening() {
					runtime.Gosched()
				}
			})
			return syscall.EIO
		})
	}
	renamed := make(chan error, 1)
	go func() { renamed <- m.Root().Rename("new", m.Root(), "old", mirror.RenameFlags{}) }()
	for what, done := range map[string]chan error{"rename": renamed, "open": opened} {
		select {
		case err := <-done:
			if (err == nil) != (what == "open") {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s does not return", what)
		}
	}
	for _, s := range spies {
		s.watch(nil)
	}
	node.Forget()
	for name, want := range map[string]string{"old": "old", "new": "new"} {
		if got := read(t, m, name); string(got) != want {
			t.Errorf("%s holds %q", name, got)
		}
	}
	b.unmount(m)
}
