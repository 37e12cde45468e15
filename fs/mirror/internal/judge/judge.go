package judge

import (
	"slices"

	"github.com/overcast-fs/overcast/cipher"
)

// Judge says what should be at a name, from what the index has there, what each
// cloud shows there, what is known of the ids concerned, and where else those
// are seen. ids has a row for every identity of the case that anything is known
// of, with those that conflicts of the case would derive.
func Judge(known Known, claims []Claim, ids map[Identity]Facts, seen []Sighting, place Place) Verdict {
	j := &judgement{evidence: evidence{known: known, claims: claims, ids: ids, place: place}}
	j.adoptSplit(seen)
	j.v.Changes, j.v.Known = Free, j.known
	j.gather(seen)
	j.weigh()
	j.decide()
	for _, row := range knownRows {
		if slices.Contains(row.known, known.Has) && row.holds(j) {
			row.then(j)
			break
		}
	}
	j.keepForks()
	j.records()
	(&conclusion{j}).conclude()
	return j.v
}

// A judgement is one verdict in the making: what is wanted, and what becomes of
// everything else.
type judgement struct {
	evidence

	winner   *file // whose content is wanted
	held     bool  // served from elsewhere, and nothing is written here
	lost     bool  // wanted, and no cloud has it
	vanished bool
	v        Verdict
}

// A knownRow is one line of the table of what the index has.
type knownRow struct {
	known   []Has
	seen    string // seen here
	verdict string
	holds   func(j *judgement) bool
	then    func(j *judgement)
}

// knownRows is the table "What the index has here": whatever the evidence,
// exactly one of its lines holds.
var knownRows = []knownRow{
	{
		[]Has{File}, "F in some cloud", "F stays, at its wanted version; clouds without it lack it",
		func(j *judgement) bool { return j.own.here() && !j.own.wanted.elsewhere() },
		(*judgement).stays,
	}, {
		[]Has{File}, "an ended record at least F's version", "gone; F here is removed; another id here is new",
		func(j *judgement) bool { return !j.own.here() && j.ended() },
		(*judgement).ends,
	}, {
		[]Has{File}, "a moved record, and F greater elsewhere; or F outside of its ended directory, or put aside",
		"moved: F here is left over; another id here is new",
		func(j *judgement) bool { return !j.own.here() && !j.ended() && j.moved() },
		(*judgement).moves,
	}, {
		[]Has{File}, "F greater elsewhere, or only there, no record", "F stays and is served from there; nothing is written here",
		func(j *judgement) bool {
			return j.own.wanted.elsewhere() && (j.own.here() || !j.ended() && !j.moved() && !j.left())
		},
		(*judgement).stays,
	}, {
		[]Has{File}, "F nowhere here, no cloud away, F elsewhere at no lesser version", "moved (a record was lost)",
		func(j *judgement) bool { return !j.own.here() && !j.ended() && !j.moved() && j.left() },
		(*judgement).moves,
	}, {
		[]Has{File}, "F nowhere at all; a cloud away, young, damaged, or a mass", "lost: listed, EIO; another id here is disputed",
		func(j *judgement) bool { return j.nowhere() && j.doubtful() },
		(*judgement).loses,
	}, {
		[]Has{File}, "F nowhere at all, every cloud answers", "vanished: not listed, not gone; another id that is here takes the name",
		func(j *judgement) bool { return j.nowhere() && !j.doubtful() },
		(*judgement).vanishes,
	}, {
		[]Has{Vanished}, "F, at any version", "it is F's",
		(*judgement).returns,
		(*judgement).stays,
	}, {
		[]Has{Gone, Unknown, Vanished}, "anything else", "accepted, brought to the other clouds; what has ended is resurrected",
		func(j *judgement) bool { return !j.returns() && !j.showsDirectory() },
		(*judgement).accept,
	}, {
		[]Has{Dir}, "something wanted is in it", "directory, made where it lacks; a file here is put aside",
		func(j *judgement) bool { return j.place.Full },
		func(j *judgement) { j.directory(fateAside) },
	}, {
		[]Has{Dir}, "nothing wanted in it", "directory; a file here is disputed",
		func(j *judgement) bool { return !j.place.Full && !j.directoryEnds() },
		func(j *judgement) { j.directory(fateDisputed) },
	}, {
		[]Has{Dir}, "nothing wanted in it, and its record ends it, or no cloud (none away) has it", "gone; another thing here is new",
		func(j *judgement) bool { return !j.place.Full && j.directoryEnds() },
		(*judgement).ends,
	}, {
		[]Has{Unknown, Gone, Vanished}, "directory and file", "directory, the file is put aside",
		func(j *judgement) bool { return !j.returns() && j.showsDirectory() },
		(*judgement).accept,
	},
}

// ended reports whether a record ends what the index has here.
func (e *evidence) ended() bool { return covered(e.known.Version.Vector, e.own.facts.Ended) }

// moved reports whether a record says that what the index has here is
// elsewhere, and it is, or whether another machine has put it aside.
func (e *evidence) moved() bool {
	return covered(e.known.Version.Vector, e.own.activeMoves()) || e.movedOut(e.own, e.known.Version) || e.wasPutAside()
}

// wasPutAside reports whether the index's very commit is at another name under
// the id of a conflict's loser. Nobody can make that but a machine that judged.
func (e *evidence) wasPutAside() bool {
	k := e.known.Version
	return e.file(Identity{e.place.Derive(k.ID, k.Commit), k.Type}).any(func(s *sight) bool {
		return s.home() && s.Commit == k.Commit
	})
}

// left reports whether the file is at another name, at no lesser version, and
// no cloud can still have it here.
func (e *evidence) left() bool {
	return !e.own.here() && !e.away() &&
		!slices.ContainsFunc(e.claims, func(c Claim) bool { return c.Owes }) &&
		e.own.any(func(s *sight) bool {
			return s.home() && cipher.Compare(s.Vector, e.known.Version.Vector) != cipher.Less
		})
}

func (e *evidence) nowhere() bool { return e.own.wanted.none && !e.ended() && !e.moved() }

// doubtful reports whether there is any reason why a file that no cloud shows
// may be there all the same.
func (e *evidence) doubtful() bool {
	return e.place.Mass || slices.ContainsFunc(e.claims, func(c Claim) bool {
		return c.Shows == ShowsNoAnswer || c.Young || c.unverified()
	})
}

// returns reports whether what has vanished here is back, and lives nowhere
// else by now.
func (e *evidence) returns() bool {
	return e.known.Has == Vanished && e.own.here() && !e.strange(e.own)
}

func (e *evidence) away() bool {
	return slices.ContainsFunc(e.claims, func(c Claim) bool { return c.Shows == ShowsNoAnswer })
}

// directoryEnded reports whether a record ends the directory of this name, and
// nothing keeps it.
func (e *evidence) directoryEnded() bool { return e.place.Dead && !e.place.Full }

func (e *evidence) claimsDirectory() bool {
	return slices.ContainsFunc(e.claims, func(c Claim) bool { return c.Shows == ShowsDir })
}

func (e *evidence) showsDirectory() bool { return e.claimsDirectory() && !e.directoryEnded() }

func (e *evidence) directoryEnds() bool {
	return e.directoryEnded() || !e.claimsDirectory() && !e.away()
}

// stays keeps the file that the index has here, unless another id wins.
func (j *judgement) stays() {
	j.others()
	if best := j.best(func(f *file) bool { return f.fate == fateWins }); best != nil {
		for _, f := range j.files {
			if f.fate == fateWins || f == j.own && f.here() {
				f.fate = fateAside
			}
		}
		j.wants(best)
		return
	}
	j.wants(j.own)
}

// ends takes what a record has ended out of the index.
func (j *judgement) ends() {
	if j.own != nil {
		j.finding(Ended)
		j.v.Known = j.ending()
	} else {
		j.v.Known = Known{Has: Gone}
	}
	j.accept()
}

// ending is the index's row of what has ended: up to the recorded vector.
func (j *judgement) ending() Known {
	gone := Known{Has: Gone, Version: Version{Identity: j.own.Identity}}
	for _, v := range j.own.facts.Ended {
		if atMost(j.known.Version.Vector, v) {
			gone.Version.Vector = gone.Version.Vector.Max(v)
		}
	}
	return gone
}

func (j *judgement) moves() {
	j.finding(Moved)
	j.v.Known = Known{Has: Unknown}
	j.accept()
}

func (j *judgement) loses() {
	j.others()
	for _, f := range j.files {
		if f.fate == fateAside || f.fate == fateWins {
			f.fate = fateDisputed
		}
	}
	j.lost = true
	j.v.Want = Want{WantFile, j.known.Version}
	j.v.Changes = RemoveOnly
	j.finding(Lost)
}

func (j *judgement) vanishes() {
	j.v.Known = Known{Vanished, j.known.Version}
	j.vanished = true
	j.accept()
	if j.v.Want.Is != WantNothing {
		j.finding(Displaced)
		return
	}
	j.finding(NowVanished)
}

// accept takes what is here, where the index has nothing that could stay: a
// directory, or what most clouds show, then the greatest (mtime, commit id).
func (j *judgement) accept() {
	if j.known.Has == Vanished && j.ended() {
		j.v.Known = j.ending()
	}
	if j.showsDirectory() {
		j.directory(fateAside)
		return
	}
	var most int
	for _, f := range j.files {
		f.fate = fateNone
		switch {
		case !f.here():
		case j.strange(f):
			f.fate = fateStrange
		default:
			f.fate = fateAside
			most = max(most, j.showing(f))
		}
	}
	best := j.best(func(f *file) bool { return f.fate == fateAside && j.showing(f) == most })
	switch {
	case best != nil:
		j.wants(best)
	case j.allUnreadable():
		j.lost = true
		j.v.Want.Is = WantUnreadable
		j.v.Changes = RemoveOnly
		j.finding(Lost)
	default:
		j.v.Want.Is = WantNothing
	}
}

// allUnreadable reports whether every cloud shows something that nobody can
// read. One cloud alone must not be able to fill listings.
func (e *evidence) allUnreadable() bool {
	return !slices.ContainsFunc(e.claims, func(c Claim) bool { return !c.unverified() || c.Young })
}

// directory wants a directory here. What becomes of a new file is given.
func (j *judgement) directory(newcomer fate) {
	j.v.Want.Is = WantDir
	j.v.Known = Known{Has: Dir}
	for _, f := range j.files {
		f.fate = fateNone
		switch {
		case !f.here():
		case j.strange(f):
			f.fate = fateStrange
		case f.forked():
			f.fate = fateAside
		default:
			f.fate = newcomer
		}
	}
	j.putAside()
}

// wants makes a file the wanted one, and puts the others aside.
func (j *judgement) wants(f *file) {
	j.winner = f
	f.fate = fateWanted
	o := &f.wanted
	j.v.Want = Want{WantFile, o.want}
	if split := j.file(o.want.Identity); split != nil {
		split.fate = fateWanted
	}
	j.held = o.elsewhere() && !j.astray(f)
	if o.conflict {
		j.finding(Conflict)
	}
	for _, loser := range o.losers {
		j.keepCopy(loser)
	}
	j.putAside()
	if failing := j.behind(f); failing != "" {
		j.finding(failing)
		j.v.Changes = NewWriter
		return
	}
	if !j.held {
		j.v.Known = Known{File, o.want}
	}
}

// astray reports whether a file is seen only where it cannot have moved to, at
// no version beyond the index's: then it may be brought back from there.
func (e *evidence) astray(f *file) bool {
	return f == e.own && atMost(f.wanted.want.Vector, e.known.Version.Vector) &&
		!f.wanted.content.any((*sight).home)
}
