package repair

import (
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/step"
)

// makeWay puts aside a directory of which the log does not tell, at the name of a
// file of the log, or a file at the name of a directory: after a power cut, which
// can have taken the end of the log and left in the cloud what that told of. It
// reports whether the entry is free.
func (p asider) makeWay(n *node, s *journal.Slot) bool {
	return !p.sameBoot && n.dir != s.Now.IsDir() && p.setAside(n, s)
}

// putStrangersAside gives names of their own to things of which the log, whose end is lost, does not tell, at names where
// it has something else, which is there: the one with the letter w, and the other without. A name with two things shows
// only one. What a kill has kept the last rename of all from replacing goes.
func (p asider) putStrangersAside() {
	for _, thing := range p.fold.Things {
		for _, s := range thing.Now {
			at := p.nodeAt(s)
			n := p.at(s, !thing.Special())
			if at == nil || at.thing != thing || n == nil {
				continue
			}
			if p.ending(s) && n.stranger() && slices.ContainsFunc(s.Was, func(t *journal.Thing) bool { return !t.IsDir() && t.Special() != thing.Special() }) {
				p.do(p.removal(n))
				p.drop(n)
			} else if n.stranger() && n.head.Flags&cipher.Dirty == 0 || n.dir && n.thing == nil && thing.Special() && !p.sameBoot {
				p.setAside(n, s)
			}
		}
	}
}

// stranger reports whether a node is a file with a version of which the log does not tell.
func (n *node) stranger() bool {
	return !n.dir && n.thing == nil && n.born()
}

// setAside gives what is in the way at a slot the name of a conflict's loser. Nothing
// is replaced there.
func (p asider) setAside(n *node, s *journal.Slot) bool {
	sec, id := p.stamp(n, s.Now)
	dir, special := n.parent, cipher.EntryName(n.entry).IsSpecial()
	plain, err := step.FreeName(cipher.PlainName(s.Name), sec, id, func(plain cipher.PlainName) (bool, error) {
		_, entry := p.spell(&journal.Slot{Name: string(plain)}, special)
		if dir.children[entry] != nil {
			return true, nil
		}
		return step.Taken(p.Cloud, dir.path(), plain)
	})
	if err != nil {
		return false
	}
	from := n.path()
	name, entry := p.spell(&journal.Slot{Name: string(plain)}, special)
	p.put(n, dir, entry)
	p.do(step.Step{Op: step.Aside, Path: from, To: n.path(), Dir: dir.path(), Name: name})
	return true
}

// stamp is what tells one loser of a conflict from another: of a file its own
// mtime and commit id. A directory has none that are the same in every cloud, so
// those of the file that has the name stand for it, in a form that is not that file's.
func (t *tree) stamp(n *node, thing *journal.Thing) (sec int64, id cipher.ID) {
	if !n.dir {
		if n.head != nil {
			sec, id = n.head.MtimeSec, n.head.CommitID
		}
		return sec, id
	}
	if b := thing.Committed(); b != nil {
		sec, id = b.Head().Sec, b.Head().Commit
	} else if at := t.of[thing]; len(at) > 0 && at[0].head != nil {
		sec, id = at[0].head.MtimeSec, at[0].head.CommitID
	}
	return sec, cipher.ConflictID(thing.ID(), id)
}
