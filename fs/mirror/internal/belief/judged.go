package belief

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
)

// answered is an answer with what it rests on.
type answered struct {
	shown  []Shown // then
	known  index.Known
	until  time.Time
	answer *Answer
}

// manyAnswers are more than are kept.
const manyAnswers = 4096

// before returns the answer to the same question, if it was asked a moment ago.
// What the clouds show at other names is not asked again meanwhile.
func (b *Belief) before(q *Question, row *index.Row) *Answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.answers[q.Place]
	if was == nil || !b.Clock().Before(was.until) || !sameKnown(was.known, row.Known) || len(was.shown) != len(q.Shown) {
		return nil
	}
	for k, now := range q.Shown {
		then := was.shown[k]
		if now.Asked != then.Asked || now.There != then.There || now.Special != then.Special || now.There && !sameStat(StatOf(then.Info), now.Info) {
			return nil
		}
	}
	a := *was.answer
	a.Row = *row
	return &a
}

func sameKnown(a, b index.Known) bool {
	return a.Kind == b.Kind && a.File == b.File && a.Dir == b.Dir && a.Version.Equal(b.Version)
}

// keep keeps an answer.
func (b *Belief) keep(q *Question, known index.Known, a *Answer) {
	if q.Place.Dir == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.answers) >= manyAnswers {
		clear(b.answers)
	}
	b.answers[q.Place] = &answered{shown: q.Shown, known: known, until: b.Clock().Add(settleTime), answer: a}
}

// judge reads the headers, judges, and does what follows for the memory.
func (b *Belief) judge(q *Question, row index.Row) (*Answer, error) {
	path, ok := q.Path()
	if !ok {
		return nil, fmt.Errorf("judge: a directory without a name")
	}
	at := compare.Where{Path: path, Dirs: q.Dirs}
	for _, s := range q.Shown {
		at.Asked = append(at.Asked, s.Asked)
	}
	doubt(b, q, &row, &at)
	c, err := b.looker.Judge(at)
	if err != nil {
		return nil, err
	}
	a := b.answer(q, row, c)
	for _, r := range c.Unrecorded {
		b.Back(r)
	}
	known := row.Known
	if q.Place.Dir != 0 {
		if !a.leftOver(&c.Verdict) {
			known = b.learn(q.Place, row.Known, c)
		}
		b.stood(q.Place, known, c, a)
		b.owe(q.Place, c)
	}
	b.keep(q, known, a)
	return a, nil
}

// answer is what a verdict means for who asks.
func (b *Belief) answer(q *Question, row index.Row, c *compare.Case) *Answer {
	n, v := len(q.Shown), &c.Verdict
	a := &Answer{
		Is: v.Want.Is, Row: row, Special: v.Want.Version.Type.Special(), Shown: append([]Shown(nil), q.Shown...),
		Serves: make([]bool, n), Untouched: make([]bool, n), Removable: make([]bool, n), Renew: v.Changes == judge.NewWriter,
	}
	for k, do := range v.Clouds {
		s := c.Sights[k]
		shows := s.Shows != judge.ShowsNothing && s.Shows != judge.ShowsNoAnswer
		a.Removable[k] = shows && (do.Action == judge.Remove || do.Action == judge.Write)
		a.Untouched[k] = shows && !a.Removable[k] && do.State != judge.InPlace
		if (do.State == judge.Arriving || do.State == judge.Damaged) && ended(row.Known, s) {
			a.Untouched[k], a.Removable[k] = false, true
		}
		switch do.State {
		case judge.Disputed, judge.Planted, judge.Conflict:
			a.Disputed = true
		}
	}
	served, older := servers(c, row.Known)
	a.Renew = a.Renew || older
	for _, k := range served {
		a.Serves[k], a.Untouched[k] = true, false
		if a.Is == judge.WantFile {
			a.Shown[k] = Shown{Asked: true, There: true, Special: a.Special, Info: c.Sights[k].Info}
			if a.Head == nil {
				a.Head = c.Sights[k].Head
			}
		}
	}
	a.Lost = a.Is == judge.WantUnreadable || a.Is == judge.WantFile && len(served) == 0
	for k, s := range c.Sights {
		a.Untouched[k] = a.Untouched[k] && !(a.Lost && unfinished(row.Known, s))
	}
	if a.leftOver(v) {
		a.Is, a.Lost = judge.WantNothing, false
	}
	a.Renew = a.Renew || b.blind(a, c)
	return a
}

// blind reports whether a change of what is served, by this writer, would look
// like one that follows another version, too, which it has not seen: where two
// clouds have versions that do not follow one another, one of them may be our own.
func (b *Belief) blind(a *Answer, c *compare.Case) bool {
	if a.Is != judge.WantFile || a.Head == nil {
		return false
	}
	next := a.Head.Version.With(b.Writer(), math.MaxUint64)
	for _, s := range c.Sights {
		v := &s.Version
		if s.Shows == judge.ShowsFile && v.ID == a.Head.FileID && v.Type == a.Head.Type && !atMost(v.Vector, a.Head.Version) && atMost(v.Vector, next) {
			return true
		}
	}
	return false
}

// leftOver reports whether all that is here of a file is older than what is at
// its own name, and nothing was known here: nothing is shown until that is
// brought here, if it ever is.
func (a *Answer) leftOver(v *judge.Verdict) bool {
	return v.Want.Is == judge.WantFile && len(v.Served) == 0 && len(v.Source) > 0 && a.Row.Known.Kind != index.IsFile && !slices.Contains(a.Serves, true)
}

// servers are the clouds that have what is wanted. Where none has it yet, since
// only its vector or its id is to be another one, or since what is wanted is at
// another name, they are those with its content, and else those with the version
// that was last in place here. Where all have an older one of it, and the same, that
// is not what is known to be: older says so.
func servers(c *compare.Case, known index.Known) (list []int, older bool) {
	v := &c.Verdict
	if len(v.Served) > 0 || v.Want.Is != judge.WantFile {
		return v.Served, false
	}
	for _, commit := range []cipher.ID{v.Want.Version.Commit, known.Version.Commit} {
		var have []int
		for k, s := range c.Sights {
			if s.Shows == judge.ShowsFile && !s.Dirty && !commit.IsZero() && s.Version.Commit == commit && s.Version.Type == v.Want.Version.Type {
				have = append(have, k)
			}
		}
		if len(have) > 0 {
			return have, false
		}
	}
	var first *compare.Sight
	for k, s := range c.Sights {
		switch {
		case s.Shows == judge.ShowsNoAnswer:
			continue
		case s.Shows != judge.ShowsFile || s.Dirty || s.Version.Identity != v.Want.Version.Identity || first != nil && s.Version.Commit != first.Version.Commit:
			return nil, false
		}
		first, list = s, append(list, k)
	}
	return list, len(list) > 0
}

// ended reports whether what a cloud shows is what was removed here, however
// lately it came back.
func ended(known index.Known, s *compare.Sight) bool {
	return known.Kind == index.Gone && s.Shows == judge.ShowsFile && s.Version.ID == known.File.ID && s.Version.Type == known.File.Type &&
		atMost(s.Version.Vector, known.Version.Vector)
}

// atMost reports whether a version is not above another one.
func atMost(v, w cipher.Vector) bool {
	order := cipher.Compare(v, w)
	return order == cipher.Less || order == cipher.Equal
}

// unfinished reports whether what a cloud shows is half a version of the file that
// is known, or of one that never had any: whoever may remove the file may remove
// that.
func unfinished(known index.Known, s *compare.Sight) bool {
	if s.Head == nil || s.Head.Flags&cipher.Dirty == 0 {
		return false
	}
	ours := known.Kind == index.IsFile && s.Head.FileID == known.File.ID && s.Head.Type == known.File.Type
	return ours || len(s.Head.Version) == 0
}

// learn tells the memory what is known from now on.
func (b *Belief) learn(p index.Place, was index.Known, c *compare.Case) index.Known {
	now := c.Verdict.Known
	switch {
	case now.Has == judge.Dir:
		if was.Kind != index.IsDir {
			was = index.Known{Kind: index.IsDir, Dir: b.Memory.Number(p.Dir, p.Name)}
		}
		return was
	case was.Kind == index.IsDir || was.Kind == index.Vanished && was.File == (index.File{}):
		left := index.Known{}
		if was.Kind == index.IsDir {
			b.Memory.RemovedDir(p)
			left.Kind = index.Gone
		}
		if now.Has == judge.Unknown || now.Has == judge.Gone && now.Version.ID.IsZero() {
			return left
		}
	case sameKnown(indexed(now), was) || indexed(now).Kind == index.Unknown && was.Kind == index.Unknown:
		return was
	}
	is := indexed(now)
	b.Memory.Learned(p, is)
	return is
}

// stood tells the memory which backing files have the version that is known, and
// show nothing but what their headers say.
func (b *Belief) stood(p index.Place, known index.Known, c *compare.Case, a *Answer) {
	for _, k := range c.Verdict.Served {
		s := c.Sights[k]
		if s.Head == nil || a.Is != judge.WantFile {
			continue
		}
		if has := indexed(judge.Known{Has: judge.File, Version: s.Version}); has.File == known.File && has.Version.Equal(known.Version) && b.Shows(s.Head, s.Info) {
			b.Memory.Stands(p, b.Clouds.All()[k].ID, has.Version, StatOf(s.Info))
		}
	}
}

// Shows reports whether a backing file shows mode, owner and mtime as the header
// has them, or says that the header is to be asked.
func (b *Belief) Shows(h *cipher.Header, i cloud.Info) bool {
	if b.Owners && (h.UID != i.UID || h.GID != i.GID) {
		return false
	}
	mtime := time.Unix(h.MtimeSec, int64(h.MtimeNsec))
	return cipher.HeaderDecides(i.Mode) || i.Mode&0o777 == cipher.BackingMode(h.Mode, false)&0o777 && i.Mtime.Equal(mtime)
}

// shown is what a cloud has, as a debt keeps it: nothing is Gone there.
func shown(s *compare.Sight) index.Known {
	switch s.Shows {
	case judge.ShowsNothing:
		return index.Known{Kind: index.Gone}
	case judge.ShowsDir:
		return index.Known{Kind: index.IsDir}
	case judge.ShowsFile:
		if !s.Dirty {
			return indexed(judge.Known{Has: judge.File, Version: s.Version})
		}
	}
	return index.Known{}
}

// wide reports whether what should be at a name follows from what is elsewhere, too, where a cloud shows that.
func wide(is judge.Finding) bool {
	switch is {
	case judge.Damaged, judge.Arriving, judge.RolledBack, judge.Stale:
		return false
	}
	return true
}

// owe has made good what is wrong.
func (b *Belief) owe(p index.Place, c *compare.Case) {
	for k, do := range c.Verdict.Clouds {
		switch {
		case do.State == judge.Unreachable:
			continue
		case do.State == judge.InPlace, do.State == judge.Lacks && do.Action == judge.Keep:
			b.Debts.Pay(k, p)
			continue
		}
		b.Logger.Warn("what a cloud shows is not what should be there", "cloud", b.Clouds.All()[k].Name, "is", string(do.State), "why", c.Sights[k].Why)
		b.Debts.Differs(k, p, wide(do.State), shown(c.Sights[k]))
	}
}
