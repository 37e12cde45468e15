//go:build !race || long

// Tests that do one thing after the other, and many: the race detector has nothing to find in them, and takes ten times as
// long. Other files of which that is true carry the same constraint.

package mirror_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

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
	start := busy(t)
	m = b.mount()
	took := busy(t) - start
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

// busy is the time that this process has had of the processors: what else the machine does is no matter.
func busy(t *testing.T) time.Duration {
	var u syscall.Rusage
	check(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestManyRows: 20,000 rows do not wait for the minute.
func TestManyRows(t *testing.T) {
	telling(t, 1, func(s *scene) {
		n, h, err := s.m.Root().Create("file", 0o644, mirror.Owner{})
		s.must(err)
		s.must(h.Close())
		for i := range 10_001 { // two names each
			s.must(s.m.Root().Rename(name(i), s.m.Root(), name(i+1), mirror.RenameFlags{}))
		}
		n.Forget()
		s.must(s.m.Retire())
		if len(s.index.should()) > 0 {
			s.failf("a transaction came early")
		}
		for i := 10_001; i < 20_001; i++ {
			s.must(s.m.Root().Rename(name(i), s.m.Root(), name(i+1), mirror.RenameFlags{}))
		}
		s.must(s.m.Retire())
		if _, ok := s.index.should()[name(20_001)]; !ok || s.entries() != 0 {
			s.failf("after 20,000 rows the log has %d entries", s.entries())
		}
	})
}

// TestAttacks: what the replay of the redo log must not do to what lies in the
// clouds, and what it must not cost.
func TestAttacks(t *testing.T) { runFindings(t, attacks) }

// TestReturnAttacks: what a cloud's return must not do to what others have put
// there meanwhile, and what it must not leave of our own.
func TestReturnAttacks(t *testing.T) { runFindings(t, returnAttacks) }
