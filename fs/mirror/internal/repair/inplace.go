package repair

import (
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/step"
)

// putInPlace renames a backing file that is finished over the one before it.
func (j *job) putInPlace(r *Replay) error {
	if j.backing.Temps == nil || !j.node.temp {
		return nil
	}
	t := j.t
	slot := j.thing.Now[0]
	p := &planner{tree: t}
	parent := p.nodeOf(slot.Dir)
	if parent == nil {
		return errLacking
	}
	name, entry := p.spell(slot, j.thing.Special())
	before, err := t.Dir.Stat(parent.path())
	if err != nil {
		return err
	}
	switch old := parent.children[entry]; {
	case old == nil:
	case old.thing != j.thing:
		if old.thing != nil || !(asider{p}).makeWay(old, slot) {
			return errOther
		}
		if err := r.steps(t.Index, p.steps); err != nil {
			return err
		}
	case !old.yieldsTo(&j.head):
		return errNewer
	default:
		if err := t.CopyXattrs(old.path(), j.path()); err != nil {
			return err
		}
		p.drop(old)
	}
	if err := t.PutSidecar(parent.path(), name); err != nil {
		return err
	}
	if err := t.Dir.Rename(j.path(), replica.Join(parent.path(), entry)); err != nil {
		return err
	}
	p.put(j.node, parent, entry)
	return t.Dir.Chtimes(parent.path(), cloud.Times{Mtime: &before.Mtime})
}

// relink gives every name of a file the backing file that has the version: a
// link made to it can be all that a power cut left of the one before.
func (j *job) relink() error {
	p := &planner{tree: j.t}
	for _, s := range j.thing.Now {
		parent := p.nodeOf(s.Dir)
		if parent == nil {
			continue
		}
		_, entry := p.spell(s, j.thing.Special())
		n := parent.children[entry]
		if n == nil || n.thing != j.thing || n == j.node || n.head != nil && (n.head.Salt == j.node.head.Salt || !j.thing.Covers(n.head.Version)) {
			continue
		}
		if !n.yieldsTo(j.node.head) {
			continue
		}
		temp := replica.Join(parent.path(), step.CopyName(j.thing))
		if err := j.t.Clear(temp); err != nil {
			return err
		}
		if err := j.t.Dir.Link(j.path(), temp); err != nil {
			return err
		}
		if err := j.t.Dir.Rename(temp, n.path()); err != nil {
			return err
		}
		n.head, n.blank = j.node.head, false
	}
	return nil
}
