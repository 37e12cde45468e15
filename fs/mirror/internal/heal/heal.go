package heal

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/removals"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Config says what is healed, and how.
type Config struct {
	compare.Config // what is compared; Only is the one cloud that is changed, too

	Owners bool // the process may set owners of backing files
	Alone  bool // nobody else of this machine works on the clouds: temporary files are litter
	Draw   removals.Draw
	// Learn is told what the index has at a path from now on; or nil.
	Learn  func(path string, known judge.Known) error
	Logger *slog.Logger // nil discards

	// Guard is called before a plain path of a cloud is changed, and what it
	// returns after it; an error keeps it from being changed. It keeps whoever
	// works on the clouds meanwhile from what changes there. nil: nobody does.
	Guard func(cloud int, path string) (done func(), err error)
	// May is asked before each step that is no conflict's, and keeps it from being done; or nil.
	May func(s Step) bool
	// Failed is told of each step that could not be done; or nil.
	Failed func(s Step, err error)
}

// Outcome is what a healing has done, and what it has left.
type Outcome struct {
	Steps int64             // that were done
	Left  []compare.Finding // at most MaxLeft: what is still wrong
	Lost  []compare.Finding // of these, what no cloud has
	Errs  []error           // by cloud: why the last step that failed there did
}

// MaxLeft bounds how much of what is left is told.
const MaxLeft = 2_000

// maxRounds is how many rounds are made at most. A judgement is carried out
// after two.
const maxRounds = 4

// Healer heals. It is used by one goroutine.
type Healer struct {
	builder
	c        *compare.Comparison
	out      Outcome
	later    []task
	removes  []task
	records  []cipher.Removal
	unmended bool // records that could not be mended: they are read once more
}

// A task is a step of a case that waits.
type task struct {
	k *compare.Case
	s Step
}

// New returns a healer.
func New(config Config) *Healer {
	h := &Healer{}
	h.Config, h.times, h.linked, h.linkless, h.failed = config, map[place]time.Time{}, map[inode]string{}, map[int]bool{}, h.fail
	if h.Clock == nil {
		h.Clock = time.Now
	}
	if h.Logger == nil {
		h.Logger = slog.New(slog.DiscardHandler)
	}
	h.errs, h.dirty = make([]error, len(h.Clouds)), make([]bool, len(h.Clouds))
	return h
}

// Run heals everything that the configuration covers.
func (h *Healer) Run() (Outcome, error) {
	h.Content = true
	h.out.Errs = h.errs
	for range maxRounds {
		if err := h.round(); err != nil {
			return h.out, err
		}
		h.out.Steps += h.steps
		if h.steps == 0 {
			break
		}
		h.Content = h.unmended // else what was bad is good by now, or lost
	}
	return h.out, nil
}

// One heals a single name.
func (h *Healer) One(k *compare.Case) (Outcome, error) {
	var err error
	if h.c, err = compare.Begin(h.Config.Config); err != nil {
		return h.out, err
	}
	h.check, h.out.Errs = h.c.Check, h.errs
	if err = h.heal(k); err == nil {
		err = h.finish()
	}
	h.out.Steps = h.steps
	return h.out, err
}

// Comparison is that of the last round.
func (h *Healer) Comparison() *compare.Comparison { return h.c }

// round compares everything once and does what that asks for.
func (h *Healer) round() error {
	h.out.Left = slices.Clone(h.out.Lost)
	h.steps, h.unmended = 0, false
	clear(h.errs)
	h.c = compare.New(h.Config.Config)
	h.check = h.c.Check
	began := false
	err := h.c.Run(func(k *compare.Case) error {
		if !began {
			began = true
			if err := h.carryBatches(); err != nil {
				return err
			}
		}
		return h.heal(k)
	})
	if err == nil && !began {
		err = h.carryBatches()
	}
	if err == nil {
		err = h.finish()
	}
	for k, silent := range h.c.Silent() {
		if h.errs[k] == nil {
			h.errs[k] = silent
		}
	}
	return err
}

// finish does what has waited for the end of a round, in this order.
func (h *Healer) finish() error {
	for _, do := range []func() error{
		h.flush, h.leaveRecords,
		func() error { return h.drain(&h.later) }, h.flush,
		func() error { return h.drain(&h.removes) }, h.finishDirs,
		h.sweep, h.sync,
	} {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// heal does what one case asks for, or has it wait for its turn.
func (h *Healer) heal(k *compare.Case) error {
	h.leave(k)
	kept := true
	for _, s := range Plan(k) {
		if s.Op == Aside {
			if err := h.keepAside(k, s); err != nil {
				if err := h.failed(s, err); err != nil {
					return err
				}
				kept = false
			}
			continue
		}
		if !kept || h.Only >= 0 && s.Cloud != h.Only || h.May != nil && !h.May(s) {
			continue
		}
		switch {
		case s.Op == Remove:
			h.removes = append(h.removes, task{k, s})
		case s.last:
			h.later = append(h.later, task{k, s})
		default:
			if err := h.try(k, s); err != nil {
				return err
			}
		}
	}
	if kept {
		h.note(k)
	}
	if h.Learn != nil && kept {
		return h.Learn(k.Path, k.Verdict.Known)
	}
	return nil
}

// note gathers the records that a case asks for and that no batch has yet.
func (h *Healer) note(k *compare.Case) {
	for _, r := range k.Verdict.Records {
		is := compare.Left(r)
		again := slices.ContainsFunc(h.records, func(o cipher.Removal) bool {
			return o.Kind == is.Kind && o.File == is.File && slices.Equal(o.Version, is.Version)
		})
		if !again && !h.c.Removals().Tells(&is) {
			h.records = append(h.records, is)
		}
	}
}

// leave notes what is wrong at a name; a later round forgets what is right by
// then, but not what is lost.
func (h *Healer) leave(k *compare.Case) {
	lost := isLost(k)
	for _, f := range k.Findings {
		if len(h.out.Left) >= MaxLeft {
			return
		}
		known := slices.Contains(h.out.Lost, f)
		if lost && !known {
			h.out.Lost = append(h.out.Lost, f)
		}
		if !known {
			h.out.Left = append(h.out.Left, f)
		}
	}
}

// isLost reports whether something at a name is in no cloud any more.
func isLost(k *compare.Case) bool {
	if k.Content != nil && len(k.Content.Lost) > 0 || slices.Contains(k.Verdict.Findings, judge.Lost) {
		return true
	}
	return k.Verdict.Want.Is != judge.WantFile && k.Verdict.Want.Is != judge.WantDir &&
		slices.ContainsFunc(k.Verdict.Clouds, func(d judge.Do) bool { return d.State == judge.Damaged })
}

// try does a step. One that fails is told, and the rest goes on, unless the
// process is at fault or is to stop.
func (h *Healer) try(k *compare.Case, s Step) error {
	h.Logger.Debug("heal", "cloud", h.name(s.Cloud), "step", s.String())
	err := h.do(k, s)
	if err == nil {
		return nil
	}
	return h.failed(s, err)
}

// errChanged: what is there is not what was judged.
var errChanged = errors.New("it has changed meanwhile")

// guard keeps others from a path while it is changed.
func (h *site) guard(cloud int, path string) (done func(), err error) {
	if h.Guard == nil {
		return func() {}, nil
	}
	done, err = h.Guard(cloud, path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errChanged, err)
	}
	return done, nil
}

// Changed reports whether a step was not done since what it was to change is not
// what was compared any more.
func Changed(err error) bool { return errors.Is(err, errChanged) }

// OfName reports whether a step was not done because of what is at that one name:
// it tells nothing of the cloud.
func OfName(err error) bool {
	return Changed(err) || errors.Is(err, errFull) || errors.Is(err, errNoSource) || errors.Is(err, cipher.ErrDamaged)
}

// errNoSource: no copy has what is wanted.
var errNoSource = errors.New("no copy of it is whole")

// fail notes why a step could not be done.
func (h *Healer) fail(s Step, err error) error {
	h.Logger.Warn("a step of healing failed", "cloud", h.name(s.Cloud), "step", s.String(), "error", err)
	if h.Failed != nil {
		h.Failed(s, err)
	}
	if s.Cloud >= 0 && (h.errs[s.Cloud] == nil || errors.Is(h.errs[s.Cloud], errChanged)) {
		h.errs[s.Cloud] = err
	}
	h.unmended = h.unmended || s.Op == Mend
	if h.Stop != nil {
		return h.Stop()
	}
	return nil
}

// do does a step.
func (h *Healer) do(k *compare.Case, s Step) error {
	switch s.Op {
	case Mkdir:
		return h.mkdir(k, s)
	case Copy:
		return h.copy(k, s)
	case Head:
		return h.head(k, s)
	case Mend:
		return h.mend(k, s)
	case Sidecar:
		return h.sidecar(k, s)
	case Remove:
		return h.remove(k, s)
	}
	return errors.New("heal: no such step: " + s.String())
}

func (h *Healer) drain(tasks *[]task) error {
	list := *tasks
	*tasks = nil
	for _, t := range list {
		if err := h.try(t.k, t.s); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes what an earlier healing was building when it ended, and other
// temporary files. It tells of those that have what no file has.
func (h *Healer) sweep() error {
	if !h.Alone || len(h.Under) > 0 {
		return nil
	}
	for k, stats := range h.c.Stats() {
		h.out.Left = append(h.out.Left, stats.Strays[:min(len(stats.Strays), max(0, MaxLeft-len(h.out.Left)))]...)
		for _, temp := range slices.Concat(stats.Temps, h.c.Removals().Temps[k]) {
			dir, name := cloud.SplitPath(temp)
			if !h.Clouds[k].Litter(dir, cloud.Entry{Name: name, Regular: true}) {
				continue
			}
			h.remember(k, dir)
			if err := h.Clouds[k].Dir.Remove(temp); err != nil && !replica.Missing(err) && !errors.Is(err, fs.ErrPermission) {
				return err
			}
			h.did(k)
		}
	}
	return h.finishDirs()
}
