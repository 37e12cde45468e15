package repair

import (
	"errors"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/step"
)

// tidier ends the replay in one cloud: what is not to be there goes, and what
// belongs to the names is put right.
type tidier struct {
	*planner
	r *Replay
}

// removals takes away in one cloud what is not to be there, and gives
// directories their attributes.
func (r *Replay) removals(k int) error {
	t := &tidier{&planner{tree: r.trees[k]}, r}
	t.staleTemps()
	if err := r.steps(k, append(t.planner.steps, planRemovals(t.tree).steps...)); err != nil {
		return err
	}
	for _, do := range []func() error{t.sweep, t.sidecars, t.attributes, t.Dir.Syncfs} {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// staleTemps are backing files that will not be put in place: their file is
// gone, or goes on in another one, or they have no version and a power cut took
// what was written to them.
func (t *tidier) staleTemps() {
	unfinished := t.r.unfinished()
	for _, thing := range t.fold.Things {
		if slices.Contains(unfinished, thing) {
			continue
		}
		for _, n := range slices.Clone(t.of[thing]) {
			if n.dir || !t.waiting(n) {
				continue
			}
			if t.r.SameBoot && !thing.Gone() && t.newest(thing, n) {
				continue
			}
			t.do(t.removal(n))
			t.drop(n)
		}
	}
}

// newest reports whether a node is the backing file that a file was in last.
func (t *tidier) newest(thing *journal.Thing, n *node) bool {
	last := thing.Backings[len(thing.Backings)-1]
	return last.Temps != nil && n.entry == last.Temps[t.Index] && !t.overtaken(thing, last)
}

// overtaken reports whether a file has a greater version by now than one of its
// backing files, which has nothing else.
func (t *tidier) overtaken(thing *journal.Thing, b *journal.Backing) bool {
	return b.Head() != nil && len(b.After) == 0 && slices.ContainsFunc(t.of[thing], func(n *node) bool {
		return !n.temp && n.head != nil && n.head.Flags&cipher.Dirty == 0 && cipher.Compare(n.head.Version, b.Head().Version) == cipher.Greater
	})
}

// attributes sets those of directories that are other than they are to be.
func (t *tidier) attributes() error {
	for _, thing := range t.fold.Things {
		n := t.nodeOf(thing)
		if n == nil || thing.Gone() {
			continue
		}
		if err := t.SetAttrs(n.path(), thing.Attrs, t.r.Owners); err != nil {
			return err
		}
	}
	return nil
}

// sidecars writes those again that a power cut took from the names that the log
// touches, and removes those of names that are gone.
func (t *tidier) sidecars() error {
	for _, thing := range t.fold.Things {
		dir := t.nodeOf(thing)
		if dir == nil {
			continue
		}
		for _, s := range thing.Slots {
			name, plain := t.spell(s, false)
			_, special := t.spell(s, true)
			shown := dir.children[plain] != nil || dir.children[special] != nil
			var err error
			switch {
			case name.Sidecar == "":
			case shown && !t.sameBoot:
				err = t.PutSidecar(dir.path(), name)
			case !shown && s.Now == nil:
				err = t.DropSidecar(dir.path(), name)
			}
			if err != nil && !replica.Missing(err) {
				return err
			}
		}
	}
	return nil
}

// sweep removes the copies that an earlier replay was building when it ended.
func (t *tidier) sweep() error {
	built := map[string]bool{}
	for _, thing := range t.fold.Things {
		built[step.CopyName(thing)] = !thing.IsDir()
	}
	for _, thing := range t.fold.Things {
		dir := t.nodeOf(thing)
		if dir == nil || !thing.IsDir() {
			continue
		}
		entries, err := t.Dir.ReadDir(dir.path())
		for _, e := range entries {
			if built[e.Name] {
				err = errors.Join(err, t.Clear(replica.Join(dir.path(), e.Name)))
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
