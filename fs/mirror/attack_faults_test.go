package mirror_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// faultAttacks: operations that fail, before a kill and while the log is
// replayed.
func faultAttacks() []finding {
	list := []finding{
		{"R15 rename fails", 1, func(s *scene) { refusedIsNotDone(s, "rename", step{op: opRename, path: "f", to: "h"}) }},
		{"R15 exchange fails", 1, func(s *scene) { refusedIsNotDone(s, "exchange", step{op: opExchange, path: "f", to: "g"}) }},
		{"R15 rmdir fails", 1, func(s *scene) { refusedIsNotDone(s, "rmdir", step{op: opRmdir, path: "e"}) }},
		{"R15 create fails", 1, func(s *scene) { refusedIsNotDone(s, "create", step{op: opCreate, path: "h", h: 1, mode: 0o644}) }},
		{"R15 symlink fails", 1, func(s *scene) { refusedIsNotDone(s, "create", step{op: opSymlink, path: "h", to: "x"}) }},
		{"R15 link fails", 1, func(s *scene) { refusedIsNotDone(s, "link", step{op: opLink, path: "f", to: "h"}) }},
		{"R16 written after a rename over it that failed", 1, writtenAfterFailure},
		{"R17 a fault in a replay, one cloud, killed", 1, func(s *scene) { outlivesFaults(s, false) }},
		{"R17 a fault in a replay, one cloud, power cut", 1, func(s *scene) { outlivesFaults(s, true) }},
		{"R17 a fault in a replay, two clouds, killed", 2, func(s *scene) { outlivesFaults(s, false) }},
		{"R17 a fault in a replay, two clouds, power cut", 2, func(s *scene) { outlivesFaults(s, true) }},
	}
	for _, op := range []string{"open", "readat", "writeat", "sync", "chtimes"} {
		list = append(list,
			finding{"R18 a file whose " + op + " fails, fsynced", 1, func(s *scene) { failingFile(s, op, false) }},
			finding{"R18 a file whose " + op + " fails, pending", 1, func(s *scene) { failingFile(s, op, true) }})
	}
	return append(list,
		finding{"R19 attributes of the root", 2, attributesOfRoot},
		finding{"R20 no cloud can link", 2, noLinks},
		finding{"R21 all clouds fail alike", 2, failAlike},
		finding{"R22 a read fails once", 1, readFailsOnce},
		finding{storiesWithFaultsName, 2, storiesWithFaults})
}

// writtenAfterFailure writes to a file after a rename over it that failed.
func writtenAfterFailure(s *scene) {
	s.put("a", "this is a", false)
	s.put("b", "this is b", false)
	s.remount()
	s.inject(0, cloudtest.Rule{Op: "rename", From: 1, To: 1, Err: syscall.EIO})
	if err := s.do(step{op: opRename, path: "a", to: "b"}); err == nil {
		s.failf("the rename did not fail")
	}
	s.must(s.patch("b", "THIS", 0))
	s.disk.Kill()
	s.mend()
	s.keeps("this is a", "THIS is b")
}

// outlivesFaults lets one operation fail while the log is replayed. That costs
// nothing that was fsynced or, after a kill, had reached the mirror: the mount
// goes on, or the next one does.
func outlivesFaults(s *scene, cut bool) {
	want := s.unreplayed(cut)
	for _, op := range []string{
		"open", "readat", "writeat", "sync", "syncfs", "stat", "rename", "create",
		"truncate", "chmod", "chtimes", "readdir", "link", "chown", "remove",
	} {
		for at := 1; at <= 40; at++ {
			c := &scene{box: s.clone()}
			c.inject(0, cloudtest.Rule{Op: op, From: at, To: at, Err: syscall.EIO})
			if m, err := c.open(); err == nil {
				_ = m.Close()
			}
			said := c.said
			if c.rigged[0].Failed() == 0 {
				break
			}
			c.mend()
			c.crash()
			got := look(c.m)
			for path, content := range want {
				if g := got[path]; g.err != nil || g.data != content {
					c.failf("%s %d failed: %q is %v, want %s; the mount said\n%s", op, at, path, g, brief(content), said)
				}
			}
			c.unmount()
		}
	}
}

// unreplayed leaves the clouds with much to be done to them, and gives what is
// to be in the files then.
func (s *scene) unreplayed(cut bool) map[string]string {
	base := strings.Repeat("base", 3*1024)
	for _, name := range []string{"over", "pending", "saved", "old"} {
		s.put(name, base, false)
	}
	s.must(s.m.Sync())
	want := map[string]string{
		"new": "new", "saved": "saved", "moved": base, "pending": base,
		"over": patched(patched(base, "over", 0), "over", 4096),
	}
	s.put("new", "new", true)
	s.must(s.patch("over", "over", 4096))
	s.put("saved", "saved", true)
	s.steps(step{op: opRename, path: "old", to: "moved"})
	s.must(s.patch("over", "over", 0))
	if !cut {
		s.must(withFile(s.m, "pending", false, writes("pending", 4096)))
		want["pending"] = patched(base, "pending", 4096)
		s.disk.Kill()
		return want
	}
	s.disk.Kill()
	clouds := []int{0, 1}[:s.n]
	s.cutClouds(func(c *scene) bool { return c.exists("old")[0] && !c.exists("moved")[0] }, clouds...)
	return want
}

// failingFile lets one file fail for good: the vault can be mounted, and what
// the log holds of the file is not given up.
func failingFile(s *scene, op string, pending bool) {
	base := strings.Repeat("base", 2048)
	s.put("f", base, false)
	s.put("g", "another", false)
	s.must(s.m.Sync())
	use := writes("mine", 4096)
	if !pending {
		use = synced(use)
	}
	s.killedIn("f", false, use)
	s.inject(0, cloudtest.Rule{Op: op, Glob: s.entryAt(0, "f"), Err: syscall.EIO})
	s.mount()
	s.holds("g", "another")
	_ = s.m.Close()
	s.disk.Kill()
	s.mend()
	s.keeps(patched(base, "mine", 4096), "another")
}

// attributesOfRoot sets attributes of the root, as cp -a and rsync -a do.
func attributesOfRoot(s *scene) {
	s.steps(step{op: opChmod, path: "", mode: 0o750})
	s.crash()
	s.unmount()
}

// noLinks refuses a link. That keeps no vault from being mounted, and puts no
// cloud behind.
func noLinks(s *scene) {
	for k := range s.n {
		s.inject(k, cloudtest.Without(cloudtest.Links)...)
	}
	s.put("f", "content", false)
	if err := s.do(step{op: opLink, path: "f", to: "g"}); err == nil {
		s.failf("there are links")
	}
	s.disk.Kill()
	s.keeps("content")
}

// failAlike lets a replay fail in the same way in all clouds, which puts none
// of them behind.
func failAlike(s *scene) {
	s.put("f", "content", true)
	s.disk.Kill()
	for k := range s.n {
		s.inject(k, cloudtest.Rule{Op: "syncfs", From: 1, To: 1, Err: syscall.EIO})
	}
	if m, err := s.open(); err == nil {
		_ = m.Close()
	}
	s.disk.Kill()
	s.mend()
	s.keeps("content")
}

// readFailsOnce lets a read fail while changes are done again: no later change
// goes on without the earlier one, and none is given up.
func readFailsOnce(s *scene) {
	s.put("f", strings.Repeat("base", 3*1024), false)
	s.must(s.m.Sync())
	h := s.handle("f")
	s.must(errors.Join(writes("ONE", 0)(h), writes("TWO", 4096)(h)))
	s.disk.Kill()
	for at := 1; at < 12; at++ {
		c := &scene{box: s.clone()}
		c.inject(0, cloudtest.Rule{Op: "readat", Glob: c.entryAt(0, "f"), From: at, To: at, Err: syscall.EIO})
		if m, err := c.open(); err == nil {
			_ = m.Close()
		}
		c.mend()
		c.crash()
		got, err := tryRead(c.m, "f")
		if err != nil || string(got[:3]) != "ONE" || string(got[4096:4099]) != "TWO" {
			c.failf("read %d of the file failed once: %s (%v)", at, brief(string(got)), err)
		}
		c.unmount()
	}
}

const storiesWithFaultsName = "R23 random stories, a fault in the replay and a kill"

// storiesWithFaults kills stories of random steps, lets one operation of the
// replay fail, and kills that later, too.
func storiesWithFaults(s *scene) {
	s.must(eachSeed(storiesWithFaultsName, attackSeeds, func(seed uint64) error {
		tl := tale{seed: seed, n: 2 + int(seed%2), steps: invent(seed, 10+int(seed%4)*10)}
		ops, err := rehearse(tl.box(s.t), tl.steps)
		if err != nil {
			return fmt.Errorf("%v: %w", tl, err)
		}
		rng := rand.New(rand.NewPCG(seed, 23))
		for _, c := range moments(s.t, tl, somewhere(rng, 3, ops[len(ops)-1])) {
			c.b.disk.Kill()
			for range 6 {
				if err := faultyReplay(c, rng); err != nil {
					return fmt.Errorf("%v, %s: %w\n%s", tl, c.what, err, script(tl.steps[:min(len(tl.steps), c.done+1)]))
				}
			}
		}
		return nil
	}))
}

// somewhere draws n operations, in order.
func somewhere(rng *rand.Rand, n, last int) []int {
	at := make([]int, n)
	for i := range at {
		at[i] = 1 + rng.IntN(last)
	}
	slices.Sort(at)
	return at
}

// faultyReplay lets a mount after a crash fail at one operation, and kills it;
// the next one gives what is to be there.
func faultyReplay(c *crash, rng *rand.Rand) error {
	b := c.b.clone()
	rule := cloudtest.Rule{Op: pick(rng, "", "readat", "open", "change", "stat"), From: 1 + rng.IntN(60), Err: syscall.EIO}
	rule.To = rule.From
	b.inject(rng.IntN(b.n), rule)
	b.disk.CrashAfter(b.disk.Ops() + 1 + rng.IntN(200))
	b.state.crashed = b.disk.Crashed
	if m, err := b.open(); err == nil {
		_ = m.Close()
	}
	b.disk.Kill()
	b.mend()
	if err := b.verify(byItself, c.afterKill); err != nil {
		return fmt.Errorf("then %v: %w", rule, err)
	}
	return nil
}
