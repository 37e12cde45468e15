package mirror_test

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/vault"
)

// entries counts those that the log of a disk would replay.
func (s *scene) entries() int {
	n := 0
	c := s.box.clone()
	c.disk.Kill()
	ix, err := c.index.open(c)
	s.must(err)
	m, err := c.openOver(ix, nil)
	s.must(err)
	s.must(m.Close())
	for line := range strings.Lines(c.said.String()) {
		if _, rest, ok := strings.Cut(line, `msg="replaying the redo log" entries=`); ok {
			word, _, _ := strings.Cut(rest, " ")
			n, err = strconv.Atoi(word)
			s.must(err)
		}
	}
	return n
}

// known wants a path to be of some kind in the index, or in what was told since its last transaction.
func (s *scene) known(path string, kind index.Kind) index.Known {
	k, err := s.m.Known(path)
	s.must(err)
	if k.Kind != kind {
		s.failf("%q is %v in the index, want %v", path, k.Kind, kind)
	}
	return k
}

func telling(t *testing.T, n int, play func(s *scene)) {
	t.Helper()
	if err := tellScene(t, n, layout{}, play); err != nil {
		t.Error(err)
	}
}

// TestTransactions: the log is cut with a transaction of the index, which comes once a minute, and at Sync and unmount.
func TestTransactions(t *testing.T) {
	telling(t, 2, func(s *scene) {
		s.put("a", "one", false)
		s.must(s.m.Retire())
		if s.entries() == 0 {
			s.failf("the log was cut without a transaction")
		}
		s.clock.pass(59 * time.Second)
		s.must(s.m.Retire())
		if _, ok := s.index.should()["a"]; ok || s.entries() == 0 {
			s.failf("a transaction came early")
		}
		s.clock.pass(2 * time.Second)
		s.must(s.m.Retire())
		if _, ok := s.index.should()["a"]; !ok || s.entries() != 0 {
			s.failf("after a minute the index has %v, and the log %d entries", s.index.should(), s.entries())
		}
		s.put("b", "two", false)
		s.must(s.m.Sync())
		if _, ok := s.index.should()["b"]; !ok || s.entries() != 0 {
			s.failf("after Sync the log has %d entries", s.entries())
		}
		s.put("c", "three", false)
		s.unmount()
		if _, ok := s.index.should()["c"]; !ok {
			s.failf("after the unmount the index has %v", s.index.should())
		}
		s.mount()
	})
}

func name(i int) string {
	if i == 0 {
		return "file"
	}
	return "file" + strconv.Itoa(i)
}

// TestIndexFails: where the index cannot be written the log keeps its entries, work goes on, and it is told once.
func TestIndexFails(t *testing.T) {
	telling(t, 2, func(s *scene) {
		s.index.rules.Inject(cloudtest.Rule{Op: "apply", From: 1, Err: syscall.EIO})
		for _, path := range []string{"a", "b", "c"} {
			s.put(path, path, false)
			s.must(s.m.Sync())
		}
		if n := strings.Count(s.said.String(), "the index cannot be written"); n != 1 {
			s.failf("it was told %d times", n)
		}
		if s.entries() < 6 {
			s.failf("the log has lost entries")
		}
		s.remount()
		if n := s.entries(); n < 6 {
			s.failf("a mount without a transaction has left %d entries", n)
		}
		s.mend()
		s.must(s.m.Sync())
		if n := s.entries(); n != 0 {
			s.failf("the log has %d entries", n)
		}
		s.must(s.inOrder(look(s.m), wholly))
	})
}

// TestIndexLost: an index that is lost is an empty one. The clouds that owe anything are to be compared whole, and what is done
// from then on is known.
func TestIndexLost(t *testing.T) {
	for _, how := range []struct {
		name string
		lose func(s *scene)
	}{
		{"in a transaction", func(s *scene) {
			s.index.rules.Inject(cloudtest.Rule{Op: "apply", From: 1, To: 1, Err: index.ErrLost})
			s.must(s.index.live.Lose("so it is said"))
			s.put("d/lost", "", false)
			s.must(s.m.Sync())
		}},
		{"cannot be read", func(s *scene) {
			s.must(s.m.Sync())
			s.remount()
			s.index.rules.Inject(cloudtest.Rule{Op: "view", From: 1, To: 1, Err: syscall.EIO})
			s.put("d/lost", "", false)
			s.must(s.m.Sync())
		}},
	} {
		t.Run(how.name, func(t *testing.T) {
			telling(t, 2, func(s *scene) {
				s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opMkdir, path: "d/e", mode: 0o755})
				s.put("d/e/old", "old", false)
				s.must(s.m.Sync())
				s.must(s.state.MarkOwes(cipher.ID{77}, vault.Owes{Reason: "it was away"}))
				marked := s.state.marks
				how.lose(s)
				if s.state.marks == marked || !s.state.owes[cipher.ID{77}].Lost {
					s.failf("the cloud that owes is not to be compared whole")
				}
				s.put("d/e/new", "new", false)
				s.known("d/e/new", index.IsFile)
				s.known("d/e/old", index.Unknown)
				s.must(s.m.Sync())
				s.remount()
				s.known("d/e/new", index.IsFile)
				if s.index.should()["d/e/old"].file != (cipher.ID{}) {
					s.failf("the index has %v", s.index.should())
				}
				s.steps(step{op: opRename, path: "d/e", to: "f"})
				s.known("f/new", index.IsFile)
				s.known("d", index.IsDir)
				s.remount()
				s.known("f/new", index.IsFile)
				s.holds("f/old", "old")
			})
		})
	}
}

// TestIndexPutBack: an index from a copy, or of another log, knows nothing.
func TestIndexPutBack(t *testing.T) {
	telling(t, 1, func(s *scene) {
		s.put("a", "a", false)
		s.unmount()
		old := s.index.clone()
		s.mount()
		s.put("b", "b", false)
		s.unmount()
		again := s.index.clone()
		s.index = old
		s.mount()
		s.known("a", index.Unknown)
		s.put("c", "c", false)
		s.remount()
		s.known("c", index.IsFile)
		s.holds("b", "b")
		s.unmount()
		s.index, s.logs = again, "another log"
		s.mount()
		s.known("a", index.IsFile) // the numbers of a log that is gone go on from what is applied
		s.put("d", "d", false)
		s.unmount()
		s.index = again.clone()
		s.mount()
		s.known("d", index.IsFile)
	})
}

// TestReadOnlyIndex: a mount that changes nothing writes no index.
func TestReadOnlyIndex(t *testing.T) {
	telling(t, 1, func(s *scene) {
		s.put("a", "a", false)
		s.disk.Kill()
		s.config = func(c *mirror.Config) { c.ReadOnly = true }
		s.index.rules.Inject(cloudtest.Rule{Op: "apply", From: 1, Err: syscall.EIO}, cloudtest.Rule{Op: "lose", From: 1, Err: syscall.EIO})
		s.mount()
		s.holds("a", "a")
		s.unmount()
		if s.index.rules.Failed() > 0 {
			s.failf("it wrote: %v", s.index.rules)
		}
		s.config = nil
		s.mend()
		s.mount()
		s.known("a", index.IsFile)
	})
}

// TestLongGone: what was removed is forgotten after long, when every cloud has that. One that was away for longer brings nothing back.
func TestLongGone(t *testing.T) {
	later := func(s *scene) {
		for i := range 6 {
			s.put("other", strconv.Itoa(i), false)
			s.must(s.m.Sync())
		}
	}
	telling(t, 2, func(s *scene) {
		s.put("a", "a", false)
		s.put("b", "b", false)
		s.must(s.m.Sync())
		s.steps(step{op: opUnlink, path: "a"})
		later(s)
		s.known("a", index.Gone)
		s.clock.pass(200 * 24 * time.Hour)
		s.goes(1)
		s.steps(step{op: opUnlink, path: "b"})
		later(s)
		s.known("a", index.Gone)
		s.clock.pass(200 * 24 * time.Hour)
		later(s)
		s.known("b", index.Gone)
		s.mend()
		s.backAgain()
		s.everywhere()
		s.missing("b")
		later(s)
		s.known("a", index.Unknown)
		s.known("b", index.Unknown)
		s.missing("b")
		s.everywhere()
	})
}
