//go:build !race || long

package mirror_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// cutShort is what a sync client leaves that stops amid a download in place: so many records of f, with the holes that they had.
func (s *scene) cutShort(k, records int) {
	f, err := s.disk.Dir(cloudName(k)).Open(s.entryAt(k, "f"), true)
	s.must(err)
	s.must(errors.Join(f.Truncate(int64(cipher.HeaderSize+records*(4096+cipher.RecordOverhead))), f.Close()))
	s.clock.pass(time.Hour)
}

// TestCutShortIsNoHole changes a file of which every copy at hand was cut short, sparse and dense, while a whole one is away: what is missing
// is no hole for that. Nothing is changed on top of it, and the file is whole when that cloud is back.
func TestCutShortIsNoHole(t *testing.T) {
	changes := []struct {
		name string
		do   func(h *mirror.Handle) error
		left int64 // chunks
	}{
		{"nothing", func(*mirror.Handle) error { return nil }, 2000},
		{"shrink, recount", func(h *mirror.Handle) error { return h.Truncate(700 * 4096) }, 700},
		{"shrink, subtract", func(h *mirror.Handle) error { return h.Truncate(1800 * 4096) }, 1800},
		{"shrink to what is there", func(h *mirror.Handle) error { return h.Truncate(300 * 4096) }, 300},
		{"punch", func(h *mirror.Handle) error {
			return h.Allocate(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 450*4096, 1000*4096)
		}, 2000},
	}
	for _, change := range changes {
		for i := range 4 {
			n, dense := 2+i/2, i%2 == 1
			t.Run(fmt.Sprintf("%s, %d clouds, dense %t", change.name, n, dense), func(t *testing.T) {
				telling(t, n, func(s *scene) {
					if dense {
						s.put("f", strings.Repeat(chunks("b"), 2000), true)
					} else {
						s.islands(2000)
					}
					s.remount(n - 1)
					for k := range n - 1 {
						s.cutShort(k, 400)
					}
					h := s.handle("f")
					done := change.do(h) == nil
					_ = h.Sync() // it may say that there is nothing to be read
					s.must(h.Close())
					s.remount()
					s.backAgain()
					s.heal()
					g := look(s.m)["f"]
					if g.err != nil || int64(len(g.data)) != 2000*4096 && (!done || int64(len(g.data)) != change.left*4096) {
						s.failf("f has %d bytes: %v", len(g.data), g.err)
					}
					if at := 600 * 4096; len(g.data) > at && g.data[at] != 'b' && !(done && change.name == "punch") {
						s.failf("chunk 600 is %q", g.data[at])
					}
				})
			})
		}
	}
}

// islands makes f: "a" in chunk 0, "b" in chunk 600, of n chunks.
func (s *scene) islands(n int64) {
	s.must(withFile(s.m, "f", false, func(h *mirror.Handle) error {
		return errors.Join(
			onlyErr(h.WriteAt([]byte(chunks("a")), 0)), onlyErr(h.WriteAt([]byte(chunks("b")), 600*4096)), h.Truncate(n*4096), h.Sync())
	}))
}

// TestSeekInCutShort: who asks for data, as cp does, is not told of a hole where nobody can read.
func TestSeekInCutShort(t *testing.T) {
	for i := range 4 {
		n, held := 1+i/2, i%2 == 1
		t.Run(fmt.Sprintf("%d clouds, held %t", n, held), func(t *testing.T) {
			telling(t, n, func(s *scene) {
				s.islands(2000)
				s.remount()
				var h *mirror.Handle
				if held {
					h = s.handle("f")
				}
				for k := range n {
					s.cutShort(k, 400)
				}
				if !held {
					node, err := s.m.Walk("f")
					s.must(err)
					defer node.Forget()
					if h, err = node.Open(mirror.OpenOptions{}); err != nil {
						return // nobody is told anything
					}
				}
				defer h.Close()
				if _, err := h.ReadAt(make([]byte, 4096), 600*4096); err == nil || err == io.EOF {
					s.failf("what is missing is read: %v", err)
				}
				if at, err := h.SeekData(4096, true); err == nil && at > 600*4096 || errors.Is(err, mirror.ErrNoData) {
					s.failf("data at %d: %v", at, err)
				}
			})
		})
	}
}
