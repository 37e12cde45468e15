package checkup

import (
	"context"

	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/heal"
)

// Heal makes every cloud what it should be, and reports what is left. What could
// not be touched yet, since it has just changed or is in use, is tried once more.
func Heal(ctx context.Context, c Config) (*Report, error) {
	h := &healing{Config: c, refused: map[refusal]bool{}}
	err := h.round(ctx)
	if err == nil && (arriving(h.out.Left) || len(h.refused) > 0) {
		if err = h.giveTime(ctx); err == nil {
			err = h.round(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	return h.report(), nil
}

// A healing is one call of Heal.
type healing struct {
	Config
	c       *compare.Comparison // the last one
	out     heal.Outcome        // of the last round
	steps   int64               // of all
	refused map[refusal]bool    // what could not be changed in the last round
}

// A refusal is a name that was in use, or had changed, when a cloud was to be
// changed there.
type refusal struct {
	cloud int
	path  string
}

// round heals everything, while no cloud returns.
func (h *healing) round(ctx context.Context) error {
	if !h.Served {
		return h.run(ctx.Err)
	}
	return h.Mirror.Beside().Healing(ctx, h.run)
}

func (h *healing) run(stop func() error) (err error) {
	clear(h.refused)
	config := heal.Config{
		Config: h.compare(stop), Owners: h.Owners, Alone: !h.Served, Draw: h.Draw, Logger: h.Logger,
	}
	if h.Served {
		config.Guard = h.Mirror.Beside().Guard
		config.Failed = func(s heal.Step, err error) {
			if heal.Changed(err) && s.Cloud >= 0 {
				h.refused[refusal{s.Cloud, s.Path}] = true
			}
		}
	}
	healer := heal.New(config)
	h.out, err = healer.Run()
	h.steps += h.out.Steps
	h.c = healer.Comparison()
	return err
}

// giveTime gives what could not be touched its time. What is in use is given its
// copy as any cloud is that owes a name.
func (h *healing) giveTime(ctx context.Context) error {
	for r := range h.refused {
		if err := h.Mirror.Beside().Owe(r.cloud, r.path); err != nil {
			return err
		}
	}
	if arriving(h.out.Left) {
		if err := h.sleep(ctx); err != nil {
			return err
		}
	}
	if len(h.refused) == 0 {
		return nil
	}
	if err := h.Mirror.Tend(); err != nil && h.Logger != nil {
		h.Logger.Warn("what is in use is not healed yet", "error", err)
	}
	return nil
}

// report tells what is left.
func (h *healing) report() *Report {
	r := h.Config.report()
	r.Steps, r.Lost = h.steps, len(h.out.Lost)
	r.keptOf(h.c)
	byPath := map[string][]compare.Finding{}
	for _, f := range h.out.Left {
		byPath[f.Path] = append(byPath[f.Path], f)
	}
	for _, list := range byPath {
		r.add(list)
	}
	for _, f := range h.c.Strange() {
		r.find(f, false)
	}
	for i, s := range h.c.Stats() {
		r.Clouds[i].Files, r.Clouds[i].Bytes, r.Clouds[i].Foreign = s.Files, s.Bytes, s.Foreign
	}
	for i, err := range h.out.Errs {
		if err != nil && !heal.OfName(err) {
			r.Short = true
			r.Clouds[i].State, r.Clouds[i].Reason = StateSuspended, err.Error()
		}
	}
	r.sort()
	return r
}
