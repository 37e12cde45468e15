package compare

import (
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A Case is one name where the clouds, or a cloud and what is known, differ:
// what each shows, and what should be.
type Case struct {
	Path    string // plain
	Name    cipher.PlainName
	Dirs    []string // by cloud: the directory that the name is in
	Has     []bool   // by cloud: that directory is there
	Known   judge.Known
	Sights  []*Sight // by cloud
	Verdict judge.Verdict
	// Spare, by cloud: it owes the name, and what it shows there is in place where
	// it belongs, in that cloud. So it was moved, and the rest of that is due.
	Spare []bool
	Old   bool // only clouds that lack changes show it
	// Second, by cloud: what it shows under the other spelling of the name is to go.
	Second []bool

	Unrecorded []cipher.Removal // of a single name: its verdict's records that no batch has yet

	Content  *Content // of what is wanted here; nil where it is sound, or was not read
	Members  []Member // the copies that Content is about
	Findings []Finding
}

// A Member is one copy of a file's content.
type Member struct {
	Cloud int
	Path  string
	Own   bool // it is the cloud's claim, and not a further entry
}

// judge judges what is marked.
func (c *Comparison) judge(do func(*Case) error) error {
	emit := func(k *Case) (bool, error) {
		if c.covers(k.Path) && (len(k.Findings) > 0 || !k.Quiet()) {
			if err := do(k); err != nil {
				return false, err
			}
		}
		return k.Verdict.Want.Is != judge.WantNothing, nil
	}
	w := &walk{
		c: c, tell: tellJudged(c),
		file: func(f *folder, r row) (bool, error) {
			k, err := careful{c}.decide(f, r, false)
			if err != nil {
				return false, err
			}
			return emit(k)
		},
		dir: func(f *folder, r row) (bool, error) {
			k, err := careful{c}.decide(f, r, true)
			if err != nil || k.Verdict.Want.Is == judge.WantDir {
				return true, err
			}
			_, err = emit(k) // something else stays here, and nothing in it is touched
			return false, err
		},
		leave: func(f *folder, r row, full bool) (bool, error) {
			if !c.survey.isMarked(f.child(r.name)) {
				return true, nil
			}
			k, err := careful{c}.decide(f, r, full)
			if err != nil {
				return false, err
			}
			return emit(k)
		},
	}
	return w.run()
}

// tellJudged counts names as their turn comes.
func tellJudged(c *Comparison) func() {
	if c.Judged == nil {
		return nil
	}
	done, of := int64(0), int64(len(c.survey.again))
	return func() {
		c.Judged(done, of)
		done++
	}
}

// Quiet reports whether nothing is to be done in any cloud.
func (k *Case) Quiet() bool {
	return !slices.Contains(k.Spare, true) && !slices.Contains(k.Second, true) && k.Verdict.Quiet() && len(k.Verdict.Copies) == 0 && len(k.Verdict.Records) == 0 && k.Content == nil &&
		!slices.ContainsFunc(k.Sights, func(s *Sight) bool { return s.Unsided })
}

// weigh looks at a name in every cloud, and judges.
func (c *Comparison) weigh(f *folder, r row, full bool) (*Case, error) {
	k := &Case{Path: f.child(r.name), Name: r.name}
	var err error
	if k.Known, err = c.Memory.At(k.Path); err != nil {
		return nil, err
	}
	claims := make([]judge.Claim, len(c.Clouds))
	for i := range c.Clouds {
		s, cp, err := c.look(f, r, i, k.Known)
		if err != nil {
			return nil, err
		}
		if cp != nil {
			cp.Close()
		}
		k.Sights, claims[i] = append(k.Sights, s), s.Claim
		k.Dirs, k.Has = append(k.Dirs, f.in[i].path), append(k.Has, f.in[i].there)
	}
	place := judge.Place{Name: judge.Name(k.Path), Writers: c.writers, Full: full, InDead: f.dead, Mass: c.massAt(k), Derive: cipher.ConflictID}
	if c.Asked {
		place.Writers = 1 // links that a cloud lacks are made
	}
	if place.Dead, err = c.deadAt(k.Path); err != nil {
		return nil, err
	}
	seen, ids, err := c.evidence(k, func(id judge.Identity, _ judge.Facts) ([]judge.Sighting, error) {
		return c.survey.seen[c.survey.id(id)], nil
	})
	if err != nil {
		return nil, err
	}
	k.Verdict = judge.Judge(k.Known, claims, ids, seen, place)
	k.judgeSeconds(claims, func(claims []judge.Claim) judge.Verdict { return judge.Judge(k.Known, claims, ids, seen, place) })
	if c.onlyBehind(k) {
		k.disbelieve()
	}
	for i := range k.Sights {
		spare, err := c.spare(k, i)
		if err != nil {
			return nil, err
		}
		k.Spare = append(k.Spare, spare)
	}
	return k, nil
}

// onlyBehind reports whether a name that nothing is known of is shown by no
// cloud but those that lack changes, though others answer.
func (c *Comparison) onlyBehind(k *Case) bool {
	others, shown := false, false
	for i, s := range k.Sights {
		behind := i < len(c.Behind) && c.Behind[i]
		switch {
		case s.Shows == judge.ShowsNothing && len(s.Copies) == 0:
			others = others || !behind
		case s.Shows == judge.ShowsNoAnswer:
		case !behind:
			return false
		default:
			shown = true
		}
	}
	return others && shown && k.Known.Has == judge.Unknown
}

// disbelieve leaves everything as it is.
func (k *Case) disbelieve() {
	v := judge.Verdict{Want: judge.Want{Is: judge.WantNothing}, Changes: k.Verdict.Changes, Known: k.Known}
	for _, s := range k.Sights {
		do := judge.Do{State: judge.InPlace, Action: judge.Keep}
		switch s.Shows {
		case judge.ShowsNothing:
		case judge.ShowsNoAnswer:
			do.State = judge.Unreachable
		default:
			do = judge.Do{State: judge.Stale, Action: judge.Wait}
			k.Old = true
		}
		v.Clouds = append(v.Clouds, do)
	}
	k.Verdict = v
	clear(k.Second)
}

// judgeSeconds judges what a cloud shows under a second spelling as if it were its
// claim: what would be replaced then is one entry too many.
func (k *Case) judgeSeconds(claims []judge.Claim, verdict func([]judge.Claim) judge.Verdict) {
	k.Second = make([]bool, len(k.Sights))
	for i, s := range k.Sights {
		if s.Second == nil || s.Second.Shows != judge.ShowsFile {
			continue
		}
		with := slices.Clone(claims)
		with[i] = s.Second.Claim
		with[i].Owes, with[i].Copies = s.Owes, slices.DeleteFunc(slices.Clone(s.versions()), func(v judge.Version) bool { return same(v, s.Second.Version) })
		v, want := verdict(with), k.Verdict.Want
		does := v.Clouds[i].Action
		k.Second[i] = (does == judge.Write || does == judge.Remove) && v.Want.Is == want.Is && same(v.Want.Version, want.Version)
	}
}

// spare reports whether what a cloud shows at a name that it owes is known to
// be elsewhere, and is there.
func (c *Comparison) spare(k *Case, i int) (bool, error) {
	s := k.Sights[i]
	if !s.Owes || s.Young || k.Verdict.Clouds[i].State != judge.Planted || k.Verdict.Want.Is != judge.WantNothing {
		return false, nil
	}
	for _, path := range c.Elsewhere(i, s.Version) {
		known, err := c.Memory.At(path)
		if err != nil || known.Has == judge.File && known.Version.Identity == s.Version.Identity {
			return err == nil, err
		}
	}
	return false, nil
}

// massAt reports whether the name is missing in a cloud that lacks a mass, and
// nobody has asked for it to be made good.
func (c *Comparison) massAt(k *Case) bool {
	if c.Asked {
		return false
	}
	for i, s := range k.Sights {
		if s.Shows == judge.ShowsNothing && c.survey.mass(i) {
			return true
		}
	}
	return false
}

// evidence is what is seen elsewhere of the ids of a case, and what is known of
// them.
func (c *observer) evidence(k *Case, elsewhere func(judge.Identity, judge.Facts) ([]judge.Sighting, error)) (seen []judge.Sighting, ids map[judge.Identity]judge.Facts, err error) {
	of := involved(k.Known)
	for _, s := range k.Sights {
		for _, v := range s.versions() {
			of = append(of, v.Identity, derived(v))
		}
	}
	ids = map[judge.Identity]judge.Facts{}
	var passing []judge.Sighting // of others, at the names of these
	for len(of) > 0 {
		id := of[0]
		of = of[1:]
		if _, ok := ids[id]; ok {
			continue
		}
		if ids[id], err = c.facts(id); err != nil {
			return nil, nil, err
		}
		all, err := elsewhere(id, ids[id])
		if err != nil {
			return nil, nil, err
		}
		for _, s := range all {
			switch {
			case s.Name == judge.Name(k.Path):
			case s.Version.Identity == id:
				seen, of = append(seen, s), append(of, derived(s.Version))
			default:
				passing = append(passing, s)
			}
		}
	}
	for _, s := range passing {
		if _, in := ids[s.Version.Identity]; in && !slices.ContainsFunc(seen, func(o judge.Sighting) bool { return o.Cloud == s.Cloud && o.Name == s.Name }) {
			seen = append(seen, s)
		}
	}
	return seen, ids, nil
}

// sources opens the copies of what is wanted.
func (c *Comparison) sources(k *Case) (copies []*replica.Copy) {
	want := k.Verdict.Want.Version
	for i, s := range k.Sights {
		for n, spot := range append([]Spot{s.Spot}, s.Others...) {
			own := n == 0
			if own && s.Shows != judge.ShowsFile || spot.Head == nil || spot.Head.Flags&cipher.Dirty != 0 || spot.Head.CommitID != want.Commit || spot.Head.Type != want.Type {
				continue
			}
			cp, err := c.Clouds[i].Open(spot.Path, false)
			if err != nil {
				continue
			}
			if len(copies) > 0 && !alike(cp.Head, copies[0].Head) {
				cp.Close()
				continue
			}
			copies, k.Members = append(copies, cp), append(k.Members, Member{i, spot.Path, own})
		}
	}
	return copies
}

// Elsewhere lists the plain paths at which a cloud shows a version, besides
// those that are tools' copies.
func (c *Comparison) Elsewhere(cloud int, v judge.Version) (paths []string) {
	for _, s := range c.survey.seen[c.survey.id(v.Identity)] {
		if s.Cloud == cloud && !s.Copy && same(s.Version, v) {
			paths = append(paths, string(s.Name))
		}
	}
	return paths
}

// Find returns the entry of a source of a version, as it is now.
func (c *Comparison) Find(from judge.Source, v judge.Version) (Spot, bool) {
	dir, name := cloud.SplitPath(string(from.Name))
	f, err := c.at(dir)
	if err != nil {
		return Spot{}, false
	}
	s, cp, err := c.look(f, f.find(cipher.PlainName(name)), from.Cloud, judge.Known{})
	if err != nil {
		return Spot{}, false
	}
	if cp != nil {
		cp.Close()
	}
	for _, spot := range append([]Spot{s.Spot}, s.Others...) {
		if h := spot.Head; h != nil && h.Flags&cipher.Dirty == 0 && h.CommitID == v.Commit && h.Type == v.Type {
			return spot, true
		}
	}
	return Spot{}, false
}
