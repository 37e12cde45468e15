package repair

import (
	"errors"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// asker asks clouds that lack changes.
type asker struct{ *Replay }

// ask finishes what no cloud in use can have in those that are there and lack
// changes: what a version needs beside the log can be in one of them alone. Of
// such a cloud nothing but that file's own backing file is touched; the others
// get the version from there.
func (r asker) ask() {
	things := r.unfinished()
	if len(things) == 0 {
		return
	}
	asked := false
	for k, c := range r.Behind {
		if c == nil {
			continue
		}
		if err := r.askOne(k, things); err != nil {
			r.Logger.Warn("a cloud that lacks changes cannot be asked for what the log builds on", "cloud", c.Name, "error", err)
			r.behind[k], r.out.Errors[k] = nil, err
			continue
		}
		asked = true
	}
	if asked {
		r.stage(r.content)
	}
}

// errOnly says that a cloud has what no other could be given.
var errOnly = errors.New("it alone has what the redo log builds on, and no other cloud could be given that")

// guard says of clouds that lack changes and have the rest of something, or may
// have it, that they have to stay as they are: what they show of it is no version
// yet, and nothing that is compared.
func (r asker) guard(waiting []*journal.Thing) {
	for k := range r.behind {
		for _, j := range r.tasks[k] {
			if r.Clouds[k] == nil && r.out.Errors[k] == nil && slices.Contains(waiting, j.thing) && (j.err == nil || passing(j.err)) {
				r.out.Errors[k] = errors.Join(errOnly, j.err)
			}
		}
	}
}

// askOne looks for the backing files of some things in one cloud, wherever they
// are, and finishes them there.
func (r asker) askOne(k int, things []*journal.Thing) (err error) {
	t, err := observe(r.Behind[k], r.Fold, false)
	if err != nil {
		return err
	}
	r.behind[k], r.tasks[k] = t, nil
	jobs := func() (list []*job, lacking bool) {
		for _, j := range r.jobs(t) {
			if slices.Contains(things, j.thing) {
				list, lacking = append(list, j), lacking || j.node == nil || j.node.blank
			}
		}
		return list, lacking
	}
	list, lacking := jobs()
	if lacking {
		if err := t.searchBackings(t.root); err != nil {
			return err
		}
		list, _ = jobs()
	}
	if err := t.records(r.Replay, list); err != nil {
		return err
	}
	r.tasks[k] = list
	for _, j := range list {
		if j.err == nil {
			return t.Dir.Syncfs()
		}
	}
	return nil
}

// searchBackings looks through a whole cloud for backing files that the log
// knows by their salts: directories have moved since the cloud was there.
func (t *tree) searchBackings(dir *node) error {
	entries, err := t.Dir.ReadDir(dir.path())
	if err != nil {
		return err
	}
	for _, e := range entries {
		known := dir.children[e.Name]
		if known == nil && !e.Dir && !e.Regular || cipher.EntryName(e.Name).IsSidecar() {
			continue
		}
		n, err := t.look(dir, e.Name)
		if err != nil {
			return err
		}
		switch {
		case n == nil || known != nil && !n.dir:
		case n.dir:
			if err := t.searchBackings(n); err != nil {
				return err
			}
		case n.head == nil || t.fold.Backing(t.Index, n.head.Salt) == nil:
			(&planner{tree: t}).drop(n)
		default:
			n.temp = cipher.EntryName(e.Name).IsTemp()
		}
	}
	return nil
}

// and are these clouds with those of others.
func (all trees) and(others trees) trees {
	all = slices.Clone(all)
	for k, t := range others {
		if t != nil {
			all[k] = t
		}
	}
	return all
}
