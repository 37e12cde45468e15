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

// A conclusion is what to do in each cloud, once it is known what is wanted.
type conclusion struct{ *judgement }

// A claimRow is one line of the table of what one cloud has at the name.
type claimRow struct {
	has   string
	holds func(x *conclusion, c *Claim, s *sight) bool
	then  func(x *conclusion, c *Claim, s *sight) Do
}

// claimRows is the table of what one cloud has at the name. The first line that
// holds is taken; s is nil unless the cloud shows a file that is a claim.
var claimRows = []claimRow{
	{
		"no answer",
		func(_ *conclusion, c *Claim, _ *sight) bool { return c.Shows == ShowsNoAnswer },
		func(*conclusion, *Claim, *sight) Do { return Do{Unreachable, Keep} },
	}, {
		"a newer format",
		func(_ *conclusion, c *Claim, _ *sight) bool { return c.Shows == ShowsNewer },
		func(*conclusion, *Claim, *sight) Do { return Do{NewerFormat, Keep} },
	}, {
		"what does not verify, or is DIRTY",
		func(_ *conclusion, c *Claim, _ *sight) bool { return c.unverified() },
		func(x *conclusion, c *Claim, _ *sight) Do { return x.damaged(c) },
	}, {
		"nothing",
		func(_ *conclusion, c *Claim, _ *sight) bool { return c.Shows == ShowsNothing },
		func(x *conclusion, c *Claim, _ *sight) Do { return x.missing(c) },
	}, {
		"a directory",
		func(_ *conclusion, c *Claim, _ *sight) bool { return c.Shows == ShowsDir },
		func(x *conclusion, _ *Claim, _ *sight) Do { return x.shownDirectory() },
	}, {
		"a version that has ended",
		func(_ *conclusion, _ *Claim, s *sight) bool { return s.proof == hasEnded },
		func(x *conclusion, _ *Claim, _ *sight) Do { return Do{Resurrected, x.replaced()} },
	}, {
		"a version that has moved",
		func(_ *conclusion, _ *Claim, s *sight) bool { return s.proof == hasMoved },
		func(x *conclusion, _ *Claim, s *sight) Do { return Do{Resurrected, x.onceSafe(x.outdone(s))} },
	}, {
		"a version that the directory's end has left behind",
		func(_ *conclusion, _ *Claim, s *sight) bool { return s.proof == leftBehind },
		func(x *conclusion, _ *Claim, s *sight) Do {
			return Do{LeftOver, x.onceSafe(x.outdone(s) || x.file(s.Identity).inPlaceAtItsOwnName(s.Version))}
		},
	}, {
		"a version that has left this name, of a file that goes on",
		func(_ *conclusion, _ *Claim, s *sight) bool { return s.proof == hasLeft },
		func(x *conclusion, _ *Claim, s *sight) Do {
			return Do{Resurrected, x.onceSafe(x.outdone(s) || x.file(s.Identity).safe(s.Version))}
		},
	}, {
		"the wanted version",
		func(x *conclusion, _ *Claim, s *sight) bool { return x.isWanted(s) },
		func(*conclusion, *Claim, *sight) Do { return Do{InPlace, Keep} },
	}, {
		"another version of the wanted id",
		func(x *conclusion, _ *Claim, s *sight) bool { return x.file(s.Identity).fate == fateWanted },
		func(x *conclusion, c *Claim, s *sight) Do { return Do{x.outdated(c, s), x.replaced()} },
	}, {
		"an id that lives at another name",
		func(x *conclusion, _ *Claim, s *sight) bool { return x.file(s.Identity).fate == fateStrange },
		func(x *conclusion, _ *Claim, s *sight) Do { return x.stranger(s) },
	}, {
		"a loser that is put aside",
		func(x *conclusion, _ *Claim, s *sight) bool { return x.file(s.Identity).fate == fateAside },
		func(x *conclusion, _ *Claim, _ *sight) Do { return Do{Conflict, x.replaced()} },
	}, {
		"anything else",
		func(*conclusion, *Claim, *sight) bool { return true },
		func(*conclusion, *Claim, *sight) Do { return Do{Disputed, Wait} },
	},
}

// conclude says for each cloud what to do, and gathers the rest of the verdict.
func (x *conclusion) conclude() {
	for i := range x.claims {
		c := &x.claims[i]
		do := x.cloud(c, x.shown[i])
		if c.Young && (do.Action == Write || do.Action == Remove) {
			do = Do{Arriving, Wait}
		}
		x.v.Clouds = append(x.v.Clouds, do)
		switch {
		case do.State == InPlace:
			if x.v.Want.Is != WantNothing {
				x.v.Served = append(x.v.Served, i)
			}
		case do.State != Unreachable && do != Do{Lacks, Keep}:
			x.finding(do.State)
		}
	}
	x.hidden()
	if x.winner != nil && len(x.v.Served) == 0 {
		x.v.Source = x.winner.wanted.content.sources()
	}
	slices.Sort(x.v.Findings)
	slices.SortFunc(x.v.Copies, func(a, b Copy) int { return newer(a.Loser, b.Loser) })
}

func (x *conclusion) cloud(c *Claim, s *sight) Do {
	for _, row := range claimRows {
		if row.holds(x, c, s) {
			return row.then(x, c, s)
		}
	}
	panic("judge: the last row of a table holds")
}

// hidden reports what lies beside the name, or does not show in any cloud's
// state.
func (x *conclusion) hidden() {
	for _, f := range x.files {
		for _, s := range f.sights {
			hiding := s.proof != alive || !f.here() || f.fate == fateWanted || f.fate == fateStrange
			if s.here && s.at.Copy && hiding {
				x.finding(Duplicate)
			}
		}
		if f.fate == fateDisputed {
			x.finding(Disputed)
		}
	}
	if x.winner != nil && x.directoryEnded() && x.claimsDirectory() {
		x.finding(Resurrected)
	}
}

// finding reports something of the name, once.
func (j *judgement) finding(f Finding) {
	if !slices.Contains(j.v.Findings, f) {
		j.v.Findings = append(j.v.Findings, f)
	}
}

// replaced is what to do with a copy that is wrong and not the last of its kind.
func (x *conclusion) replaced() Action {
	switch {
	case x.v.Want.Is == WantNothing:
		return Remove
	case x.held || x.lost:
		return Wait
	}
	return Write
}

// onceSafe is what to do with a copy that may be the last of its kind.
func (x *conclusion) onceSafe(safe bool) Action {
	if safe {
		return x.replaced()
	}
	return Wait
}

// outdone reports whether a greater version is seen, so that this one is the
// last of nothing.
func (x *conclusion) outdone(s *sight) bool {
	return x.file(s.Identity).any(func(o *sight) bool { return cipher.Compare(o.Vector, s.Vector) == cipher.Greater })
}

func (x *conclusion) isWanted(s *sight) bool {
	w := x.v.Want
	return w.Is == WantFile && !s.pending && s.Identity == w.Version.Identity && s.Commit == w.Version.Commit &&
		cipher.Compare(s.Vector, w.Version.Vector) == cipher.Equal
}

// damaged is what to do with something unreadable: what it was is not known.
// A DIRTY copy may hold more than its header tells, so only one of the wanted
// file that is not newer is replaced.
func (x *conclusion) damaged(c *Claim) Do {
	switch {
	case c.Young:
		return Do{Arriving, Wait}
	case x.v.Want.Is == WantNothing:
		return Do{Damaged, Keep}
	case c.Dirty && (c.Version.Identity != x.v.Want.Version.Identity || !atMost(c.Version.Vector, x.v.Want.Version.Vector)):
		return Do{Damaged, Wait}
	}
	return Do{Damaged, x.replaced()}
}

// missing is what to do where nothing is. Only what may not have moved away, and
// is not missing in a mass, is made again.
func (x *conclusion) missing(c *Claim) Do {
	switch {
	case x.v.Want.Is == WantNothing && x.vanished:
		return Do{Lacks, Keep}
	case x.v.Want.Is == WantNothing:
		return Do{InPlace, Keep}
	case x.lost:
		return Do{Lacks, Wait}
	case x.perhapsMoved(c):
		return Do{PerhapsMoved, Wait}
	case x.place.Mass && !c.Owes:
		return Do{Lacks, Wait}
	}
	return Do{Lacks, x.replaced()}
}

// perhapsMoved reports whether the wanted thing may be missing in a cloud
// because another machine has moved it.
func (x *conclusion) perhapsMoved(c *Claim) bool {
	if x.winner == nil {
		return x.place.InDead && !x.place.Full && !c.Owes
	}
	w := x.v.Want.Version
	switch {
	case w.Identity == x.winner.Identity && covered(w.Vector, x.winner.facts.Moved):
		return true
	case c.Owes:
		return false
	case x.place.InDead:
		return true
	}
	return x.place.Writers > 1 && x.showsElsewhere(c)
}

// showsElsewhere reports whether a cloud shows the wanted id at another name, at
// the wanted commit: a lesser version is no move, and a concurrent one goes on
// there under an id of its own.
func (x *conclusion) showsElsewhere(c *Claim) bool {
	w := x.v.Want.Version
	return x.file(w.Identity).any(func(s *sight) bool {
		return s.home() && s.Commit == w.Commit && &x.claims[s.at.Cloud] == c
	})
}

// shownDirectory is what to do with a directory.
func (x *conclusion) shownDirectory() Do {
	switch {
	case x.v.Want.Is == WantDir:
		return Do{InPlace, Keep}
	case x.v.Want.Is == WantNothing:
		return Do{Resurrected, Remove}
	case x.directoryEnded():
		return Do{Disputed, x.replaced()}
	}
	return Do{Disputed, Wait}
}

// outdated tells how another version of the wanted id stands: a loser that is
// kept, one that this machine never had here, or one that it had.
func (x *conclusion) outdated(c *Claim, s *sight) Finding {
	kept := slices.ContainsFunc(x.v.Copies, func(o Copy) bool {
		return o.Loser.Identity == s.Identity && o.Loser.Commit == s.Commit
	})
	split := s.Commit == x.v.Want.Version.Commit && (s.pending || s.Identity != x.v.Want.Version.Identity)
	f := x.file(s.Identity)
	had := f.facts.Version.Vector
	if f == x.own {
		had = x.known.Version.Vector
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
func (x *conclusion) stranger(s *sight) Do {
	f := x.file(s.Identity)
	lesser := cipher.Compare(s.Vector, f.facts.Version.Vector) == cipher.Less
	safe := f.inPlaceAtItsOwnName(s.Version) && (lesser || x.v.Want.Is != WantNothing)
	do := Do{Planted, x.onceSafe(safe)}
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
