package mirror_test

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// TestFindingsOfClouds: what lossy and hostile clouds once did beside honest
// ones.
func TestFindingsOfClouds(t *testing.T) { runFindings(t, cloudFindings) }

var cloudFindings = []finding{
	{"B1 a deleted file put back, appended to", 2, func(s *scene) { putBack(s, false) }},
	{"B1 a deleted file put back, renamed", 2, func(s *scene) { putBack(s, true) }},
	{"B1 a deleted file put back, three clouds", 3, func(s *scene) { putBack(s, true) }},
	{"B2 a copy of another file", 2, copyOfAnother},
	{"B2 an old file of another id", 2, oldIdentity},
	{"B3 a link in the place of a directory", 2, linkForDirectory},
	{"B4 saved over a copy of another file", 2, savedOverCopy},
	{"B5 an old record in place", 2, oldRecord},
	{"B6 hard link of another file", 2, linkOfAnother},
	{"B7 a huge sidecar", 2, hugeSidecar},
	{"B9 a backing file with another mode", 2, otherMode},
	{"B10 entry renamed to that of a special file", 2, renamedToSpecial},
	{"B10 a directory in the place of a file", 2, directoryForFile},
	{"B11 rolled back while the other is away", 2, rolledBackAlone},
	{"B12 two stale clouds of three", 3, twoStale},
	{"B13 reads that differ", 2, readsThatDiffer},
	{"B14 a peer that is short", 2, shortPeer},
	{"B15 foreign files in a directory that is removed", 2, foreignInRemoved},
	{"B16 conflict copies of both versions", 2, conflictCopies},
	{"B16 a duplicate in a directory that is removed", 2, duplicateInRemoved},
}

// putBack lets the last cloud show again what was deleted.
func putBack(s *scene, rename bool) {
	k := s.n - 1
	s.put("f", chunks("ab"), true)
	s.put("other", "other", true)
	s.must(s.m.Sync())
	old := s.disk.Clone()
	s.steps(step{op: opUnlink, path: "f"})
	s.must(s.m.Sync())
	s.must(s.them(k).Do(cloudtest.Rollback(s.entryAt(k, "f"), old.Dir(cloudName(k)))))
	s.missing("f")
	if rename {
		_ = s.do(step{op: opRename, path: "f", to: "g"})
	} else {
		_ = s.patch("f", "more", -1)
	}
	s.put("other", "changed", true)
	s.missing("g")
	s.remount()
	s.missing("g")
	s.holds("other", "changed")
	for k := range s.n - 1 {
		s.honest(k)
	}
}

func copyOfAnother(s *scene) {
	s.put("f", chunks("f"), true)
	s.put("g", chunks("g"), true)
	s.remount()
	s.must(s.them(0).Do(cloudtest.Plant(s.entryAt(0, "g"), s.entryAt(0, "f"), false)))
	s.holds("f", chunks("f"))
	s.holds("g", chunks("g"))
	s.remount()
	s.holds("f", chunks("f"))
	s.honest(1)
}

func oldIdentity(s *scene) {
	s.put("x", "the old one", true)
	s.must(s.m.Sync())
	old := s.disk.Clone()
	s.steps(step{op: opUnlink, path: "x"})
	s.put("x", "the new one", true)
	s.remount()
	s.must(s.them(0).Do(cloudtest.Rollback(s.entryAt(0, "x"), old.Dir(cloudName(0)))))
	s.holds("x", "the new one")
	s.remount()
	s.holds("x", "the new one")
	s.honest(1)
}

func linkForDirectory(s *scene) {
	s.steps(step{op: opMkdir, path: "private", mode: 0o755}, step{op: opSymlink, path: "link", to: "elsewhere"})
	s.put("private/plan", "plan", true)
	s.remount()
	private := s.entryAt(0, "private")
	s.must(s.them(0).Do(cloudtest.Rename(private, "away")))
	s.must(s.them(0).Do(cloudtest.Plant(s.entryAt(0, "link")+"w", private+"w", false)))
	n, err := s.m.Walk("private")
	s.must(err)
	if !n.IsDir() {
		s.failf("private is no directory any more")
	}
	s.holds("private/plan", "plan")
	s.put("private/plan", "changed", true)
	s.remount()
	s.holds("private/plan", "changed")
	s.honest(1)
}

func savedOverCopy(s *scene) {
	s.put("f", chunks("f"), true)
	s.put("g", chunks("g"), true)
	s.remount()
	s.must(s.them(0).Do(cloudtest.Plant(s.entryAt(0, "g"), s.entryAt(0, "f"), false)))
	s.put("tmp", "saved", true)
	s.steps(step{op: opRename, path: "tmp", to: "f"})
	s.remount()
	s.holds("f", "saved")
	s.holds("g", chunks("g"))
	s.must(s.patch("g", "more", -1))
	s.holds("g", chunks("g")+"more")
	s.remount()
	tree, err := s.audit(1)
	s.must(err)
	f, g := tree.Nodes["f"], tree.Nodes["g"]
	if f.Err != nil || g.Err != nil || f.Header.FileID == g.Header.FileID {
		s.failf("in the honest cloud the two are %+v and %+v", f, g)
	}
	s.honest(1)
}

func oldRecord(s *scene) {
	s.put("f", chunks("abc"), true)
	s.must(s.m.Sync())
	old := s.disk.Clone()
	h := s.handle("f")
	_, err := h.WriteAt([]byte(chunks("B")), 4096)
	s.must(err)
	s.must(s.m.Commit())
	s.replay(0, "f", 1, old)
	buf := make([]byte, 3*4096)
	if _, err := h.ReadAt(buf, 0); err != nil || string(buf) != chunks("aBc") {
		s.failf("the open file holds %s (%v)", brief(string(buf)), err)
	}
	_, err = h.WriteAt([]byte("patch"), 4100)
	s.must(errors.Join(err, h.Sync(), h.Close()))
	want := patched(chunks("aBc"), "patch", 4100)
	s.holds("f", want)
	s.remount()
	s.holds("f", want)
	s.honest(1)
}

func linkOfAnother(s *scene) {
	s.put("f", "f", true)
	s.put("g", "g", true)
	s.remount()
	s.must(s.them(0).Do(cloudtest.Plant(s.entryAt(0, "g"), s.entryAt(0, "f"), true)))
	s.put("f", "newer", true)
	s.holds("f", "newer")
	s.holds("g", "g")
	s.remount()
	s.holds("f", "newer")
	s.holds("g", "g")
	s.honest(1)
}

// hugeSidecar plants a long name whose sidecar has no end to speak of.
func hugeSidecar(s *scene) {
	const size = 64 << 20
	digits := strings.Repeat("0", 40)
	dir := s.disk.Dir(cloudName(0))
	f, err := dir.Create("x"+digits, 0o600)
	s.must(err)
	s.must(f.Close())
	f, err = dir.Create("y"+digits, 0o600)
	s.must(err)
	s.must(f.Truncate(size))
	s.must(f.Close())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	look(s.m)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > size/4 {
		s.failf("listing the directory took %d MiB", took>>20)
	}
}

func otherMode(s *scene) {
	s.put("f", "f", true)
	s.steps(step{op: opChmod, path: "f", mode: 0o600})
	s.remount()
	for range 2 {
		s.must(s.disk.Dir(cloudName(0)).Chmod(s.entryAt(0, "f"), 0o666))
		if g := look(s.m)["f"]; g.mode != 0o600 {
			s.failf("the mode is %o", g.mode)
		}
		s.remount()
	}
}

func renamedToSpecial(s *scene) {
	s.put("f", "f", true)
	s.remount()
	s.must(s.them(0).Do(cloudtest.Rename(s.entryAt(0, "f"), s.entryAt(0, "f")+"w")))
	s.holds("f", "f")
	s.remount()
	s.holds("f", "f")
	s.honest(1)
}

func directoryForFile(s *scene) {
	s.put("f", "f", true)
	s.remount()
	s.must(s.them(0).Do(cloudtest.Delete(s.entryAt(0, "f"))))
	s.must(s.disk.Dir(cloudName(0)).Mkdir(s.entryAt(0, "f"), 0o755))
	s.holds("f", "f")
	s.remount()
	s.holds("f", "f")
	s.honest(1)
}

func rolledBackAlone(s *scene) {
	s.put("f", "first", true)
	s.must(s.m.Sync())
	old := s.disk.Clone()
	s.must(s.patch("f", "newer", 0))
	s.unmount()
	s.must(s.them(0).Do(cloudtest.Rollback(s.entryAt(0, "f"), old.Dir(cloudName(0)))))
	s.mount(1)
	edited := s.patch("f", "+ours", -1) == nil // it may be refused: what was there is known to be newer
	s.remount()
	s.backAgain()
	s.kept("newer")
	if edited {
		s.kept("first+ours")
	}
}

// twoStale lets two clouds of three agree on a record that acc refutes.
func twoStale(s *scene) {
	s.put("f", chunks("abc"), true)
	s.must(s.m.Sync())
	old := s.disk.Clone()
	s.must(s.patch("f", chunks("B"), 4096))
	s.unmount()
	for k := range 2 {
		s.replay(k, "f", 1, old)
	}
	s.mount()
	s.holds("f", chunks("aBc"))
	s.honest(2)
}

// readsThatDiffer lets a server answer one read with an old state, whichever it
// is.
func readsThatDiffer(s *scene) {
	s.put("f", chunks("abc"), true)
	s.must(s.m.Sync())
	old := s.disk.Clone()
	s.must(s.patch("f", chunks("B"), 4096))
	s.unmount()
	for n := 1; n <= 24; n++ {
		c := &scene{box: s.clone()}
		c.inject(0, cloudtest.Rule{Op: "readat", Glob: s.entryAt(0, "f"), From: n, To: n, Instead: old.Dir(cloudName(0))})
		c.mount()
		for range 3 {
			c.holds("f", chunks("aBc"))
		}
		h, buf := c.handle("f"), make([]byte, 3*4096)
		for range 4 { // it stays open
			if _, err := h.ReadAt(buf, 0); err != nil || string(buf) != chunks("aBc") {
				c.failf("the open file holds %s (%v)", brief(string(buf)), err)
			}
		}
		c.must(h.Close())
		c.unmount()
	}
}

// shortPeer puts zeros into one cloud, and cuts the other off before them.
func shortPeer(s *scene) {
	const record = 4096 + cipher.RecordOverhead
	hole := strings.Repeat("\x00", 4096)
	content := strings.Repeat(chunks("abcd"), 80) + hole + chunks("e") // longer than is checked as a whole, with holes
	s.must(withFile(s.m, "f", false, func(h *mirror.Handle) error {
		_, first := h.WriteAt([]byte(content[:320*4096]), 0)
		_, last := h.WriteAt([]byte(content[321*4096:]), 321*4096)
		return errors.Join(first, last, h.Sync())
	}))
	s.unmount()
	lying := s.backing(s.disk, 0, "f")
	clear(lying[cipher.HeaderSize+record : cipher.HeaderSize+2*record])
	s.must(s.them(0).Do(cloudtest.Rewrite(s.entryAt(0, "f"), lying)))
	short := s.backing(s.disk, 1, "f")
	s.must(s.them(1).Do(cloudtest.Rewrite(s.entryAt(1, "f"), short[:cipher.HeaderSize+record])))
	s.mount()
	h := s.handle("f")
	buf := make([]byte, 4096)
	if _, err := h.ReadAt(buf, 4096); err == nil && string(buf) != content[4096:8192] {
		s.failf("served: %s", brief(string(buf)))
	}
}

func foreignInRemoved(s *scene) {
	s.steps(step{op: opMkdir, path: "d", mode: 0o755})
	s.must(s.m.Sync())
	dir := s.disk.Dir(cloudName(0))
	foreign := []string{"y" + strings.Repeat("0", 40), ".~lock.tmp"}
	for _, name := range foreign {
		f, err := dir.Create(s.entryAt(0, "d")+"/"+name, 0o600)
		s.must(err)
		s.must(f.Close())
	}
	_ = s.do(step{op: opRmdir, path: "d"}) // refused, or the directory is put aside
	if left := s.backingNames(0); !containsAll(left, foreign) {
		s.failf("of the foreign files there are left %q", left)
	}
	s.unmount()
	s.mount()
	if left := s.backingNames(0); !containsAll(left, foreign) {
		s.failf("after a remount of the foreign files there are left %q", left)
	}
}

func containsAll(have, want []string) bool {
	return !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(have, w) })
}

// backingNames are all names in a cloud, wherever they are.
func (s *scene) backingNames(k int) []string {
	var names []string
	dir := s.disk.Dir(cloudName(k))
	var walk func(at string)
	walk = func(at string) {
		entries, err := dir.ReadDir(at)
		s.must(err)
		for _, e := range entries {
			names = append(names, e.Name)
			if e.Dir {
				walk(strings.TrimPrefix(at+"/"+e.Name, "/"))
			}
		}
	}
	walk("")
	return names
}

// conflictCopies renames both versions of a file, as bisync does: both are
// shown, under whatever names.
func conflictCopies(s *scene) {
	s.put("f", "first", true)
	s.remount()
	theirs := s.theirs(8, func(other *scene) { other.put("f", "theirs", true) })
	s.put("f", "ours", true)
	s.unmount()
	for k := range s.n {
		entry := s.entryAt(k, "f")
		s.must(s.them(k).Do(cloudtest.Rename(entry, entry+".conflict1")))
		s.must(s.them(k).Do(cloudtest.Replace(entry+".conflict2", s.backing(theirs, k, "f"))))
	}
	s.mount()
	look(s.m) // a tool may still be at it
	s.backAgain()
	s.kept("ours", "theirs")
}

func duplicateInRemoved(s *scene) {
	s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opMkdir, path: "d/e", mode: 0o755})
	s.put("d/e/f", "f", true)
	s.must(s.m.Sync())
	for k := range s.n {
		s.must(s.them(k).Do(cloudtest.Duplicate(s.entryAt(k, "d/e"))))
	}
	s.steps(step{op: opUnlink, path: "d/e/f"}, step{op: opRmdir, path: "d/e"})
	if err := s.do(step{op: opRmdir, path: "d"}); err != nil {
		d, walk := s.m.Walk("d")
		s.must(walk)
		list, listing := d.ReadDir()
		s.must(listing)
		if len(list) == 0 {
			s.failf("nothing is in the directory, and yet: %w", err)
		}
	}
}
