package judge

import (
	"slices"

	"github.com/overcast-fs/overcast/cipher"
)

// A fate is what becomes of a file that some cloud shows at the name.
type fate int

const (
	fateNone     fate = iota
	fateWanted        // it is what should be here
	fateStrange       // it lives at another name: planted, or left over
	fateAside         // the loser: kept under another name
	fateWins          // it takes the place of what the index has
	fateDisputed      // untouched, until somebody knows
)

// An otherRow is one line of the table of other ids where F stays.
type otherRow struct {
	other   string
	verdict string
	holds   func(j *judgement, h *file) bool
	fate    fate
}

// otherRows is the table "Another id H where F stays": exactly one of its lines
// holds.
var otherRows = []otherRow{
	{
		"lives at another name by the index, here not greater",
		"planted, or left over if lesser: not served; replaced or removed once that version or a greater one is in place at its own name",
		func(j *judgement, h *file) bool { return j.strange(h) && !h.outgrown() },
		fateStrange,
	}, {
		"greater than at its own name, no record",
		"planted: source for its own name; nothing is touched",
		func(j *judgement, h *file) bool { return j.strange(h) && h.outgrown() },
		fateStrange,
	}, {
		"concurrent with what is seen of it elsewhere",
		"put aside: once the two are joined there, this one would count as left over",
		func(j *judgement, h *file) bool { return !j.strange(h) && h.forked() },
		fateAside,
	}, {
		"new, and lesser than F by (mtime, commit id)",
		"put aside at once",
		func(j *judgement, h *file) bool { return !j.strange(h) && !h.forked() && !j.beatsOwn(h) },
		fateAside,
	}, {
		"new, greater, and every cloud (none away) shows it, as itself or as a tool copy",
		"H wins, F is put aside if it is here",
		func(j *judgement, h *file) bool {
			return !j.strange(h) && !h.forked() && j.beatsOwn(h) && j.showing(h) == len(j.claims)
		},
		fateWins,
	}, {
		"new, greater, some cloud does not show it",
		"disputed: F is served, H stays untouched",
		func(j *judgement, h *file) bool {
			return !j.strange(h) && !h.forked() && j.beatsOwn(h) && j.showing(h) < len(j.claims)
		},
		fateDisputed,
	},
}

// others finds the fate of every file here but the index's own.
func (j *judgement) others() {
	for _, h := range j.files {
		if h == j.own || !h.here() {
			continue
		}
		for _, row := range otherRows {
			if row.holds(j, h) {
				h.fate = row.fate
			}
		}
	}
}

// outgrown reports whether the file is seen here at a greater version than the
// index has at its own name.
func (f *file) outgrown() bool {
	return f.any(func(s *sight) bool {
		return s.here && cipher.Compare(s.Vector, f.facts.Version.Vector) == cipher.Greater
	})
}

// beatsOwn reports whether h is greater than the index's file by (mtime, commit
// id), which every machine sees alike. What no cloud has beats nothing.
func (e *evidence) beatsOwn(h *file) bool {
	return e.own.wanted.none || newer(h.wanted.want, e.own.wanted.want) > 0
}

// strange reports whether a file lives at another name by the index, and
// nothing explains that it is here.
func (e *evidence) strange(f *file) bool {
	return len(f.facts.Live) > 0 && !slices.Contains(f.facts.Live, e.place.Name) && !e.explained(f)
}

// explained reports whether a file may have this name, though the index has it
// at another.
func (e *evidence) explained(f *file) bool {
	return e.linked(f) || e.movedHere(f) || e.broughtHere(f) || f.forked()
}

// linked reports whether every cloud (none away) shows the file here: that is a
// hard link. One that still shows a version which has moved showed it here
// before: another name may be what the record is of.
func (e *evidence) linked(f *file) bool {
	return !slices.ContainsFunc(e.shown, func(s *sight) bool {
		return s == nil || s.Identity != f.Identity || s.proof != alive && s.proof != hasMoved
	})
}

// movedHere reports whether a record says that the file has left where the
// index has it, and this is a version beyond the record.
func (e *evidence) movedHere(f *file) bool {
	return slices.ContainsFunc(f.facts.Moved, func(m cipher.Vector) bool {
		return atMost(f.facts.Version.Vector, m) &&
			f.any(func(s *sight) bool { return s.here && !atMost(s.Vector, m) })
	})
}

// broughtHere reports whether the file's own names, where it is seen there, lie
// in directories that have ended, at no greater version.
func (e *evidence) broughtHere(f *file) bool {
	own := func(s *sight) bool { return !s.here && !s.at.Copy && slices.Contains(f.facts.Live, s.at.Name) }
	return f.any(own) && !f.any(func(s *sight) bool {
		return own(s) && (!s.dead || !f.any(func(h *sight) bool { return h.here && h.supersedes(s.Version) }))
	})
}

// forked reports whether the file has a version here that is concurrent with
// what is seen of it elsewhere: an edit beside a rename, which lives on here.
func (f *file) forked() bool { return len(f.heads.all) > 1 && len(f.heads.here) > 0 }

// showing counts the clouds that show a file here, as itself or as a tool copy.
func (e *evidence) showing(f *file) int {
	var clouds []int
	for _, s := range f.sights {
		if s.here && s.proof == alive && !slices.Contains(clouds, s.at.Cloud) {
			clouds = append(clouds, s.at.Cloud)
		}
	}
	return len(clouds)
}

// best returns the file with the greatest (mtime, commit id) of some, nil if
// there is none.
func (e *evidence) best(of func(*file) bool) *file {
	var best *file
	for _, f := range e.files {
		if of(f) && (best == nil || newer(f.wanted.want, best.wanted.want) > 0) {
			best = f
		}
	}
	return best
}

// putAside keeps every loser under another name, and ends its id: what it was
// goes on as the copy. A loser that is also seen elsewhere waits, since its id
// may be right there; only what would be lost with it is kept.
func (j *judgement) putAside() {
	for _, f := range j.files {
		if f.fate != fateAside {
			continue
		}
		j.finding(Conflict)
		elsewhere := f.any(func(s *sight) bool { return !s.here && !s.at.Copy })
		if elsewhere && !f.forked() {
			f.fate = fateDisputed
			continue
		}
		end := Record{Kind: RecordEnded, File: f.Identity}
		for _, h := range f.heads.here {
			j.keepCopy(h)
			end.Vector = end.Vector.Max(h.Vector)
		}
		if !elsewhere && (!f.livesElsewhere(j.place.Name) || j.movedHere(f)) {
			j.record(end)
		}
	}
}

// keepForks keeps what has left this name and is concurrent with what is seen of
// its file elsewhere: once the two are joined there, this one would count as safe.
func (j *judgement) keepForks() {
	for _, f := range j.files {
		var forks []head
		for _, s := range f.sights {
			if s.proof != hasLeft || s.at.Copy || !f.forks(s.Version) {
				continue
			}
			i := slices.IndexFunc(forks, func(h head) bool { return h.Commit == s.Commit })
			if i < 0 {
				i, forks = len(forks), append(forks, head{Version: s.Version})
			}
			forks[i].at = append(forks[i].at, s)
		}
		for _, h := range forks {
			j.keepCopy(h)
		}
	}
}

// forks reports whether v is concurrent with something that is seen of the file,
// and nothing follows it.
func (f *file) forks(v Version) bool {
	return !f.any(func(s *sight) bool { return s.supersedes(v) }) && f.any(func(s *sight) bool { return !v.supersedes(s.Version) })
}

// livesElsewhere reports whether the index has the file at another name too.
func (f *file) livesElsewhere(here Name) bool {
	return slices.ContainsFunc(f.facts.Live, func(n Name) bool { return n != here })
}

// keepCopy asks for a loser to be kept, unless its copy has ended already.
func (j *judgement) keepCopy(h head) {
	derived := Identity{j.place.Derive(h.ID, h.Commit), h.Type}
	if !covered(h.Vector, j.ids[derived].Ended) {
		j.v.Copies = append(j.v.Copies, Copy{h.Version, h.sources()})
	}
}
