package memory

import (
	"maps"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
)

// away makes a transaction while a cloud is out, for so many times.
func (b *bench) away(times uint64) {
	b.t.Helper()
	b.entry++
	b.Begin(b.entry)
	must(b.t, b.Apply(b.entry, true, Away{cipher.ID{1}, times}))
}

// missed wants a cloud to have missed changes at just these names, and what it is sure to have had there.
func (b *bench) missed(when string, times uint64, want map[string]index.Reason) {
	b.t.Helper()
	list, all, err := b.beside().Missed(Away{cipher.ID{1}, times}, 100)
	must(b.t, err)
	got := map[string]index.Reason{}
	for _, m := range list {
		got[string(m.Place.Name)] = m.Debt.Why
	}
	if !all || !maps.Equal(got, want) {
		b.t.Errorf("%s: missed %v (all %v), want %v", when, got, all, want)
	}
	for name, why := range want {
		if p := at(index.Root, name); !b.beside().Misses(cipher.ID{1}, name) {
			b.t.Errorf("%s: %v, %v is not owed", when, p, why)
		}
	}
}

// TestMissed: a cloud that is out owes each name that was changed, told or in the index; and none that was only looked at.
func TestMissed(t *testing.T) {
	b := newBench(t)
	for i, name := range []string{"edited", "removed", "moved", "back", "stays", "linked"} {
		b.Made(at(index.Root, name), isFile(i+1, 1))
	}
	b.MadeDir(at(index.Root, "d"), index.Owner{Mode: 0o755})
	b.MadeDir(at(index.Root, "owned"), index.Owner{Mode: 0o755})
	must(t, b.commit())
	b.away(1) // nothing was changed before it went
	d, err := b.At(at(index.Root, "owned"))
	must(t, err)
	b.Committed(Commit{File: isFile(1, 0).File, Version: version(2)})
	b.Removed(at(index.Root, "removed"), isFile(2, 1).File, version(1))
	b.Moved(Move{From: at(index.Root, "moved"), To: at(index.Root, "there"), Was: isFile(3, 1), Is: isFile(3, 1)})
	b.Removed(at(index.Root, "back"), isFile(4, 1).File, version(1))
	b.Owned(d.Dir, index.Owner{Mode: 0o700})
	b.beside().Touched(at(index.Root, "stays"))
	b.Saw(at(index.Root, "seen"), isFile(9, 1))
	b.Number(index.Root, "numbered")
	b.Made(at(index.Root, "new"), isFile(8, 1))
	want := map[string]index.Reason{"edited": index.Away, "removed": index.Away, "moved": index.Away, "there": index.Away, "back": index.Away, "owned": index.Away, "new": index.Away}
	b.missed("told", 1, want)
	b.away(1)
	b.missed("in the index", 1, want)
	for _, name := range []string{"stays", "seen", "numbered", "d", "numbered/f"} {
		if b.beside().Misses(cipher.ID{1}, name) {
			t.Errorf("%q is owed, which was not changed", name)
		}
	}
	if !b.beside().Misses(cipher.ID{1}, "owned/below") {
		t.Error("what is below a directory that is owed is not")
	}

	b.Made(at(index.Root, "back"), isFile(4, 1)) // as it had it
	b.Removed(at(index.Root, "new"), isFile(8, 1).File, version(1))
	b.away(1)
	delete(want, "back")
	b.missed("wanted again", 1, want)
	b.open()
	b.missed("after another mount", 1, want)

	b.beside().Settled(cipher.ID{1}, []index.Place{at(index.Root, "edited")})
	b.missed("settled but one", 1, map[string]index.Reason{"edited": index.Failed})
	must(t, b.commit())
	b.missed("settled but one, in the index", 1, map[string]index.Reason{"edited": index.Failed})
	b.beside().Settled(cipher.ID{1}, nil)
	must(t, b.commit())
	b.missed("settled", 1, nil)
}

// TestMissedUnsure: of a cloud that has gone out since the last transaction nobody knows what it has of what was told since then.
func TestMissedUnsure(t *testing.T) {
	b := newBench(t)
	b.Made(at(index.Root, "f"), isFile(1, 1))
	must(t, b.commit())
	b.Made(at(index.Root, "new"), isFile(2, 1))
	b.Removed(at(index.Root, "new"), isFile(2, 1).File, version(1))
	b.Removed(at(index.Root, "f"), isFile(1, 1).File, version(1))
	b.Made(at(index.Root, "f"), isFile(1, 1))
	b.beside().Touched(at(index.Root, "half"))
	want := map[string]index.Reason{"new": index.Failed, "f": index.Failed, "half": index.Failed}
	b.missed("told", 1, want)
	b.away(1)
	b.missed("in the index", 1, want)
	b.Removed(at(index.Root, "f"), isFile(1, 1).File, version(1))
	b.Made(at(index.Root, "later"), isFile(3, 1))
	b.away(1)
	want["later"] = index.Away
	b.missed("still away", 1, want)
	b.Made(at(index.Root, "later"), isFile(4, 1))
	b.away(2)
	want["later"] = index.Failed
	b.missed("away once more", 2, want)
}

// TestMissedTooMany: more than so many names are not told.
func TestMissedTooMany(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"a", "b", "c"} {
		b.Made(at(index.Root, name), isFile(int(name[0]), 1))
	}
	for _, most := range []int{2, 3} {
		for range 2 {
			if list, all, err := b.beside().Missed(Away{cipher.ID{1}, 1}, most); err != nil || all != (most == 3) || all && len(list) != 3 {
				t.Errorf("at most %d: %v, all %v, %v", most, list, all, err)
			}
			b.away(1)
		}
	}
}

// TestNamesOfEarlierVersion: a transaction of a version that names nothing shows.
func TestNamesOfEarlierVersion(t *testing.T) {
	b := newBench(t)
	b.Made(at(index.Root, "f"), isFile(1, 1))
	b.away(1)
	named := func() bool {
		_, named, err := New(b.ix, theLog, nil).Open(1)
		must(t, err)
		return named
	}
	if !named() {
		t.Error("what clouds miss is not named by its own version")
	}
	a := b.Applied()
	earlier := &index.Batch{}
	earlier.SetName(at(index.Root, "g"), isFile(2, 1))
	earlier.SetApplied(index.Applied{Log: a.Log, Below: a.Below, Names: a.Names + 1})
	must(t, b.ix.Apply(earlier))
	if named() {
		t.Error("what clouds miss is named by an earlier version")
	}
	b.Made(at(index.Root, "h"), isFile(3, 1))
	b.entry += 5
	b.away(1)
	if !named() {
		t.Error("what clouds miss is not named any more")
	}
}
