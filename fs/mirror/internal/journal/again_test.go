package journal_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// TestAgain says again what is said of a file, alone and behind all of that, wholly
// and in part: it comes to the same.
func TestAgain(t *testing.T) {
	for _, script := range []string{
		`create d/f ref=1 id=1 salt=1
		 direct ref=1 chunks=0-3
		 commit ref=1 id=1 ver=1 salt=1 len=9000 direct=0-3
		 commit ref=1 id=1 ver=2 base=1 salt=1 len=9000 chunks=1-2`,
		`bind d/f ref=1 id=1 salt=1
		 commit ref=1 id=1 ver=2 base=1 salt=1 len=4096 cut=1 chunks=0-1
		 rename d e kind=d
		 commit ref=1 id=1 ver=3 base=2 salt=1 len=9000 direct=1-3`,
		`bind d/f ref=1 id=1 salt=1
		 fresh ref=1 salt=2 temp=.~0.tmp
		 commit ref=1 id=1 ver=2 base=1 salt=2 len=9000 direct=0-3
		 link d/f g id=1 kind=f
		 rename d/f e kind=f id=1`,
		`create new ref=1 id=1 salt=1
		 commit ref=1 id=1 ver=1 salt=1 len=9000 direct=0-3
		 rename new old kind=f id=1 over=f other=2 takeover=3 salt=1 len=9000`,
		`special d/l kind=l id=1 salt=1 ver=1`,
	} {
		all := entries(t, script)
		for n, e := range all {
			e.Seq = uint64(n + 10)
		}
		f := journal.NewFold(all)
		thing := f.Things[slices.IndexFunc(f.Things, func(o *journal.Thing) bool { return len(o.Backings) > 0 && o.Committed() != nil })]
		var paths []string
		for _, s := range thing.Now {
			path, _ := s.Path()
			paths = append(paths, path)
		}
		want := said(f, thing)
		again := thing.Again(all, 99, paths)
		for part := range len(again) + 1 {
			behind := journal.NewFold(slices.Concat(all, again[:part]))
			if got := said(behind, find(behind, thing)); got != want {
				t.Errorf("%s\n%d of it again: %s, want %s", script, part, got, want)
			}
		}
		alone := journal.NewFold(again)
		if got := said(alone, find(alone, thing)); got != want {
			t.Errorf("%s\nalone: %s, want %s", script, got, want)
		}
		for _, e := range again {
			if e.Commit != nil && all[e.Seq-10].Commit != e.Commit {
				t.Errorf("%s\nan entry has the data of entry %d", script, e.Seq)
			}
		}
		twice := find(alone, thing).Again(again, 100, paths)
		if len(twice) != len(again) {
			t.Errorf("%s\nsaid a third time it has %d entries, and had %d", script, len(twice), len(again))
		}
	}
}

// find is the file in another fold.
func find(f *journal.Fold, thing *journal.Thing) *journal.Thing {
	return f.Things[slices.IndexFunc(f.Things, func(o *journal.Thing) bool { return slices.Contains(o.IDs, thing.ID()) })]
}

// said is what a fold says of a file's versions and places.
func said(f *journal.Fold, thing *journal.Thing) string {
	b := thing.Committed()
	text := fmt.Sprint(thing.Kind, thing.Made, thing.IDs, b.Head().Version, b.Temps, b.Salts, b.Direct, b.Chunks(), b.Whole != nil, len(b.Versions))
	for _, s := range thing.Now {
		path, ok := s.Path()
		text += fmt.Sprint(" ", path, ok)
	}
	for _, dir := range f.Things {
		for _, s := range dir.Slots {
			if s.Now != nil && s.Now != thing && !s.Now.IsDir() {
				text += " and " + s.Name
			}
		}
	}
	return text
}
