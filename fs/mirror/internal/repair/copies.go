package repair

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/step"
)

// copies brings to one cloud, from the others, what it lacks and nothing in it
// can be made of, and counts what stays missing.
func (r *Replay) copies(k int) error {
	p := &planner{tree: r.trees[k]}
	for _, s := range r.plans[k].lacks {
		if s.Now == nil || s.Now.IsDir() {
			r.miss(k, s.Now, errLacking)
			continue
		}
		if err := r.supply(p, s); err != nil {
			r.miss(k, s.Now, err)
		}
	}
	for _, j := range r.tasks[k] {
		if j.err == nil && !r.outdone(j) || j.beside && j.supplied(p) {
			continue
		}
		err := r.replace(p, j)
		if err != nil && j.beside {
			err = j.remake(r, p)
		} else if err != nil {
			err = r.revive(j)
		}
		if err == nil {
			j.err, j.done = nil, true
			for _, slot := range j.thing.Now {
				_ = r.supply(p, slot) // that it was lacking was told
			}
		} else {
			r.miss(k, j.thing, errors.Join(j.err, err))
		}
	}
	return nil
}

func (r *Replay) miss(k int, thing *journal.Thing, why error) {
	r.out.Missing[k]++
	key := uint64(0)
	if thing != nil {
		key = thing.Key
	}
	r.Logger.Warn("a change cannot be finished", "cloud", r.Clouds[k].Name, "thing", key, "error", why)
}

// supply puts a file at a slot that lacks it.
func (r *Replay) supply(p *planner, s *journal.Slot) error {
	thing := s.Now
	parent := p.nodeOf(s.Dir)
	if parent == nil {
		return errLacking
	}
	name, entry := p.spell(s, thing.Special())
	if n := parent.children[entry]; n != nil && n.thing == thing {
		return nil
	}
	if _, other := p.spare(thing); other != nil {
		p.fill(thing, s, parent, name, entry)
		if len(p.lacks) > 0 {
			p.lacks = nil
			return errOther
		}
		steps := p.steps
		p.steps = nil
		return r.steps(p.Index, steps)
	}
	return r.copyTo(p, s, r.trees)
}

// outdone reports whether another cloud has a greater version than the log's.
func (r *Replay) outdone(j *job) bool {
	_, n := r.trees.source(j.t.Index, j.thing)
	return n != nil && cipher.Compare(n.head.Version, j.node.head.Version) == cipher.Greater
}

// revive finishes a file that would otherwise be lost in an entry without a
// header, which after a power cut is what is left of it under a later name.
func (r *Replay) revive(j *job) error {
	i, err := j.remains()
	if err != nil {
		return err
	}
	if i < 0 || r.SameBoot || !errors.Is(j.err, errLacking) || !j.thing.Made || len(j.t.of[j.thing]) > 0 {
		return errLacking
	}
	j.node = j.t.blanks[i]
	if err := j.begin(r); err != nil {
		return err
	}
	j.t.blanks = slices.Delete(j.t.blanks, i, i+1)
	j.t.is(j.node, j.thing)
	j.err = nil
	if err := r.write(j.t.Index, map[string]*job{string(j.backing.Salt(j.t.Index)): j}); err != nil {
		return err
	}
	if j.err == nil {
		j.err = j.finish(r)
	}
	return j.err
}

// remains finds the one entry without a header that can be the file's: it has
// the mode that the file had.
func (j *job) remains() (at int, err error) {
	at = -1
	for i, n := range j.t.blanks {
		info, err := j.t.Dir.Stat(n.path())
		if err != nil {
			return -1, err
		}
		if cipher.EntryName(n.entry).IsSpecial() != j.thing.Special() || !j.had(info.Mode) {
			continue
		}
		if at >= 0 {
			return -1, nil
		}
		at = i
	}
	return at, nil
}

// had reports whether a backing file of the file had such a mode.
func (j *job) had(mode uint32) bool {
	of := func(m uint32) bool {
		return mode&^unix.S_ISVTX == cipher.BackingMode(m, false)&^unix.S_ISVTX
	}
	return j.thing.Attrs.Mode != nil && of(*j.thing.Attrs.Mode) ||
		slices.ContainsFunc(j.backing.Versions, func(h *journal.Head) bool { return of(h.Mode) })
}

// replace puts a whole copy from another cloud over one that cannot be finished,
// or that is of a lesser version.
func (r *Replay) replace(p *planner, j *job) error {
	if errors.Is(j.err, errNewer) || errors.Is(j.err, errOther) {
		return j.err
	}
	if _, n := r.trees.and(r.behind).source(j.t.Index, j.thing); n == nil || cipher.Compare(n.head.Version, j.head.Version) == cipher.Less {
		return errLacking
	}
	if err := r.copyTo(p, j.thing.Now[0], r.trees.and(r.behind)); err != nil {
		return err
	}
	j.node = p.nodeAt(j.thing.Now[0])
	return j.relink()
}

// source is the copy of a file that has the greatest version in another cloud.
func (all trees) source(k int, thing *journal.Thing) (best *tree, at *node) {
	for _, t := range all {
		if t == nil || t.Index == k {
			continue
		}
		for _, n := range t.of[thing] {
			if n.head == nil || n.head.Flags&cipher.Dirty != 0 || len(n.head.Version) == 0 {
				continue
			}
			if at == nil || cipher.Compare(n.head.Version, at.head.Version) == cipher.Greater {
				best, at = t, n
			}
		}
	}
	return best, at
}

// supplied reports whether the version is in place by now.
func (j *job) supplied(p *planner) bool {
	n := p.nodeAt(j.thing.Now[0])
	return n != nil && n.thing == j.thing && n.head != nil && n.head.CommitID == j.head.CommitID
}

// remake puts the last version in the place of an older one, where the log leads from that to it, or has all of it. Other
// names of that one would be left behind.
func (j *job) remake(r *Replay, p *planner) error {
	slot, m := j.thing.Now[0], replica.Remake{Backing: j.backing, Log: r.Log}
	old := p.nodeAt(slot)
	if old != nil && old.thing == j.thing {
		m.Over = old.path()
	}
	if m.Over != "" && (old != j.node || old.shared) || m.Over == "" && !j.backing.Holds(p.Keys.Layout()) || r.Ended != nil && r.Ended(&j.head) {
		return j.err
	}
	err := p.putOver(r, slot, &j.head, func(temp string) (*cipher.Header, error) {
		return p.Remake(temp, j.head, m, r.Owners, r.Clock())
	})
	if err == nil {
		j.node = p.nodeAt(slot)
		err = j.relink()
	}
	return err
}

// copyTo copies a file from another cloud to a slot, beside and then over what
// is there.
func (r *Replay) copyTo(p *planner, s *journal.Slot, others trees) error {
	from, n := others.source(p.Index, s.Now)
	if n == nil {
		return errLacking
	}
	o, err := from.Open(n.path(), false)
	if err != nil {
		return err
	}
	defer o.Close()
	return p.putOver(r, s, n.head, func(temp string) (*cipher.Header, error) {
		return p.Whole(temp, o, replica.AsItIs, r.Owners, r.Clock())
	})
}

// putOver has a version of a file made beside a slot, and puts it over what is there.
func (p *planner) putOver(r *Replay, s *journal.Slot, as *cipher.Header, do func(temp string) (*cipher.Header, error)) error {
	thing, parent := s.Now, p.nodeOf(s.Dir)
	if parent == nil {
		return errLacking
	}
	name, entry := p.spell(s, thing.Special())
	old := parent.children[entry]
	if old != nil && old.thing == thing && !old.yieldsTo(as) {
		return errNewer
	}
	if (old == nil || old.thing != thing) && !p.clear(parent, s, entry, false) {
		return errOther
	}
	steps := p.steps
	p.steps = nil
	if err := r.steps(p.Index, steps); err != nil {
		return err
	}
	temp := replica.Join(parent.path(), step.CopyName(thing))
	if err := p.Clear(temp); err != nil {
		return err
	}
	head, err := do(temp)
	if err != nil {
		return errors.Join(err, p.Clear(temp))
	}
	if err := p.PutSidecar(parent.path(), name); err != nil {
		return err
	}
	if err := p.Dir.Rename(temp, replica.Join(parent.path(), entry)); err != nil {
		return err
	}
	if old != nil && old.thing == thing {
		p.drop(old)
	}
	copied := &node{head: head}
	p.put(copied, parent, entry)
	p.is(copied, thing)
	return nil
}
