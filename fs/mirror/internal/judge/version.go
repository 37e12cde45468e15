package judge

import (
	"slices"

	"github.com/overcast-fs/overcast/cipher"
)

// A head is one commit that no other covers, with every place where its content
// is seen. Vectors of the same commit are joined: they are no conflict.
type head struct {
	Version
	at []*sight
}

func (h head) any(is func(*sight) bool) bool { return slices.ContainsFunc(h.at, is) }

func (h head) here() bool { return h.any(func(s *sight) bool { return s.here }) }

// sources returns where the content is found, in the order of the clouds.
func (h head) sources() []Source {
	var out []Source
	for _, s := range h.at {
		out = append(out, s.at)
	}
	return sorted(out)
}

// An outcome is which version of a file is wanted at the name.
type outcome struct {
	want     Version // with the id under which it goes on here
	content  head
	losers   []head // to be kept under other names
	conflict bool
	none     bool // nothing is seen of the file
}

// elsewhere reports whether the wanted version is seen, and nowhere here.
func (o *outcome) elsewhere() bool { return !o.none && !o.content.here() }

// A versionRow is one line of the table of versions.
type versionRow struct {
	seen   string
	wanted string
	holds  func(h *heads) bool
	then   func(e *evidence, h *heads) outcome
}

// versionRows is the table "The version of an id". Its last line, a version
// that is not at least the index's, is told by [evidence.behind]: it may hold
// beside any of these.
var versionRows = []versionRow{
	{
		"nothing", "nothing",
		func(h *heads) bool { return len(h.all) == 0 },
		func(_ *evidence, h *heads) outcome { return outcome{none: true} },
	}, {
		"one greatest", "it; lesser ones are stale or rolled back, and are replaced",
		func(h *heads) bool { return len(h.all) == 1 },
		func(_ *evidence, h *heads) outcome { return outcome{want: h.all[0].Version, content: h.all[0]} },
	}, {
		"concurrent, or equal with other commit ids",
		"the greatest (mtime, commit id), with its commit id and the maximum of all vectors",
		func(h *heads) bool { return len(h.all) > 1 && h.winner().here() },
		func(_ *evidence, h *heads) outcome { return h.joined(h.kept(h.winner())) },
	}, {
		"concurrent at two different names", "both keep their names; the lesser goes on under a derived id",
		func(h *heads) bool { return len(h.all) > 1 && h.splits() },
		func(e *evidence, h *heads) outcome {
			best := h.here[0]
			o := outcome{want: best.Version, content: best, conflict: true, losers: h.kept(best)}
			o.want.ID = e.place.Derive(best.ID, best.Commit)
			return o
		},
	}, {
		"concurrent, and none of them here", "the greatest; it is served from there, and every one stays where it is",
		func(h *heads) bool { return len(h.all) > 1 && len(h.here) == 0 },
		func(_ *evidence, h *heads) outcome { return h.joined(nil) },
	},
}

// heads are the greatest versions seen of one file, each list by descending
// (mtime, commit id).
type heads struct {
	all  []head
	here []head // those that are seen at the name that is judged
}

func (h *heads) winner() head { return h.all[0] }

// splits reports whether what is here must go on under another id. Wherever the
// winner is, its vector will cover what is here as soon as it is joined.
func (h *heads) splits() bool { return !h.winner().here() && len(h.here) > 0 }

// joined is the winner with the maximum of all vectors: no counter is drawn, so
// every machine makes the same bytes.
func (h *heads) joined(losers []head) outcome {
	o := outcome{want: h.winner().Version, content: h.winner(), losers: losers, conflict: true}
	for _, other := range h.all {
		o.want.Vector = o.want.Vector.Max(other.Vector)
	}
	return o
}

// kept returns the losers that are seen here. What is seen elsewhere is kept
// there, whatever it is there: see [versionRows] and [otherRows].
func (h *heads) kept(winner head) []head {
	return slices.DeleteFunc(slices.Clone(h.here), func(o head) bool { return o.Commit == winner.Commit })
}

// headsOf finds the greatest of what is seen of a file and has not ended.
func headsOf(f *file) *heads {
	var commits []head
	for _, s := range f.sights {
		if s.proof != alive {
			continue
		}
		i := slices.IndexFunc(commits, func(h head) bool { return h.Commit == s.Commit })
		if i < 0 {
			commits = append(commits, head{Version: s.Version})
			i = len(commits) - 1
		}
		commits[i].Vector = commits[i].Vector.Max(s.Vector)
		commits[i].at = append(commits[i].at, s)
	}
	slices.SortFunc(commits, func(a, b head) int { return newer(b.Version, a.Version) })
	h := &heads{}
	for _, c := range commits {
		if slices.ContainsFunc(commits, func(o head) bool { return cipher.Compare(c.Vector, o.Vector) == cipher.Less }) {
			continue
		}
		h.all = append(h.all, c)
		if c.here() {
			h.here = append(h.here, c)
		}
	}
	return h
}

// decide finds the wanted version of each file.
func (e *evidence) decide() {
	for _, f := range e.files {
		f.heads = headsOf(f)
		for _, row := range versionRows {
			if row.holds(f.heads) {
				f.wanted = row.then(e, f.heads)
			}
		}
	}
}

// behind tells how all that is seen fails to be at least the index's version,
// and returns no finding if it does not fail.
func (e *evidence) behind(f *file) Finding {
	if f != e.own {
		return ""
	}
	want, known := f.wanted.content.Version, e.known.Version
	want.Vector = f.wanted.want.Vector
	switch {
	case want.supersedes(known), f.any(func(s *sight) bool { return s.supersedes(known) }):
		return ""
	case cipher.Compare(want.Vector, known.Vector) == cipher.Less || want.Commit == known.Commit:
		return RolledBackEverywhere
	}
	return OwnVersionMissing
}
