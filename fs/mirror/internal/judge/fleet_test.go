package judge

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/overcast-fs/overcast/cipher"
)

// String keeps what rapid draws readable.
func (m *machine) String() string { return m.name }

// GoString is what rapid prints.
func (m *machine) GoString() string { return m.name }

// A machine has a local directory for each cloud, and an index.
type machine struct {
	name   string
	writer uint32
	local  *world
	x      *indexModel
	base   []map[Name]entry // per cloud, what its sync client last agreed on
}

// A fleet is machines that share clouds, each through its own sync clients,
// which deliver name by name, late and in any order.
type fleet struct {
	machines []*machine
	remote   []*cloudModel
	made     map[cipher.ID][]cipher.ID // each commit, with those that it was made from
	ended    map[cipher.ID]bool        // by a user
	commits  int
	log      []string
}

func newFleet(machines, clouds int) *fleet {
	f := &fleet{made: map[cipher.ID][]cipher.ID{}, ended: map[cipher.ID]bool{}}
	for range clouds {
		f.remote = append(f.remote, &cloudModel{entries: map[Name]entry{}})
	}
	for i := range machines {
		m := &machine{name: string(rune('A' + i)), writer: uint32('a' + i), local: &world{}, x: newIndex()}
		for range clouds {
			m.local.clouds = append(m.local.clouds, &cloudModel{entries: map[Name]entry{}})
			m.base = append(m.base, map[Name]entry{})
		}
		f.machines = append(f.machines, m)
	}
	return f
}

func (f *fleet) say(format string, args ...any) { f.log = append(f.log, fmt.Sprintf(format, args...)) }

func same(a, b entry) bool {
	return a.shows == b.shows && reflect.DeepEqual(a.file, b.file)
}

// deliver lets one sync client look at one name. Where both sides have changed,
// it keeps both, as such clients do: the other side's under the name, ours as a
// copy.
func (f *fleet) deliver(m *machine, cloud int, n Name) bool {
	local, remote, base := m.local.clouds[cloud], f.remote[cloud], m.base[cloud]
	l, r, b := local.entries[n], remote.entries[n], base[n]
	copies := unionCopies(l.copies, r.copies)
	changed := len(copies) != len(l.copies) || len(copies) != len(r.copies)
	switch {
	case same(l, r):
	case same(l, b):
		l, changed = r, true
	case same(r, b):
		r, changed = l, true
	default:
		if r.shows == "" { // an edit beside a deletion is kept by every client
			r = l
		} else if l.shows != "" {
			copies = unionCopies(copies, []Version{l.file})
		}
		l, changed = r, true
	}
	if !changed {
		base[n] = l
		return false
	}
	l.copies, r.copies = copies, copies
	local.put(n, l)
	remote.put(n, r)
	base[n] = l
	f.say("sync %s cloud %d %s: %v", m.name, cloud, n, l)
	return true
}

func unionCopies(a, b []Version) []Version {
	out := slices.Clone(a)
	for _, v := range b {
		if !slices.ContainsFunc(out, func(o Version) bool { return reflect.DeepEqual(o, v) }) {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, newer)
	return out
}

// deliverRecords lets one sync client carry the records of removals, which are
// files that never change.
func (f *fleet) deliverRecords(m *machine, cloud int) bool {
	local, remote := m.local.clouds[cloud], f.remote[cloud]
	before := len(local.records) + len(remote.records)
	for _, r := range slices.Clone(local.records) {
		remote.records = addRecord(remote.records, r)
	}
	for _, r := range slices.Clone(remote.records) {
		local.records = addRecord(local.records, r)
	}
	return len(local.records)+len(remote.records) != before
}

func (f *fleet) names(m *machine, cloud int) []Name {
	all := map[Name]bool{}
	for _, from := range []map[Name]entry{m.local.clouds[cloud].entries, f.remote[cloud].entries, m.base[cloud]} {
		for n := range from {
			all[n] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// syncAll lets a machine's sync clients deliver everything.
func (f *fleet) syncAll(m *machine) bool {
	changed := false
	for cloud := range f.remote {
		for _, n := range f.names(m, cloud) {
			changed = f.deliver(m, cloud, n) || changed
		}
		changed = f.deliverRecords(m, cloud) || changed
	}
	return changed
}

// repair lets a machine judge all names, and do what that asks for.
func (f *fleet) repair(m *machine) bool {
	for _, c := range m.local.clouds {
		for _, r := range c.records {
			m.x.records = addRecord(m.x.records, r)
		}
	}
	before := fmt.Sprint(m.local, m.x)
	p := m.local.judge(m.x)
	for _, stage := range stages {
		stage(m.local, m.x, p)
	}
	if fmt.Sprint(m.local, m.x) == before {
		return false
	}
	f.say("repair %s:\n%v", m.name, p)
	return true
}

// verdict judges one name on one machine.
func (m *machine) verdict(n Name) Verdict {
	return m.local.question(m.x, n, m.local.names(m.x), m.local.ids(m.x)).judge()
}

// commit makes a new version, and puts it at a name in every cloud.
func (f *fleet) commit(m *machine, n Name, id Identity, vector cipher.Vector, from ...Version) Version {
	f.commits++
	v := Version{
		Identity: id, Vector: vector.With(m.writer, uint64(f.commits)),
		MtimeSec: int64(f.commits), Commit: symbol(fmt.Sprintf("%s%d", strings.ToLower(m.name), f.commits)),
	}
	f.made[v.Commit] = nil
	for _, old := range from {
		f.made[v.Commit] = append(f.made[v.Commit], old.Commit)
	}
	m.put(n, entry{shows: ShowsFile, file: v})
	m.x.learn(n, row(v))
	return v
}

// put changes a name in every cloud where what is there may be changed: a
// program's change looks before it writes, as every step does.
func (m *machine) put(n Name, e entry) {
	for i, do := range m.verdict(n).Clouds {
		if !do.disputed() {
			c := m.local.clouds[i]
			c.put(n, entry{e.shows, e.file, c.entries[n].copies})
		}
	}
}

func (d Do) disputed() bool {
	return d.State == Disputed || d.State == Planted || d.State == LeftOver || d.State == Conflict
}

// disputes counts the clouds in which a name may not be changed.
func (v Verdict) disputes() int {
	n := 0
	for _, do := range v.Clouds {
		if do.disputed() {
			n++
		}
	}
	return n
}

// record leaves a record in every cloud of a machine.
func (f *fleet) record(m *machine, r Record) {
	m.x.records = addRecord(m.x.records, r)
	for _, c := range m.local.clouds {
		c.records = addRecord(c.records, r)
	}
}

func (m *machine) clear(n Name, k Known) {
	m.put(n, entry{})
	m.x.learn(n, k)
}

// write creates a file, or edits the one that is there.
func (f *fleet) write(m *machine, n Name) {
	f.repair(m)
	v := m.verdict(n)
	switch {
	case v.Changes == RemoveOnly || v.disputes() == len(v.Clouds):
		return
	case v.Changes == NewWriter:
		m.writer += 100
	}
	row := m.x.row(n)
	switch {
	case v.Want.Is == WantFile:
		made := f.commit(m, n, v.Want.Version.Identity, v.Want.Version.Vector, v.Want.Version)
		f.say("%s edits %s: %s", m.name, n, versionText(made))
	case row.Has == Gone && len(m.local.ids(m.x)[row.Version.Identity].Live) == 0:
		made := f.commit(m, n, row.Version.Identity, row.Version.Vector)
		f.say("%s makes %s again: %s", m.name, n, versionText(made))
	default:
		made := f.commit(m, n, identity(fmt.Sprintf("%s%d", m.name, f.commits+1)), nil)
		f.say("%s makes %s: %s", m.name, n, versionText(made))
	}
}

func (f *fleet) unlink(m *machine, n Name) {
	f.repair(m)
	v := m.verdict(n).Want
	if v.Is != WantFile {
		return
	}
	f.say("%s removes %s: %s", m.name, n, versionText(v.Version))
	f.ended[v.Version.Commit] = true
	m.clear(n, gone(v.Version))
	f.record(m, Record{RecordEnded, v.Version.Identity, v.Version.Vector})
}

func (f *fleet) rename(m *machine, from, to Name) {
	f.repair(m)
	v, over := m.verdict(from), m.verdict(to)
	if from == to || v.disputes()+over.disputes() > 0 || v.Want.Is != WantFile || v.Changes != Free || over.Changes != Free {
		return
	}
	old := v.Want.Version
	if over.Want.Is != WantFile {
		made := f.commit(m, to, old.Identity, old.Vector, old)
		m.clear(from, gone(old))
		f.record(m, Record{RecordMoved, old.Identity, old.Vector})
		f.say("%s renames %s to %s: %s", m.name, from, to, versionText(made))
		return
	}
	replaced := over.Want.Version
	if !atMost(others(old.Vector, m.writer), replaced.Vector) {
		made := f.commit(m, to, old.Identity, old.Vector, old, replaced)
		m.clear(from, gone(old))
		f.record(m, Record{RecordEnded, replaced.Identity, replaced.Vector})
		f.record(m, Record{RecordMoved, old.Identity, old.Vector})
		f.say("%s renames %s over %s without taking over: %s", m.name, from, to, versionText(made))
		return
	}
	made := f.commit(m, to, replaced.Identity, replaced.Vector.Max(old.Vector), old, replaced)
	m.clear(from, gone(old))
	f.record(m, Record{RecordEnded, old.Identity, old.Vector})
	f.say("%s renames %s over %s: %s", m.name, from, to, versionText(made))
}

// others is what a vector says of all writers but one. A file that is renamed
// over another takes over its id only where this is nothing new to it: else the
// maximum of both vectors would cover versions of the replaced file that nobody
// here has seen, since a writer counts all of its files together.
func others(v cipher.Vector, writer uint32) (out cipher.Vector) {
	for _, e := range v {
		if e.Writer != writer {
			out = append(out, e)
		}
	}
	return out
}

// settle delivers and repairs until nothing changes any more.
func (f *fleet) settle(t *rapid.T) {
	const rounds = 12
	for round := range rounds {
		changed := false
		for _, m := range f.machines {
			changed = f.syncAll(m) || changed
			changed = f.repair(m) || changed
			changed = f.syncAll(m) || changed
		}
		if !changed {
			t.Logf("settled in %d rounds", round)
			return
		}
	}
	f.fail(t, "not settled in %d rounds", rounds)
}

// A failer is a test, or one history of it.
type failer interface {
	Helper()
	Log(...any)
	Logf(string, ...any)
	Fatalf(string, ...any)
}

func (f *fleet) fail(t failer, format string, args ...any) {
	t.Helper()
	for _, line := range f.log {
		t.Log(line)
	}
	for _, m := range f.machines {
		t.Logf("%s has\n%v%v", m.name, m.local, m.x)
	}
	t.Fatalf(format, args...)
}

// view is what a machine lists, by name.
func (m *machine) view() map[Name]string {
	out := map[Name]string{}
	p := m.local.judge(m.x)
	for i, n := range p.names {
		switch w := p.verdicts[i].Want; w.Is {
		case WantNothing:
		case WantFile:
			out[n] = versionText(w.Version)
		default:
			out[n] = string(w.Is)
		}
	}
	return out
}

// check holds what a settled fleet has to I3 and I4.
func (f *fleet) check(t *rapid.T) {
	first := f.machines[0]
	for _, m := range f.machines {
		if !reflect.DeepEqual(m.view(), first.view()) {
			f.fail(t, "%s lists %v, %s lists %v", m.name, m.view(), first.name, first.view())
		}
		for i, c := range m.local.clouds {
			if !reflect.DeepEqual(c.entries, first.local.clouds[i].entries) {
				f.fail(t, "cloud %d of %s differs from that of %s", i, m.name, first.name)
			}
		}
	}
	f.checkContent(t)
}

// checkContent looks for every commit that no later one was made from: it is
// there, under some name, or a user has removed it.
func (f *fleet) checkContent(t *rapid.T) {
	kept := maps.Clone(f.ended)
	maps.Copy(kept, f.machines[0].local.commits())
	var keep func(cipher.ID)
	keep = func(c cipher.ID) {
		kept[c] = true
		for _, old := range f.made[c] {
			keep(old)
		}
	}
	for c := range maps.Clone(kept) {
		keep(c)
	}
	for c := range f.made {
		if !kept[c] {
			f.fail(t, "%s is lost", symbolOf(c))
		}
	}
}

// some lets some sync clients deliver something, and some machines repair.
func (f *fleet) some(t *rapid.T) {
	for range rapid.IntRange(0, 6).Draw(t, "deliveries") {
		m := rapid.SampledFrom(f.machines).Draw(t, "whose client")
		cloud := rapid.IntRange(0, len(f.remote)-1).Draw(t, "cloud")
		names := f.names(m, cloud)
		i := rapid.IntRange(-1, len(names)-1).Draw(t, "name")
		if i < 0 {
			f.deliverRecords(m, cloud)
			continue
		}
		f.deliver(m, cloud, names[i])
	}
	if rapid.Bool().Draw(t, "repairs") {
		f.repair(rapid.SampledFrom(f.machines).Draw(t, "who repairs"))
	}
}
