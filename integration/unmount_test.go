package integration

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// huge is the longest file that a filesystem may have: tmpfs does.
const huge = 1 << 62

// TestUnmountWhileRead: a program reads a hole without end from a mount that is read-only (P8). Unmounting says so, and does
// it when asked to, each within ten seconds.
func TestUnmountWhileRead(t *testing.T) {
	t.Parallel()
	const soon = 10 * time.Second
	shm, err := os.MkdirTemp("/dev/shm", "overcast-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(shm)) })
	v := newVault(t, 0, "--cloud", "a="+shm+"/a", "--cloud", "b="+shm+"/b")
	m := v.mount()
	f, err := os.Create(m.at("hole"))
	must(t, err)
	must(t, f.Truncate(huge))
	must(t, f.Close())
	m.unmount()

	for _, end := range []struct {
		name string
		do   func(m *mounted, reader *os.Process)
	}{
		{"unmount --lazy", func(m *mounted, _ *os.Process) { m.overcast("unmount", "--lazy", m.root) }},
		{"SIGTERM", func(m *mounted, _ *os.Process) { must(t, m.process.Signal(unix.SIGTERM)) }},
		{"umount, when the program has ended", func(m *mounted, reader *os.Process) {
			must(t, reader.Kill())
			m.overcast("unmount", m.root)
		}},
	} {
		m := v.mount("--read-only")
		reader := exec.Command("dd", "if="+m.at("hole"), "of=/dev/null", "bs=1M")
		must(t, reader.Start())
		awaitReading(t, reader.Process.Pid)
		start := time.Now()
		v.refused(10, "unmount", v.root)
		refused := time.Since(start)
		start = time.Now()
		end.do(m, reader.Process)
		m.await()
		ended := time.Since(start)
		_ = reader.Wait() // it saw an error, or was killed
		if refused > soon || ended > soon {
			t.Errorf("%s: refused after %v, ended after %v", end.name, refused, ended)
		}
		t.Logf("%s: refused after %v, ended after %v", end.name, refused, ended)
	}
}

// awaitReading waits until a process has read for a while.
func awaitReading(t *testing.T, pid int) {
	t.Helper()
	const enough = 64 << 20
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
		must(t, err)
		var read int64
		if _, err := fmt.Sscanf(string(text), "rchar: %d", &read); err != nil || time.Since(begun) > answer {
			t.Fatalf("%d bytes were read in %v; %v", read, time.Since(begun), err)
		}
		if read > enough {
			return
		}
	}
}
