//go:build !race || long

package mirror_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// contestedBy has f open here, with a change that is fsynced, and another machine's
// version in its place in every cloud, the later one if later.
func (s *scene) contestedBy(later bool) (h *mirror.Handle, ours string) {
	s.put("f", chunks("abcd"), true)
	s.remount()
	theirs := s.theirs(8, func(o *scene) {
		o.put("f", "theirs", true)
		o.steps(step{op: opUtimens, path: "f", n: map[bool]int64{true: 4_000_000_000, false: 1_500_000_000}[later]})
	})
	h = s.handle("f")
	_, err := h.WriteAt([]byte("ours"), 5000)
	s.must(errors.Join(err, h.Sync()))
	s.deliver(theirs, "f")
	return h, patched(chunks("abcd"), "ours", 5000)
}

// TestWriteWhileBeaten writes and fsyncs while the commit is under way that has
// put the file's version aside, and given the name up: what was acknowledged is
// not lost.
func TestWriteWhileBeaten(t *testing.T) {
	err := tellScene(t, 2, layout{reuse: true}, func(s *scene) {
		h, ours := s.contestedBy(true)
		stall := cloudtest.NewStall()
		s.inject(0, cloudtest.Rule{Op: "syncfs", From: 2, To: 2, Stall: stall}) // the cloud that fails is taken out of use
		s.inject(1, cloudtest.Rule{Op: "create", Err: syscall.EIO})
		committed, wrote := make(chan error, 1), make(chan error, 1)
		go func() { committed <- s.m.Commit() }()
		select {
		case <-stall.Waiting():
		case <-time.After(10 * time.Second):
			stall.Release()
			s.failf("nothing waits: %v", <-committed)
		}
		go func() {
			_, err := h.WriteAt([]byte("acknowledged"), 0)
			if err == nil {
				err = h.Sync()
			}
			wrote <- err
		}()
		var err error
		select {
		case err = <-wrote:
			wrote <- err
		case <-time.After(300 * time.Millisecond):
		}
		stall.Release()
		s.must(<-committed)
		if err = <-wrote; err == nil {
			ours = patched(ours, "acknowledged", 0)
		}
		_ = h.Close()
		s.mend()
		for range 3 {
			s.tend()
		}
		s.remount()
		s.kept("theirs", ours)
	})
	if err != nil {
		t.Error(err)
	}
}
