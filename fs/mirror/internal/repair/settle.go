package repair

import (
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/step"
)

// settle deals with files of the log in whose place some cloud shows what the log does not lead to: another machine's version
// that has not seen ours, or another file; or which are to be made again. Both contents are kept, and the judgement says which
// of them has the name. The log makes a claim like a cloud's.
func (r *Replay) settle() {
	for _, thing := range r.Fold.Things {
		if thing.IsDir() || thing.Special() || thing.Gone() || thing.Committed() == nil {
			continue
		}
		d := &dispute{r: r, thing: thing, slot: thing.Now[0]}
		if !d.gather() {
			continue
		}
		if err := d.settle(); err != nil {
			r.Logger.Warn("two versions of a file cannot be brought to an end", "thing", thing.Key, "error", err)
		}
	}
}

// dispute is one name that is judged.
type dispute struct {
	r      *Replay
	thing  *journal.Thing
	slot   *journal.Slot
	mine   judge.Version // the log's
	claims []judge.Claim // by cloud, and then the log's
	at     []*node       // what each cloud shows at the name
	made   *node         // our version, whole, in some cloud; nil where the log alone has it
	in     *tree         // that cloud
}

// gather looks what each cloud shows at the name, and reports whether there is anything to settle, and our version is there to
// be kept.
func (d *dispute) gather() bool {
	b := d.thing.Committed()
	sealed := b.Head().Sealed(len(d.r.Clouds))
	d.mine = judge.VersionOf(&sealed.Head)
	d.mine.ID = d.thing.ID()
	other := false
	for _, t := range d.r.trees {
		var n *node
		c := judge.Claim{Shows: judge.ShowsNoAnswer}
		if t != nil {
			n = (&planner{tree: t}).nodeAt(d.slot)
			c = claim(n)
			d.find(t)
		}
		d.at, d.claims = append(d.at, n), append(d.claims, c)
		other = other || c.Shows == judge.ShowsFile && !c.Dirty && d.foreign(c.Version)
	}
	for _, t := range d.r.behind {
		if t != nil && d.made == nil {
			d.find(t)
		}
	}
	d.claims = append(d.claims, judge.Claim{Shows: judge.ShowsFile, Version: d.mine})
	return other && (d.made != nil || b.Holds(d.r.trees.layout())) || d.r.again(d.thing)
}

// claim is what one cloud shows at a name. What the log does not tell of and is not whole may be arriving just now.
func claim(n *node) judge.Claim {
	switch {
	case n == nil:
		return judge.Claim{Shows: judge.ShowsNothing}
	case n.dir:
		return judge.Claim{Shows: judge.ShowsDir}
	case n.head == nil || len(n.head.Version) == 0:
		return judge.Claim{Shows: judge.ShowsBad, Young: n.thing == nil}
	}
	dirty := n.head.Flags&cipher.Dirty != 0
	return judge.Claim{Shows: judge.ShowsFile, Version: judge.VersionOf(n.head), Dirty: dirty, Young: dirty && n.thing == nil}
}

// foreign reports whether a version is one that neither leads to ours nor comes from it.
func (d *dispute) foreign(v judge.Version) bool {
	if v.Identity != d.mine.Identity {
		return !slices.Contains(d.thing.IDs, v.ID)
	}
	order := cipher.Compare(v.Vector, d.mine.Vector)
	return order == cipher.Concurrent || order == cipher.Equal && v.Commit != d.mine.Commit
}

// find looks in one cloud for our version, whole.
func (d *dispute) find(t *tree) {
	for _, n := range t.of[d.thing] {
		if n.head != nil && n.head.CommitID == d.mine.Commit && n.head.Flags&cipher.Dirty == 0 {
			d.made, d.in = n, t
		}
	}
}

// settle judges, keeps the losers under names of their own in every cloud, and only then makes the name what it is to be.
func (d *dispute) settle() error {
	known := judge.Known{Has: judge.File, Version: d.mine}
	ids := map[judge.Identity]judge.Facts{}
	for _, n := range d.at {
		if n != nil && n.head != nil && n.thing != nil && n.thing.Gone() {
			ids[judge.VersionOf(n.head).Identity] = judge.Facts{Ended: []cipher.Vector{n.thing.Known}}
		}
	}
	ids[d.mine.Identity] = judge.Facts{Version: d.mine, Live: []judge.Name{judge.Name(d.slot.Name)}}
	v := judge.Judge(known, d.claims, ids, nil, judge.Place{Name: judge.Name(d.slot.Name), Writers: 2, Derive: cipher.ConflictID})
	keep := v.Copies
	if d.waits(v) { // what is there stays, and ours has a name of its own
		if d.inPlace() {
			return nil
		}
		keep, v.Want.Is = []judge.Copy{{Loser: d.mine}}, judge.WantNothing
	}
	d.r.Logger.Info("two versions of a file are kept", "thing", d.thing.Key, "verdict", v)
	for k, t := range d.r.trees {
		if t == nil {
			continue
		}
		for _, c := range keep {
			if err := d.aside(k, c.Loser); err != nil {
				return err
			}
		}
	}
	for k, t := range d.r.trees {
		if t == nil || v.Want.Is != judge.WantFile {
			continue
		}
		if err := d.put(k, v.Want.Version); err != nil {
			return err
		}
	}
	return d.over()
}

// waits reports whether something is there that may not be touched.
func (d *dispute) waits(v judge.Verdict) bool {
	for k := range d.at {
		if v.Clouds[k].Action == judge.Wait {
			return true
		}
	}
	return false
}

// inPlace reports whether some cloud has ours at the name.
func (d *dispute) inPlace() bool {
	return slices.ContainsFunc(d.at, func(n *node) bool { return n != nil && n.head != nil && n.head.CommitID == d.mine.Commit })
}

// aside keeps a loser in one cloud.
func (d *dispute) aside(k int, loser judge.Version) error {
	name := cipher.ConflictName(cipher.PlainName(d.slot.Name), loser.MtimeSec, loser.Commit)
	return d.build(k, string(name), loser, func(h *cipher.Header) { h.FileID = cipher.ConflictID(h.FileID, h.CommitID) })
}

// put makes a version the one at the name in one cloud, where it is not yet.
func (d *dispute) put(k int, want judge.Version) error {
	n := d.at[k]
	if n != nil && n.head != nil && n.head.CommitID == want.Commit {
		if cipher.Compare(n.head.Version, want.Vector) == cipher.Equal {
			return nil
		}
		c, err := d.r.trees[k].Open(n.path(), true)
		if err != nil {
			return err
		}
		defer c.Close()
		before, h := *c.Head, *c.Head
		h.Version = want.Vector
		if err := c.WriteHeader(&h); err != nil {
			return err
		}
		n.head = c.Head
		return c.Show(&before, d.r.Owners, d.r.Clock())
	}
	return d.build(k, d.slot.Name, want, func(h *cipher.Header) { h.Version = want.Vector })
}

// build makes a whole copy of a version under a name in one cloud, and replaces what is there, unless that is the same.
func (d *dispute) build(k int, plain string, v judge.Version, as func(h *cipher.Header)) error {
	t := d.r.trees[k]
	p := &planner{tree: t}
	parent := p.nodeOf(d.slot.Dir)
	if parent == nil {
		return errLacking
	}
	name, entry := p.spell(&journal.Slot{Name: plain}, d.thing.Special())
	path := replica.Join(parent.path(), entry)
	h, err := t.Header(path)
	switch {
	case err == nil && h.CommitID == v.Commit && h.Flags&cipher.Dirty == 0:
		return nil
	case plain != d.slot.Name && !replica.Missing(err):
		return errOther
	}
	temp := replica.Join(parent.path(), step.CopyName(d.thing))
	if err := t.Clear(temp); err != nil {
		return err
	}
	head, err := d.copy(t, temp, v, as)
	if err != nil {
		return err
	}
	if err := t.PutSidecar(parent.path(), name); err != nil {
		return err
	}
	if err := t.Dir.Rename(temp, path); err != nil {
		return err
	}
	if plain == d.slot.Name {
		if old := parent.children[entry]; old != nil {
			p.drop(old)
		}
		n := &node{head: head}
		p.put(n, parent, entry)
		p.is(n, d.thing)
	}
	return nil
}

// copy writes a version under a temporary name: from a cloud that has it, or
// from the log.
func (d *dispute) copy(t *tree, temp string, v judge.Version, as func(h *cipher.Header)) (*cipher.Header, error) {
	from, n := d.in, d.made
	if v.Commit != d.mine.Commit {
		from, n = d.shows(v)
	}
	if n == nil && v.Commit == d.mine.Commit {
		return d.fromLog(t, temp, as)
	}
	if n == nil {
		return nil, errLacking
	}
	o, err := from.Open(n.path(), false)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	return t.Whole(temp, o, as, d.r.Owners, d.r.Clock())
}

// shows is a cloud that has a version at the name.
func (d *dispute) shows(v judge.Version) (*tree, *node) {
	for k, n := range d.at {
		if n != nil && n.head != nil && n.head.CommitID == v.Commit {
			return d.r.trees[k], n
		}
	}
	return nil, nil
}

// fromLog makes our version of what the log holds, which is all of it.
func (d *dispute) fromLog(t *tree, temp string, as func(h *cipher.Header)) (*cipher.Header, error) {
	b := d.thing.Committed()
	head := b.Head().Sealed(len(d.r.Clouds)).Head
	as(&head)
	return t.Remake(temp, head, replica.Remake{Backing: b, Log: d.r.Log}, d.r.Owners, d.r.Clock())
}

// over ends the jobs of the file: what the log holds of it is in every cloud.
func (d *dispute) over() error {
	for k, t := range d.r.trees {
		if t == nil {
			continue
		}
		d.r.tasks[k] = slices.DeleteFunc(d.r.tasks[k], func(j *job) bool { return j.thing == d.thing })
		d.r.plans[k].lacks = slices.DeleteFunc(d.r.plans[k].lacks, func(s *journal.Slot) bool { return s == d.slot })
		p := &planner{tree: t}
		for _, n := range slices.Clone(t.of[d.thing]) {
			if t.waiting(n) {
				p.do(p.removal(n))
				p.drop(n)
			}
		}
		if err := d.r.steps(k, p.steps); err != nil {
			return err
		}
	}
	return nil
}
