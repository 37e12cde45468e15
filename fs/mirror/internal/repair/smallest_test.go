package repair_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// settles replays, and wants the story's end and nothing that is missing.
func (sc *scene) settles(t *testing.T, r replay) {
	t.Helper()
	err := sc.finish(r)
	if err == nil {
		err = sc.check(sc.box, wish{sameBoot: true})
	}
	if err != nil {
		t.Errorf("%v\n%s", err, sc.tell())
	}
}

// TestNewerStays: another machine's version is where the log has an older one
// that did not reach this cloud yet.
func TestNewerStays(t *testing.T) {
	for _, script := range []string{"write f", "save f"} {
		sc := scripted(t, make([]lacks, 2), "create f", script)
		sc.reachTo(0, len(sc.log), 0)
		sc.reachTo(1, len(sc.log)-1, 0)
		c := carrier{sc.cloud(1)}
		path, _ := c.spell("f", false)
		head, err := c.Header(path)
		sc.must(err)
		p := &planted{k: 1, path: path, what: script, data: sc.newer(c, head, rand.New(rand.NewPCG(1, 1)))}
		sc.must(c.Dir.Remove(path))
		sc.must(writeFile(c.Dir, path, p.data))
		ops := sc.disk.Ops()
		sc.run(replay{events: sc.log, sameBoot: true})
		if err := p.still(sc.box); err != nil {
			t.Errorf("%v\n%s", err, since(sc.disk, ops))
		}
	}
}

// TestShortForeignStays: what is shorter than a header and is not the beginning
// of one was not made by this program.
func TestShortForeignStays(t *testing.T) {
	for _, script := range []string{"open f", "open f\nunlink f"} {
		sc := scripted(t, make([]lacks, 1), "create g", script)
		path, _ := carrier{sc.cloud(0)}.spell("f", false)
		sc.must(writeFile(sc.cloud(0).Dir, path, []byte("hello")))
		sc.run(replay{events: sc.log, sameBoot: true})
		if data, err := readAll(sc.cloud(0).Dir, path); err != nil || string(data) != "hello" {
			t.Errorf("%q: it is %.8q (%v)", script, data, err)
		}
	}
}

// TestShownWhole: killed between a clean header and what the entry shows, of a
// file whose mode the entry cannot show.
func TestShownWhole(t *testing.T) {
	for more := range 8 {
		sc := &scene{box: newBox(t, 1, true)}
		sc.story = newStory(1, sc.keys)
		sc.direct = false
		n := sc.open(spot{"f", sc.root, "f"})
		n.mode = 0o200
		*sc.events[0].entry.Attrs.Mode = n.mode
		sc.append(n)
		sc.commit(n)
		n.mode = 0o4755
		sc.commit(n)
		sc.log = sc.events
		for reached := range sc.log {
			c := *sc
			c.box = sc.clone()
			c.reachTo(0, reached, more)
			c.settles(t, replay{events: sc.log, sameBoot: true})
		}
	}
}

// TestNoLitter: killed while a file is copied from another cloud, or a name is
// linked anew, a replay leaves nothing behind.
func TestNoLitter(t *testing.T) {
	sc := scripted(t, make([]lacks, 2), "create f", "rename f g")
	sc.reachTo(0, len(sc.log), 0)
	path, _ := carrier{sc.cloud(1)}.spell("f", false)
	sc.must(sc.cloud(1).Dir.Remove(path))
	r := replay{events: sc.log, sameBoot: true}
	for _, n := range moments(sc, r) {
		c := *sc
		c.box = sc.clone()
		c.disk.CrashAfter(n)
		c.run(r)
		c.disk.Kill()
		c.settles(t, r)
	}
}

// TestTornSidecar: a power cut left the beginning of a sidecar in a directory
// that is gone.
func TestTornSidecar(t *testing.T) {
	sc := scripted(t, make([]lacks, 1), "mkdir a\ncreate a/"+long, "unlink a/"+long+"\nrmdir a")
	sc.reachTo(0, 1, 0)
	c := carrier{sc.cloud(0)}
	_, name := c.spell("a/"+long, false)
	dir, _ := c.spell("a", false)
	sc.must(writeFile(c.Dir, replica.Join(dir, string(name.Sidecar)), name.SidecarData[:50]))
	sc.settles(t, replay{events: sc.log})
}

// TestParkedBlank: a power cut took the header of a file that was parked.
func TestParkedBlank(t *testing.T) {
	sc := scripted(t, make([]lacks, 1), "create a\ncreate b", "open c\nexchange a c")
	sc.reachTo(0, 1, 0)
	path, _ := carrier{sc.cloud(0)}.spell("c", false)
	f, err := sc.cloud(0).Dir.Open(path, true)
	sc.must(err)
	sc.must(errors.Join(f.Truncate(0), f.Close()))
	sc.must(sc.cloud(0).Dir.Rename(path, ".~0000000000010001.tmp"))
	sc.must(sc.finish(replay{events: sc.log}))
	if err := sc.check(sc.box, wish{}); err != nil {
		t.Error(err)
	}
}

// TestMtimeOfDirectory: it is the one that the log set last; neither the first
// word of a file that was in it nor a sidecar that is written again moves it.
func TestMtimeOfDirectory(t *testing.T) {
	sc := scripted(t, make([]lacks, 1), "mkdir a\ncreate a/f", "touch a\nwrite a/f")
	sc.settles(t, replay{events: sc.log, sameBoot: true})

	sc = scripted(t, make([]lacks, 1), "mkdir a", "create a/"+long+"\ntouch a")
	sc.reachTo(0, len(sc.log), 0)
	c := carrier{sc.cloud(0)}
	_, name := c.spell("a/"+long, false)
	dir, _ := c.spell("a", false)
	sc.must(c.Dir.Remove(replica.Join(dir, string(name.Sidecar))))
	sc.settles(t, replay{events: sc.log})
}

// TestCopyOfLinks: a file with two names is copied from another cloud whole, and
// still has two names.
func TestCopyOfLinks(t *testing.T) {
	sc := scripted(t, make([]lacks, 2), "create f\nlink f g", "write f")
	sc.reachTo(0, len(sc.log), 0)
	entry, _ := carrier{sc.cloud(1)}.spell("f", false)
	r := replay{events: sc.log, sameBoot: true}
	r.wrap = func(k int, d cloud.Dir) cloud.Dir {
		if k == 0 {
			return d
		}
		return cloudtest.NewFaulty(d, cloudtest.Rule{Op: "stat", Glob: entry, From: 2, To: 2, Err: syscall.EIO})
	}
	sc.run(r)
	r.wrap = nil
	sc.settles(t, r)
}

// TestCopyOfTakeover: a whole copy of a file that took over another's id is that
// file, and not the one that it replaced.
func TestCopyOfTakeover(t *testing.T) {
	sc := scripted(t, make([]lacks, 1), "create f\ncreate g", "write f\nwrite g\nrename g f")
	sc.reachTo(0, len(sc.log), 0)
	c := carrier{sc.cloud(0)}
	path, _ := c.spell("f", false)
	old, err := c.Open(path, true)
	sc.must(err)
	head := *old.Head
	head.Salt = cipher.ID{77}
	cp, err := c.Begin(".~copy.tmp", head, 0o600)
	sc.must(err)
	for i := range layout.Records(head.Length) {
		sc.must(cp.CopyFrom(old, i, head.Length))
	}
	head.Acc, _, err = cp.Check(&head)
	sc.must(errors.Join(err, cp.WriteHeader(&head), cp.Show(nil, true, sc.mtime()), cp.Close(), old.Close()))
	sc.must(c.Dir.Rename(".~copy.tmp", path))
	before, err := readAll(c.Dir, path)
	sc.must(err)
	sc.settles(t, replay{events: sc.log, sameBoot: true})
	if after, err := readAll(c.Dir, path); err != nil || !bytes.Equal(after, before) {
		t.Errorf("it was changed (%v)", err)
	}
}

// TestBlankLinks: a power cut took the header of a file with two names, one of
// which is another file's by now.
func TestBlankLinks(t *testing.T) {
	sc := scripted(t, make([]lacks, 1), "create z", "open a\nlink a b\nunlink b\ncreate b")
	sc.reachTo(0, 2, 0)
	path, _ := carrier{sc.cloud(0)}.spell("a", false)
	f, err := sc.cloud(0).Dir.Open(path, true)
	sc.must(err)
	sc.must(errors.Join(f.Truncate(0), f.Close()))
	sc.must(sc.finish(replay{events: sc.log}))
	if err := sc.check(sc.box, wish{}); err != nil {
		t.Error(err)
	}
}

// TestPlaceAlone kills the process after the last operation, and in it, where
// nothing but its place tells what a directory is: no handle does, and no other
// cloud.
func TestPlaceAlone(t *testing.T) {
	for _, test := range []struct{ before, script string }{
		{"mkdir d\ncreate d/x", "rename d c\nmkdir d\nrename c d/b"},
		{"mkdir d\ncreate d/x", "rename d c\nmkdir d\nrename c d/d"},
		{"mkdir d\ncreate d/x\nmkdir e\ncreate e/y", "rename d t\nrename e d\nrename t d/e"},
		{"mkdir a\ncreate a/f\nmkdir b\ncreate b/g", "rename a t\nrename b a\nrename t b"},
		{"mkdir a\ncreate a/f", "rename a t\nmkdir a\nrename t a/a\nrename a/a b"},
	} {
		ends := scripted(t, []lacks{{handles: true}}, test.before, test.script)
		for reached := len(ends.log) - 1; reached <= len(ends.log); reached++ {
			sc := scripted(t, []lacks{{handles: true}}, test.before, test.script)
			sc.reachTo(0, reached, 0)
			sc.settles(t, replay{events: sc.log, sameBoot: true})
		}
	}
}
