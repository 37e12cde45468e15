package queue

import (
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/heal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A round repairs names that are due, in one way.
type round struct {
	*Repairer
	how   how
	names []Name
	stop  func() error

	at   map[Name][]string // where they are
	left map[site]bool     // where the same step was done often enough
	held map[site]bool     // what was in use, or has changed
}

// A site is a path in a cloud.
type site struct {
	cloud int
	path  string
}

func (r *round) do() error {
	r.at, r.left, r.held = map[Name][]string{}, map[site]bool{}, map[site]bool{}
	config := compare.Config{
		Clouds: r.clouds(), Memory: r.Memory, Clock: r.Clock, SettleTime: settleTime, Only: -1, Workers: 1, Still: r.Beside(), Stop: r.stop,
	}
	if r.how.old {
		config.SettleTime = 0
	}
	for _, n := range r.names {
		r.at[n] = r.paths(n)
		config.Under = append(config.Under, r.at[n]...)
	}
	if len(config.Under) == 0 {
		return r.settle(nil, nil)
	}
	if !r.how.wide {
		config.Near = r.near(config.Under)
	}
	h := heal.New(heal.Config{
		Config: config, Owners: r.Owners, Draw: r.Draw, Logger: r.Logger, Guard: r.Beside().Guard, May: r.mayDo, Failed: r.failed,
	})
	out, err := h.Run()
	if err != nil {
		return err
	}
	return r.settle(out.Left, h.Comparison().Silent())
}

// clouds are those that take part: in use, and known to lack nothing but single names.
func (r *round) clouds() (list []*replica.Cloud) {
	for k, cl := range r.Clouds.All() {
		is := cl.Cloud
		if !r.takesPart(cl) {
			is = &replica.Cloud{Index: k, Name: cl.Name, Keys: cl.Keys}
		}
		list = append(list, is)
	}
	return list
}

func (r *round) takesPart(cl *clouds.Cloud) bool { return cl.Up() && !r.Unseen(cl.Index) }

// near are paths, and the others at which the files are known to be that are there.
func (r *round) near(paths []string) []string {
	list := slices.Clone(paths)
	for _, path := range paths {
		at, err := r.Memory.At(path)
		if err != nil || at.Version.ID.IsZero() {
			continue
		}
		if of, err := r.Memory.Of(at.Version.Identity); err == nil {
			for _, name := range of.Live {
				list = append(list, string(name))
			}
		}
	}
	return list
}

func deedOf(s heal.Step) deed {
	return deed{cloud: s.Cloud, path: s.Path, op: s.Op, commit: s.Commit, first: s.First}
}

// mayDo keeps a step from being done once too often.
func (r *round) mayDo(s heal.Step) bool {
	if r.may(deedOf(s)) {
		return true
	}
	r.left[site{s.Cloud, s.Path}] = true
	return false
}

func (r *round) failed(s heal.Step, err error) {
	r.undone(deedOf(s))
	if heal.Changed(err) && s.Cloud >= 0 {
		r.held[site{s.Cloud, s.Path}] = true
	}
}

// settle says of each name what has become of it.
func (r *round) settle(wrong []compare.Finding, silent []error) error {
	now := r.Clock()
	for at := range r.held {
		if !r.may(deed{cloud: at.cloud, path: at.path}) {
			r.left[at] = true
			continue
		}
		if err := r.Beside().Owe(at.cloud, at.path); err != nil {
			return err
		}
	}
	for _, n := range r.names {
		cl := r.Clouds.All()[n.Cloud]
		switch {
		case len(r.at[n]) == 0:
			r.Drop(n) // it is nowhere any more
		case !r.takesPart(cl) || len(silent) > 0 && silent[n.Cloud] != nil:
			r.again(n, now, false)
		case r.isLeft(n):
			r.Logger.Warn("a cloud does not keep what it was given twice; that is left to heal", "cloud", cl.Name)
			r.leave(n)
		case len(wrong) >= heal.MaxLeft, r.isWrong(n, wrong): // of so many not all are told
			r.again(n, now, true)
		default:
			r.Drop(n)
			if d, owes, err := r.Rows.Debt(r.id(n.Cloud), n.Place); err == nil && owes && d.Why == index.Differs {
				r.Rows.Pay(r.id(n.Cloud), n.Place)
			}
			for _, path := range r.at[n] {
				r.Notices.Mended(path, n.Cloud)
			}
		}
	}
	return nil
}

// isWrong reports whether something is left at a name, or below it.
func (r *round) isWrong(n Name, wrong []compare.Finding) bool {
	return slices.ContainsFunc(wrong, func(f compare.Finding) bool {
		return (f.Cloud == n.Cloud || f.Cloud == compare.AllClouds) && f.Kind != compare.Foreign && f.Kind != compare.Duplicate &&
			slices.ContainsFunc(r.at[n], func(at string) bool { return f.Path == at || strings.HasPrefix(f.Path, at+"/") })
	})
}

func (r *round) isLeft(n Name) bool {
	return slices.ContainsFunc(r.at[n], func(at string) bool { return r.left[site{n.Cloud, at}] })
}
