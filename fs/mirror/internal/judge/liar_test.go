package judge

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
)

// A truth is what an honest, up-to-date cloud has and a knowing index knows,
// with the past states that a lagging or rolled-back cloud may show.
type truth struct {
	name    string
	rows    map[Name]Known
	records []Record
	past    []map[Name]entry
}

func truths() []truth {
	dir := entry{shows: ShowsDir}
	hEnded := Record{RecordEnded, h0.Identity, h0.Vector}
	return []truth{
		{
			"two files", map[Name]Known{"n": row(f2), "m": row(g1)}, []Record{hEnded},
			[]map[Name]entry{{}, {"n": file1(f1)}, {"n": file1(f1), "m": file1(g1)}, {"m": file1(g1), "k": file1(h0)}, {"n": file1(f2)}},
		}, {
			"one file", map[Name]Known{"n": row(f2)}, []Record{hEnded},
			[]map[Name]entry{{}, {"n": file1(f1)}, {"n": file1(f1), "k": file1(h0)}},
		}, {
			"a hard link", map[Name]Known{"n": row(f2), "m": row(f2)}, []Record{hEnded},
			nil, // a link that is missing in a cloud is left to who made it
		}, {
			"one of two links was removed", map[Name]Known{"n": gone(f2), "m": row(f2)}, []Record{hEnded},
			nil, // without an index, that a cloud still shows the link is no less than that the other lacks it
		}, {
			"one of two links was removed, with a new version", map[Name]Known{"n": gone(f1), "m": row(f2)}, []Record{hEnded, moved1},
			[]map[Name]entry{{}, {"n": file1(f1)}, {"n": file1(f1), "m": file1(f1)}},
		}, {
			"a deleted file", map[Name]Known{"n": gone(f2), "m": row(g1)}, []Record{hEnded, {RecordEnded, f2.Identity, f2.Vector}},
			[]map[Name]entry{{}, {"n": file1(f1)}, {"n": file1(f2)}, {"n": file1(f2), "m": file1(g1)}},
		}, {
			"a deleted file, and a new one in its place", map[Name]Known{"n": row(g1)}, []Record{hEnded, {RecordEnded, f2.Identity, f2.Vector}},
			[]map[Name]entry{{}, {"n": file1(f1)}, {"n": file1(f2)}},
		}, {
			"a directory", map[Name]Known{"n": {Has: Dir}, "m": row(g1)}, []Record{hEnded},
			[]map[Name]entry{{}, {"m": file1(g1)}, {"n": dir}},
		}, {
			"a renamed file", map[Name]Known{"m": row(f2)}, []Record{hEnded, moved1},
			[]map[Name]entry{{}, {"n": file1(f1)}, {"n": file1(f1), "k": file1(h0)}},
		}, {
			"a renamed file, and a new one at its old name", map[Name]Known{"m": row(f2), "n": row(g1)}, []Record{hEnded, moved1},
			[]map[Name]entry{{}, {"n": file1(f1)}, {"m": file1(f2)}},
		}, {
			"a conflict that was resolved", map[Name]Known{"n": row(fj), "n!f2": row(fl)}, []Record{hEnded},
			[]map[Name]entry{{}, {"n": file1(f1)}, {"n": file1(f2)}, {"n": file1(fb)}, {"n": file1(fj)}, {"n": file1(fb), "n!f2": file1(fl)}},
		},
	}
}

// honest returns a cloud that shows the truth.
func (r truth) honest() *cloudModel {
	c := &cloudModel{entries: map[Name]entry{}, records: slices.Clone(r.records)}
	for n, k := range r.rows {
		switch k.Has {
		case File:
			c.entries[n] = file1(k.Version)
		case Dir:
			c.entries[n] = entry{shows: ShowsDir}
		}
	}
	return c
}

// index returns an index that knows the truth.
func (r truth) index() *indexModel {
	x := newIndex()
	for _, n := range slices.Sorted(maps.Keys(r.rows)) {
		x.learn(n, r.rows[n])
	}
	for _, record := range r.records {
		x.records = addRecord(x.records, record)
	}
	return x
}

// differs returns how a plan differs from the truth.
func (r truth) differs(w *world, x *indexModel, honest int) error {
	p := w.judge(x)
	for i, n := range p.names {
		want := Want{Is: WantNothing}
		switch k := r.rows[n]; k.Has {
		case File:
			want = Want{WantFile, k.Version}
		case Dir:
			want.Is = WantDir
		}
		v := p.verdicts[i]
		if !reflect.DeepEqual(v.Want, want) {
			return fmt.Errorf("%s should be %v:\n%v", n, want, p)
		}
		if want.Is != WantNothing && !slices.Contains(v.Served, honest) {
			return fmt.Errorf("%s is not served by the honest cloud:\n%v", n, p)
		}
	}
	return nil
}

// lies returns every state that one cloud can show of three names: all that
// ever was, and nothing that never was, since nobody can forge a version.
func (r truth) lies(check func(*cloudModel)) {
	old := []entry{
		{}, file1(f1), file1(f2), file1(fb), file1(fj), file1(g1), file1(h0), {shows: ShowsBad}, {shows: ShowsDir},
	}
	copied := []Version{{}, f1, f2, g1, h0}
	concurrent := r.rows["n"].Version.Commit == fb.Commit
	number := 0
	for _, n := range old {
		for _, m := range old {
			for _, k := range old {
				for _, tool := range copied {
					c := &cloudModel{entries: map[Name]entry{"n": n, "m": m, "k": k}}
					possible := tool.Commit != f2.Commit || r.rows["n"].Has != Dir
					for name, e := range c.entries {
						edit := e.file.Commit == fb.Commit
						unknownDir := e.shows == ShowsDir && r.rows[name].Has != Dir && r.rows[name].Has != File
						possible = possible && (!edit || concurrent) && !unknownDir
						c.put(name, e)
					}
					if !r.ever(c, tool) || !possible {
						continue
					}
					if tool.Commit != (Version{}).Commit {
						e := c.entries["n"]
						e.copies = []Version{tool}
						c.put("n", e)
					}
					if number++; tried(number, liarStep) {
						check(c)
					}
				}
			}
		}
	}
}

// ever reports whether all that a cloud shows has been at some time.
func (r truth) ever(c *cloudModel, tool Version) bool {
	seen := []Version{tool}
	for _, e := range c.entries {
		if e.shows == ShowsFile {
			seen = append(seen, e.file)
		}
	}
	for _, v := range seen {
		if v.Commit == (Version{}).Commit || v.Commit == h0.Commit {
			continue
		}
		known := false
		for _, k := range r.rows {
			known = known || k.Has == File && k.Version.supersedes(v)
		}
		for _, record := range r.records {
			known = known || record.Kind == RecordEnded && record.File == v.Identity && atMost(v.Vector, record.Vector)
		}
		if !known {
			return false
		}
	}
	return true
}

// thirds are the clouds that may stand beside an honest one and a liar.
func (r truth) thirds() map[string]*cloudModel {
	away := r.honest()
	away.away = true
	out := map[string]*cloudModel{
		"none": nil, "honest": r.honest(), "away": away, "empty": {entries: map[Name]entry{}},
	}
	for i, past := range r.past {
		out[fmt.Sprint("past ", i)] = &cloudModel{entries: past}
	}
	return out
}

// TestOneLiar puts a cloud that shows anything it likes beside an honest one: I1
// to I4. With an index that knows, the truth is served at once and after each
// repair, the honest cloud keeps every byte, and two passes suffice.
func TestOneLiar(t *testing.T) {
	for _, r := range truths() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			count := 0
			for _, third := range slices.Sorted(maps.Keys(r.thirds())) {
				r.lies(func(liar *cloudModel) {
					if t.Failed() {
						return
					}
					count++
					w := &world{clouds: []*cloudModel{liar.clone(), r.honest()}}
					if c := r.thirds()[third]; c != nil {
						w.clouds = append(w.clouds, c.clone())
					}
					given, x := w.clone(), r.index()
					if err := r.holds(w, x); err != nil {
						t.Errorf("%v\nin the world\n%v%v\nwhich became\n%v%v", err, given, r.index(), w, x)
					}
				})
			}
			t.Logf("%d worlds", count)
		})
	}
}

func (r truth) holds(w *world, x *indexModel) error {
	if err := r.differs(w, x, 1); err != nil {
		return err
	}
	if err := w.settle(x, 2, w.watch(x)); err != nil {
		return err
	}
	if !reflect.DeepEqual(w.clouds[1].entries, r.honest().entries) {
		return fmt.Errorf("the honest cloud was changed")
	}
	return r.differs(w, x, 1)
}

// TestLostIndex is I7: without an index, beside a cloud that shows some state of
// the past, the honest cloud's state is what is served.
func TestLostIndex(t *testing.T) {
	for _, r := range truths() {
		for i, past := range r.past {
			for _, withRecords := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, past %d, %v", r.name, i, withRecords), func(t *testing.T) {
					old := &cloudModel{entries: maps.Clone(past)}
					if withRecords {
						old.records = slices.Clone(r.records)
					}
					w, x := &world{clouds: []*cloudModel{old, r.honest()}}, newIndex()
					given := w.clone()
					if err := r.holds(w, x); err != nil {
						t.Errorf("%v\nin the world\n%v\nwhich became\n%v%v", err, given, w, x)
					}
				})
			}
		}
	}
}
