package mirror_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// TestFindingsOfSync: what sync clients once did to open files, and what clouds
// that lag or are away did to the rest.
func TestFindingsOfSync(t *testing.T) { runFindings(t, syncFindings) }

var syncFindings = []finding{
	{"A3 entry replaced under an open file", 2, func(s *scene) { editedWhileOpen(s, false) }},
	{"A3 entry deleted under an open file", 2, deletedWhileOpen},
	{"A4 entry rewritten under an open file", 2, func(s *scene) { editedWhileOpen(s, true) }},
	{"A4 another version before a truncation", 2, editedBeforeTruncate},
	{"A5 two mounts of one vault", 2, mountedTwice},
	{"A16 each cloud lacks what the other has", 2, eachLacksSomething},
	{"A17 only a cloud that owes is left", 2, onlyTheOwingLeft},
}

// editedWhileOpen lets another machine's version of a file arrive in every
// cloud while it is open and changed here: by rename, or in place.
func editedWhileOpen(s *scene, inPlace bool) {
	s.put("f", chunks("abc"), true)
	s.remount()
	theirs := s.theirs(8, func(other *scene) { other.put("f", "theirs", true) })
	h := s.handle("f")
	_, err := h.WriteAt([]byte("ours"), 0)
	s.must(err)
	for k := range s.n {
		if inPlace {
			s.must(s.them(k).Do(cloudtest.Rewrite(s.entryAt(k, "f"), s.backing(theirs, k, "f"))))
		}
	}
	if !inPlace {
		s.deliver(theirs, "f")
	}
	s.must(h.Sync())
	s.must(h.Close())
	s.remount()
	s.kept("theirs", patched(chunks("abc"), "ours", 0))
	s.honest(0, 1)
}

func deletedWhileOpen(s *scene) {
	s.put("f", chunks("abc"), true)
	s.remount()
	h := s.handle("f")
	_, err := h.WriteAt([]byte("ours"), 0)
	s.must(err)
	for k := range s.n {
		s.must(s.them(k).Do(cloudtest.Delete(s.entryAt(k, "f"))))
	}
	s.must(h.Sync())
	s.must(h.Close())
	s.remount()
	s.kept(patched(chunks("abc"), "ours", 0))
	s.honest(0, 1)
}

func editedBeforeTruncate(s *scene) {
	s.put("f", chunks("abc"), true)
	s.remount()
	theirs := s.theirs(8, func(other *scene) { other.put("f", "theirs", true) })
	h := s.handle("f")
	s.deliver(theirs, "f")
	s.must(h.Truncate(0))
	_, err := h.WriteAt([]byte("ours"), 0)
	s.must(errors.Join(err, h.Sync(), h.Close()))
	s.remount()
	s.kept("ours", "theirs")
	s.honest(0, 1)
}

// mountedTwice mounts a copy of the vault directory beside the first: the
// second mount is refused, or nothing is lost.
func mountedTwice(s *scene) {
	s.put("f", chunks("abc"), true)
	s.remount()
	twin := &scene{box: s.machine(7)}
	twin.state = s.state.clone()
	m, err := twin.open()
	if err != nil {
		return
	}
	twin.m = m
	s.must(s.patch("f", "first", 0))
	s.must(twin.patch("f", "second", 5000))
	s.unmount()
	twin.unmount()
	s.mount()
	for path, g := range look(s.m) {
		if g.err != nil {
			s.failf("%q: %v", path, g)
		}
	}
	s.honest(0, 1)
}

func eachLacksSomething(s *scene) {
	for i := range 5 {
		s.put(fmt.Sprint("doc", i+1), fmt.Sprint("content ", i+1), true)
	}
	s.unmount()
	for i := 1; i < 5; i++ {
		s.must(s.them(1).Do(cloudtest.Delete(s.entryAt(1, fmt.Sprint("doc", i+1)))))
	}
	s.must(s.them(0).Do(cloudtest.Delete(s.entryAt(0, "doc1"))))
	s.mount()
	s.must(s.patch("doc1", "x", -1))
	s.holds("doc1", "content 1x")
	for i := 1; i < 5; i++ {
		s.holds(fmt.Sprint("doc", i+1), fmt.Sprint("content ", i+1))
	}
	s.remount()
	s.holds("doc1", "content 1x")
	s.holds("doc5", "content 5")
}

func onlyTheOwingLeft(s *scene) {
	s.put("f", "f", true)
	s.put("g", "g", true)
	s.remount(1)
	s.must(s.patch("f", "changed", 0))
	s.remount()
	s.unmount()
	s.mount(0)
	s.holds("g", "g")
	if got, err := tryRead(s.m, "f"); err == nil && string(got) != "changed" {
		s.failf("f is served as %q", got)
	}
	s.unmount()
}
