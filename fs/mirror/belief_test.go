package mirror_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// TestBelief: what one cloud shows is held against what is known, and what is
// wrong is owed.
func TestBelief(t *testing.T) {
	runFindings(t, []finding{
		{"an older version in the lead", 2, func(s *scene) { olderIn(s, 0) }},
		{"an older version in a follower", 2, func(s *scene) { olderIn(s, 1) }},
		{"older versions in two clouds of three", 3, func(s *scene) { olderIn(s, 0, 1) }},
		{"a file missing in the lead", 2, missingInLead},
		{"a directory missing in the lead", 2, missingDirectory},
		{"a symlink in the place of a file", 2, linkForFile},
		{"a directory in the place of a symlink", 2, directoryForLink},
		{"two files swapped in the lead", 2, swapped},
		{"a deleted file put back, made anew", 2, madeOverResurrected},
		{"a deleted file put back in the only cloud", 1, madeOverResurrected},
		{"a deleted directory's file put back, removed", 2, removedOverResurrected},
		{"a file that was renamed shown at its old name", 2, shownAtOldName},
		{"a file that was replaced put back under another name", 2, replacedElsewhere},
		{"a file that nobody has, one cloud away", 2, lost},
		{"a file that nobody has", 2, vanished},
		{"another file in one cloud", 2, disputed},
		{"another file in one cloud, exchanged", 2, disputedExchanged},
		{"a copy by a sync tool in a directory that is removed", 2, copyInRemoved},
		{"modes and mtimes dropped, nothing known", 2, func(s *scene) { attributesDropped(s, true) }},
		{"modes and mtimes dropped in the only cloud, nothing known", 1, func(s *scene) { attributesDropped(s, true) }},
		{"modes and mtimes dropped", 2, func(s *scene) { attributesDropped(s, false) }},
		{"a link of a file in one cloud", 2, linkInOne},
		{"what was owed is written", 2, owedIsWritten},
		{"what was owed is there again", 2, owedIsBack},
	})
}

// owesAt wants a cloud to owe a path, once it is unmounted.
func (s *scene) owesAt(k int, path string) {
	s.unmount()
	if !s.index.owed[k][path] {
		s.failf("cloud %d owes %v, and not %q", k, s.index.owed[k], path)
	}
	s.mount()
}

// paidAt wants no cloud to owe a path, once it is unmounted.
func (s *scene) paidAt(path string) {
	s.unmount()
	for k := range s.n {
		if s.index.owed[k][path] {
			s.failf("cloud %d still owes %q", k, path)
		}
	}
	s.mount()
}

// owedIsWritten writes a file that one cloud has wrongly.
func owedIsWritten(s *scene) {
	olderIn(s, 1)
	s.must(s.m.Sync())
	s.put("f", chunks("newest"), true)
	for range 3 {
		s.tend()
	}
	s.holds("f", chunks("newest"))
	s.must(s.m.Sync())
	s.paidAt("f")
	s.honest(0, 1)
}

// owedIsBack has a sync client bring what was missing.
func owedIsBack(s *scene) {
	s.put("f", chunks("abc"), true)
	s.remount()
	whole := s.disk.Clone()
	s.must(s.them(1).Do(cloudtest.Delete(s.entryAt(1, "f"))))
	s.holds("f", chunks("abc"))
	s.owesAt(1, "f")
	s.must(s.them(1).Do(cloudtest.Rollback(s.entryAt(1, "f"), whole.Dir(cloudName(1)))))
	s.clock.pass(time.Minute)
	s.holds("f", chunks("abc"))
	s.paidAt("f")
}

func olderIn(s *scene, clouds ...int) {
	s.put("f", chunks("old"), true)
	s.must(s.m.Sync())
	old := s.disk.Clone()
	s.put("f", chunks("newer"), true)
	s.remount()
	for _, k := range clouds {
		s.must(s.them(k).Do(cloudtest.Rollback(s.entryAt(k, "f"), old.Dir(cloudName(k)))))
	}
	for range 2 {
		s.holds("f", chunks("newer"))
		for _, k := range clouds {
			s.owesAt(k, "f")
		}
		s.remount()
	}
	s.must(s.patch("f", "more", -1))
	s.remount()
	s.holds("f", chunks("newer")+"more")
	for k := range s.n {
		if !slices.Contains(clouds, k) {
			s.honest(k)
		}
	}
}

func missingInLead(s *scene) {
	s.put("f", "content", true)
	s.remount()
	s.must(s.them(0).Do(cloudtest.Delete(s.entryAt(0, "f"))))
	s.holds("f", "content")
	s.owesAt(0, "f")
	s.holds("f", "content")
	s.steps(step{op: opRename, path: "f", to: "g"})
	s.missing("f")
	s.holds("g", "content")
	s.remount()
	s.holds("g", "content")
	s.honest(1)
}

func missingDirectory(s *scene) {
	s.steps(step{op: opMkdir, path: "d", mode: 0o755})
	s.put("d/f", "content", true)
	s.remount()
	s.must(s.them(0).Do(cloudtest.Rename(s.entryAt(0, "d"), "away")))
	s.holds("d/f", "content")
	s.put("d/g", "more", true)
	s.remount()
	s.holds("d/f", "content")
	s.holds("d/g", "more")
	s.honest(1)
}

func linkForFile(s *scene) {
	s.put("f", "content", true)
	s.steps(step{op: opSymlink, path: "link", to: "elsewhere"})
	s.remount()
	s.must(s.them(0).Do(cloudtest.Plant(s.entryAt(0, "link")+"w", s.entryAt(0, "f")+"w", false)))
	s.must(s.them(0).Do(cloudtest.Delete(s.entryAt(0, "f"))))
	s.holds("f", "content")
	s.remount()
	s.holds("f", "content")
	s.honest(1)
}

func directoryForLink(s *scene) {
	s.steps(step{op: opSymlink, path: "link", to: "target"})
	s.remount()
	s.must(s.them(0).Do(cloudtest.Delete(s.entryAt(0, "link") + "w")))
	s.must(s.disk.Dir(cloudName(0)).Mkdir(s.entryAt(0, "link"), 0o755))
	for range 2 {
		if g := look(s.m)["link"]; g.kind != 'l' || g.data != "target" {
			s.failf("the link is %v", g)
		}
		s.remount()
	}
	s.honest(1)
}

func swapped(s *scene) {
	s.put("f", "f", true)
	s.put("g", "g", true)
	s.remount()
	s.must(s.them(0).Do(cloudtest.Swap(s.entryAt(0, "f"), s.entryAt(0, "g"))))
	for range 2 {
		s.holds("f", "f")
		s.holds("g", "g")
		s.remount()
	}
	s.must(s.patch("f", "+", -1))
	s.remount()
	s.holds("f", "f+")
	s.holds("g", "g")
	s.honest(1)
}

// madeOverResurrected makes a file where a cloud shows again what was deleted.
func madeOverResurrected(s *scene) {
	k := s.n - 1
	s.put("f", "deleted", true)
	s.must(s.m.Sync())
	old := s.disk.Clone()
	s.steps(step{op: opUnlink, path: "f"})
	s.remount()
	s.must(s.them(k).Do(cloudtest.Rollback(s.entryAt(k, "f"), old.Dir(cloudName(k)))))
	s.missing("f")
	s.put("f", "another", true)
	s.holds("f", "another")
	s.remount()
	s.holds("f", "another")
	for k := range s.n {
		s.honest(k)
	}
}

func removedOverResurrected(s *scene) {
	s.steps(step{op: opMkdir, path: "d", mode: 0o755})
	s.put("d/f", "deleted", true)
	s.must(s.m.Sync())
	old := s.disk.Clone()
	s.steps(step{op: opUnlink, path: "d/f"})
	s.remount()
	s.must(s.them(1).Do(cloudtest.Rollback(s.entryAt(1, "d/f"), old.Dir(cloudName(1)))))
	s.missing("d/f")
	s.steps(step{op: opRmdir, path: "d"})
	s.remount()
	s.missing("d")
	s.honest(0, 1)
}

func shownAtOldName(s *scene) {
	s.put("f", "content", true)
	s.must(s.m.Sync())
	old := s.disk.Clone()
	s.steps(step{op: opRename, path: "f", to: "g"})
	s.remount()
	s.must(s.them(1).Do(cloudtest.Rollback(s.entryAt(1, "f"), old.Dir(cloudName(1)))))
	for range 2 {
		s.missing("f")
		s.holds("g", "content")
		s.remount()
	}
	s.honest(0)
}

// replacedElsewhere lets a cloud show what was saved over under a free name: its
// content is not that file's any more.
func replacedElsewhere(s *scene) {
	s.put("f", "first", true)
	s.put("g", "second", true)
	s.must(s.m.Sync())
	old := s.disk.Clone()
	s.steps(step{op: opUnlink, path: "g"})
	s.must(s.m.Sync())
	s.remount()
	s.must(s.them(0).Do(cloudtest.Replace(s.entryAt(0, "free"), s.backing(old, 0, "g"))))
	for range 2 {
		s.missing("free")
		s.remount()
	}
	s.honest(1)
}

// lost takes a file from one cloud while the other one is away: it is there, and
// cannot be read, and what is removed stays removed.
func lost(s *scene) {
	s.put("f", "content", true)
	s.put("g", "content", true)
	s.unmount()
	for _, name := range []string{"f", "g"} {
		s.must(s.them(0).Do(cloudtest.Delete(s.entryAt(0, name))))
	}
	s.mount(1)
	if g := look(s.m)["f"]; g.err == nil || errors.Is(g.err, fs.ErrNotExist) {
		s.failf("f is %v", g)
	}
	if err := s.do(step{op: opUnlink, path: "f"}); err != nil {
		s.failf("what is lost cannot be removed: %w", err)
	}
	s.missing("f")
	s.unmount()
	s.mount()
	s.missing("f")
}

// vanished takes a file from every cloud: it is not shown any more, and comes back
// as it was.
func vanished(s *scene) {
	s.put("f", "content", true)
	s.put("g", "g", true)
	s.unmount()
	old := s.disk.Clone()
	for k := range s.n {
		s.must(s.them(k).Do(cloudtest.Delete(s.entryAt(k, "f"))))
	}
	s.clock.pass(time.Hour)
	s.mount()
	s.missing("f")
	s.unmount()
	for k := range s.n {
		s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, "f"), s.backing(old, k, "f"))))
	}
	s.mount()
	s.holds("f", "content")
	s.honest(0, 1)
}

// disputed lets another machine's new file be in the place of a known one, in one
// cloud: the known one is served, and nobody takes over anything.
func disputed(s *scene) {
	s.put("f", "known", true)
	s.remount()
	theirs := s.theirs(8, func(other *scene) {
		other.steps(step{op: opUnlink, path: "f"})
		other.clock.pass(time.Hour)
		other.put("f", "theirs", true)
	})
	s.must(s.them(1).Do(cloudtest.Replace(s.entryAt(1, "f"), s.backing(theirs, 1, "f"))))
	s.holds("f", "known")
	s.put("tmp", "saved", true)
	s.steps(step{op: opRename, path: "tmp", to: "f"})
	s.holds("f", "saved")
	s.remount()
	s.holds("f", "saved")
	if got := s.backing(s.disk, 1, "f"); string(got) != string(s.backing(theirs, 1, "f")) {
		s.failf("what is disputed was written over")
	}
	s.honest(0)
}

func disputedExchanged(s *scene) {
	s.put("f", "known", true)
	s.put("g", "g", true)
	s.remount()
	theirs := s.theirs(8, func(other *scene) {
		other.steps(step{op: opUnlink, path: "f"})
		other.clock.pass(time.Hour)
		other.put("f", "theirs", true)
	})
	s.must(s.them(1).Do(cloudtest.Replace(s.entryAt(1, "f"), s.backing(theirs, 1, "f"))))
	s.holds("f", "known")
	s.steps(step{op: opExchange, path: "f", to: "g"})
	for range 2 {
		s.holds("f", "g")
		s.holds("g", "known")
		s.remount()
	}
	if got := s.backing(s.disk, 1, "f"); string(got) != string(s.backing(theirs, 1, "f")) {
		s.failf("what is disputed was written over")
	}
	s.honest(0)
}

func copyInRemoved(s *scene) {
	s.steps(step{op: opMkdir, path: "d", mode: 0o755})
	s.put("d/f", "f", true)
	s.must(s.m.Sync())
	s.must(s.them(1).Do(cloudtest.Duplicate(s.entryAt(1, "d/f"))))
	s.steps(step{op: opUnlink, path: "d/f"}, step{op: opRmdir, path: "d"})
	s.remount()
	s.missing("d")
	s.honest(0, 1)
}

// attributesDropped is what most sync tools make of a tree.
func attributesDropped(s *scene, anew bool) {
	s.put("f", "content", true)
	mtime := time.Unix(1_500_000_000, 0)
	mode := uint32(0o750)
	n, err := s.m.Walk("f")
	s.must(err)
	_, err = n.SetAttr(mirror.SetAttr{Mode: &mode, Mtime: &mtime})
	s.must(err)
	n.Forget()
	s.unmount()
	for k := range s.n {
		dir, entry, now := s.disk.Dir(cloudName(k)), s.entryAt(k, "f"), time.Unix(1_600_000_777, 0)
		s.must(dir.Chmod(entry, 0o644))
		s.must(dir.Chtimes(entry, cloud.Times{Mtime: &now}))
	}
	if anew {
		s.index = newKept(s.t)
	}
	s.mount()
	for range 2 {
		if g := look(s.m)["f"]; g.mode != mode || g.mtime != mtime.Unix() {
			s.failf("mode %o, mtime %d", g.mode, g.mtime)
		}
		s.remount()
	}
}

// linkInOne lets one cloud show a second name of a file: it is none.
func linkInOne(s *scene) {
	s.put("f", "content", true)
	s.remount()
	s.must(s.them(0).Do(cloudtest.Plant(s.entryAt(0, "f"), s.entryAt(0, "free"), true)))
	for range 2 {
		s.missing("free")
		s.holds("f", "content")
		if g := look(s.m)["f"]; g.links != 1 {
			s.failf("it has %d links", g.links)
		}
		s.remount()
	}
	s.honest(1)
}

// TestRenamedStands looks up, on a real disk, what was just renamed: the ctime
// that the rename has left speaks against nothing.
func TestRenamedStands(t *testing.T) {
	b := newBox(t, 2)
	base := t.TempDir()
	var real [2]*cloudtest.Faulty
	b.wrap = func(k int, _ cloud.Dir) cloud.Dir {
		real[k] = cloudtest.NewFaulty(openReal(t, base, b, k))
		return real[k]
	}
	b.config = func(c *mirror.Config) { c.Clock, c.Kernel = time.Now, time.Now }
	m := b.mount()
	check(t, tryWrite(m, "f", []byte("content"), true))
	check(t, m.Sync())
	check(t, lookUp(m, "f", nil))
	opens := new(int)
	for _, d := range real {
		d.Inject(cloudtest.Rule{Op: "open", From: 1, Act: counter{opens}})
	}
	check(t, m.Root().Rename("f", m.Root(), "g", mirror.RenameFlags{}))
	check(t, lookUp(m, "g", nil))
	if *opens > 0 {
		t.Errorf("%d headers were read", *opens)
	}
	check(t, m.Close())
}

// openReal opens a cloud on the disk of the test.
func openReal(t *testing.T, base string, b *box, k int) cloud.Dir {
	dir := filepath.Join(base, cloudName(k))
	check(t, os.Mkdir(dir, 0o755))
	check(t, os.WriteFile(filepath.Join(dir, cipher.MarkerName), b.cipher(k).Marker(), 0o644))
	d, err := cloud.OpenDir(dir)
	check(t, err)
	return d
}
