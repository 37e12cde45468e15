package mirror_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// cloudAttacks: what one cloud has and another lacks, and what a replay costs.
var cloudAttacks = []finding{
	{"R32 mounted read-only after a power cut, the outcome", 2, readOnlyChangesNothing},
	{"R33 the lead away, a new file", 2, newFileWithoutLead},
	{"R34 clouds together after a power cut, file not in the log", 2, func(s *scene) { cloudsTogether(s, false) }},
	{"R34 clouds together after a power cut, file in the log", 2, func(s *scene) { cloudsTogether(s, true) }},
	{"R35 each cloud lacks another file", 2, lackingEquallyMany},
	{"R36 a copy of a file with three names", 2, copiedWithNames},
	{"R37 a copy of a hole", 2, copiedHole},
}

// readOnlyChangesNothing mounts read-only after a power cut, which replays
// nothing: the mount after it gives what it would have given without.
func readOnlyChangesNothing(s *scene) {
	s.must(s.m.Sync())
	for i := range 10 {
		s.put(fmt.Sprint("never", i), text(9000+i, i), false)
	}
	content := text(20000, 10)
	s.put("fsynced", content, false)
	s.must(withFile(s.m, "fsynced", false, (*mirror.Handle).Sync))
	s.disk.Kill()
	outcome := func(c *scene) string {
		m, err := c.open()
		if err != nil {
			return "no mount"
		}
		c.must(m.Close())
		state := fmt.Sprintf("%d behind", len(c.state.Owes()))
		c.eachAlone(func(k int, got map[string]seen) {
			g := got["fsynced"]
			state += fmt.Sprintf(", in cloud %d it is right: %v", k, g.data == content && g.err == nil)
		})
		return state
	}
	for seed := range uint64(20) {
		c := &scene{box: s.clone()}
		c.disk.PowerCut(rand.New(rand.NewPCG(seed, 1)), cloudName(0), cloudName(1))
		c.state.powerCut()
		want := outcome(&scene{box: c.clone()})
		c.config = func(cfg *mirror.Config) { cfg.ReadOnly = true }
		c.mount()
		_ = c.m.Close()
		c.config = nil
		c.disk.Kill()
		if got := outcome(c); got != want {
			s.failf("power cut %d: %s; without the read-only mount %s", seed, got, want)
		}
	}
}

// newFileWithoutLead fsyncs a file into the lead alone: it outlives a mount
// without the lead.
func newFileWithoutLead(s *scene) {
	s.must(s.m.Sync())
	large := text(3<<20, 1)
	s.put("f", large, true)
	s.disk.Kill()
	s.cutClouds(func(c *scene) bool { return !c.exists("f")[1] }, 1)
	s.mount(0)
	if g := look(s.m)["f"]; g.err == nil && g.data != large {
		s.failf("without the lead f is %v", g)
	}
	s.remount()
	s.holds("f", large)
	s.unmount()
}

// cloudsTogether renames a file in one cloud, of which the log and the other
// cloud lose that: the clouds are brought together, or one owes something.
func cloudsTogether(s *scene, bound bool) {
	s.put("f", "content", false)
	s.must(s.m.Sync())
	s.steps(step{op: opMkdir, path: "before", mode: 0o755})
	if bound {
		s.must(s.patch("f", "c", 0))
	}
	s.steps(step{op: opSyncDir}, step{op: opRename, path: "f", to: "g"})
	s.disk.Kill()
	for seed := range uint64(60) {
		c := &scene{box: s.clone()}
		c.disk.PowerCut(rand.New(rand.NewPCG(seed, 3)), c.logs, cloudName(1))
		c.state.powerCut()
		c.mount()
		c.unmount()
		if len(c.state.Owes()) > 0 {
			continue
		}
		names := make([][]string, c.n)
		c.eachAlone(func(k int, got map[string]seen) { names[k] = slices.Sorted(maps.Keys(got)) })
		if !slices.Equal(names[0], names[1]) {
			c.failf("power cut %d: the clouds have %q, and none is behind", seed, names)
		}
	}
}

// lackingEquallyMany lets each of two clouds lack another file, which does not
// make them equal.
func lackingEquallyMany(s *scene) {
	files := []string{"a", "b"}
	for _, name := range files {
		s.put(name, strings.Repeat(name, 8192), false)
	}
	s.must(s.m.Sync())
	for _, name := range files {
		s.must(s.patch(name, "MINE", 4096))
	}
	s.disk.Kill()
	for k, name := range files {
		for _, op := range []string{"writeat", "rename"} {
			s.inject(k, cloudtest.Rule{Op: op, Glob: s.entryAt(k, name), Err: syscall.EIO})
		}
	}
	s.mount()
	_ = s.m.Close()
	s.disk.Kill()
	s.mend()
	if len(s.state.Owes()) > 0 {
		return
	}
	s.eachAlone(func(k int, got map[string]seen) {
		for _, name := range files {
			if g := got[name]; !strings.Contains(g.data, "MINE") {
				s.failf("cloud %d alone, which owes nothing: %q is %v", k, name, g)
			}
		}
	})
}

// copiedWithNames lets a file with three names be copied from another cloud:
// it keeps them.
func copiedWithNames(s *scene) {
	s.put("x", strings.Repeat("base", 2048), false)
	s.steps(step{op: opLink, path: "x", to: "y"})
	s.must(s.m.Sync())
	s.must(s.patch("x", "MINE", 4096))
	s.steps(step{op: opLink, path: "y", to: "z"}) // so that the log knows the second name
	s.disk.Kill()
	// One write fails once, after the header is DIRTY.
	s.inject(0, cloudtest.Rule{Op: "writeat", Glob: s.entryAt(0, "x"), From: 2, To: 2, Err: syscall.EIO})
	s.mount()
	s.unmount()
	s.mend()
	s.eachAlone(func(k int, got map[string]seen) {
		for _, name := range []string{"x", "y", "z"} {
			if g := got[name]; !strings.Contains(g.data, "MINE") || g.links != 3 {
				s.failf("cloud %d alone: %q is %v, %d links", k, name, g, g.links)
			}
		}
	})
}

// copiedHole copies a hole to another cloud as a hole.
func copiedHole(s *scene) {
	s.must(withFile(s.m, "f", false, func(h *mirror.Handle) error {
		return errors.Join(writes("data", 0)(h), h.Truncate(64<<20))
	}))
	s.must(s.m.Sync())
	s.steps(step{op: opRename, path: "f", to: "g"})
	s.disk.Kill()
	s.must(s.them(1).Do(cloudtest.Delete(s.entryAt(1, "g"))))
	before := s.disk.Ops()
	s.mount()
	if n := s.disk.Ops() - before; n > 500 {
		s.failf("a hole of 64 MiB takes %d operations", n)
	}
	s.unmount()
}
