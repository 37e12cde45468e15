package judge

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
)

// An entry is what one cloud has at one name.
type entry struct {
	shows  Shows // the zero value is nothing
	file   Version
	copies []Version // sync tools' copies
}

func (e entry) String() string {
	s := string(e.shows)
	if e.shows == ShowsFile {
		s = versionText(e.file)
	}
	for _, c := range e.copies {
		s += " (1):" + versionText(c)
	}
	return s
}

func versionText(v Version) string {
	return fmt.Sprintf("%s%v#%s", symbolOf(v.ID), v.Vector, symbolOf(v.Commit))
}

// A cloudModel is one cloud: a flat directory, and the records in it.
type cloudModel struct {
	away    bool
	entries map[Name]entry
	records []Record
}

func (c *cloudModel) clone() *cloudModel {
	return &cloudModel{c.away, maps.Clone(c.entries), slices.Clone(c.records)}
}

// put leaves an entry; nothing there is no entry.
func (c *cloudModel) put(n Name, e entry) {
	if e.shows == "" && len(e.copies) == 0 {
		delete(c.entries, n)
		return
	}
	c.entries[n] = e
}

func (c *cloudModel) String() string {
	var out []string
	for _, n := range slices.Sorted(maps.Keys(c.entries)) {
		out = append(out, fmt.Sprintf("%s=%v", n, c.entries[n]))
	}
	return fmt.Sprintf("away %v; %s; records %s", c.away, strings.Join(out, ", "), strings.Join(recordTexts(c.records), ", "))
}

// An indexModel is what one machine knows.
type indexModel struct {
	rows    map[Name]Known
	version map[Identity]Version       // the greatest accepted
	met     map[Identity]cipher.Vector // up to where it is known to have been at a name that it has left
	records []Record                   // own and read
	writers int
	mass    bool            // so many names are missing in some cloud that none is restored unasked
	inDead  func(Name) bool // whether a name lies in a directory that a record ends
}

func newIndex() *indexModel {
	return &indexModel{
		rows: map[Name]Known{}, version: map[Identity]Version{}, met: map[Identity]cipher.Vector{}, writers: 2,
		inDead: func(Name) bool { return false },
	}
}

func (x *indexModel) clone() *indexModel {
	out := *x
	out.rows, out.version, out.met, out.records = maps.Clone(x.rows), maps.Clone(x.version), maps.Clone(x.met), slices.Clone(x.records)
	return &out
}

// learn takes a row into the index.
func (x *indexModel) learn(n Name, k Known) {
	if k.Has == "" || k.Has == Unknown {
		delete(x.rows, n)
		return
	}
	if k.Has == Gone && x.rows[n].Has != Gone {
		v := k.Version
		x.met[v.Identity] = x.met[v.Identity].Max(v.Vector)
		if len(v.Vector) > 0 && !x.goesOn(n, v.Identity) {
			x.records = addRecord(x.records, Record{RecordEnded, v.Identity, v.Vector})
		}
	}
	x.rows[n] = k
	if k.Has == File || k.Has == Vanished {
		x.accept(k.Version)
	}
}

// goesOn reports whether a file is at another name, or has vanished from one.
func (x *indexModel) goesOn(from Name, id Identity) bool {
	for n, k := range x.rows {
		if n != from && (k.Has == File || k.Has == Vanished) && k.Version.Identity == id {
			return true
		}
	}
	return false
}

// left reports whether a version is not to be shown at a name any more.
func (x *indexModel) left(n Name, v Version) bool {
	k := x.row(n)
	return k.Has == Gone && k.Version.Identity == v.Identity && atMost(v.Vector, k.Version.Vector)
}

// accept remembers the greatest version of an id.
func (x *indexModel) accept(v Version) {
	if old, ok := x.version[v.Identity]; !ok || v.supersedes(old) {
		x.version[v.Identity] = v
	}
}

func (x *indexModel) row(n Name) Known {
	if k, ok := x.rows[n]; ok {
		return k
	}
	return Known{Has: Unknown}
}

func (x *indexModel) String() string {
	var out []string
	for _, n := range slices.Sorted(maps.Keys(x.rows)) {
		k := x.rows[n]
		out = append(out, fmt.Sprintf("%s=%s %s", n, k.Has, versionText(k.Version)))
	}
	return fmt.Sprintf("index %s; records %s", strings.Join(out, ", "), strings.Join(recordTexts(x.records), ", "))
}

func addRecord(records []Record, r Record) []Record {
	if slices.ContainsFunc(records, func(o Record) bool {
		return o.Kind == r.Kind && o.File == r.File && slices.Equal(o.Vector, r.Vector)
	}) {
		return records
	}
	return append(records, r)
}

// A world is what one machine sees of its clouds.
type world struct {
	clouds []*cloudModel
}

func (w *world) clone() *world {
	out := &world{}
	for _, c := range w.clouds {
		out.clouds = append(out.clouds, c.clone())
	}
	return out
}

func (w *world) String() string {
	var b strings.Builder
	for i, c := range w.clouds {
		fmt.Fprintf(&b, "  cloud %d: %v\n", i, c)
	}
	return b.String()
}

// names returns every name that the index or a reachable cloud has.
func (w *world) names(x *indexModel) []Name {
	var out []Name
	add := func(n Name) {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	for n := range x.rows {
		add(n)
	}
	for _, c := range w.clouds {
		for n := range c.entries {
			add(n)
		}
	}
	slices.Sort(out)
	return out
}

// deriveModel is [derive] for ids that were derived again and again.
func deriveModel(id, commit cipher.ID) cipher.ID {
	s := symbolOf(id) + "~" + symbolOf(commit)
	if len(s) <= len(id) {
		return symbol(s)
	}
	sum := sha256.Sum256([]byte(s))
	return cipher.ID(sum[:16])
}

// ids gathers what is known of every identity that is seen, and of those that
// conflicts of it would derive.
func (w *world) ids(x *indexModel) map[Identity]Facts {
	ids := map[Identity]Facts{}
	touch := func(id Identity) {
		if _, ok := ids[id]; !ok {
			ids[id] = Facts{}
		}
	}
	see := func(v Version) {
		touch(v.Identity)
		touch(Identity{deriveModel(v.ID, v.Commit), v.Type})
	}
	records := x.records
	for _, c := range w.clouds {
		if c.away {
			continue
		}
		for _, e := range c.entries {
			if e.shows == ShowsFile {
				see(e.file)
			}
			for _, v := range e.copies {
				see(v)
			}
		}
		for _, r := range c.records {
			records = addRecord(slices.Clip(records), r)
		}
	}
	for n, k := range x.rows {
		if k.Has == Unknown || k.Has == Dir {
			continue
		}
		see(k.Version)
		if k.Has == File {
			f := ids[k.Version.Identity]
			f.Live = append(f.Live, n)
			ids[k.Version.Identity] = f
		}
	}
	for id, f := range ids {
		f.Version = x.version[id]
		for _, r := range records {
			switch {
			case r.File != id:
			case r.Kind == RecordEnded:
				f.Ended = append(f.Ended, r.Vector)
			default:
				f.Moved = append(f.Moved, r.Vector)
			}
		}
		met := f.Version.Vector.Max(x.met[id])
		f.Missing = len(f.Live) == 0 && len(met) > 0 && !covered(met, f.Ended)
		slices.Sort(f.Live)
		ids[id] = f
	}
	return ids
}

// question asks for one name.
func (w *world) question(x *indexModel, n Name, names []Name, ids map[Identity]Facts) question {
	q := question{
		known: x.row(n), ids: ids,
		place: Place{Name: n, Writers: x.writers, Mass: x.mass, InDead: x.inDead(n), Derive: deriveModel},
	}
	for i, c := range w.clouds {
		if c.away {
			q.claims = append(q.claims, Claim{Shows: ShowsNoAnswer})
			continue
		}
		e := c.entries[n]
		claim := Claim{Shows: e.shows, Version: e.file, Copies: e.copies}
		if claim.Shows == "" {
			claim.Shows = ShowsNothing
		}
		q.claims = append(q.claims, claim)
		for _, other := range names {
			e := c.entries[other]
			if other == n {
				continue
			}
			see := func(v Version, copied bool) {
				row := x.row(other)
				q.seen = append(q.seen, Sighting{
					Version: v, Cloud: i, Name: other, Copy: copied, Dead: x.inDead(other),
					Taken: row.Has == Dir || row.Has == File && row.Version.Identity != v.Identity || x.left(other, v),
				})
			}
			if e.shows == ShowsFile {
				see(e.file, false)
			}
			for _, v := range e.copies {
				see(v, true)
			}
		}
	}
	return q
}

// A plan is the verdicts of all names.
type plan struct {
	names    []Name
	verdicts []Verdict
}

func (w *world) judge(x *indexModel) plan {
	p := plan{names: w.names(x)}
	ids := w.ids(x)
	for _, n := range p.names {
		p.verdicts = append(p.verdicts, w.question(x, n, p.names, ids).judge())
	}
	return p
}

func (p plan) String() string {
	var b strings.Builder
	for i, n := range p.names {
		fmt.Fprintf(&b, "  %s: %s\n", n, strings.ReplaceAll(text(p.verdicts[i]), "\n", "\n    "))
	}
	return b.String()
}

func conflictName(n Name, loser Version) Name { return n + Name("!"+symbolOf(loser.Commit)) }

// firstWrite is the first stage that changes files in place.
const firstWrite = 3

// The stages of a repair, in their order. A crash may fall between any two.
var stages = []func(w *world, x *indexModel, p plan){
	(*world).makeCopies, (*world).leaveRecords, (*world).index, (*world).writeSplits, (*world).writeRest, (*world).remove,
}

func (w *world) makeCopies(x *indexModel, p plan) {
	for i, n := range p.names {
		for _, c := range p.verdicts[i].Copies {
			if !w.found(c.Loser, c.From) {
				continue
			}
			name, kept := conflictName(n, c.Loser), c.Loser
			kept.ID = deriveModel(kept.ID, kept.Commit)
			for _, cloud := range w.clouds {
				if !cloud.away && cloud.entries[name].shows == "" {
					cloud.put(name, entry{ShowsFile, kept, cloud.entries[name].copies})
				}
			}
			x.learn(name, Known{File, kept})
			x.accept(c.Loser)
		}
	}
}

func (w *world) leaveRecords(x *indexModel, p plan) {
	for _, v := range p.verdicts {
		for _, r := range v.Records {
			x.records = addRecord(x.records, r)
		}
	}
	for _, c := range w.clouds {
		for _, r := range x.records {
			if !c.away {
				c.records = addRecord(c.records, r)
			}
		}
	}
}

// found reports whether a version's content is still at one of its sources: a
// step looks at what is there.
func (w *world) found(v Version, from []Source) bool {
	return slices.ContainsFunc(from, func(s Source) bool {
		c := w.clouds[s.Cloud]
		e := c.entries[s.Name]
		if s.Copy {
			return !c.away && slices.ContainsFunc(e.copies, func(o Version) bool { return o.Commit == v.Commit })
		}
		return !c.away && e.shows == ShowsFile && e.file.Commit == v.Commit
	})
}

func (w *world) writeSplits(_ *indexModel, p plan) {
	w.write(p, func(v Verdict, e entry) bool {
		return v.Want.Is == WantFile && e.shows == ShowsFile && e.file.Commit == v.Want.Version.Commit &&
			e.file.Identity != v.Want.Version.Identity
	})
}

func (w *world) writeRest(_ *indexModel, p plan) {
	w.write(p, func(Verdict, entry) bool { return true })
}

func (w *world) write(p plan, when func(Verdict, entry) bool) {
	for i, n := range p.names {
		v := p.verdicts[i]
		from := slices.Clone(v.Source)
		for _, s := range v.Served {
			from = append(from, Source{Cloud: s, Name: n})
		}
		for k, do := range v.Clouds {
			c := w.clouds[k]
			if do.Action != Write || !when(v, c.entries[n]) {
				continue
			}
			switch {
			case v.Want.Is == WantDir:
				c.put(n, entry{shows: ShowsDir, copies: c.entries[n].copies})
			case w.found(v.Want.Version, from):
				c.put(n, entry{ShowsFile, v.Want.Version, c.entries[n].copies})
			}
		}
	}
}

func (w *world) remove(_ *indexModel, p plan) {
	for i, n := range p.names {
		for k, do := range p.verdicts[i].Clouds {
			if do.Action == Remove {
				w.clouds[k].put(n, entry{copies: w.clouds[k].entries[n].copies})
			}
		}
	}
}

func (w *world) index(x *indexModel, p plan) {
	for i, n := range p.names {
		x.learn(n, p.verdicts[i].Known)
	}
}

// commits returns the content that some reachable cloud shows, by commit.
func (w *world) commits() map[cipher.ID]bool {
	out := map[cipher.ID]bool{}
	for _, c := range w.clouds {
		for _, e := range c.entries {
			if e.shows == ShowsFile {
				out[e.file.Commit] = true
			}
			for _, v := range e.copies {
				out[v.Commit] = true
			}
		}
	}
	return out
}

// A history is every version that was ever committed, by commit: the truth,
// whatever vectors repairs have joined since.
type history map[cipher.ID]Version

func newHistory(versions ...Version) history {
	h := history{}
	for _, v := range versions {
		h[v.Commit] = v
	}
	return h
}

// lost returns a content that was there and is not, though neither a greater
// version of it is there nor a record of its end was.
func (h history) lost(before, after map[cipher.ID]bool, records []Record) (Version, bool) {
	for commit := range before {
		if !after[commit] && !h.superseded(h[commit], after, records) {
			return h[commit], true
		}
	}
	return Version{}, false
}

func (h history) superseded(v Version, by map[cipher.ID]bool, records []Record) bool {
	for other := range by {
		if h[other].supersedes(v) {
			return true
		}
	}
	return slices.ContainsFunc(records, func(r Record) bool {
		return r.Kind == RecordEnded && r.File == v.Identity && atMost(v.Vector, r.Vector)
	})
}

// allRecords returns the records that the machine can know.
func (w *world) allRecords(x *indexModel) []Record {
	out := slices.Clone(x.records)
	for _, c := range w.clouds {
		if !c.away {
			for _, r := range c.records {
				out = addRecord(out, r)
			}
		}
	}
	return out
}
