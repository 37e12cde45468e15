//go:build !race || long

package mirror_test

import (
	"errors"
	"fmt"
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

// inTheWay is what a sync client puts where a file was, or where its directory was.
var inTheWay = []struct {
	name string
	move func(s *scene, k int)
}{
	{"a directory", func(s *scene, k int) {
		at := s.entryAt(k, "d/f")
		s.must(errors.Join(s.them(k).Do(cloudtest.Delete(at)), s.disk.Dir(cloudName(k)).Mkdir(at, 0o700)))
	}},
	{"a file in the place of the directory", func(s *scene, k int) {
		at := s.entryAt(k, "d")
		s.must(errors.Join(s.them(k).Do(cloudtest.Delete(at)), s.them(k).Do(cloudtest.Replace(at, s.backing(s.disk, k, "other")))))
	}},
	{"garbage in the place of the directory", func(s *scene, k int) {
		at := s.entryAt(k, "d")
		s.must(errors.Join(s.them(k).Do(cloudtest.Delete(at)), s.them(k).Do(cloudtest.Replace(at, random(3000)))))
	}},
}

// TestContestsAndDirs lets every cloud have a directory in the place of an open
// file, or a file in that of its directory: what was fsynced is not lost, and the
// mirror ends.
func TestContestsAndDirs(t *testing.T) {
	for _, way := range inTheWay {
		for _, change := range contenders {
			for n := 1; n <= 2; n++ {
				t.Run(fmt.Sprintf("%s, %s, %d clouds", way.name, change.name, n), func(t *testing.T) {
					err := tellScene(t, n, layout{reuse: true}, func(s *scene) {
						s.steps(step{op: opMkdir, path: "d", mode: 0o755})
						s.put("other", "other", true)
						s.put("d/f", chunks("abcd"), true)
						s.remount()
						h := s.handle("d/f")
						ours, err := change.change(h, chunks("abcd"))
						s.must(errors.Join(err, h.Sync()))
						for k := range s.n {
							way.move(s, k)
						}
						s.must(errors.Join(s.m.Commit(), h.Close()))
						for range 3 {
							s.tend()
							s.remount()
							found := false
							for _, g := range look(s.m) {
								found = found || g.err == nil && g.data == ours
							}
							if !found {
								s.failf("%s is in no file of %v", brief(ours), look(s.m))
							}
						}
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}
