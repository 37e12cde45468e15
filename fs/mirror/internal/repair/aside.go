package repair

import (
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/step"
)

// aside is something that could not have its own name, and the plaintext path at
// which it is instead.
type aside struct {
	slot *journal.Slot
	path string
}

// asider plans names for what cannot have its own.
type asider struct{ *planner }

// unpark gives a name beside its own to what is still under a temporary one:
// somebody else has something at its own. Nobody would find it where it is, and
// who sweeps would take it for litter. What is kept at that name already goes.
func (p asider) unpark(n *node) {
	if !n.temp || p.waiting(n) {
		return
	}
	for _, s := range n.thing.Now {
		if at := p.nodeAt(s); at != nil && at.thing == n.thing {
			continue
		}
		if do := p.beside(n, s); do != nil {
			p.do(*do)
		}
		return
	}
}

// beside is the step that moves something to a name beside a slot; nil where that
// is taken.
func (p asider) beside(n *node, s *journal.Slot) *step.Step {
	parent, dir := p.nodeOf(s.Dir), s.Dir
	if parent == nil {
		parent, dir = p.root, p.fold.Root
	}
	free := &journal.Slot{Dir: dir, Name: string(asideName(n, s.Name))}
	name, entry := p.spell(free, n.thing.Special())
	at := replica.Join(parent.path(), entry)
	if _, err := p.Dir.Stat(at); !replica.Missing(err) {
		if h, err := p.Header(at); err == nil && n.head != nil && h.CommitID == n.head.CommitID && h.Flags&cipher.Dirty == 0 {
			do := p.removal(n)
			p.drop(n)
			return &do
		}
		return nil
	}
	do := step.Step{Op: step.Aside, Path: n.path(), To: at, Dir: parent.path(), Name: name}
	if path, ok := free.Path(); ok && !n.thing.Gone() {
		p.put(n, parent, entry)
		p.asides = append(p.asides, aside{s, path})
	}
	return &do
}

// asideName is a loser's name in a conflict. What has no version is told by its
// key, which is the same in every cloud.
func asideName(n *node, name string) cipher.PlainName {
	if n.head != nil && len(n.head.Version) > 0 {
		return cipher.ConflictName(cipher.PlainName(name), n.head.MtimeSec, n.head.CommitID)
	}
	return cipher.ConflictName(cipher.PlainName(name), 0, cipher.ID{byte(n.thing.Key >> 24), byte(n.thing.Key >> 16)})
}

// tellAsides lets the log have what is nowhere at its own name at the one beside
// it, and returns both.
func (all trees) tellAsides(fold *journal.Fold) (found []string) {
	for _, t := range all {
		if t == nil {
			continue
		}
		for _, a := range t.asides {
			from, ok := a.slot.Path()
			if !ok {
				continue
			}
			if a.slot.Now != nil && !all.at(a.slot) {
				fold.Yield(a.slot, a.path)
			}
			found = append(found, from, a.path)
		}
	}
	return found
}

// at reports whether some cloud has at a slot what is to be there.
func (all trees) at(s *journal.Slot) bool {
	return slices.ContainsFunc(all, func(t *tree) bool {
		if t == nil {
			return false
		}
		n := (&planner{tree: t}).nodeAt(s)
		return n != nil && n.thing == s.Now
	})
}
