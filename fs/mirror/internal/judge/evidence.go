package judge

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
)

// A proof is what speaks against a sighting. A missing name never does.
type proof int

const (
	alive      proof = iota
	hasEnded         // an ended record is at least this version
	hasMoved         // a moved record is, and a version beyond the record is seen
	leftBehind       // the directory has ended, and the file is seen outside of it
	hasLeft          // the index has it that the file has left this name, at this version or a later one, and it goes on
)

// A sight is one version of a file that verifies, here or elsewhere.
type sight struct {
	Version
	at      Source
	here    bool // at the name that is judged
	taken   bool // it cannot have moved there
	dead    bool
	pending bool // the header still has the id that the index has split this file from
	proof   proof
}

// named reports whether the sight is at a name of its own, so that it goes on
// there: not a tool's copy, and not in the place of another live file.
func (s *sight) named() bool { return !s.at.Copy && !s.taken }

// home reports whether the sight may be where the file has moved to.
func (s *sight) home() bool { return !s.here && s.named() && !s.dead && s.proof == alive }

// An evidence is all that is known and seen, and what follows from it for each
// identity. What should be at the name is the judgement's matter.
type evidence struct {
	known  Known
	claims []Claim
	ids    map[Identity]Facts
	place  Place

	files []*file  // all identities of the case, in the order of their ids
	shown []*sight // what each cloud shows at the name, nil if no file
	own   *file    // what the index has, or had, here; nil if no file
}

// A file is one identity of the case, with all that is known and seen of it.
type file struct {
	Identity
	facts  Facts
	sights []*sight
	heads  *heads
	wanted outcome
	fate   fate
}

// any reports whether some living sight is as asked for.
func (f *file) any(is func(*sight) bool) bool {
	return f != nil && slices.ContainsFunc(f.sights, func(s *sight) bool { return s.proof == alive && is(s) })
}

// here reports whether some cloud shows the file at the name, as itself, or its
// wanted version as a tool's copy: a lesser copy is a duplicate, and proves
// nothing.
func (f *file) here() bool {
	return f.any(func(s *sight) bool { return s.here && !s.at.Copy }) || !f.wanted.none && f.wanted.content.here()
}

// inPlaceAtItsOwnName reports whether v or a later version is seen at another
// name that is the file's by the index.
func (f *file) inPlaceAtItsOwnName(v Version) bool {
	return f.any(func(s *sight) bool {
		return !s.here && !s.at.Copy && s.supersedes(v) && slices.Contains(f.facts.Live, s.at.Name)
	})
}

// goesOn reports whether the index has the file at a name, or could have it at
// one, or it is seen at another one where it can be.
func (f *file) goesOn() bool {
	return len(f.facts.Live) > 0 || f.facts.Missing || slices.ContainsFunc(f.sights, func(s *sight) bool {
		return !s.here && !s.taken && !covered(s.Vector, f.facts.Ended)
	})
}

// safe reports whether v or a later version is seen where the file goes on: at
// its own name, or, if the index knows of none, where it will be accepted.
func (f *file) safe(v Version) bool {
	return f.inPlaceAtItsOwnName(v) || len(f.facts.Live) == 0 && f.any(func(s *sight) bool { return s.home() && s.supersedes(v) })
}

// beyond reports whether a version is known that a record does not cover.
func (f *file) beyond(record cipher.Vector) bool {
	return !atMost(f.facts.Version.Vector, record) ||
		slices.ContainsFunc(f.sights, func(s *sight) bool { return !atMost(s.Vector, record) })
}

// activeMoves returns the moved records that a version beyond them makes as
// good as ended ones.
func (f *file) activeMoves() []cipher.Vector {
	var out []cipher.Vector
	for _, m := range f.facts.Moved {
		if f.beyond(m) {
			out = append(out, m)
		}
	}
	return out
}

// gather sorts what is seen by identity. Nothing that does not verify, is
// DIRTY, or is in a cloud that does not answer, is a claim.
func (e *evidence) gather(seen []Sighting) {
	add := func(s sight) *sight {
		if s.pending = s.here && e.splitFrom(s.Version); s.pending {
			s.Identity = e.known.Version.Identity
		}
		f := e.file(s.Identity)
		if f == nil {
			f = &file{Identity: s.Identity, facts: e.ids[s.Identity]}
			e.files = append(e.files, f)
		}
		f.sights = append(f.sights, &s)
		return &s
	}
	e.shown = make([]*sight, len(e.claims))
	for i, c := range e.claims {
		if c.Shows == ShowsFile && !c.Dirty {
			e.shown[i] = add(sight{Version: c.Version, here: true, at: Source{Cloud: i, Name: e.place.Name}})
		}
		for _, v := range c.Copies {
			add(sight{Version: v, here: true, at: Source{Cloud: i, Name: e.place.Name, Copy: true}})
		}
	}
	for _, s := range seen {
		add(sight{Version: s.Version, taken: s.Taken, dead: s.Dead, at: Source{s.Cloud, s.Name, s.Copy}})
	}
	if e.known.Has == File || e.known.Has == Vanished {
		if e.own = e.file(e.known.Version.Identity); e.own == nil {
			e.own = &file{Identity: e.known.Version.Identity, facts: e.ids[e.known.Version.Identity]}
			e.files = append(e.files, e.own)
		}
	}
	slices.SortFunc(e.files, func(a, b *file) int {
		return cmp.Or(bytes.Compare(a.ID[:], b.ID[:]), cmp.Compare(a.Type, b.Type))
	})
}

// adoptSplit takes the index's file under its derived id, if another machine has
// split it off: some cloud shows this very commit here under that id, and a
// version that is not lesser goes on under the old id elsewhere.
func (e *evidence) adoptSplit(seen []Sighting) {
	k := e.known.Version
	if e.known.Has != File {
		return
	}
	derived := Identity{e.place.Derive(k.ID, k.Commit), k.Type}
	split := slices.ContainsFunc(e.claims, func(c Claim) bool {
		return c.Shows == ShowsFile && !c.Dirty && c.Version.Identity == derived && c.Version.Commit == k.Commit
	})
	goesOn := slices.ContainsFunc(seen, func(s Sighting) bool {
		return s.Version.Identity == k.Identity && s.Version.Commit != k.Commit &&
			cipher.Compare(s.Version.Vector, k.Vector) != cipher.Less
	})
	if split && goesOn {
		e.known.Version.Identity = derived
	}
}

// splitFrom reports whether the index's file was split off from the version's,
// and this is what it was at that time, or before: the split is decided, and not
// carried out in every cloud. Under its old id, the version may be covered by its
// winner's vector by now.
func (e *evidence) splitFrom(v Version) bool {
	k := e.known
	return (k.Has == File || k.Has == Vanished) && v.Type == k.Version.Type && v.ID != k.Version.ID &&
		e.place.Derive(v.ID, k.Version.Commit) == k.Version.ID && atMost(v.Vector, k.Version.Vector)
}

// weigh holds every sight against the records, and against what is gone here.
// That a file has left this name is its end only where nothing is known or seen
// of it at another one.
func (e *evidence) weigh() {
	for _, f := range e.files {
		var left []cipher.Vector
		if gone := e.known.Version; e.known.Has == Gone && gone.Identity == f.Identity && !covered(gone.Vector, f.facts.Ended) {
			left = append(left, gone.Vector)
			if !f.goesOn() {
				f.facts.Ended = append(slices.Clone(f.facts.Ended), gone.Vector)
			}
		}
		moves := f.activeMoves()
		for _, s := range f.sights {
			switch {
			case covered(s.Vector, f.facts.Ended):
				s.proof = hasEnded
			case covered(s.Vector, moves):
				s.proof = hasMoved
			case s.here && covered(s.Vector, left):
				s.proof = hasLeft
			}
		}
		for _, s := range f.sights {
			if s.here && s.proof == alive && e.movedOut(f, s.Version) {
				s.proof = leftBehind
			}
		}
	}
}

// movedOut reports whether this directory has ended, and the file is seen
// outside of it at v or a later version.
func (e *evidence) movedOut(f *file, v Version) bool {
	return e.place.InDead && f.any(func(s *sight) bool {
		return s.home() && s.supersedes(v) &&
			(f != e.own || cipher.Compare(s.Vector, e.known.Version.Vector) != cipher.Less)
	})
}

// file returns the identity's file, nil if nothing is seen of it.
func (e *evidence) file(id Identity) *file {
	for _, f := range e.files {
		if f.Identity == id {
			return f
		}
	}
	return nil
}

// records returns the records to leave again: those that prove that what some
// cloud shows here has ended or moved.
func (j *judgement) records() {
	for _, s := range j.shown {
		if s == nil || s.proof != hasEnded && s.proof != hasMoved {
			continue
		}
		f := j.file(s.Identity)
		for _, v := range f.facts.Ended {
			if atMost(s.Vector, v) {
				j.record(Record{RecordEnded, f.Identity, v})
			}
		}
		for _, v := range f.activeMoves() {
			if atMost(s.Vector, v) {
				j.record(Record{RecordMoved, f.Identity, v})
			}
		}
	}
}

// record adds a record, once.
func (j *judgement) record(r Record) {
	if !slices.ContainsFunc(j.v.Records, func(o Record) bool {
		return o.Kind == r.Kind && o.File == r.File && slices.Equal(o.Vector, r.Vector)
	}) {
		j.v.Records = append(j.v.Records, r)
	}
}
