package repair

import (
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/step"
)

// planner makes the plan for one cloud. It changes the tree as the steps will
// change the cloud.
type planner struct {
	*tree
	steps []step.Step
	lacks []*journal.Slot // nothing in this cloud can be put there
}

// planPlaces plans what brings everything to its place that is to be somewhere:
// directories from the root down, then files. What stands in the way is parked.
func planPlaces(t *tree) *planner {
	p := &planner{tree: t}
	for _, thing := range t.fold.Things {
		if thing.IsDir() && !thing.Gone() {
			p.placeDir(thing)
		}
	}
	for _, thing := range t.fold.Things {
		if !thing.IsDir() {
			p.placeFile(thing)
		}
	}
	return p
}

func (p *planner) do(s step.Step) { p.steps = append(p.steps, s) }

// nodeOf is the node of a directory, nil where there is none.
func (p *planner) nodeOf(thing *journal.Thing) *node {
	for _, n := range p.of[thing] {
		if n.dir {
			return n
		}
	}
	return nil
}

// nodeAt is what is at a slot of its thing.
func (p *planner) nodeAt(s *journal.Slot) *node {
	if s.Now == nil {
		return nil
	}
	return p.at(s, s.Now.Special())
}

// at is what is at a slot, with the letter w or without.
func (p *planner) at(s *journal.Slot, special bool) *node {
	parent := p.nodeOf(s.Dir)
	if parent == nil {
		return nil
	}
	_, entry := p.spell(s, special)
	return parent.children[entry]
}

// placeDir brings a directory to its place, its parent first.
func (p *planner) placeDir(thing *journal.Thing) *node {
	if thing == p.fold.Root {
		return p.root
	}
	if thing.Gone() {
		return nil
	}
	slot := thing.Now[0]
	parent := p.placeDir(slot.Dir)
	if parent == nil {
		return nil
	}
	name, entry := p.spell(slot, false)
	n := p.nodeOf(thing)
	if n != nil && n.parent == parent && n.entry == entry {
		return n
	}
	if !p.clear(parent, slot, entry, false) {
		p.lack(slot)
		return nil
	}
	if n == nil {
		if !thing.Made {
			p.lack(slot)
		}
		n = &node{dir: true, children: map[string]*node{}}
		p.put(n, parent, entry)
		p.is(n, thing)
		p.do(step.Step{Op: step.Mkdir, Path: n.path(), Dir: parent.path(), Name: name, Thing: thing})
		return n
	}
	from := n.path()
	p.put(n, parent, entry)
	p.do(step.Step{Op: step.Move, Path: from, To: n.path(), Dir: parent.path(), Name: name})
	return n
}

// lack notes a slot that nothing can be put at.
func (p *planner) lack(s *journal.Slot) {
	if !slices.Contains(p.lacks, s) {
		p.lacks = append(p.lacks, s)
	}
}

func (p *planner) spell(s *journal.Slot, special bool) (cipher.Name, string) {
	name, err := p.Keys.EncodeName(cipher.PlainName(s.Name))
	if err != nil {
		return name, "" // it was encoded before, when the slot was looked at
	}
	return name, replica.Entry(name, special)
}

// put moves a node in the tree.
func (p *planner) put(n, parent *node, entry string) {
	if n.parent != nil && n.parent.children[n.entry] == n {
		delete(n.parent.children, n.entry)
	}
	n.parent, n.entry, n.temp = parent, entry, false
	parent.children[entry] = n
}

// drop takes a node out of the tree.
func (p *planner) drop(n *node) {
	delete(n.parent.children, n.entry)
	if n.thing != nil {
		p.of[n.thing] = slices.DeleteFunc(p.of[n.thing], func(o *node) bool { return o == n })
	}
}

// clear takes away what stands in the way at an entry. It reports false where
// that is nothing of which the log tells, and has to stay. With over, a file that is gone is left
// there, to be replaced.
func (p *planner) clear(parent *node, slot *journal.Slot, entry string, over bool) bool {
	n := parent.children[entry]
	switch {
	case n == nil:
		return true
	case n.thing == nil:
		if !((n.blank || !p.sameBoot && n.unborn()) && p.oursWithout(slot)) && !(p.ending(slot) && (n.broken || n.head != nil)) {
			return asider{p}.makeWay(n, slot)
		}
		p.do(step.Step{Op: step.Remove, Path: n.path()})
		p.drop(n)
	case !n.dir && n.thing.Gone() && !p.over(n):
		return false // it is newer than what the log removed
	case n.dir || !n.thing.Gone():
		p.park(n)
	case over:
		p.drop(n)
	default:
		p.do(step.Step{Op: step.Remove, Path: n.path()})
		p.drop(n)
	}
	return true
}

// over reports whether a file's entry is of no use any more: the file is gone, at
// a version that the log knows, or goes on under another name.
func (p *planner) over(n *node) bool {
	return n.thing.Gone() && (n.blank || n.thing.Covers(n.head.Version) || p.lives(n))
}

// lives reports whether a backing file has another name, of which the log does not
// tell: it can have been written through that one since this one was removed.
func (p *planner) lives(n *node) bool {
	return n.shared && slices.ContainsFunc(p.of[n.thing], func(o *node) bool {
		return o != n && o.shared && o.head != nil && o.head.Salt == n.head.Salt && o.head.CommitID == n.head.CommitID && !p.named(o)
	})
}

// oursWithout reports whether a file without a header at a slot can be one that
// the log made there: after a mere kill only the last of all, since nothing is
// lost of the others.
func (p *planner) oursWithout(s *journal.Slot) bool {
	return slices.ContainsFunc(s.Was, func(t *journal.Thing) bool {
		return t.Made && !t.IsDir() && (!p.sameBoot || t == p.fold.LastMade)
	})
}

func (p *planner) park(n *node) {
	from := n.path()
	p.put(n, p.root, p.parkingFor(n.thing))
	n.temp = true
	p.do(step.Step{Op: step.Move, Path: from, To: n.path()})
}

// parkingFor is a free entry in the root: a file can have several.
func (p *planner) parkingFor(thing *journal.Thing) string {
	entry := parkName(thing)
	for p.root.children[entry] != nil {
		entry = string(cipher.NewTempName())
	}
	return entry
}

// placeFile brings a file to all of its places. What has no header at one of
// them is taken for it, if it made one there and nothing else can be meant: with
// other entries it can be another file.
func (p *planner) placeFile(thing *journal.Thing) {
	for _, slot := range thing.Now {
		parent := p.nodeOf(slot.Dir)
		if parent == nil {
			p.lack(slot)
			continue
		}
		name, entry := p.spell(slot, thing.Special())
		n := parent.children[entry]
		if n != nil && n.thing == nil && n.blank && !n.shared && thing.Made && p.oursWithout(slot) && len(p.of[thing]) == 0 {
			p.is(n, thing)
			if thing.Backings[0].Salt(p.Index) != nil {
				p.do(step.Step{Op: step.Create, Path: n.path(), Dir: parent.path(), Name: name, Thing: thing})
			}
		}
		if n != nil && n.thing == thing {
			continue
		}
		p.fill(thing, slot, parent, name, entry)
	}
}

// fill puts a file at a slot that does not have it: moved from where it is not
// wanted, linked from where it is, or made.
func (p *planner) fill(thing *journal.Thing, slot *journal.Slot, parent *node, name cipher.Name, entry string) {
	spare, other := p.spare(thing)
	makes := spare == nil && other == nil
	if makes && (!thing.Made || thing.Backings[0].Salt(p.Index) == nil) || !p.clear(parent, slot, entry, spare != nil) {
		p.lack(slot)
		return
	}
	do := step.Step{Dir: parent.path(), Name: name, Thing: thing}
	n := spare
	switch {
	case spare != nil:
		do.Op, do.Path = step.Move, spare.path()
	case other != nil:
		do.Op, do.Path = step.Link, other.path()
		n = &node{head: other.head, blank: other.blank}
		p.is(n, thing)
	default:
		do.Op = step.Create
		n = &node{blank: true}
		p.is(n, thing)
	}
	p.put(n, parent, entry)
	do.To = n.path()
	if do.Op == step.Create {
		do.Path, do.To = do.To, ""
	}
	p.do(do)
}

// spare is an entry of a file where it is not wanted, and other one where it is,
// or under a name that the log does not know: that one may have been its name
// for long, or it was renamed behind the log's end. A backing file that is not in place yet is neither.
func (p *planner) spare(thing *journal.Thing) (spare, other *node) {
	for _, n := range p.of[thing] {
		switch {
		case n.dir || p.waiting(n):
		case p.wanted(n), !p.named(n) && !n.blank && !p.renamed(n):
			other = n
		case spare == nil:
			spare = n
		}
	}
	return spare, other
}

// renamed reports whether a file that is at a name alone must have got that behind the end of the log, or at one that
// nobody can tell, since the power cut has taken its sidecar.
func (p *planner) renamed(n *node) bool {
	is, ok := p.Decode(n.parent.path(), n.entry)
	return !p.sameBoot && !n.shared && n.head != nil && n.thing.Covers(n.head.Version) && !(ok && n.thing.KnownBy(string(is.Name)))
}

// named reports whether a node is at a place that the log has named for it, or for
// something else that is there by now, or under a temporary name.
func (p *planner) named(n *node) bool {
	return n.temp || p.another(n) || slices.ContainsFunc(n.thing.Was, func(s *journal.Slot) bool {
		_, entry := p.spell(s, n.thing.Special())
		return n.entry == entry && (n.parent == p.nodeOf(s.Dir) || p.stood(s.Dir, n.parent))
	})
}

// another reports whether a node is at a name that is something else's, be it with
// the letter w and the node without it: no name has two things.
func (p *planner) another(n *node) bool {
	if n.parent == nil || n.parent.thing == nil {
		return false
	}
	return slices.ContainsFunc(n.parent.thing.Slots, func(s *journal.Slot) bool {
		if s.Now == nil || s.Now == n.thing {
			return false
		}
		_, entry := p.spell(s, n.thing.Special())
		return n.entry == entry
	})
}

// stood reports whether a directory that is gone was once where another one
// stands, of which nothing but its place tells that it is another: what the log
// says of the names in the one is true of those in the other.
func (p *planner) stood(dir *journal.Thing, n *node) bool {
	return !p.handles && dir.Gone() && n.parent != nil && slices.ContainsFunc(dir.Was, func(s *journal.Slot) bool {
		_, entry := p.spell(s, false)
		return n.entry == entry && (n.parent == p.nodeOf(s.Dir) || p.stood(s.Dir, n.parent))
	})
}

// waiting reports whether a node is a backing file that is not in place yet.
func (t *tree) waiting(n *node) bool {
	return n.temp && slices.ContainsFunc(n.thing.Backings, func(b *journal.Backing) bool {
		return b.Temps != nil && b.Temps[t.Index] == n.entry
	})
}

// wanted reports whether a node is at one of the places of its thing.
func (p *planner) wanted(n *node) bool {
	return slices.ContainsFunc(n.thing.Now, func(s *journal.Slot) bool {
		_, entry := p.spell(s, n.thing.Special())
		return n.parent == p.nodeOf(s.Dir) && n.entry == entry
	})
}

// planRemovals plans what takes away what is not to be there: entries of what is
// gone or has its place elsewhere, and then directories that are gone. Nothing
// goes that the log does not know, or that is newer than it knows.
func planRemovals(t *tree) *planner {
	p := &planner{tree: t}
	var dirs []*node
	for _, thing := range t.fold.Things {
		for _, n := range slices.Clone(t.of[thing]) {
			switch {
			case n.dir && thing.Gone():
				dirs = append(dirs, n)
			case n.dir || p.waiting(n) || p.wanted(n) || !p.named(n) || !p.mayGo(n):
				asider{p}.unpark(n)
			default:
				p.do(p.removal(n))
				p.drop(n)
			}
		}
	}
	p.removeBlanks()
	p.endRemoval()
	asider{p}.putStrangersAside()
	slices.SortStableFunc(dirs, func(a, b *node) int { return b.depth() - a.depth() })
	for _, n := range dirs {
		do := step.Step{Op: step.Rmdir, Path: n.path(), To: p.successor(n), Thing: n.thing}
		if n.temp && do.To == "" {
			do.Else = asider{p}.beside(n, n.thing.Was[len(n.thing.Was)-1])
		}
		p.do(do)
		p.drop(n)
	}
	return p
}

// successor is the path of the directory that stands by now where one stood that
// is gone and was in its way: what somebody else put into the one is meant for
// the other, and nobody would see it where it is.
func (p *planner) successor(n *node) string {
	for _, s := range n.thing.Was {
		if n.temp && s.Now != nil && s.Now.IsDir() {
			if in := p.nodeOf(s.Now); in != nil && in != n {
				return in.path()
			}
		}
	}
	return ""
}

// mayGo reports whether an entry where its file is not wanted is of no use: the
// file is gone, or it is at all of its places, at no lesser version.
func (p *planner) mayGo(n *node) bool {
	known := n.blank || n.thing.Covers(n.head.Version) || p.lives(n)
	for _, s := range n.thing.Now {
		at := p.nodeAt(s)
		if at == nil || at.thing != n.thing {
			return false
		}
		known = known || at.head != nil && (at.head.Salt == n.head.Salt || cipher.Compare(n.head.Version, at.head.Version) == cipher.Less)
	}
	return known
}

func (p *planner) removal(n *node) step.Step { return step.Step{Op: step.Remove, Path: n.path()} }

// ending reports whether a kill can have been in the middle of taking a name
// from a file that the log does not identify: nothing else is there then. Of
// every earlier operation the clouds have seen the end.
func (t *tree) ending(s *journal.Slot) bool { return t.sameBoot && s == t.fold.Ending }

// endRemoval ends the removal of a file that nobody could read.
func (p *planner) endRemoval() {
	s := p.fold.Ending
	if s == nil || !p.ending(s) || s.Now != nil {
		return
	}
	parent := p.nodeOf(s.Dir)
	if parent == nil {
		return
	}
	for _, special := range []bool{false, true} {
		_, entry := p.spell(s, special)
		if n := parent.children[entry]; n != nil && n.broken {
			p.do(p.removal(n))
			p.drop(n)
		}
	}
}

// removeBlanks takes away files without a header at entries where the log made
// some and nothing is to be.
func (p *planner) removeBlanks() {
	for _, thing := range p.fold.Things {
		parent := p.nodeOf(thing)
		for _, s := range thing.Slots {
			if parent == nil || !p.oursWithout(s) {
				continue
			}
			for _, special := range p.spellings(s) {
				_, entry := p.spell(s, special)
				if s.Now != nil && s.Now.Special() == special {
					continue
				}
				if n := parent.children[entry]; n != nil && n.thing == nil && n.blank {
					p.do(p.removal(n))
					delete(parent.children, entry)
				}
			}
		}
	}
}
