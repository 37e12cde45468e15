//go:build !race || long

package mirror_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// recordAt is where a chunk's record begins.
func recordAt(i int) int64 { return cipher.HeaderSize + int64(i)*(4096+cipher.RecordOverhead) }

// theirHarm is what somebody else does in place to a backing file, to the records of the chunks 5 and 6.
var theirHarm = map[string]func(f cloud.File) error{
	"a hole": func(f cloud.File) error { return f.PunchHole(recordAt(5), recordAt(7)-recordAt(5)) },
	"zeros": func(f cloud.File) error {
		_, err := f.WriteAt(make([]byte, recordAt(7)-recordAt(5)), recordAt(5))
		return err
	},
	"cut to its header": func(f cloud.File) error { return f.Truncate(cipher.HeaderSize) },
	"cut":               func(f cloud.File) error { return f.Truncate(recordAt(5)) },
	"cut, and long again": func(f cloud.File) error {
		info, err := f.Stat()
		return errors.Join(err, f.Truncate(recordAt(5)), f.Truncate(info.Size))
	},
}

// harm changes the backing file of f in cloud k in place.
func (s *scene) harm(k int, path string, do func(f cloud.File) error) {
	f, err := s.disk.Dir(cloudName(k)).Open(s.entryAt(k, path), true)
	s.must(err)
	s.must(errors.Join(do(f), f.Close()))
}

// copied is what a program makes of a file that copies what SEEK_DATA shows, and leaves the rest out.
func copied(h *mirror.Handle, length int64) (string, error) {
	out := make([]byte, length)
	for at := int64(0); at < length; {
		from, err := h.SeekData(at, true)
		if errors.Is(err, mirror.ErrNoData) {
			break
		}
		if err != nil {
			return "", err
		}
		to, err := h.SeekData(from, false)
		if err != nil {
			return "", err
		}
		if n, err := h.ReadAt(out[from:to], from); err != nil && err != io.EOF {
			return string(out[:from]) + string(out[from:from+int64(n)]), err
		}
		at = to
	}
	return string(out), nil
}

// neverWrong wants each byte that can be read from a file to be right.
func (s *scene) neverWrong(what, path, want string) {
	got, err := tryRead(s.m, path)
	if err == nil && string(got) != want {
		s.failf("%s: %q is wrong, not an error%s", what, path, firstOff(string(got), want))
	}
	n, err := s.m.Walk(path)
	if err != nil {
		return
	}
	defer n.Forget()
	h, err := n.Open(mirror.OpenOptions{})
	if err != nil {
		return
	}
	defer h.Close()
	for at := 0; at < len(want); at += 4096 {
		p := make([]byte, min(4096, len(want)-at))
		if _, err := h.ReadAt(p, int64(at)); (err == nil || err == io.EOF) && string(p) != want[at:at+len(p)] {
			s.failf("%s: %q at chunk %d is wrong, not an error%s", what, path, at/4096, firstOff(string(p), want[at:at+len(p)]))
		}
	}
	s.noFalseHole(what, h, want)
	if got, err := copied(h, int64(len(want))); err == nil && got != want {
		s.failf("%s: a sparse copy of %q is wrong, not an error%s", what, path, firstOff(got, want))
	}
}

// zeros is content of n chunks of zeros.
func zeros(n int) string { return strings.Repeat("\x00", n*4096) }

// A lateHarm is a file with holes, what somebody has done to it, and what a program does next.
type lateHarm struct {
	n, k     int
	open     bool // the program has it open meanwhile
	alone    bool // no other cloud answers from then on
	content  string
	harm     func(f cloud.File) error
	change   func(h *mirror.Handle) error
	changing func(c string) string // what the change makes of the content
}

// theirNext is what a program does with a file, and what that makes of the content.
var theirNext = map[string]struct {
	do func(h *mirror.Handle) error
	of func(c string) string
}{
	"nothing":         {func(*mirror.Handle) error { return nil }, func(c string) string { return c }},
	"cut":             {func(h *mirror.Handle) error { return h.Truncate(8 * 4096) }, func(c string) string { return c[:8*4096] }},
	"cut long":        {func(h *mirror.Handle) error { return h.Truncate(22*4096 + 5) }, func(c string) string { return c[:22*4096+5] }},
	"grow":            {func(h *mirror.Handle) error { return h.Truncate(600 * 4096) }, func(c string) string { return patched(c, "", 600*4096) }},
	"punch elsewhere": {func(h *mirror.Handle) error { return h.Allocate(punches, 9*4096, 3*4096) }, func(c string) string { return patched(c, zeros(3), 9*4096) }},
	"punch it":        {func(h *mirror.Handle) error { return h.Allocate(punches, 5*4096, 2*4096) }, func(c string) string { return patched(c, zeros(2), 5*4096) }},
	"write elsewhere": {func(h *mirror.Handle) error { _, err := h.WriteAt([]byte(chunks("Y")), 10*4096); return err }, func(c string) string { return patched(c, chunks("Y"), 10*4096) }},
	"write first":     {func(h *mirror.Handle) error { _, err := h.WriteAt([]byte(chunks("VWXYZ")), 0); return err }, func(c string) string { return patched(c, chunks("VWXYZ"), 0) }},
	"write first, and cut": {func(h *mirror.Handle) error {
		_, err := h.WriteAt([]byte(chunks("VWXYZ")), 0)
		return errors.Join(err, h.Truncate(8*4096))
	}, func(c string) string { return patched(c, chunks("VWXYZ"), 0)[:8*4096] }},
	"write it": {func(h *mirror.Handle) error { _, err := h.WriteAt([]byte(chunks("YZ")), 5*4096); return err }, func(c string) string { return patched(c, chunks("YZ"), 5*4096) }},
}

// theirFiles are contents, zeros where the file has holes.
var theirFiles = map[string]string{
	"data first": chunks("abcdefghijklmnopqrstuv") + zeros(12),
	"hole first": zeros(5) + chunks("fg") + zeros(27),
	"both":       zeros(5) + chunks("fg") + zeros(2) + chunks("jklmnopqrstuvwxy") + zeros(12),
	"long":       zeros(5) + chunks("fg") + zeros(2) + strings.Repeat(chunks("jklmnopqr"), 40) + zeros(12),
}

// TestTheirHoles: somebody makes zeros of records of a file with holes, or cuts them off, in one cloud. What programs then read, copy by
// SEEK_DATA, cut, punch and write is never zeros that nobody wrote, as a file is checked as a whole, or beside other clouds, before its first byte is served.
func TestTheirHoles(t *testing.T) {
	cases := 0
	for how, harm := range theirHarm {
		for which, content := range theirFiles {
			for what, next := range theirNext {
				for _, open := range []bool{false, true} {
					if cases++; cases%everyScene != 0 {
						continue
					}
					for n := 1; n <= 2; n++ {
						for k := range n {
							for _, alone := range []bool{false, true} {
								if n == 1 && alone || n == 2 && open && alone || which == "long" && (n == 1 || alone) {
									continue
								}
								t.Run(fmt.Sprintf("%s, %s, then %s, open %v, cloud %d of %d, alone %v", how, which, what, open, k, n, alone), func(t *testing.T) {
									telling(t, n, lateHarm{n, k, open, alone, content, harm, next.do, next.of}.tell)
								})
							}
						}
					}
				}
			}
		}
	}
}

func (l lateHarm) tell(s *scene) {
	s.put("f", "", false)
	h := s.handle("f")
	for i := 0; i < len(l.content); i += 4096 {
		if part := l.content[i : i+4096]; part != zeros(1) {
			_, err := h.WriteAt([]byte(part), int64(i))
			s.must(err)
		}
	}
	s.must(h.Truncate(int64(len(l.content))))
	s.must(h.Sync())
	s.must(s.m.Sync())
	if !l.open {
		s.must(h.Close())
		s.unmount()
	}
	s.harm(l.k, "f", l.harm)
	if !l.open {
		s.mount()
		if l.alone {
			s.remount(without(l.n, l.k)...)
		}
		n, err := s.m.Walk("f")
		s.must(err)
		if h, err = n.Open(mirror.OpenOptions{Write: true}); err != nil {
			return // nobody can be misled
		}
	}
	sound, want := l.n > 1 && !l.alone, l.changing(l.content)
	err := l.change(h)
	if err != nil && sound {
		s.failf("the change: %w", err)
	}
	if err != nil {
		s.m.Close()
		return // what was done in part may be there
	}
	if got, err := copied(h, int64(len(want))); err == nil && got != want {
		s.failf("a sparse copy through the open handle is wrong%s", firstOff(got, want))
	}
	l.then(s, h, sound, want)
}

// then is what holds of a file once it was changed.
func (l lateHarm) then(s *scene, h *mirror.Handle, sound bool, want string) {
	if err := h.Sync(); err != nil && sound {
		s.failf("fsync: %w", err)
	}
	_ = h.Close()
	s.neverWrong("then", "f", want)
	_ = s.m.Sync()
	_ = s.m.Close()
	s.mount()
	if !sound {
		s.neverWrong("after a mount", "f", want)
		if l.n > 1 {
			s.heal()
			s.neverWrong("healed", "f", want)
		}
		return
	}
	if _, err := tryRead(s.m, "f"); !errors.Is(err, mirror.ErrStale) {
		s.must(err)
	}
	s.holds("f", want) // looked up again where it was stale, as the kernel does
	s.heal()
	s.holds("f", want)
	for k := range l.n {
		s.alone(k, "f", want)
	}
}

// firstOff says which chunk differs first.
func firstOff(got, want string) string {
	for at := 0; at < min(len(got), len(want)); at += 4096 {
		if g, w := got[at:min(at+4096, len(got))], want[at:min(at+4096, len(want))]; g != w {
			return fmt.Sprintf(": chunk %d is %q, want %q", at/4096, g[:min(3, len(g))], w[:min(3, len(w))])
		}
	}
	return fmt.Sprintf(": %d bytes, want %d", len(got), len(want))
}

// noFalseHole wants no data to be called a hole: where it cannot be read, that is an error.
func (s *scene) noFalseHole(what string, h *mirror.Handle, want string) {
	for at := 0; at+4096 <= len(want); at += 4096 {
		if want[at:at+4096] == zeros(1) {
			continue
		}
		got, err := h.SeekData(int64(at), true)
		if errors.Is(err, mirror.ErrNoData) || err == nil && got != int64(at) {
			s.failf("%s: SEEK_DATA from chunk %d, which has data, gives %d and error %v", what, at/4096, got, err)
		}
	}
}
