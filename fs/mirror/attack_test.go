package mirror_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

var attacks = slices.Concat(versionAttacks, faultAttacks(), dirAttacks, cloudAttacks, oldAttacks, limitAttacks, conflictAttacks, saltAttacks, sidecarAttacks, arrivingAttacks)

// keeps mounts, wants each of these contents to be in some file and no cloud to
// be blamed, and unmounts.
func (s *scene) keeps(contents ...string) {
	s.mount()
	s.kept(contents...)
	s.nobodyOwes()
	s.unmount()
}

// writes gives a use of a file that writes into it.
func writes(content string, off int64) func(h *mirror.Handle) error {
	return func(h *mirror.Handle) error {
		_, err := h.WriteAt([]byte(content), off)
		return err
	}
}

// synced gives a use of a file, and its fsync.
func synced(use func(h *mirror.Handle) error) func(h *mirror.Handle) error {
	return func(h *mirror.Handle) error { return errors.Join(use(h), h.Sync()) }
}

// killedIn uses a file, and kills the process while it is open.
func (s *scene) killedIn(path string, truncate bool, use func(h *mirror.Handle) error) {
	s.must(withFile(s.m, path, truncate, func(h *mirror.Handle) error {
		err := use(h)
		s.disk.Kill()
		return err
	}))
}

// cutClouds takes the power from these clouds, and not from the log, so that a
// condition holds: it is one of the outcomes that a power cut can have.
func (s *scene) cutClouds(holds func(c *scene) bool, clouds ...int) {
	s.t.Helper()
	var names []string
	for _, k := range clouds {
		names = append(names, cloudName(k))
	}
	for seed := range uint64(400) {
		c := &scene{box: s.clone()}
		c.disk.PowerCut(rand.New(rand.NewPCG(seed, 5)), names...)
		c.state.powerCut()
		if holds(c) {
			s.box = c.box
			return
		}
	}
	s.t.Fatal("no power cut does that") // a scene that never comes about is no loss
}

// arrives puts a file without a header yet at a path in cloud k.
func (s *scene) arrives(k int, path string) {
	s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, path), make([]byte, 300))))
}

// arrived wants that to be there still.
func (s *scene) arrived(k int, path string) {
	if !s.exists(path)[k] {
		s.failf("what was arriving at %q is gone", path)
	}
}

// noTemps wants no temporary file to be in cloud k.
func (s *scene) noTemps(k int) {
	for _, name := range s.backingNames(k) {
		if cipher.EntryName(name).IsTemp() {
			s.failf("in cloud %d there is %s", k, name)
		}
	}
}

// readable wants no path to be shown that cannot be read.
func (s *scene) readable() {
	for path, g := range look(s.m) {
		if g.err != nil {
			s.failf("%q is there: %v", path, g)
		}
	}
}

// eachAlone shows what each cloud that owes nothing has, by itself.
func (s *scene) eachAlone(show func(k int, got map[string]seen)) {
	owing := s.state.Owes()
	for k := range s.n {
		if _, owes := owing[s.ids[k]]; owes {
			continue
		}
		alone := &scene{box: s.clone()}
		alone.mount(without(s.n, k)...)
		show(k, look(alone.m))
		alone.unmount()
	}
}

var versionAttacks = []finding{
	{"R1 a greater version, one cloud", 1, greaterVersion},
	{"R1 a greater version, two clouds", 2, greaterVersion},
	{"R2 a greater version after a takeover", 1, greaterAfterTakeover},
	{"R3 concurrent versions, ours truncated", 1, func(s *scene) { concurrent(s, true) }},
	{"R3 concurrent versions, ours in place", 1, func(s *scene) { concurrent(s, false) }},
	{"R4 pending changes of another version", 1, pendingOfAnother},
	{"R5 a greater version in one cloud, written in place", 2, func(s *scene) { greaterInOne(s, false) }},
	{"R5 a greater version in one cloud, truncated", 2, func(s *scene) { greaterInOne(s, true) }},
	{"R6 an edit at the old name", 1, editAtOldName},
	{"R7 an edit of what was removed", 1, editOfRemoved},
	{"R8 renamed over what is newer", 1, renamedOverNewer},
	{"R9 linked over what is newer", 1, linkedOverNewer},
	{"R10 removed elsewhere", 1, func(s *scene) { goneElsewhere(s, step{op: opUnlink, path: "f"}) }},
	{"R10 renamed elsewhere", 1, func(s *scene) { goneElsewhere(s, step{op: opRename, path: "f", to: "g"}) }},
	{"R11 arriving at a name of the log", 1, arrivingAtName},
	{"R12 arriving elsewhere", 1, arrivingElsewhere},
	{"R13 an older version", 1, olderVersion},
	{"R14 a new file of an old name", 1, func(s *scene) { newOfOldName(s, false) }},
	{"R14 a new file of an old name, changed", 1, func(s *scene) { newOfOldName(s, true) }},
}

// greaterVersion lets another machine save a file that was saved here, having
// seen that.
func greaterVersion(s *scene) {
	s.put("f", "first", false)
	s.must(s.m.Sync())
	s.put("f", "mine", true)
	s.must(s.m.Commit())
	s.disk.Kill()
	s.elsewhere(func(other *scene) {
		other.holds("f", "mine")
		other.put("f", "theirs", false)
	})
	s.keeps("theirs")
}

// greaterAfterTakeover is the same for what was saved by a rename.
func greaterAfterTakeover(s *scene) {
	s.put("f", "first", false)
	s.must(s.m.Sync())
	s.put("tmp", "mine", true)
	s.steps(step{op: opRename, path: "tmp", to: "f"})
	s.must(s.m.Commit())
	s.disk.Kill()
	s.elsewhere(func(other *scene) { other.put("f", "theirs", false) })
	s.keeps("theirs")
}

// concurrent lets another machine save a file of which only the log has what
// was fsynced here: neither is lost.
func concurrent(s *scene, truncate bool) {
	s.put("f", strings.Repeat("first", 2000), false)
	s.must(s.m.Sync())
	mine := strings.Repeat("mine!", 2000)
	s.killedIn("f", truncate, synced(writes(mine, 0)))
	s.elsewhere(func(other *scene) { other.put("f", "theirs", false) })
	s.keeps("theirs", mine)
}

// pendingOfAnother has changes that were in no commit yet. They are never put
// into another machine's version.
func pendingOfAnother(s *scene) {
	s.put("f", chunks("AAA"), false)
	s.must(s.m.Sync())
	s.killedIn("f", false, writes("MINE", 4096))
	s.elsewhere(func(other *scene) { other.put("f", chunks("BBB"), false) })
	s.keeps(chunks("BBB"))
}

// greaterInOne lets the other machine's version reach one cloud so far.
func greaterInOne(s *scene, truncate bool) {
	s.put("f", "first", false)
	s.must(s.m.Sync())
	s.must(withFile(s.m, "f", false, writes("mine!", 0)))
	s.must(s.m.Commit())
	s.disk.Kill()
	s.elsewhere(func(other *scene) { s.must(withFile(other.m, "f", truncate, writes("theirs", 0))) }, 1)
	s.keeps("theirs")
}

// editAtOldName renames a file that another machine, which has not seen that,
// edits under its old name.
func editAtOldName(s *scene) {
	s.put("f", "first", false)
	s.must(s.m.Sync())
	theirs := s.theirs(8, func(other *scene) { other.put("f", "theirs", false) })
	s.steps(step{op: opRename, path: "f", to: "g"})
	s.disk.Kill()
	s.deliver(theirs, "f")
	s.keeps("theirs")
}

// editOfRemoved removes such a file, and uses its name again.
func editOfRemoved(s *scene) {
	s.put("f", "first", false)
	s.must(s.m.Sync())
	theirs := s.theirs(8, func(other *scene) { other.put("f", "theirs", false) })
	s.steps(step{op: opUnlink, path: "f"})
	s.put("f", "mine", true)
	s.disk.Kill()
	s.deliver(theirs, "f")
	s.keeps("theirs", "mine")
	s.noTemps(0)
}

// renamedOverNewer renames over a file of which a newer version arrives before
// the cloud saw the rename.
func renamedOverNewer(s *scene) {
	s.put("f", "first", false)
	s.put("tmp", "mine", false)
	s.must(s.m.Sync())
	theirs := s.theirs(8, func(other *scene) { other.put("f", "theirs", false) })
	s.steps(step{op: opRename, path: "tmp", to: "f"})
	s.disk.Kill()
	s.cutClouds(func(c *scene) bool { return c.exists("tmp")[0] }, 0)
	s.deliver(theirs, "f")
	s.keeps("theirs", "mine")
}

// linkedOverNewer lets another machine's version lie at one of two names.
func linkedOverNewer(s *scene) {
	s.put("x", "first", false)
	s.must(s.m.Sync())
	s.put("x", "mine", true) // goes on in a fresh backing file
	s.must(s.m.Commit())
	s.steps(step{op: opLink, path: "x", to: "y"})
	s.disk.Kill()
	theirs := s.theirs(8, func(other *scene) {
		other.steps(step{op: opUnlink, path: "y"})
		other.put("x", "theirs", false)
	})
	s.must(s.them(0).Do(cloudtest.Replace(s.entryAt(0, "y"), s.backing(theirs, 0, "x"))))
	s.keeps("theirs")
}

// goneElsewhere takes away, on another machine, a file that was made here: no
// ghost of it that nobody can read comes back.
func goneElsewhere(s *scene, st step) {
	s.put("f", "made", false)
	s.disk.Kill()
	s.elsewhere(func(other *scene) { other.steps(st) })
	s.mount()
	s.readable()
	s.unmount()
}

// arrivingAtName: only the last operation before a kill can have left a file
// without a header.
func arrivingAtName(s *scene) {
	s.put("f", "mine", false)
	s.steps(step{op: opUnlink, path: "f"})
	s.put("g", "more", false)
	s.disk.Kill()
	s.arrives(0, "f")
	s.mount()
	s.unmount()
	s.arrived(0, "f")
}

// arrivingElsewhere takes a new file from the cloud. What arrives elsewhere in
// the tree is not taken for it.
func arrivingElsewhere(s *scene) {
	s.must(s.m.Sync())
	s.put("f", "mine", true)
	s.disk.Kill()
	s.cutClouds(func(c *scene) bool { return !c.exists("f")[0] }, 0)
	s.arrives(0, "other")
	s.mount()
	s.unmount()
	s.arrived(0, "other")
}

// olderVersion lets the provider bring back the version before the log's base:
// the log's chunks are not written into it.
func olderVersion(s *scene) {
	s.put("f", chunks("000"), false)
	s.must(s.m.Sync())
	old := s.disk.Clone()
	s.must(s.patch("f", chunks("1"), 0))
	s.must(s.m.Sync())
	s.must(s.patch("f", "2", 8192))
	s.disk.Kill()
	s.deliver(old, "f")
	s.keeps(chunks("000"))
}

// newOfOldName lets another machine rename a file that the log names, and make
// a new one of its name, which is then opened here: the two stay two.
func newOfOldName(s *scene, change bool) {
	s.put("f", "first", false)
	s.must(s.m.Sync())
	s.put("f", "mine", true)
	s.must(s.m.Commit())
	s.elsewhere(func(other *scene) {
		other.steps(step{op: opRename, path: "f", to: "g"})
		other.put("f", "theirs", false)
	})
	want := "theirs"
	if change {
		want = "THEIRS"
		s.killedIn("f", false, writes(want, 0))
	}
	s.disk.Kill()
	s.keeps("mine", want)
}
