package mirror_test

import (
	"bytes"
	"math/rand/v2"
	"slices"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// oldAttacks: logs that d7f7c7f wrote, with directories by inode numbers, and of
// what a rename replaces only the kind.
var oldAttacks = []finding{
	{"R38 an old log after a kill, one cloud", 1, oldLogAfterKill},
	{"R38 an old log after a kill, two clouds", 2, oldLogAfterKill},
	{"R39 an old log after a power cut", 1, oldLogAfterCut},
	{"R39 an old log that ends in a rename over what it does not identify, one cloud", 1, oldLogEnds},
	{"R39 an old log that ends in a rename over what it does not identify, two clouds", 2, oldLogEnds},
	{"R40 temporary files after a replay that was killed", 2, temporaryFiles},
}

// ageLog writes the log again as d7f7c7f would have, which had no index.
func (b *box) ageLog() {
	b.t.Helper()
	old := b.logOn(store{b.disk.Store(b.logs)})
	var entries [][]byte
	check(b.t, old.Replay(func(_ uint64, payload []byte) error {
		e, err := journal.Parse(payload)
		if err != nil {
			return err
		}
		data := slices.Clone(e.Data)
		e.Handles, e.Seen = nil, nil
		if e.Op == journal.OpRename {
			e.Other = nil
		}
		if e.Other != nil {
			e.Other.Handles = nil
		}
		parts, err := e.Encode(data)
		entries = append(entries, bytes.Join(parts, nil))
		return err
	}))
	check(b.t, old.Retire(old.Next()))
	check(b.t, old.Close())
	again := b.logOn(store{b.disk.Store(b.logs)})
	for _, e := range entries {
		_, err := again.Append(e)
		check(b.t, err)
	}
	check(b.t, again.Close())
	b.index = newKept(b.t)
}

// oldStory has renames over things of every kind.
func oldStory() []step {
	return []step{
		{op: opMkdir, path: "d", mode: 0o755},
		{op: opMkdir, path: "e", mode: 0o755},
		{op: opCreate, path: "d/f", h: 1, mode: 0o644}, {op: opWrite, h: 1, n: 6000, seed: 1}, {op: opClose, h: 1},
		{op: opCreate, path: "a", h: 2, mode: 0o644}, {op: opWrite, h: 2, n: 700, seed: 2}, {op: opClose, h: 2},
		{op: opCreate, path: "b", h: 3, mode: 0o644}, {op: opWrite, h: 3, n: 800, seed: 3}, {op: opClose, h: 3},
		{op: opCreate, path: "c", h: 4, mode: 0o644}, {op: opWrite, h: 4, n: 900, seed: 4}, {op: opClose, h: 4},
		{op: opSymlink, path: "l", to: "x"}, {op: opSymlink, path: "m", to: "y"}, {op: opSymlink, path: "n", to: "z"},
		{op: opLink, path: "c", to: "c2"},
		{op: opSync},
		{op: opRename, path: "a", to: "b"},
		{op: opRename, path: "l", to: "b"},
		{op: opRename, path: "m", to: "n"},
		{op: opRename, path: "c", to: "n"},
		{op: opRename, path: "d", to: "e"},
		{op: opMkdir, path: "d", mode: 0o755},
		{op: opExchange, path: "d", to: "e"},
		{op: opRename, path: "d/f", to: "c2"},
	}
}

// oldLogAfterKill replays old logs, at every operation of a story.
func oldLogAfterKill(s *scene) { s.ageEverywhere(oldStory()) }

// oldLogEnds does so with logs whose only entry is a rename over something: a file
// and what is spelled otherwise, each over each.
func oldLogEnds(s *scene) {
	for _, pair := range [][2]string{{"a", "l"}, {"l", "a"}, {"a", "b"}, {"l", "m"}} {
		s.ageEverywhere([]step{
			{op: opCreate, path: "a", h: 1, mode: 0o644}, {op: opWrite, h: 1, n: 700, seed: 1}, {op: opClose, h: 1},
			{op: opCreate, path: "b", h: 2, mode: 0o644}, {op: opWrite, h: 2, n: 800, seed: 2}, {op: opClose, h: 2},
			{op: opSymlink, path: "l", to: "x"}, {op: opSymlink, path: "m", to: "y"},
			{op: opSync},
			{op: opRename, path: pair[0], to: pair[1]},
		})
	}
}

func (s *scene) ageEverywhere(steps []step) {
	tl := tale{n: s.n, steps: steps}
	ops, err := rehearse(tl.box(s.t), tl.steps)
	s.must(err)
	var at []int
	for op := 1; op <= ops[len(ops)-1]; op++ {
		at = append(at, op)
	}
	for _, c := range moments(s.t, tl, at) {
		c.b.disk.Kill()
		c.b.ageLog()
		s.must(c.explain(c.b.verify(everywhere, c.afterKill)))
	}
}

// oldLogAfterCut is the same after a power cut that took nothing from the log,
// so that all of it is to be there.
func oldLogAfterCut(s *scene) {
	steps := oldStory()
	for seed := range uint64(60) {
		c := &scene{box: newBox(s.t, s.n)}
		p, err := newPlayer(c.box)
		s.must(err)
		s.must(p.play(steps))
		c.disk.Kill()
		c.disk.PowerCut(rand.New(rand.NewPCG(seed, 9)), cloudName(0))
		c.state.powerCut()
		c.ageLog()
		c.mount()
		if err := tell(steps).exactly(look(c.m), len(steps), len(steps)); err != nil {
			s.failf("power cut %d: %w", seed, err)
		}
		_ = c.m.Close()
	}
}

// temporaryFiles kills a replay that makes a copy: it leaves none behind that
// nobody removes.
func temporaryFiles(s *scene) {
	s.put("f", text(10000, 1), false)
	s.must(s.m.Sync())
	s.steps(step{op: opRename, path: "f", to: "g"})
	s.disk.Kill()
	s.must(s.them(1).Do(cloudtest.Delete(s.entryAt(1, "g"))))
	for at := 1; at < 12; at++ {
		c := &scene{box: s.clone()}
		c.disk.CrashAfter(c.disk.Ops() + at)
		c.state.crashed = c.disk.Crashed
		if m, err := c.open(); err == nil {
			_ = m.Close()
		}
		c.state.crashed = nil
		c.crash()
		c.unmount()
		c.noTemps(1)
	}
}
