package judge

import (
	"flag"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
)

// made returns a version of the small worlds.
func made(id, commit string, mtime int64, vector cipher.Vector) Version {
	return Version{Identity: identity(id), Vector: vector, MtimeSec: mtime, Commit: symbol(commit)}
}

// The versions of the small worlds: two files, one of which was edited on two
// machines, so that its last two versions are concurrent.
var (
	f1 = made("F", "f1", 1, cipher.Vector{{Writer: 'a', Counter: 1}})
	f2 = made("F", "f2", 2, cipher.Vector{{Writer: 'a', Counter: 2}})
	fb = made("F", "fb", 5, cipher.Vector{{Writer: 'a', Counter: 1}, {Writer: 'b', Counter: 1}})
	g1 = made("G", "g1", 4, cipher.Vector{{Writer: 'a', Counter: 1}})
	h0 = made("H", "h0", 0, cipher.Vector{{Writer: 'a', Counter: 1}})

	// The winner of their conflict as it is after its resolution, and the loser.
	fj = made("F", "fb", 5, cipher.Vector{{Writer: 'a', Counter: 2}, {Writer: 'b', Counter: 1}})
	fl = made("F~f2", "f2", 2, cipher.Vector{{Writer: 'a', Counter: 2}})

	everything = newHistory(f1, f2, fb, g1, h0)
)

func file1(v Version) entry { return entry{shows: ShowsFile, file: v} }

func row(v Version) Known { return Known{File, v} }

func gone(v Version) Known { return Known{Gone, Version{Identity: v.Identity, Vector: v.Vector}} }

// A worldSet is all worlds that its parts can be combined to.
type worldSet struct {
	name    string
	clouds  int
	n, m    []Known // the index's rows
	third   []Known // at a further name, o, if any
	entries []entry // at n and at m, in each cloud
	away    bool    // also with each cloud away
	records [][]Record
	inDead  bool // n lies in a directory that has ended
}

var ended1 = Record{RecordEnded, f1.Identity, f1.Vector}
var moved1 = Record{RecordMoved, f1.Identity, f1.Vector}

// size is how many worlds there are in the set.
func (s worldSet) size() int {
	total := s.awayCases() * len(s.n) * len(s.m) * len(s.records)
	if s.third != nil {
		total *= len(s.third)
	}
	for range len(s.names()) * s.clouds {
		total *= len(s.entries)
	}
	return total
}

func (s worldSet) names() []Name {
	if s.third != nil {
		return []Name{"m", "n", "o"}
	}
	return []Name{"m", "n"}
}

func (s worldSet) awayCases() int {
	if s.away {
		return 1 + s.clouds
	}
	return 1
}

// world builds one world of the set.
func (s worldSet) world(number int) (*world, *indexModel) {
	pick := func(n int) int {
		i := number % n
		number /= n
		return i
	}
	w, x := &world{}, newIndex()
	if s.third != nil {
		x.learn("o", s.third[pick(len(s.third))])
	}
	x.learn("m", s.m[pick(len(s.m))])
	x.learn("n", s.n[pick(len(s.n))])
	records := s.records[pick(len(s.records))]
	away := pick(s.awayCases()) - 1
	for i := range s.clouds {
		c := &cloudModel{away: i == away, entries: map[Name]entry{}, records: slices.Clone(records)}
		for _, n := range s.names() {
			c.put(n, s.entries[pick(len(s.entries))])
		}
		w.clouds = append(w.clouds, c)
	}
	if s.inDead {
		x.inDead = func(n Name) bool { return n == "n" }
	}
	return w, x
}

// A watch holds repairs to I4: of what was there at its start nothing may be
// lost but what a greater version or a record of that time supersedes.
type watch struct {
	before  map[cipher.ID]bool
	records []Record
}

func (w *world) watch(x *indexModel) watch { return watch{w.commits(), w.allRecords(x)} }

// settle repairs a world until nothing is wanted any more, in so many passes,
// and returns what is wrong with that: I3 and I4.
func (w *world) settle(x *indexModel, passes int, begun watch) error {
	var last plan
	for pass := 0; ; pass++ {
		p := w.judge(x)
		quiet := w.quiet(p)
		switch {
		case quiet && reflect.DeepEqual(p, last):
			return nil
		case pass > passes:
			return fmt.Errorf("judging again gives\n%vafter\n%v", p, last)
		case pass == passes && !quiet:
			return fmt.Errorf("pass %d still wants something:\n%v", pass+1, p)
		}
		last = p
		if quiet {
			w.index(x, p)
			continue
		}
		if err := w.repair(x, p, begun, nil); err != nil {
			return fmt.Errorf("pass %d: %w", pass+1, err)
		}
	}
}

// repair carries out a plan. It looks after each stage that changes files
// whether content is lost, and calls crash, if any, with what a crash would
// leave there.
func (w *world) repair(x *indexModel, p plan, begun watch, crash func(*world, *indexModel) error) error {
	for i, stage := range stages {
		stage(w, x, p)
		if i == 0 || i >= firstWrite {
			if v, ok := everything.lost(begun.before, w.commits(), begun.records); ok {
				return fmt.Errorf("stage %d loses %s:\n%v", i, versionText(v), p)
			}
		}
		if crash != nil {
			if err := crash(w.clone(), x.clone()); err != nil {
				return fmt.Errorf("after a crash behind stage %d of\n%v%w", i, p, err)
			}
		}
	}
	return nil
}

// crashes repairs a world once for each stage that a crash can end, and settles
// what that leaves.
func (w *world) crashes(x *indexModel, passes int) error {
	begun := w.watch(x)
	return w.repair(x, w.judge(x), begun, func(w *world, x *indexModel) error { return w.settle(x, passes, begun) })
}

// quiet reports whether a plan asks for nothing that is not there.
func (w *world) quiet(p plan) bool {
	for i, v := range p.verdicts {
		if !v.Quiet() {
			return false
		}
		for _, c := range v.Copies {
			for _, cloud := range w.clouds {
				if !cloud.away && cloud.entries[conflictName(p.names[i], c.Loser)].shows == "" {
					return false
				}
			}
		}
	}
	return true
}

// orders are the orders of so many clouds.
var orders = [][][]int{permutations(0), permutations(1), permutations(2), permutations(3)}

// symmetric holds the verdicts of a world to I2, and its tables to exactly one
// line.
func symmetric(t *testing.T, w *world, x *indexModel) error {
	ids, names := w.ids(x), w.names(x)
	for _, n := range names {
		q := w.question(x, n, names, ids)
		first := sortedRecords(q.judge())
		for _, order := range orders[len(q.claims)][1:] {
			again := sortedRecords(unpermuted(q.permuted(order).judge(), order))
			if !reflect.DeepEqual(again, first) {
				return fmt.Errorf("%s with the clouds in the order %v:\n%s\nwant\n%s", n, order, text(again), text(first))
			}
		}
		checkRows(t, q)
	}
	return nil
}

func worldSets() []worldSet {
	nothing, dir, bad := entry{}, entry{shows: ShowsDir}, entry{shows: ShowsBad}
	copied := func(at entry, v Version) entry { at.copies = []Version{v}; return at }
	noRecord := [][]Record{nil}
	return []worldSet{
		{
			name: "two clouds", clouds: 2,
			n:       []Known{{Has: Unknown}, gone(f1), {Vanished, f1}, row(f1), row(f2), row(g1), {Has: Dir}},
			m:       []Known{{Has: Unknown}, row(f1), row(f2), row(g1)},
			entries: []entry{nothing, file1(f1), file1(f2), file1(fb), file1(g1), dir, bad},
			records: [][]Record{nil, {ended1}, {moved1}},
		}, {
			name: "two clouds, one away", clouds: 2, away: true,
			n:       []Known{{Has: Unknown}, gone(f1), {Vanished, f1}, row(f1), row(g1), {Has: Dir}},
			m:       []Known{{Has: Unknown}, row(f2), row(g1)},
			entries: []entry{nothing, file1(f1), file1(f2), file1(fb), file1(g1)},
			records: [][]Record{nil, {ended1}, {moved1}},
		}, {
			name: "two clouds, concurrent by the index", clouds: 2,
			n:       []Known{{Has: Unknown}, gone(f2), row(f2), row(fb)},
			m:       []Known{{Has: Unknown}, row(f2), row(fb)},
			entries: []entry{nothing, file1(f1), file1(f2), file1(fb), file1(h0)},
			records: [][]Record{nil, {moved1}},
		}, {
			name: "tool copies", clouds: 2,
			n: []Known{{Has: Unknown}, gone(f1), row(f1), row(g1)},
			m: []Known{{Has: Unknown}, row(f1)},
			entries: []entry{
				nothing, file1(f1), file1(f2), copied(nothing, f2), copied(nothing, fb),
				copied(file1(f1), f2), copied(file1(f1), g1), copied(file1(g1), fb),
			},
			records: noRecord,
		}, {
			name: "an ended directory", clouds: 2, inDead: true,
			n:       []Known{{Has: Unknown}, gone(f1), row(f1), row(f2), row(g1)},
			m:       []Known{{Has: Unknown}, row(f1), row(f2)},
			entries: []entry{nothing, file1(f1), file1(f2), file1(fb), file1(g1)},
			records: [][]Record{nil, {moved1}},
		}, {
			name: "a link that was removed", clouds: 2, away: true,
			n:       []Known{gone(f1), gone(f2)},
			m:       []Known{{Has: Unknown}, row(f1), row(f2), row(g1), {Vanished, f1}, gone(f1)},
			entries: []entry{nothing, file1(f1), file1(f2), file1(fb), file1(g1)},
			records: [][]Record{nil, {ended1}, {moved1}},
		}, {
			name: "one of three links was removed", clouds: 2, third: []Known{{Has: Unknown}, row(f1), gone(f1)},
			n:       []Known{gone(f1), gone(f2)},
			m:       []Known{{Has: Unknown}, row(f1), row(f2), {Vanished, f1}, gone(f1)},
			entries: []entry{nothing, file1(f1), file1(f2)},
			records: [][]Record{nil, {moved1}},
		}, {
			name: "three clouds", clouds: 3,
			n:       []Known{{Has: Unknown}, {Vanished, f1}, row(f1), row(g1)},
			m:       []Known{{Has: Unknown}, row(f1)},
			entries: []entry{nothing, file1(f2), file1(fb), file1(g1)},
			records: noRecord,
		}, {
			name: "three clouds, lesser versions", clouds: 3,
			n:       []Known{{Has: Unknown}, gone(f1), row(f2)},
			m:       []Known{{Has: Unknown}, row(f1)},
			entries: []entry{nothing, file1(f1), file1(f2), file1(h0)},
			records: [][]Record{nil, {moved1}},
		},
	}
}

// tried picks one number in so many, spread so that it has nothing to do with
// how worlds are numbered.
func tried(number, step int) bool {
	if testing.Short() {
		step *= 16
	}
	return uint64(number)*0x9e3779b97f4a7c15>>33%uint64(step) == 0
}

// TestMain collects garbage less often, since the worlds are small, and many;
// and it lets rapid try more than its default, unless it was told how much.
func TestMain(m *testing.M) {
	flag.Parse()
	debug.SetGCPercent(800)
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue && !testing.Short() {
		if err := checks.Value.Set(strconv.Itoa(histories)); err != nil {
			panic(err)
		}
	}
	m.Run()
}

// TestSmallWorlds repairs every small world, whatever its clouds and its index
// claim: I2, I3 (which such worlds may need more than two passes for, since a
// row that was wrong may have hidden another), and I4.
func TestSmallWorlds(t *testing.T) {
	for _, s := range worldSets() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			count, failures := 0, 0
			for number := 0; number < s.size() && failures < 3; number++ {
				if !tried(number, worldStep) {
					continue
				}
				w, x := s.world(number)
				count++
				var err error
				if count%8 == 0 {
					err = symmetric(t, w, x)
				}
				if err == nil && count%8 == 1 {
					err = w.clone().crashes(x.clone(), 4)
				}
				if err == nil {
					err = w.settle(x, 4, w.watch(x))
				}
				if err != nil {
					failures++
					given, index := s.world(number)
					t.Errorf("world %d: %v\ngiven\n%v%v\nit became\n%v%v", number, err, given, index, w, x)
				}
			}
			t.Logf("%d of %d worlds", count, s.size())
		})
	}
}
