package mirror_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// dirAttacks: directories, also in clouds whose filesystem tells no lasting
// handles (FUSE, FAT, overlay), which is also what an old log looks like to the
// fold.
var dirAttacks = []finding{
	{"R24 a directory made anew", 1, madeAnew},
	{"R24 a directory made anew, no handles", 1, func(s *scene) { s.noHandles(0); madeAnew(s) }},
	{"R25 over an empty directory", 1, overEmpty},
	{"R25 over an empty directory, no handles", 1, func(s *scene) { s.noHandles(0); overEmpty(s) }},
	{"R26 exchange of directories", 2, exchangedDirs},
	{"R26 exchange of directories, no handles", 2, func(s *scene) { s.noHandles(0, 1); exchangedDirs(s) }},
	{"R26 exchange of directories, no handles in one cloud", 2, func(s *scene) { s.noHandles(1); exchangedDirs(s) }},
	{storiesWithoutHandlesName, 2, storiesWithoutHandles},
	{"R28 a directory moved elsewhere", 1, movedElsewhere},
	{"R29 a foreign file in a directory made anew", 1, foreignInMadeAnew},
	{"R30 a directory made elsewhere", 1, madeElsewhere},
	{"R31 what is damaged is removed", 2, damagedRemoved},
}

// noHandles lets clouds tell no handles, from now on.
func (s *scene) noHandles(clouds ...int) {
	for _, k := range clouds {
		s.lack(k, cloudtest.Handles)
	}
	s.remount()
}

// madeAnew moves a tree aside, removes it and makes it anew. The log has all of
// that, and the power cut takes it from the cloud.
func madeAnew(s *scene) {
	s.steps(step{op: opMkdir, path: "build", mode: 0o755})
	s.put("build/x", "removed", false)
	s.must(s.m.Sync())
	s.steps(
		step{op: opRename, path: "build", to: "old"},
		step{op: opUnlink, path: "old/x"},
		step{op: opRmdir, path: "old"},
		step{op: opMkdir, path: "build", mode: 0o755},
	)
	s.put("build/y", "new", true)
	s.disk.Kill()
	s.cutClouds(func(c *scene) bool { return c.exists("build/x")[0] }, 0)
	s.mount()
	s.missing("build/x")
	s.holds("build/y", "new")
	s.unmount()
}

// overEmpty renames a directory over an empty one, and syncs that.
func overEmpty(s *scene) {
	s.steps(step{op: opMkdir, path: "a", mode: 0o755}, step{op: opMkdir, path: "b", mode: 0o755})
	s.put("a/x", "content", false)
	s.must(s.m.Sync())
	s.steps(step{op: opRename, path: "a", to: "b"}, step{op: opSyncDir})
	s.disk.Kill()
	s.cutClouds(func(c *scene) bool { return c.exists("a")[0] }, 0)
	s.mount()
	s.missing("a")
	s.holds("b/x", "content")
	s.unmount()
}

// exchangedDirs kills between the two clouds of an exchange.
func exchangedDirs(s *scene) {
	s.steps(step{op: opMkdir, path: "a", mode: 0o755}, step{op: opMkdir, path: "b", mode: 0o755})
	s.put("a/f", "one", false)
	s.put("b/f", "another, longer", false)
	s.must(s.m.Sync())
	s.eachKill(step{op: opExchange, path: "a", to: "b"}, func(at int, c *scene) {
		var first string
		c.eachAlone(func(k int, got map[string]seen) {
			has := fmt.Sprintf("a/f %q, b/f %q", got["a/f"].data, got["b/f"].data)
			if first == "" {
				first = has
			}
			if has != first {
				c.failf("killed at operation %d: cloud %d has %s, and another %s, and none is behind", at, k, has, first)
			}
		})
	})
}

// eachKill kills a step at each of its first operations, mounts and unmounts.
func (s *scene) eachKill(st step, then func(at int, c *scene)) {
	for at := range 12 {
		c := &scene{box: s.clone()}
		c.mount()
		c.disk.CrashAfter(c.disk.Ops() + at)
		c.state.crashed = c.disk.Crashed
		_ = c.do(st)
		if !c.disk.Crashed() {
			return
		}
		c.state.crashed = nil
		c.crash()
		c.unmount()
		then(at, c)
	}
}

const storiesWithoutHandlesName = "R27 random stories, no handles"

// storiesWithoutHandles crashes stories of random steps.
func storiesWithoutHandles(s *scene) {
	s.must(eachSeed(storiesWithoutHandlesName, attackSeeds, func(seed uint64) error {
		tl := tale{
			seed: seed, n: 1 + int(seed%2), on: layout{lacks: []cloudtest.Feature{cloudtest.Handles}},
			steps: invent(seed, 10+int(seed%4)*10),
		}
		ops, err := rehearse(tl.box(s.t), tl.steps)
		if err != nil {
			return fmt.Errorf("%v: %w", tl, err)
		}
		rng := rand.New(rand.NewPCG(seed, 17))
		for _, c := range moments(s.t, tl, somewhere(rng, 4, ops[len(ops)-1])) {
			for _, end := range []ending{kill, powerCut} {
				if err := end(c.fork()); err != nil {
					return fmt.Errorf("%v: %w\n%s", tl, err, script(tl.steps[:min(len(tl.steps), c.done+1)]))
				}
			}
		}
		return nil
	}))
}

// movedElsewhere lets another machine rename a directory of which the log
// tells: the old name does not come back.
func movedElsewhere(s *scene) {
	s.steps(step{op: opMkdir, path: "d", mode: 0o755})
	s.must(s.m.Sync())
	s.put("d/f", "made", false)
	s.disk.Kill()
	s.elsewhere(func(other *scene) { other.steps(step{op: opRename, path: "d", to: "e"}) })
	s.mount()
	s.readable()
	s.missing("d")
	s.holds("e/f", "made")
	s.unmount()
}

// foreignInMadeAnew puts a file of another machine into a directory that was
// moved, removed and made anew, of which the cloud has nothing yet: it stays
// visible, and is not taken for something else by a later log.
func foreignInMadeAnew(s *scene) {
	s.steps(step{op: opMkdir, path: "build", mode: 0o755})
	s.must(s.m.Sync())
	handle := func(c *scene) []byte {
		h, err := c.disk.Dir(cloudName(0)).Handle(c.entryAt(0, "build"))
		if err != nil {
			return nil
		}
		return h
	}
	first := handle(s)
	s.steps(
		step{op: opRename, path: "build", to: "old"},
		step{op: opRmdir, path: "old"},
		step{op: opMkdir, path: "build", mode: 0o755},
	)
	s.put("build/y", "new", true)
	s.disk.Kill()
	s.cutClouds(func(c *scene) bool { return bytes.Equal(handle(c), first) }, 0)
	s.elsewhere(func(other *scene) { other.put("build/theirs", "theirs", false) })
	s.keeps("new", "theirs")
	s.mount()
	s.steps(step{op: opMkdir, path: "later", mode: 0o755})
	s.put("later/z", "later", true)
	s.disk.Kill()
	s.keeps("new", "theirs", "later")
	s.mount()
	if g := look(s.m)["later/z"]; g.links != 1 {
		s.failf("later/z has %d names: one is in what was parked", g.links)
	}
	s.unmount()
}

// madeElsewhere lets another machine make a directory of the name of one that
// was removed here, in every cloud.
func madeElsewhere(s *scene) {
	s.steps(step{op: opMkdir, path: "d", mode: 0o755})
	s.must(s.m.Sync())
	s.steps(step{op: opRmdir, path: "d"})
	s.disk.Kill()
	s.elsewhere(func(other *scene) { other.steps(step{op: opMkdir, path: "d", mode: 0o755}) })
	s.mount()
	if _, there := look(s.m)["d"]; !there {
		s.failf("the directory that another machine made is removed")
	}
	s.unmount()
}

// damagedRemoved removes a file that cannot be read in any cloud, and kills
// between the clouds.
func damagedRemoved(s *scene) {
	s.put("f", "content", false)
	s.unmount()
	for k := range s.n {
		damaged := s.backing(s.disk, k, "f")
		copy(damaged[100:], "damage")
		s.must(s.them(k).Do(cloudtest.Rewrite(s.entryAt(k, "f"), damaged)))
		s.must(s.disk.Dir(cloudName(k)).Syncfs())
	}
	s.eachKill(step{op: opUnlink, path: "f"}, func(at int, c *scene) {
		if has := c.exists("f"); has[0] != has[1] {
			if len(c.state.Owes()) == 0 {
				c.failf("killed at operation %d: in the clouds there is %v, and none is behind", at, has)
			}
		}
	})
}
