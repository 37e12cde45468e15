package judge

import (
	"cmp"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
)

// unverified reports whether there is something that is no claim.
func (c *Claim) unverified() bool {
	return c.Shows == ShowsBad || c.Shows == ShowsNewer || c.Shows == ShowsFile && c.Dirty
}

// A claimRow is one line of the table of what one cloud has at the name.
type claimRow struct {
	has   string
	holds func(j *judgement, c *Claim, s *sight) bool
	then  func(j *judgement, c *Claim, s *sight) Do
}

// claimRows is the table of what one cloud has at the name. The first line that
// holds is taken; s is nil unless the cloud shows a file that is a claim.
var claimRows = []claimRow{
	{
		"no answer",
		func(_ *judgement, c *Claim, _ *sight) bool { return c.Shows == ShowsNoAnswer },
		func(*judgement, *Claim, *sight) Do { return Do{Unreachable, Keep} },
	}, {
		"a newer format",
		func(_ *judgement, c *Claim, _ *sight) bool { return c.Shows == ShowsNewer },
		func(*judgement, *Claim, *sight) Do { return Do{NewerFormat, Keep} },
	}, {
		"what does not verify, or is DIRTY",
		func(_ *judgement, c *Claim, _ *sight) bool { return c.unverified() },
		func(j *judgement, c *Claim, _ *sight) Do { return j.damaged(c) },
	}, {
		"nothing",
		func(_ *judgement, c *Claim, _ *sight) bool { return c.Shows == ShowsNothing },
		func(j *judgement, c *Claim, _ *sight) Do { return j.missing(c) },
	}, {
		"a directory",
		func(_ *judgement, c *Claim, _ *sight) bool { return c.Shows == ShowsDir },
		func(j *judgement, _ *Claim, _ *sight) Do { return j.shownDirectory() },
	}, {
		"a version that has ended",
		func(_ *judgement, _ *Claim, s *sight) bool { return s.proof == hasEnded },
		func(j *judgement, _ *Claim, _ *sight) Do { return Do{Resurrected, j.replaced()} },
	}, {
		"a version that has moved",
		func(_ *judgement, _ *Claim, s *sight) bool { return s.proof == hasMoved },
		func(j *judgement, _ *Claim, s *sight) Do { return Do{Resurrected, j.onceSafe(j.outdone(s))} },
	}, {
		"a version that the directory's end has left behind",
		func(_ *judgement, _ *Claim, s *sight) bool { return s.proof == leftBehind },
		func(j *judgement, _ *Claim, s *sight) Do {
			return Do{LeftOver, j.onceSafe(j.outdone(s) || j.file(s.Identity).inPlaceAtItsOwnName(s.Version))}
		},
	}, {
		"the wanted version",
		func(j *judgement, _ *Claim, s *sight) bool { return j.isWanted(s) },
		func(*judgement, *Claim, *sight) Do { return Do{InPlace, Keep} },
	}, {
		"another version of the wanted id",
		func(j *judgement, _ *Claim, s *sight) bool { return j.file(s.Identity).fate == fateWanted },
		func(j *judgement, c *Claim, s *sight) Do { return Do{j.outdated(c, s), j.replaced()} },
	}, {
		"an id that lives at another name",
		func(j *judgement, _ *Claim, s *sight) bool { return j.file(s.Identity).fate == fateStrange },
		func(j *judgement, _ *Claim, s *sight) Do { return j.stranger(s) },
	}, {
		"a loser that is put aside",
		func(j *judgement, _ *Claim, s *sight) bool { return j.file(s.Identity).fate == fateAside },
		func(j *judgement, _ *Claim, _ *sight) Do { return Do{Conflict, j.replaced()} },
	}, {
		"anything else",
		func(*judgement, *Claim, *sight) bool { return true },
		func(*judgement, *Claim, *sight) Do { return Do{Disputed, Wait} },
	},
}

// conclude says for each cloud what to do, and gathers the rest of the verdict.
func (j *judgement) conclude() {
	for i := range j.claims {
		c := &j.claims[i]
		do := j.cloud(c, j.shown[i])
		if c.Young && (do.Action == Write || do.Action == Remove) {
			do = Do{Arriving, Wait}
		}
		j.v.Clouds = append(j.v.Clouds, do)
		switch {
		case do.State == InPlace:
			if j.v.Want.Is != WantNothing {
				j.v.Served = append(j.v.Served, i)
			}
		case do.State != Unreachable && do != Do{Lacks, Keep}:
			j.finding(do.State)
		}
	}
	j.hidden()
	if j.winner != nil && len(j.v.Served) == 0 {
		j.v.Source = j.winner.wanted.content.sources()
	}
	slices.Sort(j.v.Findings)
	slices.SortFunc(j.v.Copies, func(a, b Copy) int { return newer(a.Loser, b.Loser) })
}

func (j *judgement) cloud(c *Claim, s *sight) Do {
	for _, row := range claimRows {
		if row.holds(j, c, s) {
			return row.then(j, c, s)
		}
	}
	panic("judge: the last row of a table holds")
}

// hidden reports what lies beside the name, or does not show in any cloud's
// state.
func (j *judgement) hidden() {
	for _, f := range j.files {
		for _, s := range f.sights {
			hiding := s.proof != alive || !f.here() || f.fate == fateWanted || f.fate == fateStrange
			if s.here && s.at.Copy && hiding {
				j.finding(Duplicate)
			}
		}
		if f.fate == fateDisputed {
			j.finding(Disputed)
		}
	}
	if j.winner != nil && j.directoryEnded() && j.claimsDirectory() {
		j.finding(Resurrected)
	}
}

// finding reports something of the name, once.
func (j *judgement) finding(f Finding) {
	if !slices.Contains(j.v.Findings, f) {
		j.v.Findings = append(j.v.Findings, f)
	}
}

// replaced is what to do with a copy that is wrong and not the last of its kind.
func (j *judgement) replaced() Action {
	switch {
	case j.v.Want.Is == WantNothing:
		return Remove
	case j.held || j.lost:
		return Wait
	}
	return Write
}

// onceSafe is what to do with a copy that may be the last of its kind.
func (j *judgement) onceSafe(safe bool) Action {
	if safe {
		return j.replaced()
	}
	return Wait
}

// outdone reports whether a greater version is seen, so that this one is the
// last of nothing.
func (j *judgement) outdone(s *sight) bool {
	return j.file(s.Identity).any(func(o *sight) bool { return cipher.Compare(o.Vector, s.Vector) == cipher.Greater })
}

func (j *judgement) isWanted(s *sight) bool {
	w := j.v.Want
	return w.Is == WantFile && !s.pending && s.Identity == w.Version.Identity && s.Commit == w.Version.Commit &&
		cipher.Compare(s.Vector, w.Version.Vector) == cipher.Equal
}

// damaged is what to do with something unreadable: what it was is not known.
// A DIRTY copy may hold more than its header tells, so only one of the wanted
// file that is not newer is replaced.
func (j *judgement) damaged(c *Claim) Do {
	switch {
	case c.Young:
		return Do{Arriving, Wait}
	case j.v.Want.Is == WantNothing:
		return Do{Damaged, Keep}
	case c.Dirty && (c.Version.Identity != j.v.Want.Version.Identity || !atMost(c.Version.Vector, j.v.Want.Version.Vector)):
		return Do{Damaged, Wait}
	}
	return Do{Damaged, j.replaced()}
}

// missing is what to do where nothing is. Only what may not have moved away, and
// is not missing in a mass, is made again.
func (j *judgement) missing(c *Claim) Do {
	switch {
	case j.v.Want.Is == WantNothing && j.vanished:
		return Do{Lacks, Keep}
	case j.v.Want.Is == WantNothing:
		return Do{InPlace, Keep}
	case j.lost:
		return Do{Lacks, Wait}
	case j.perhapsMoved(c):
		return Do{PerhapsMoved, Wait}
	case j.place.Mass && !c.Owes:
		return Do{Lacks, Wait}
	}
	return Do{Lacks, j.replaced()}
}

// perhapsMoved reports whether the wanted thing may be missing in a cloud
// because another machine has moved it.
func (j *judgement) perhapsMoved(c *Claim) bool {
	if j.winner == nil {
		return j.place.InDead && !j.place.Full && !c.Owes
	}
	w := j.v.Want.Version
	switch {
	case w.Identity == j.winner.Identity && covered(w.Vector, j.winner.facts.Moved):
		return true
	case c.Owes:
		return false
	case j.place.InDead:
		return true
	}
	return j.place.Writers > 1 && j.showsElsewhere(c)
}

// showsElsewhere reports whether a cloud shows the wanted id at another name, at
// the wanted commit: a lesser version is no move, and a concurrent one goes on
// there under an id of its own.
func (j *judgement) showsElsewhere(c *Claim) bool {
	w := j.v.Want.Version
	return j.file(w.Identity).any(func(s *sight) bool {
		return s.home() && s.Commit == w.Commit && &j.claims[s.at.Cloud] == c
	})
}

// shownDirectory is what to do with a directory.
func (j *judgement) shownDirectory() Do {
	switch {
	case j.v.Want.Is == WantDir:
		return Do{InPlace, Keep}
	case j.v.Want.Is == WantNothing:
		return Do{Resurrected, Remove}
	case j.directoryEnded():
		return Do{Disputed, j.replaced()}
	}
	return Do{Disputed, Wait}
}

// outdated tells how another version of the wanted id stands: a loser that is
// kept, one that this machine never had here, or one that it had.
func (j *judgement) outdated(c *Claim, s *sight) Finding {
	kept := slices.ContainsFunc(j.v.Copies, func(o Copy) bool {
		return o.Loser.Identity == s.Identity && o.Loser.Commit == s.Commit
	})
	split := s.Commit == j.v.Want.Version.Commit && (s.pending || s.Identity != j.v.Want.Version.Identity)
	f := j.file(s.Identity)
	had := f.facts.Version.Vector
	if f == j.own {
		had = j.known.Version.Vector
	}
	switch {
	case kept || split:
		return Conflict
	case c.Owes, len(had) > 0 && cipher.Compare(s.Vector, had) != cipher.Less:
		return Stale
	}
	return RolledBack
}

// stranger is what to do with a file that lives at another name: nothing is lost
// with it once that version or a greater one is in place there. An equal one at
// an empty name may be a link that is on its way.
func (j *judgement) stranger(s *sight) Do {
	f := j.file(s.Identity)
	lesser := cipher.Compare(s.Vector, f.facts.Version.Vector) == cipher.Less
	safe := f.inPlaceAtItsOwnName(s.Version) && (lesser || j.v.Want.Is != WantNothing)
	do := Do{Planted, j.onceSafe(safe)}
	if lesser {
		do.State = LeftOver
	}
	return do
}

// sorted puts sources into one order, whatever that of what was seen.
func sorted(sources []Source) []Source {
	slices.SortFunc(sources, func(a, b Source) int {
		copies := func(s Source) int {
			if s.Copy {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(a.Cloud, b.Cloud), cmp.Compare(a.Name, b.Name), copies(a)-copies(b))
	})
	return sources
}
