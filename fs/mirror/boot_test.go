package mirror_test

import (
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// TestBootsOfTheLog: whether the power was cut the log tells by the boots in which it was written, whatever the state says of the
// mount before; of what does not say its boot the state tells.
func TestBootsOfTheLog(t *testing.T) {
	for _, c := range []struct {
		name     string
		nameless bool // the log does not say the boot
		cut      bool // the power was cut
		marked   bool // and the state says that it was not
	}{
		{"killed", false, false, false},
		{"cut", false, true, false},
		{"cut, and marked since", false, true, true},
		{"of an earlier version, killed", true, false, false},
		{"of an earlier version, cut", true, true, false},
	} {
		err := tellScene(t, 2, layout{}, func(s *scene) {
			s.unmount()
			s.state.nameless = c.nameless
			s.mount()
			s.put("synced", chunks("abc"), true)
			s.must(s.patch("synced", chunks("B"), 4096))
			s.killedWriting("new", "uncommitted")
			if c.cut {
				s.cut(1)
			}
			if c.marked {
				s.must(s.state.MarkBoot())
			}
			s.mount()
			s.holds("synced", chunks("aBc"))
			if !c.cut {
				s.holds("new", "uncommitted")
			} else if g := look(s.m)["new"]; g.err == nil && g.kind == 'f' && g.data != "uncommitted" {
				s.failf("what was never synced is %v", g)
			}
			s.unmount()
		})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestReplayedIsOfThisBoot: what the log keeps from before a power cut, since the index could not take it, is as good as written in
// this boot once it was replayed: what had reached the mirror since comes back after a kill.
func TestReplayedIsOfThisBoot(t *testing.T) {
	err := tellScene(t, 2, layout{}, func(s *scene) {
		s.put("synced", chunks("abc"), true)
		s.cut(1)
		s.index.rules.Inject(cloudtest.Rule{Op: "apply", From: 1, Err: syscall.ENOSPC})
		s.mount()
		s.holds("synced", chunks("abc"))
		s.killedWriting("new", "uncommitted")
		s.index.rules.Clear()
		s.mount()
		s.holds("new", "uncommitted")
		s.unmount()
	})
	if err != nil {
		t.Error(err)
	}
}

// killedWriting kills the process when a new file was written and not closed; the log is on the disk.
func (s *scene) killedWriting(path, content string) {
	_ = withFile(s.m, path, true, func(h *mirror.Handle) error { // closing it is too late
		_, err := h.WriteAt([]byte(content), 0)
		s.must(err)
		s.must(s.m.Root().Sync())
		s.disk.Kill()
		return nil
	})
}
