package repair

import (
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// follow deals with what no cloud has where the log has it, though it was there: somebody else, or what a power cut took from
// the log, has moved or removed it. It is made again only where the log has all of it, and whoever removed it had not seen that.
func (r *Replay) follow() {
	if slices.Contains(r.trees, nil) {
		return
	}
	var strayed []*journal.Thing
	for _, thing := range r.Fold.Things {
		if !thing.Gone() && !r.trees.seen(thing) && r.was(thing) {
			strayed = append(strayed, thing)
		}
	}
	if r.SameBoot && len(strayed) > 0 {
		r.stage(func(k int) error { return r.trees[k].search(strayed) })
	}
	for _, thing := range strayed {
		path, found := r.trees.moved(thing)
		switch {
		case slices.Contains(r.trees, nil):
			return
		case found && r.SameBoot:
			r.Logger.Info("a file was moved by somebody else", "thing", thing.Key)
			r.Fold.Follow(thing, path)
			r.out.Found = append(r.out.Found, path)
		case !found && !r.trees.seen(thing) && !r.again(thing):
			r.Logger.Info("a file was removed, which the log does not tell", "thing", thing.Key)
			thing.Vanish()
		}
	}
	r.leave(strayed)
	r.yield()
	for _, t := range r.trees {
		t.match()
	}
}

// yield gives up names at which, after a power cut, some cloud has something of which the log does not tell, and none what is to
// be there, though that is under another name, or was never more than a name: the end of the log told of it, and is lost.
func (r *Replay) yield() {
	if r.SameBoot {
		return
	}
	for _, thing := range r.Fold.Things {
		for _, s := range slices.Clone(thing.Now) {
			if !r.trees.taken(s) {
				continue
			}
			from, ok := s.Path()
			path, found := r.trees.moved(thing)
			if !found {
				path, found = r.trees.elsewhere(thing, s)
			}
			switch {
			case thing.IsDir() && r.trees.seen(thing):
			case !found && r.trees.bare(thing):
				r.Logger.Info("the log has nothing but a name, which is something else's", "thing", thing.Key)
				thing.Vanish()
			case ok && found && !thing.IsDir() && r.Fold.Yield(s, path):
				r.Logger.Info("a file goes on under a name that the log does not tell", "thing", thing.Key)
				r.out.Found = append(r.out.Found, from, path)
			}
		}
	}
}

// bare reports whether nothing is lost with a thing: a directory in which nothing is to be, or a file that the log made, and of
// which it has no version, and no cloud.
func (all trees) bare(thing *journal.Thing) bool {
	if thing.IsDir() {
		return !thing.Full()
	}
	return thing.Made && thing.Committed() == nil && !slices.ContainsFunc(all, func(t *tree) bool {
		return slices.ContainsFunc(t.of[thing], (*node).born)
	})
}

// taken reports whether some cloud has something else at a slot, and none its own.
func (all trees) taken(s *journal.Slot) (taken bool) {
	for _, t := range all {
		p := &planner{tree: t}
		if n := p.nodeAt(s); n != nil && n.thing == s.Now && (n.dir || n.born()) {
			return false
		}
		for _, special := range []bool{false, true} {
			n := p.at(s, special)
			taken = taken || n != nil && (n.stranger() || n.dir && n.thing == nil && !special)
		}
	}
	return taken
}

// elsewhere is the plaintext path of another place of a file, at which the log has it.
func (all trees) elsewhere(thing *journal.Thing, but *journal.Slot) (path string, found bool) {
	for _, s := range thing.Now {
		if path, ok := s.Path(); ok && s != but && !all.taken(s) {
			return path, true
		}
	}
	return "", false
}

// leave gives up directories that are nowhere, and in which nothing is to be any more.
func (r *Replay) leave(strayed []*journal.Thing) {
	for _, thing := range slices.Backward(r.Fold.Things) {
		empties := slices.ContainsFunc(strayed, func(o *journal.Thing) bool {
			return slices.ContainsFunc(o.Was, func(s *journal.Slot) bool { return s.Dir == thing })
		})
		if thing.IsDir() && !thing.Made && !thing.Gone() && !thing.Full() && empties && !r.trees.seen(thing) {
			thing.Vanish()
		}
	}
}

// seen reports whether some cloud has a thing.
func (all trees) seen(thing *journal.Thing) bool {
	return slices.ContainsFunc(all, func(t *tree) bool { return len(t.of[thing]) > 0 })
}

// was reports whether a file was surely in some cloud, and the log, if it made it, can make none of its versions again.
func (r *Replay) was(thing *journal.Thing) bool {
	if thing.IsDir() || thing.Committed() == nil {
		return false
	}
	held := slices.ContainsFunc(thing.Backings, func(b *journal.Backing) bool { return b.Holds(r.trees.layout()) })
	return !thing.Made || (thing.Firm || r.SameBoot) && !held
}

// again reports whether a file that was removed in every cloud is made again: the log has all of an edit beside the removal,
// which no record ends. After a power cut it can have been removed here.
func (r *Replay) again(thing *journal.Thing) bool {
	b := thing.Committed()
	if !r.SameBoot || b == nil || thing.Made || thing.Special() || slices.Contains(r.trees, nil) || r.trees.seen(thing) || !b.Holds(r.trees.layout()) {
		return false
	}
	sealed := b.Head().Sealed(len(r.Clouds))
	return r.Ended == nil || !r.Ended(&sealed.Head)
}

// layout is that of the vault's files.
func (all trees) layout() cipher.Layout {
	i := slices.IndexFunc(all, func(t *tree) bool { return t != nil })
	return all[i].Keys.Layout()
}

// moved is the plaintext path of a file that is found where the log does not name it.
func (all trees) moved(thing *journal.Thing) (path string, found bool) {
	for _, t := range all {
		if t == nil {
			continue
		}
		for _, n := range t.of[thing] {
			if path, ok := t.Plain(n.path()); ok && !(&planner{tree: t}).named(n) {
				return path, true
			}
		}
	}
	return "", false
}
