package repair

import (
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// exchange tells two directories apart that the log has exchanged, in clouds that
// tell no handles: a kill can have come before the exchange there, and the place
// says nothing then. The files in them that the log knows say it, or else what is
// in them by comparison with a cloud that tells them, or that is decided, or the
// lead.
func (r *Replay) exchange() {
	pair := r.Fold.Exchanged
	if pair[0] == nil || !r.SameBoot {
		return
	}
	var as *tree
	sure := map[*tree]bool{}
	for _, t := range r.trees {
		if t == nil {
			continue
		}
		sure[t] = t.tells(pair) || t.standing(pair) != nil && t.recognize(pair)
		if as == nil || t.tells(pair) && !as.tells(pair) || sure[t] && !sure[as] {
			as = t
		}
	}
	for _, t := range r.trees {
		if t == nil || t == as || sure[t] || t.standing(pair) == nil || as.standing(pair) == nil {
			continue
		}
		l := &leveller{r: r, sides: [2]*tree{as, t}}
		there, here := as.standing(pair), t.standing(pair)
		if l.common(there[0], here[1])+l.common(there[1], here[0]) > l.common(there[0], here[0])+l.common(there[1], here[1]) {
			t.swap(pair)
		}
	}
}

// tells reports whether a cloud knows both directories by their handles.
func (t *tree) tells(pair [2]*journal.Thing) bool {
	known := func(thing *journal.Thing) bool { return t.Index < len(thing.Handles) && thing.Handles[t.Index] != nil }
	return t.handles && known(pair[0]) && known(pair[1])
}

// standing is the nodes of both directories, or nil.
func (t *tree) standing(pair [2]*journal.Thing) []*node {
	p := &planner{tree: t}
	if a, b := p.nodeOf(pair[0]), p.nodeOf(pair[1]); a != nil && b != nil {
		return []*node{a, b}
	}
	return nil
}

// recognize tells the two by the files that are to be in them, and reports whether
// that told them apart.
func (t *tree) recognize(pair [2]*journal.Thing) bool {
	at := t.standing(pair)
	as, swapped := t.holds(at[0], pair[0])+t.holds(at[1], pair[1]), t.holds(at[1], pair[0])+t.holds(at[0], pair[1])
	if swapped > as {
		t.swap(pair)
	}
	return swapped != as
}

// holds counts the files in a node that are to be in a directory, under their
// names.
func (t *tree) holds(n *node, dir *journal.Thing) (files int) {
	p := &planner{tree: t}
	for _, s := range dir.Slots {
		if s.Now == nil || s.Now.IsDir() {
			continue
		}
		_, entry := p.spell(s, s.Now.Special())
		if child := n.children[entry]; child != nil && child.thing == s.Now {
			files++
		}
	}
	return files
}

// swap takes each of two directories for the other one, but for what the name of a
// temporary entry tells. What was told of others by their places is told again.
func (t *tree) swap(pair [2]*journal.Thing) {
	at := t.standing(pair)
	if at[0].temp || at[1].temp {
		return
	}
	for _, thing := range t.fold.Things {
		if !thing.IsDir() || thing == t.fold.Root {
			continue
		}
		t.of[thing] = slices.DeleteFunc(t.of[thing], func(n *node) bool {
			byPlace := !n.temp && t.byHandle[string(n.handle)] != thing
			if byPlace {
				n.thing = nil
			}
			return byPlace
		})
	}
	t.is(at[0], pair[1])
	t.is(at[1], pair[0])
	t.match()
}

// common counts what a directory of the one cloud has in common with one of the
// other: names, and files.
func (l *leveller) common(a, b *node) (n int) {
	dirs := [2]string{a.path(), b.path()}
	had := map[string]cipher.ID{}
	for side := range dirs {
		list, err := l.list(side, dirs, "")
		if err != nil {
			return 0
		}
		for _, s := range list {
			var id cipher.ID
			if h, err := l.sides[side].Header(s.path(side)); err == nil && !s.Dir {
				id = h.FileID
			}
			if side == 0 {
				had[s.name] = id
			} else if other, both := had[s.name]; both {
				n++
				if other == id && !s.Dir {
					n++
				}
			}
		}
	}
	return n
}
