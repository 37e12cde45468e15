package mirror_test

import (
	"maps"
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
)

// conflictAttacks: another machine changes what is in the log alone. Both
// contents stay, in every cloud, wherever the replay is killed.
var conflictAttacks = []finding{
	{"R45 concurrent versions, theirs newer", 2, func(s *scene) { settled(s, true, true) }},
	{"R45 concurrent versions, theirs newer, ours in place", 2, func(s *scene) { settled(s, true, false) }},
	{"R45 concurrent versions, ours newer", 2, func(s *scene) { settled(s, false, true) }},
	{"R45 concurrent versions, ours newer, ours in place", 2, func(s *scene) { settled(s, false, false) }},
	{"R46 an edit of what was removed, killed", 2, editOfRemovedSettled},
}

// settled lets two versions of a file be concurrent. The newer one has the name.
func settled(s *scene, theirsNewer, truncate bool) {
	want, loser := s.disputed(theirsNewer, truncate)
	s.eachReplay(func(at int, c *scene) { c.two(at, "f.txt", want, loser) })
}

// disputed leaves to a replay two concurrent versions of f.txt.
func (s *scene) disputed(theirsNewer, truncate bool) (newer, older string) {
	s.put("f.txt", strings.Repeat("first", 2000), false)
	s.must(s.m.Sync())
	mine := strings.Repeat("mine!", 2000)
	use := synced(writes(mine, 0))
	edit := func(other *scene) { other.put("f.txt", "theirs", false) }
	if theirsNewer {
		s.killedIn("f.txt", truncate, use)
		s.elsewhere(edit)
		return "theirs", mine
	}
	theirs := s.theirs(8, edit)
	s.killedIn("f.txt", truncate, use)
	s.deliver(theirs, "f.txt")
	return mine, "theirs"
}

// editOfRemovedSettled removes a file that another machine edits, and uses its
// name again.
func editOfRemovedSettled(s *scene) {
	s.put("f.txt", "first", false)
	s.must(s.m.Sync())
	theirs := s.theirs(8, func(other *scene) { other.put("f.txt", "theirs", false) })
	s.steps(step{op: opUnlink, path: "f.txt"})
	s.put("f.txt", "mine", true)
	s.disk.Kill()
	s.deliver(theirs, "f.txt")
	s.eachReplay(func(at int, c *scene) { c.two(at, "f.txt", "mine", "theirs") })
}

// eachReplay kills a mount at each of its operations, and mounts again.
func (s *scene) eachReplay(then func(at int, c *scene)) {
	for at := 0; ; at++ {
		c := &scene{box: s.clone()}
		c.disk.CrashAfter(c.disk.Ops() + at)
		c.state.crashed = c.disk.Crashed
		if m, err := c.open(); err == nil {
			_ = m.Close()
		}
		done := !c.disk.Crashed()
		c.state.crashed = nil
		c.crash()
		then(at, c)
		c.unmount()
		if done {
			return
		}
	}
}

// two wants a file and the conflict copy of another version of it, and nothing
// else, in every cloud.
func (s *scene) two(at int, path, want, loser string) {
	got := look(s.m)
	if len(got) != 2 || got[path].data != want {
		s.failf("killed at operation %d: %v", at, got)
	}
	for name, g := range got {
		if name == path {
			continue
		}
		stem := strings.TrimSuffix(path, ".txt") + " (conflict "
		if !strings.HasPrefix(name, stem) || !strings.HasSuffix(name, ").txt") || g.err != nil || g.data != loser {
			s.failf("killed at operation %d: %q: %v", at, name, g)
		}
	}
	s.must(s.m.Sync())
	s.nobodyOwes()
	if err := s.inOrder(got, everywhere); err != nil {
		s.failf("killed at operation %d: %w", at, err)
	}
	for k := range s.n {
		tree, err := s.audit(k)
		s.must(err)
		var ids []cipher.ID
		for _, n := range tree.Nodes {
			ids = append(ids, n.Header.FileID)
		}
		if len(slices.Compact(ids)) != 2 {
			s.failf("killed at operation %d: cloud %d has %v under %q", at, k, ids, slices.Sorted(maps.Keys(tree.Nodes)))
		}
		s.noTemps(k)
	}
}
