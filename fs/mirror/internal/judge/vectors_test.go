package judge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
)

// The files of known answers, field by field.
type (
	caseFile struct {
		About string            `json:"about"`
		Shape map[string]string `json:"shape"`
		Cases []caseJSON        `json:"cases"`
	}
	caseJSON struct {
		Name   string     `json:"name"`
		Note   string     `json:"note"`
		Given  givenJSON  `json:"given"`
		Expect expectJSON `json:"expect"`
	}
	givenJSON struct {
		Known   versionJSON          `json:"known"`
		Claims  []claimJSON          `json:"claims"`
		IDs     map[string]factsJSON `json:"ids"`
		Seen    []sightingJSON       `json:"seen"`
		Writers int                  `json:"writers"`
		Mass    bool                 `json:"mass"`
		Full    bool                 `json:"full"`
		Dead    bool                 `json:"dead"`
		InDead  bool                 `json:"indead"`
	}
	versionJSON struct {
		Is     string            `json:"is"`
		Name   string            `json:"name"`
		ID     string            `json:"id"`
		Vector map[string]uint64 `json:"vector"`
		Mtime  int64             `json:"mtime"`
		Commit string            `json:"commit"`
	}
	claimJSON struct {
		versionJSON
		Dirty  bool          `json:"dirty"`
		Young  bool          `json:"young"`
		Owes   bool          `json:"owes"`
		Copies []versionJSON `json:"copies"`
	}
	factsJSON struct {
		Version *versionJSON        `json:"version"`
		Names   []string            `json:"names"`
		Ended   []map[string]uint64 `json:"ended"`
		Moved   []map[string]uint64 `json:"moved"`
	}
	sightingJSON struct {
		versionJSON
		Cloud      int  `json:"cloud"`
		Copy       bool `json:"copy"`
		Taken      bool `json:"taken"`
		Everywhere bool `json:"everywhere"` // follows from the other sightings; no rule needs it
		Dead       bool `json:"dead"`
	}
	expectJSON struct {
		Want   *versionJSON `json:"want"`
		Served []int        `json:"served"`
		Source *struct {
			Cloud int    `json:"cloud"`
			Name  string `json:"name"`
		} `json:"source"`
		Clouds []struct {
			State string `json:"state"`
			Do    string `json:"do"`
		} `json:"clouds"`
		Changes  string        `json:"changes"`
		Findings []string      `json:"findings"`
		Copies   []versionJSON `json:"copies"`
		Records  []struct {
			Kind   string            `json:"kind"`
			ID     string            `json:"id"`
			Vector map[string]uint64 `json:"vector"`
		} `json:"records"`
		Known versionJSON `json:"known"`
	}
)

// symbol spells an id of the vectors as one of ours; it keeps their order.
func symbol(s string) (id cipher.ID) {
	if len(s) > len(id) {
		panic("too long for an id: " + s)
	}
	copy(id[:], s)
	return id
}

func symbolOf(id cipher.ID) string { return string(bytes.TrimRight(id[:], "\x00")) }

// derive is how the vectors write the id of a loser.
func derive(id, commit cipher.ID) cipher.ID { return symbol(symbolOf(id) + "~" + symbolOf(commit)) }

func identity(id string) Identity { return Identity{symbol(id), cipher.TypeFile} }

func vector(counters map[string]uint64) (v cipher.Vector) {
	for writer, counter := range counters {
		v = v.With(uint32(writer[0]), counter)
	}
	return v
}

func vectors(list []map[string]uint64) (out []cipher.Vector) {
	for _, v := range list {
		out = append(out, vector(v))
	}
	return out
}

func (v versionJSON) version() Version {
	if v.ID == "" {
		return Version{}
	}
	return Version{Identity: identity(v.ID), Vector: vector(v.Vector), MtimeSec: v.Mtime, Commit: symbol(v.Commit)}
}

// one holds a word against the words that this package knows.
func one[T ~string](t *testing.T, word string, of ...T) T {
	t.Helper()
	if !slices.Contains(of, T(word)) {
		t.Fatalf("unknown word %q, known are %v", word, of)
	}
	return T(word)
}

func (v versionJSON) known(t *testing.T) Known {
	return Known{one(t, v.Is, Unknown, Gone, Vanished, Dir, File), v.version()}
}

func (c claimJSON) claim(t *testing.T) Claim {
	out := Claim{
		Shows: one(t, c.Is, ShowsNoAnswer, ShowsNothing, ShowsDir, ShowsFile, ShowsBad, ShowsNewer),
		Dirty: c.Dirty, Young: c.Young, Owes: c.Owes, Version: c.version(),
	}
	for _, v := range c.Copies {
		out.Copies = append(out.Copies, v.version())
	}
	return out
}

// A question is the arguments of Judge.
type question struct {
	known  Known
	claims []Claim
	ids    map[Identity]Facts
	seen   []Sighting
	place  Place
}

func (q question) judge() Verdict { return Judge(q.known, q.claims, q.ids, q.seen, q.place) }

func (g givenJSON) question(t *testing.T) question {
	q := question{
		known: g.Known.known(t),
		ids:   map[Identity]Facts{},
		place: Place{
			Name: "n", Writers: g.Writers, Mass: g.Mass, Full: g.Full, Dead: g.Dead, InDead: g.InDead, Derive: derive,
		},
	}
	for _, c := range g.Claims {
		q.claims = append(q.claims, c.claim(t))
	}
	for id, f := range g.IDs {
		facts := Facts{Ended: vectors(f.Ended), Moved: vectors(f.Moved)}
		if f.Version != nil {
			facts.Version = f.Version.version()
		}
		for _, n := range f.Names {
			facts.Live = append(facts.Live, Name(n))
		}
		q.ids[identity(id)] = facts
	}
	for _, s := range g.Seen {
		q.seen = append(q.seen, Sighting{
			Version: s.version(), Cloud: s.Cloud, Name: Name(s.Name), Copy: s.Copy, Taken: s.Taken, Dead: s.Dead,
		})
	}
	return q
}

// permuted gives the clouds another order: what was cloud i is then order[i].
func (q question) permuted(order []int) question {
	out := q
	out.claims = make([]Claim, len(q.claims))
	for i, c := range q.claims {
		out.claims[order[i]] = c
	}
	out.seen = slices.Clone(q.seen)
	for i := range out.seen {
		out.seen[i].Cloud = order[out.seen[i].Cloud]
	}
	return out
}

// unpermuted puts a verdict back into the order that permuted changed.
func unpermuted(v Verdict, order []int) Verdict {
	back := make([]int, len(order))
	for i, o := range order {
		back[o] = i
	}
	sources := func(in []Source) (out []Source) {
		for _, s := range in {
			out = append(out, Source{back[s.Cloud], s.Name, s.Copy})
		}
		return sorted(out)
	}
	clouds := make([]Do, len(v.Clouds))
	for i, do := range v.Clouds {
		clouds[back[i]] = do
	}
	v.Clouds = clouds
	var served []int
	for _, s := range v.Served {
		served = append(served, back[s])
	}
	slices.Sort(served)
	v.Served = served
	v.Source = sources(v.Source)
	v.Copies = slices.Clone(v.Copies)
	for i := range v.Copies {
		v.Copies[i].From = sources(v.Copies[i].From)
	}
	return v
}

// sortedRecords gives the records of a verdict, which are a set, one order.
func sortedRecords(v Verdict) Verdict {
	if len(v.Records) > 1 {
		v.Records = slices.Clone(v.Records)
		slices.SortFunc(v.Records, func(a, b Record) int { return strings.Compare(a.String(), b.String()) })
	}
	return v
}

// text is everything in a verdict, for comparison.
func text(v Verdict) string {
	v = sortedRecords(v)
	return fmt.Sprintf("%v\n  served %v, source %v, copies %v", v, v.Served, v.Source, v.Copies)
}

// permutations returns every order of n things.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var out [][]int
	for _, p := range permutations(n - 1) {
		for at := range n {
			out = append(out, slices.Insert(slices.Clone(p), at, n-1))
		}
	}
	return out
}

// expected returns how a verdict differs from an expected one.
func (e expectJSON) differences(t *testing.T, v Verdict) []string {
	var out []string
	differ := func(what string, got, want any) {
		if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
			out = append(out, fmt.Sprintf("%s is\n\t\t%s, want\n\t\t%s", what, g, w))
		}
	}
	want := Want{Is: WantNothing}
	if e.Want != nil {
		want = Want{one(t, e.Want.Is, WantDir, WantFile, WantUnreadable), e.Want.version()}
	}
	differ("want", v.Want, want)
	differ("its mtime", v.Want.Version.MtimeSec, want.Version.MtimeSec)
	slices.Sort(e.Served)
	differ("served", v.Served, e.Served)
	if e.Source == nil {
		differ("source", v.Source, []Source(nil))
	} else if !slices.ContainsFunc(v.Source, func(s Source) bool {
		return s.Cloud == e.Source.Cloud && s.Name == Name(e.Source.Name)
	}) {
		differ("source", v.Source, *e.Source)
	}
	var clouds []Do
	for _, c := range e.Clouds {
		clouds = append(clouds, Do{Finding(c.State), one(t, c.Do, Keep, Write, Remove, Wait)})
	}
	differ("clouds", v.Clouds, clouds)
	differ("changes", v.Changes, one(t, e.Changes, Free, NewWriter, RemoveOnly))
	slices.Sort(e.Findings)
	differ("findings", v.Findings, e.Findings)
	differ("copies", copyTexts(v.Copies), e.copyTexts())
	differ("records", recordTexts(v.Records), e.recordTexts(t))
	differ("known", v.Known, e.Known.known(t))
	return out
}

func copyTexts(copies []Copy) []string {
	var out []string
	for _, c := range copies {
		out = append(out, fmt.Sprintf("n!%s %s %s %d %s", symbolOf(c.Loser.Commit), symbolOf(derive(c.Loser.ID, c.Loser.Commit)),
			vectorString(c.Loser.Vector), c.Loser.MtimeSec, symbolOf(c.Loser.Commit)))
	}
	slices.Sort(out)
	return out
}

func (e expectJSON) copyTexts() []string {
	var out []string
	for _, c := range e.Copies {
		out = append(out, fmt.Sprintf("%s %s %s %d %s", c.Name, c.ID, vectorString(vector(c.Vector)), c.Mtime, c.Commit))
	}
	slices.Sort(out)
	return out
}

func recordTexts(records []Record) []string {
	var out []string
	for _, r := range records {
		out = append(out, fmt.Sprintf("%s %s %s", r.Kind, symbolOf(r.File.ID), vectorString(r.Vector)))
	}
	slices.Sort(out)
	return out
}

func (e expectJSON) recordTexts(t *testing.T) []string {
	var out []string
	for _, r := range e.Records {
		out = append(out, fmt.Sprintf("%s %s %s", one(t, r.Kind, RecordEnded, RecordMoved), r.ID, vectorString(vector(r.Vector))))
	}
	slices.Sort(out)
	return out
}

// readCases reads every file of known answers. A field that is not known here
// fails: a case must not pass because half of it was not read.
func readCases(t *testing.T) map[string][]caseJSON {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]caseJSON{}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var f caseFile
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(f.Cases) == 0 {
			t.Fatalf("%s: no cases", name)
		}
		out[filepath.Base(name)] = f.Cases
	}
	if len(out) == 0 {
		t.Fatal("no known answers in testdata")
	}
	return out
}

func TestKnownAnswers(t *testing.T) {
	for file, cases := range readCases(t) {
		t.Run(file, func(t *testing.T) {
			for _, c := range cases {
				t.Run(c.Name, func(t *testing.T) { c.check(t) })
			}
			t.Logf("%d cases", len(cases))
		})
	}
}

// check judges a case with its clouds in every order.
func (c caseJSON) check(t *testing.T) {
	q := c.Given.question(t)
	for _, s := range q.seen {
		if s.Cloud < 0 || s.Cloud >= len(q.claims) {
			t.Fatalf("a sighting in cloud %d of %d", s.Cloud, len(q.claims))
		}
	}
	first := q.judge()
	if again := c.Given.question(t); fmt.Sprint(q.known, q.claims, q.ids, q.seen) != fmt.Sprint(again.known, again.claims, again.ids, again.seen) {
		t.Error("Judge changed its arguments")
	}
	for _, difference := range c.Expect.differences(t, first) {
		t.Error(difference)
	}
	if t.Failed() {
		t.Logf("verdict: %v", first)
	}
	for _, order := range permutations(len(q.claims)) {
		again := unpermuted(q.permuted(order).judge(), order)
		if text(again) != text(first) {
			t.Errorf("with the clouds in the order %v:\n%s\nwant\n%s", order, text(again), text(first))
		}
	}
	checkRows(t, q)
}

// checkRows holds the tables to what they promise: exactly one line of each
// holds, so that their order means nothing.
func checkRows(t *testing.T, q question) {
	t.Helper()
	j := &judgement{evidence: evidence{known: q.known, claims: q.claims, ids: q.ids, place: q.place}}
	j.adoptSplit(q.seen)
	j.gather(q.seen)
	j.weigh()
	for _, f := range j.files {
		h, n := headsOf(f), 0
		for _, row := range versionRows {
			if row.holds(h) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d lines of the table of versions hold for %v", n, f.Identity)
		}
	}
	j.decide()
	var lines []string
	for _, row := range knownRows {
		if slices.Contains(row.known, q.known.Has) && row.holds(j) {
			lines = append(lines, row.seen)
		}
	}
	if len(lines) != 1 {
		t.Errorf("%d lines hold for what the index has: %q", len(lines), lines)
	}
	if q.known.Has != File && q.known.Has != Vanished {
		return
	}
	for _, h := range j.files {
		n := 0
		for _, row := range otherRows {
			if h != j.own && h.here() && row.holds(j, h) {
				n++
			}
		}
		if h != j.own && h.here() && n != 1 {
			t.Errorf("%d lines of the table of other ids hold for %v", n, h.Identity)
		}
	}
}
