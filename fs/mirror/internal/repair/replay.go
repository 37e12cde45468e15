package repair

import (
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/level"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/step"
)

// Replay brings what the redo log says to the clouds. It asks nowhere how far
// one came before: it looks at what is there. So it can be killed anywhere and
// started again.
type Replay struct {
	Clouds   []*replica.Cloud // by the vault's order; nil for one that takes no part
	Behind   []*replica.Cloud // likewise: those that take none, since they lack changes, but are there; nil: none
	Fold     *journal.Fold
	Log      func(do func(at int, e *journal.Entry) error) error // every entry that was folded, with its data
	SameBoot bool                                                // nothing that was written is lost
	Known    func(path string) index.Known                       // what this machine knew of a name before the log; nil: nothing
	Homes    func(f index.File) []string                         // and the paths at which it knew a file
	Placed   func(path string, cloud int) uint64                 // and the inode that a cloud had at a path
	Ended    func(h *cipher.Header) bool                         // whether it, or the log, knows that version of a file to have ended; nil: no
	Owners   bool
	Clock    func() time.Time
	Logger   *slog.Logger

	trees  trees
	behind trees // those that were asked for what no other can have
	plans  []*planner
	tasks  [][]*job // by cloud
	out    Outcome
}

// Outcome says of each cloud what could not be done.
type Outcome struct {
	Errors  []error          // why the cloud took no further part, or, of one that lacks changes, why it has to stay as it is
	Missing []int            // names and files that it does not have as they are to be
	Kept    []*journal.Thing // of which the log is still needed: it has a version that no cloud could be given
	Waiting []*journal.Thing // of those, what no other version is of use instead
	Unmade  bool             // the only cloud had no room for something that the log says
	Found   []string         // plaintext paths at which something was moved, or had been, that the log does not tell
}

// Run replays. Every cloud gets its names and its content before anything is
// removed in one.
func (r *Replay) Run() Outcome {
	n := len(r.Clouds)
	r.trees, r.plans, r.tasks = make(trees, n), make([]*planner, n), make([][]*job, n)
	r.behind, r.out = make(trees, n), Outcome{Errors: make([]error, n), Missing: make([]int, n)}
	r.stage(r.look)
	r.follow()
	r.exchange()
	r.stage(r.places)
	r.stage(r.content)
	asker{r}.ask()
	for r.giveUp() {
		r.stage(r.content)
	}
	r.settle()
	r.stage(r.copies)
	r.stage(r.removals)
	r.out.Found = append(r.out.Found, r.trees.tellAsides(r.Fold)...)
	r.together()
	r.out.Kept = r.unfinished()
	r.out.Waiting = slices.DeleteFunc(slices.Clone(r.out.Kept), r.outOfTurn)
	asker{r}.guard(r.out.Waiting)
	return r.out
}

// unfinished are the files of which a version is in the log alone: no cloud could
// be given it, because of an error that may pass, or of what is in its place, or
// because what belongs to it is in a cloud that is away.
func (r *Replay) unfinished() (list []*journal.Thing) {
	finished, failed := map[*journal.Thing]bool{}, map[*journal.Thing]bool{}
	away := slices.Contains(r.trees.and(r.behind), nil)
	for k, jobs := range r.tasks {
		for _, j := range jobs {
			switch {
			case r.Clouds[k] == nil: // nobody is served from there
				failed[j.thing] = failed[j.thing] || passing(j.err)
			case j.done && j.err == nil && r.out.Errors[k] == nil:
				finished[j.thing] = true
			case j.err != nil && (away || !j.beside && !errors.Is(j.err, cipher.ErrDamaged) || j.beside && j.backing.Holds(r.trees.layout())):
				failed[j.thing] = true
			}
		}
	}
	for _, thing := range r.Fold.Things {
		if failed[thing] && !finished[thing] {
			list = append(list, thing)
		}
	}
	return list
}

// outOfTurn reports whether some cloud has a version of a file that the log does
// not build on, which is shown then.
func (r *Replay) outOfTurn(thing *journal.Thing) bool {
	for _, t := range r.trees {
		if t == nil || len(t.of[thing]) > 0 {
			continue
		}
		if n := (&planner{tree: t}).nodeAt(thing.Now[0]); n != nil && n.head != nil {
			return true
		}
	}
	for k, jobs := range r.tasks {
		for _, j := range jobs {
			if r.Clouds[k] != nil && j.thing == thing && (errors.Is(j.err, errOther) || errors.Is(j.err, errNewer) || errors.Is(j.err, errOlder)) {
				return true
			}
		}
	}
	return false
}

// passing reports an error that says nothing of what is there.
func passing(err error) bool {
	known := []error{errOther, errNewer, errOlder, errLacking, cipher.ErrDamaged, cipher.ErrNewer}
	return err != nil && !slices.ContainsFunc(known, func(k error) bool { return errors.Is(err, k) })
}

// together makes the clouds show the same names after a power cut, which can take
// from the log what one cloud has kept of an operation and another has lost:
// nothing but the clouds tells of it then.
func (r *Replay) together() {
	if r.SameBoot {
		return
	}
	var up []*replica.Cloud
	for k, t := range r.trees {
		if t != nil && r.out.Errors[k] == nil {
			up = append(up, r.Clouds[k])
		}
	}
	l := level.Leveller{All: !slices.Contains(r.trees, nil), Steps: r.steps, Known: r.Known, Homes: r.Homes, Placed: r.Placed, Ended: r.Ended, Owners: r.Owners, Clock: r.Clock, Logger: r.Logger}
	found, failed := l.Together(up, passing)
	r.out.Found = append(r.out.Found, found...)
	for k, err := range failed {
		r.out.Errors[k] = err
	}
}

// alone reports whether no other cloud takes part any more.
func (r *Replay) alone(k int) bool {
	for i, c := range r.Clouds {
		if i != k && c != nil && r.out.Errors[i] == nil {
			return false
		}
	}
	return true
}

// stage does something in one cloud after the other.
func (r *Replay) stage(do func(k int) error) {
	for k, c := range r.Clouds {
		if c == nil || r.out.Errors[k] != nil {
			continue
		}
		if err := do(k); err != nil {
			r.out.Errors[k], r.trees[k] = err, nil
		}
	}
}

// giveUp looks for files whose last version no cloud can have: a power cut took
// what was written to new backing files and to none of the log. They go on in
// those before, which are whole.
func (r *Replay) giveUp() (found bool) {
	for _, thing := range r.Fold.Things {
		b := thing.Committed()
		if thing.Gone() || b == nil || b.Temps == nil {
			continue
		}
		tried, done := false, slices.Contains(r.trees.and(r.behind), nil)
		for _, jobs := range r.tasks {
			for _, j := range jobs {
				tried = tried || j.backing == b
				done = done || j.backing == b && (j.err == nil || passing(j.err))
			}
		}
		if b.Lost = tried && !done; b.Lost && thing.Committed() == nil {
			b.Lost = false // there is nothing before it
		}
		found = found || b.Lost
	}
	return found
}

// look finds what is there in one cloud.
func (r *Replay) look(k int) (err error) {
	r.trees[k], err = observe(r.Clouds[k], r.Fold, r.SameBoot)
	if err == nil && !r.SameBoot {
		err = r.trees[k].search(r.Fold.Things)
	}
	return err
}

// places brings every name to its place in one cloud.
func (r *Replay) places(k int) error {
	r.plans[k] = planPlaces(r.trees[k])
	return r.steps(k, r.plans[k].steps)
}

func (r *Replay) steps(k int, steps []step.Step) error {
	d := &step.Doer{Cloud: r.Clouds[k], Owners: r.Owners, Warn: func(what string, err error) {
		r.Logger.Warn(what, "cloud", r.Clouds[k].Name, "error", err)
	}}
	for _, s := range steps {
		r.Logger.Debug("repair", "cloud", d.Name, "step", s)
		err := d.Do(s)
		if step.Full(err) && r.alone(k) {
			r.cannotMake(k, s)
		} else if err != nil && !(replica.Missing(err) && r.out.Unmade) {
			return err
		}
	}
	return nil
}

// cannotMake notes that the only cloud is too full for a step, and what is to be
// in what it makes cannot be made, either: nobody could make room if that kept
// the vault from being used.
func (r *Replay) cannotMake(k int, s step.Step) {
	r.out.Unmade = true
	r.Logger.Warn("there is no room", "cloud", r.Clouds[k].Name, "step", s)
	t := r.trees[k]
	for _, n := range slices.Clone(t.of[s.Thing]) {
		if n.path() == s.Path || n.path() == s.To {
			(&planner{tree: t}).drop(n)
		}
	}
}

// content finishes the files of which the log holds a version in one cloud:
// records first, for all of them, and clean headers after a sync.
func (r *Replay) content(k int) error {
	if err := r.restoreTemps(k); err != nil {
		return err
	}
	r.tasks[k] = r.jobs(r.trees[k])
	if err := r.trees[k].records(r, r.tasks[k]); err != nil {
		return err
	}
	for _, j := range r.tasks[k] {
		if j.err == nil {
			j.err = j.putInPlace(r)
		}
		if j.err == nil && len(j.thing.Backings) > 1 {
			j.err = j.relink()
		}
		if passing(j.err) && !r.alone(k) {
			return j.err // the cloud's: the others have the file
		}
		r.out.Unmade = r.out.Unmade || passing(j.err)
	}
	return nil
}

// records finishes backing files where they are.
func (t *tree) records(r *Replay, jobs []*job) error {
	bySalt := map[string]*job{}
	for _, j := range jobs {
		if j.err == nil {
			j.err = j.begin(r)
		}
		if j.err == nil && j.writes {
			bySalt[string(j.backing.Salt(t.Index))] = j
		}
	}
	if len(bySalt) > 0 {
		if err := errors.Join(r.write(t.Index, bySalt), t.Dir.Syncfs()); err != nil {
			return err
		}
	}
	for _, j := range jobs {
		if j.err == nil && !j.done {
			j.err = j.finish(r)
		}
	}
	return nil
}

// write goes through the log once and writes what its entries hold.
func (r *Replay) write(k int, jobs map[string]*job) error {
	return r.Log(func(at int, e *journal.Entry) error {
		if e.Commit == nil || k >= len(e.Salts) || e.Salts[k] == nil {
			return nil
		}
		j := jobs[string(e.Salts[k])]
		if j != nil && j.err == nil {
			j.err = j.write(at, e)
		}
		return nil
	})
}

// restoreTemps makes again the backing files that a version went into and that
// a power cut took before they were in place.
func (r *Replay) restoreTemps(k int) error {
	t := r.trees[k]
	p := &planner{tree: t}
	for _, thing := range t.fold.Things {
		b := thing.Committed()
		if thing.Gone() || b == nil || b.Temps == nil || b.Salt(k) == nil {
			continue
		}
		j := &job{t: t, thing: thing, backing: b}
		head := b.Head().Sealed(len(r.Clouds))
		dir := p.nodeOf(thing.Now[0].Dir)
		if j.find() != nil || dir == nil || slices.ContainsFunc(t.of[thing], func(n *node) bool { return !n.yieldsTo(&head.Head) }) {
			continue
		}
		n := &node{parent: dir, entry: b.Temps[k], temp: true, blank: true}
		if f, err := t.Dir.Create(n.path(), cipher.BackingMode(0o600, false)); err == nil {
			if err := f.Close(); err != nil {
				return err
			}
		} else if step.Full(err) && r.alone(k) {
			r.out.Unmade = true
			continue
		} else if !errors.Is(err, fs.ErrExist) {
			return err
		}
		dir.children[n.entry] = n
		t.is(n, thing)
	}
	return nil
}
