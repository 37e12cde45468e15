package mirror_test

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

var returnAttacks = []finding{
	{"return: a new file of another machine, DIRTY", 2, func(s *scene) { arrivingMeanwhile(s, dirty) }},
	{"return: a new file of another machine, without a header", 2, func(s *scene) { arrivingMeanwhile(s, blank) }},
	{"return: a new file of another machine, DIRTY, under a name that was emptied", 2, func(s *scene) { arrivingWhereEmptied(s, dirty) }},
	{"return: a new file of another machine, without a header, under a name that was emptied", 2, func(s *scene) { arrivingWhereEmptied(s, blank) }},
	{"return: a new file of another machine, DIRTY, where a directory is wanted", 2, arrivingWhereDir},
	{"return: a new file of another machine, DIRTY, in a directory that was removed", 2, arrivingInRemoved},
	{"return: an open file of ours, removed, and a directory in its place", 2, func(s *scene) { openThenDir(s, false) }},
	{"return: an open file of ours, removed, a directory in its place, and a new mount", 2, func(s *scene) { openThenDir(s, true) }},
	{"return: a newer format", 2, newerFormat},
	{"return: the last copy, renamed by another machine", 2, lastCopyRenamedThere},
	{"return: the last copy, renamed here", 2, lastCopyRenamedHere},
	{"return: what had vanished from every cloud", 2, vanishedThenBack},
	{"return: what had vanished from every cloud, under another name", 2, vanishedElsewhere},
	{"return: removed, and a kill", 2, func(s *scene) { removedBeforeKill(s, step{op: opUnlink, path: "f"}) }},
	{"return: replaced, and a kill", 2, func(s *scene) { removedBeforeKill(s, step{op: opRename, path: "g", to: "f"}) }},
	{"return: a name was owed, and more", 2, owedThenOut},
	{"return: a version that arrives in place", 2, arrivesInPlace},
	{"return: a version that arrives while one is copied", 2, arrivesDuringCopy},
	{"return: a debt of a cloud that is alone by now", 2, debtAlone},
	{"return: a directory of another machine below one that was renamed", 2, dirBelowRenamed},
}

// away takes a cloud away while something is done that it misses.
func (s *scene) away(k int, do func()) {
	s.goes(k)
	do()
	s.mend()
}

// goes lets a cloud fail, and go out.
func (s *scene) goes(k int) {
	s.inject(k, cloudtest.Rule{Err: syscall.EIO})
	s.steps(step{op: opMkdir, path: fmt.Sprint("missed by ", k), mode: 0o755})
}

// backAgain lets an hour pass, and the cloud return and pay.
func (s *scene) backAgain() {
	for range 12 {
		s.tend()
	}
}

type state int

const (
	dirty state = iota // a header, and no version yet
	blank              // no header yet
)

// theirNew is what a cloud has of a file that another machine has made and not
// committed yet.
func (s *scene) theirNew(k int, path string, is state) (content []byte) {
	if is == blank {
		return make([]byte, 4096)
	}
	c := s.clone()
	other := &scene{box: c.machine(8)}
	other.mount()
	dir, name := split(path)
	at, err := other.m.Walk(dir)
	s.must(err)
	_, h, err := at.Create(name, 0o644, mirror.Owner{})
	s.must(err)
	_, err = h.WriteAt([]byte(chunks("their new file")), 0)
	s.must(err)
	content = other.backing(other.disk, k, path)
	if head, err := readHeader(s, k, content); err != nil || head.Flags&cipher.Dirty == 0 || len(head.Version) > 0 {
		s.t.Fatalf("it is %+v (%v)", head, err)
	}
	return content
}

func readHeader(s *scene, k int, content []byte) (*cipher.Header, error) {
	h, _, err := s.cipher(k).OpenHeader(content[:cipher.HeaderSize])
	return h, err
}

// stays wants a cloud to have exactly that at a path.
func (s *scene) stays(k int, path string, content []byte) {
	if got := s.backing(s.disk, k, path); string(got) != string(content) {
		s.failf("at %q cloud %d has %d other bytes", path, k, len(got))
	}
}

// arrivingMeanwhile has the file in a directory that is renamed while the cloud
// is brought up to date, so that all that is in it is brought over.
func arrivingMeanwhile(s *scene, is state) {
	s.steps(step{op: opMkdir, path: "d", mode: 0o755})
	s.put("d/f", "first", true)
	s.must(s.m.Sync())
	content := s.theirNew(1, "d/new", is)
	s.away(1, func() {
		s.put("g", "content", true)
		s.must(s.them(1).Do(cloudtest.Replace(s.entryAt(1, "d/new"), content)))
	})
	s.meanwhile(1, func() { s.must(s.do(step{op: opRename, path: "d", to: "e"})) })
	s.backAgain()
	s.stays(1, "e/new", content)
	s.nobodyOwes()
	s.remount()
	s.stays(1, "e/new", content)
}

func arrivingWhereEmptied(s *scene, is state) {
	s.disk.SetClock(s.clock.peek)
	s.put("new", "first", true)
	content := s.theirNew(1, "f", is)
	s.steps(step{op: opUnlink, path: "new"})
	s.away(1, func() {})
	s.must(s.them(1).Do(cloudtest.Replace(s.entryAt(1, "new"), content)))
	for range 8 {
		s.tend()
	}
	s.stays(1, "new", content)
	s.backAgain()
	if is == dirty { // the other one may be what a power cut has left of the file that was here
		s.stays(1, "new", content)
	}
	s.nobodyOwes()
}

// arrivingWhereDir has a directory in the way: the cloud goes without it, and
// owes it, as long as the file is there.
func arrivingWhereDir(s *scene) {
	content := s.theirNew(1, "d", dirty)
	s.away(1, func() {
		s.steps(step{op: opMkdir, path: "d", mode: 0o755})
		s.put("d/f", "content", true)
		s.must(s.them(1).Do(cloudtest.Replace(s.entryAt(1, "d"), content)))
	})
	s.backAgain()
	s.stays(1, "d", content)
	s.holds("d/f", "content")
	if len(s.state.Owes()) != 1 {
		s.failf("the cloud without the directory owes %v", s.state.Owes())
	}
	s.must(s.them(1).Do(cloudtest.Delete(s.entryAt(1, "d"))))
	s.backAgain()
	s.honest(0, 1)
}

func arrivingInRemoved(s *scene) {
	s.steps(step{op: opMkdir, path: "d", mode: 0o755})
	s.must(s.m.Sync())
	content := s.theirNew(1, "d/new", dirty)
	s.away(1, func() {
		s.steps(step{op: opRmdir, path: "d"})
		s.must(s.them(1).Do(cloudtest.Replace(s.entryAt(1, "d/new"), content)))
	})
	s.backAgain()
	s.stays(1, "d/new", content)
}

// openThenDir leaves what was never committed in a cloud that is away: nobody
// else can know of it.
func openThenDir(s *scene, remount bool) {
	_, h, err := s.m.Root().Create("p", 0o644, mirror.Owner{})
	s.must(err)
	_, err = h.WriteAt([]byte(chunks("ours")), 0)
	s.must(err)
	s.away(1, func() {
		s.steps(step{op: opUnlink, path: "p"})
		s.must(h.Close())
		s.steps(step{op: opMkdir, path: "p", mode: 0o755})
		s.put("p/f", "content", true)
	})
	if remount {
		s.must(s.m.Sync())
		s.remount()
	}
	s.backAgain()
	s.nobodyOwes()
	s.honest(0, 1)
}

// newer is what cloud k has at a path, in a later format.
func (s *scene) newer(k int, path string) []byte {
	content := s.backing(s.disk, k, path)
	content[8] = 2
	prk, err := hkdf.Extract(sha256.New, s.keys[k][:], []byte("overcast/v1"+string(s.vault[:])+string(s.ids[k][:])))
	s.must(err)
	keys, err := hkdf.Expand(sha256.New, prk, "file"+string(content[8:32]), 192)
	s.must(err)
	sum := hmac.New(sha256.New, keys[128:160])
	sum.Write(content[:480])
	copy(content[480:cipher.HeaderSize], sum.Sum(nil))
	return content
}

// newerFormat puts a file of a later format where something is removed while the
// cloud is brought up to date.
func newerFormat(s *scene) {
	s.put("f", "first", true)
	s.must(s.m.Sync())
	content := s.newer(1, "f")
	s.away(1, func() { s.put("g", "content", true) })
	s.meanwhile(1, func() {
		s.steps(step{op: opUnlink, path: "f"})
		s.must(s.them(1).Do(cloudtest.Replace(s.entryAt(1, "f"), content)))
	})
	s.backAgain()
	s.stays(1, "f", content)
}

// lastCopyRenamedThere has a file in the cloud that returns alone, under a name
// that another machine gave it.
func lastCopyRenamedThere(s *scene) {
	s.put("f", "content", true)
	s.must(s.m.Sync())
	s.away(1, func() {
		s.must(s.them(1).Do(cloudtest.Rename(s.entryAt(1, "f"), s.entryAt(1, "g"))))
		s.must(s.them(0).Do(cloudtest.Delete(s.entryAt(0, "f"))))
	})
	s.backAgain()
	s.remount()
	s.kept("content")
}

// lastCopyRenamedHere has it under the name that it had here.
func lastCopyRenamedHere(s *scene) {
	s.put("f", "content", true)
	s.must(s.m.Sync())
	s.away(1, func() {
		s.steps(step{op: opRename, path: "f", to: "g"})
		s.must(s.them(0).Do(cloudtest.Delete(s.entryAt(0, "g"))))
	})
	s.backAgain()
	for k := range s.n {
		for _, path := range []string{"f", "g"} {
			if s.exists(path)[k] {
				return
			}
		}
	}
	s.failf("it is nowhere any more")
}

// vanish lets all clouds lose a file, until nobody lists it, and gives the clouds
// as they were.
func (s *scene) vanish(path string) (was *cloudtest.Disk) {
	was = s.disk.Clone()
	for k := range s.n {
		s.must(s.them(k).Do(cloudtest.Delete(s.entryAt(k, path))))
	}
	for range 3 {
		s.tend()
		s.missing(path)
	}
	return was
}

// vanishedThenBack has a file that all clouds had lost in the one that returns:
// a missing name is evidence of nothing.
func vanishedThenBack(s *scene) {
	s.put("f", "content", true)
	s.must(s.m.Sync())
	was := s.vanish("f")
	s.away(1, func() { s.must(s.them(1).Do(cloudtest.Rollback(s.entryAt(1, "f"), was.Dir(cloudName(1))))) })
	s.backAgain()
	s.kept("content")
	s.remount()
	s.holds("f", "content")
}

// vanishedElsewhere is the same where it was renamed by another machine.
func vanishedElsewhere(s *scene) {
	s.put("f", "content", true)
	s.must(s.m.Sync())
	was := s.vanish("f")
	s.away(1, func() {
		s.must(s.them(1).Do(cloudtest.Rollback(s.entryAt(1, "f"), was.Dir(cloudName(1)))))
		s.must(s.them(1).Do(cloudtest.Rename(s.entryAt(1, "f"), s.entryAt(1, "g"))))
	})
	s.backAgain()
	s.remount()
	s.kept("content")
}

// removedBeforeKill kills the process when only the log knows what was removed:
// it stays so.
func removedBeforeKill(s *scene, how step) {
	s.put("f", "content", true)
	s.put("g", "other", true)
	s.must(s.m.Sync())
	s.goes(1)
	s.steps(how)
	s.must(s.m.Root().Sync())
	s.disk.Kill()
	s.mend()
	s.mount()
	s.backAgain()
	for path, g := range look(s.m) {
		if g.data == "content" {
			s.failf("%q is back", path)
		}
	}
	s.honest(0, 1)
}

// arrivesInPlace has a sync client in the middle of writing another machine's
// version into the file when the cloud comes back.
func arrivesInPlace(s *scene) {
	s.disk.SetClock(s.clock.peek)
	s.put("f", "first", true)
	s.must(s.m.Sync())
	theirs := s.theirs(8, func(other *scene) { other.put("f", "theirs", true) })
	content := s.backing(theirs, 1, "f")
	s.away(1, func() {})
	s.clock.pass(time.Minute)
	s.must(s.them(1).Do(cloudtest.Rewrite(s.entryAt(1, "f"), nil)))
	client, err := s.disk.Dir(cloudName(1)).Open(s.entryAt(1, "f"), true)
	s.must(err)
	s.must(s.m.Tend())
	s.stays(1, "f", nil)
	_, err = client.WriteAt(content, 0)
	s.must(errors.Join(err, client.Close()))
	s.backAgain()
	s.holds("f", "theirs")
	s.nobodyOwes()
	s.honest(0, 1)
}

// arrivesDuringCopy lets another machine's version arrive at a name while ours
// is copied there.
func arrivesDuringCopy(s *scene) {
	s.put("f", "first", true)
	s.must(s.m.Sync())
	theirs := s.theirs(8, func(other *scene) { other.put("f", "theirs", true) })
	s.away(1, func() { s.put("f", "second", true) })
	s.must(s.m.Sync())
	s.meanwhile(1, func() { s.must(s.them(1).Do(cloudtest.Rollback(s.entryAt(1, "f"), theirs.Dir(cloudName(1))))) })
	s.backAgain()
	s.remount()
	s.backAgain()
	s.kept("theirs", "second")
}

// meanwhile lets a cloud return, and does something while the first copy is made
// there.
func (s *scene) meanwhile(k int, do func()) {
	done := false
	s.inject(k, cloudtest.Rule{Op: "writeat", Glob: ".~*.tmp", From: 1, To: 1, Act: act(func() { done = true; do() })})
	s.tend()
	if !done {
		s.t.Fatal("nothing was copied")
	}
}

// debtAlone leaves a cloud that owes a directory as the only one.
func debtAlone(s *scene) {
	s.steps(step{op: opMkdir, path: "d", mode: 0o755})
	s.must(s.m.Sync())
	s.away(1, func() { s.steps(step{op: opMkdir, path: "d/sub", mode: 0o755}) })
	s.tend()
	s.must(s.them(1).Do(cloudtest.Delete(s.entryAt(1, "d"))))
	_ = s.do(step{op: opRename, path: "d", to: "e"}) // cloud 1 owes it
	s.must(s.them(1).Do(cloudtest.Plant(s.entryAt(1, "missed by 1"), s.entryAt(1, "e"), false)))
	s.goes(0)
	s.clock.pass(time.Minute)
	_ = s.m.Tend()
	if has := s.exists("e"); !has[1] {
		s.failf("the directory is gone")
	}
}

// dirBelowRenamed has a directory of another machine in one that is renamed
// while the cloud is brought up to date.
func dirBelowRenamed(s *scene) {
	s.steps(step{op: opMkdir, path: "d", mode: 0o755})
	s.put("d/f", "content", true)
	s.must(s.m.Sync())
	s.away(1, func() { s.put("other", "content", true) })
	s.meanwhile(1, func() {
		s.must(s.do(step{op: opRename, path: "d", to: "e"}))
		s.must(s.disk.Dir(cloudName(1)).Mkdir(s.entryAt(1, "d/theirs"), 0o755))
	})
	s.backAgain()
	if !s.exists("e/theirs")[1] {
		s.failf("the directory is gone")
	}
}

// act is something that is done just then.
type act func()

func (a act) Act()           { a() }
func (a act) String() string { return "something else" }

// owedThenOut has a cloud owe a single name, and then go out: the next mount
// knows that it lacks more.
func owedThenOut(s *scene) {
	s.put("f", "first", true)
	s.put("g", "gone", true)
	s.put("x", "x", true)
	s.must(s.m.Sync())
	s.must(s.them(0).Do(cloudtest.Delete(s.entryAt(0, "x"))))
	s.steps(step{op: opRename, path: "x", to: "y"})
	if len(s.state.Owes()) != 1 {
		s.t.Fatal("nobody owes the name")
	}
	s.goes(0)
	s.put("f", "second", true)
	s.steps(step{op: opUnlink, path: "g"})
	s.must(s.m.Sync())
	if !s.state.Owes()[s.ids[0]].Whole {
		s.failf("the next mount takes it into use")
	}
	s.disk.Kill()
	s.mend()
	s.mount()
	s.holds("f", "second")
	s.missing("g")
	s.backAgain()
	s.missing("g")
	s.honest(0, 1)
}
