package journal_test

import (
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// folds are logs and what is to be there after them.
var folds = []struct {
	name, script, want string
}{
	{"nothing", ``, ``},
	{"create", `create f ref=1 id=1 salt=1`, `f file* 1`},
	{"create below a directory that was there", `create a/b/f ref=1 id=1 salt=1`, `
		a dir
		a/b dir
		a/b/f file* 1`},
	{"mkdir", `
		mkdir a
		mkdir a/b`, `
		a dir*
		a/b dir*`},
	{"special", `special s id=1 ver=5 salt=1`, `s link* 1`},
	{"unlink of what was there", `unlink f id=1`, `f -`},
	{"rmdir of what was there", `rmdir a`, `a -`},
	{"create, unlink, create", `
		create f ref=1 id=1 salt=1
		unlink f id=1
		create f ref=2 id=2 salt=2`, `f file* 2`},
	{"a file in the place of a directory", `
		rmdir a
		create a ref=1 id=1 salt=1`, `a file* 1`},
	{"a directory in the place of a file", `
		unlink a id=1
		mkdir a
		create a/f ref=1 id=2 salt=1`, `
		a dir*
		a/f file* 2`},
	{"rename of a file", `rename f g id=1`, `
		f -
		g file 1`},
	{"rename there and back", `
		rename f g id=1
		rename g f id=1`, `
		f file 1
		g -`},
	{"rename in a circle", `
		rename a t id=1
		rename b a id=2
		rename t b id=1`, `
		a file 2
		b file 1
		t -`},
	{"rename of a directory takes along what is in it", `
		create a/f ref=1 id=1 salt=1
		rename a b kind=d
		create b/g ref=2 id=2 salt=2`, `
		a -
		b dir
		b/f file* 1
		b/g file* 2`},
	{"a directory that moved twice, and into another", `
		mkdir a
		create a/f ref=1 id=1 salt=1
		rename a x/a kind=d
		rename x y kind=d
		unlink y/a/f id=1`, `
		a -
		x -
		y dir
		y/a dir*
		y/a/f -`},
	{"rename over a file", `
		rename f g id=1 over=f other=2`, `
		f -
		g file 1`},
	{"rename over a symlink", `
		special s id=2 ver=5 salt=1
		rename f s id=1 over=l other=2`, `
		f -
		s file 1`},
	{"rename over an empty directory", `
		rmdir b/c
		rename a b kind=d over=d`, `
		a -
		b dir`},
	{"what replaces a directory has nothing of it", `
		create b/f ref=1 id=1 salt=1
		unlink b/f id=1
		create a/g ref=2 id=2 salt=2
		rename a b kind=d over=d`, `
		a -
		b dir
		b/g file* 2`},
	{"a rename that takes over an id", `
		create t ref=1 id=2 salt=1
		commit ref=1 id=2 ver=5 salt=1
		rename t f id=2 over=f other=1 takeover=6 salt=1`, `
		f file* 2>1
		t -`},
	{"the save of an editor, twice", `
		create t ref=1 id=2 salt=1
		rename t f id=2 over=f other=1 takeover=6 salt=1
		create t ref=2 id=3 salt=2
		rename t f id=3 over=f other=1 takeover=7 salt=2`, `
		f file* 3>1
		t -`},
	{"exchange of files", `exchange f g id=1 over=f other=2`, `
		f file 2
		g file 1`},
	{"exchange of directories", `
		create a/f ref=1 id=1 salt=1
		exchange a b kind=d over=d
		create a/g ref=2 id=2 salt=2`, `
		a dir
		a/g file* 2
		b dir
		b/f file* 1`},
	{"exchange of a file and a directory", `
		create a/f ref=1 id=1 salt=1
		exchange a g kind=d over=f other=2`, `
		a file 2
		g dir
		g/f file* 1`},
	{"exchange twice", `
		exchange f g id=1 over=f other=2
		exchange f g id=2 over=f other=1`, `
		f file 1
		g file 2`},
	{"exchange in two directories", `
		exchange a/f b/g id=1 over=f other=2
		rename a c kind=d`, `
		a -
		b dir
		b/g file 1
		c dir
		c/f file 2`},
	{"link", `link f g id=1`, `
		f file 1
		g file 1`},
	{"link, and the first name goes", `
		create f ref=1 id=1 salt=1
		link f g id=1
		unlink f id=1 also=g
		unlink g id=1
		link h f id=2`, `
		f file 2
		g -
		h file 2`},
	{"unlink of a name, with another that the log did not tell of", `
		bind f ref=1 id=1 salt=1
		unlink f id=1 also=d/g`, `
		d dir
		d/g file 1
		f -`},
	{"another link comes to light by its id", `
		unlink f id=1
		rename g h id=1`, `
		f -
		g -
		h file 1`},
	{"rename over one of two links", `
		link f g id=1
		rename x g id=2 over=f other=1 also=f`, `
		f file 1
		g file 2
		x -`},
	{"two links of one file exchanged with another", `
		link f g id=1
		exchange f h id=1 over=f other=2`, `
		f file 2
		g file 1
		h file 1`},
	{"revoked entries are nothing", `
		create f ref=1 id=1 salt=1
		revoked
		create g ref=2 id=2 salt=2
		revoked`, `
		f file* 1
		g file* 2`},
	{"moved away, removed, and made again (mv build old; rm -r old; mkdir build; cp a b build/)", `
		rename build old kind=d handle=1
		unlink old/a id=1
		unlink old/b id=2
		rmdir old handle=1
		mkdir build
		create build/a ref=1 id=3 salt=1
		create build/b ref=2 id=4 salt=2`, `
		build dir*
		build/a file* 3
		build/b file* 4
		old -`},
	{"names under a directory that was moved before", `
		rename a b kind=d
		unlink b/f id=1
		rename b/g b/h id=2
		mkdir a
		create a/f ref=1 id=3 salt=1`, `
		a dir*
		a/f file* 3
		b dir
		b/f -
		b/g -
		b/h file 2`},
	{"names are bytes", "create \xff\x01 ref=1 id=1 salt=1", "\xff\x01 file* 1"},
}

func TestFold(t *testing.T) {
	for _, test := range folds {
		t.Run(test.name, func(t *testing.T) {
			f := journal.NewFold(entries(t, test.script))
			want(t, f, test.want)
			consistent(t, f)
		})
	}
}

// TestFoldTwice wants the same keys whenever the same log is folded, and for
// the beginning of a log those of the whole: what is parked is found by them.
func TestFoldTwice(t *testing.T) {
	for _, test := range folds {
		list := entries(t, test.script)
		whole := journal.NewFold(list)
		for n := range list {
			part := journal.NewFold(list[:n])
			for i, thing := range part.Things {
				if other := whole.Things[i]; other.Key != thing.Key || other.Kind != thing.Kind || other.Made != thing.Made {
					t.Fatalf("%s: thing %d is another one after %d entries", test.name, i, n)
				}
			}
		}
	}
}

// TestFoldRefs: a number in the log stands for one file, wherever that goes.
func TestFoldRefs(t *testing.T) {
	f := journal.NewFold(entries(t, `
		bind a/f ref=1 id=1 salt=1
		rename a b kind=d
		rename b/f g id=1
		create a/f ref=2 id=2 salt=2
		commit ref=1 id=1 ver=5 salt=1
		commit ref=3 id=9 ver=9 salt=9`))
	if path, ok := f.Ref(1).Path(); path != "g" || !ok {
		t.Errorf("the first file is at %q (%v)", path, ok)
	}
	if path, ok := f.Ref(2).Path(); path != "a/f" || !ok {
		t.Errorf("the second file is at %q (%v)", path, ok)
	}
	if h := f.Ref(1).Committed().Head(); h.Commit != id(5) {
		t.Errorf("the first file's version is %v", h.Commit)
	}
	if f.Ref(3) != nil {
		t.Error("a number that nothing bound stands for something")
	}
	gone := journal.NewFold(entries(t, `
		create f ref=1 id=1 salt=1
		unlink f id=1`)).Ref(1)
	if path, ok := gone.Path(); ok || !gone.Gone() {
		t.Errorf("a file that is gone is at %q", path)
	}
}

// TestFoldBackings follows one file through its backing files.
func TestFoldBackings(t *testing.T) {
	f := journal.NewFold(entries(t, `
		bind f ref=1 id=1 salt=1
		commit ref=1 id=1 base=3 ver=5 salt=1 chunks=0-2
		fresh ref=1 salt=2 temp=.~0.tmp
		direct ref=1 chunks=0-4
		commit ref=1 id=1 base=5 ver=6 salt=2 direct=0-4`))
	thing := f.Ref(1)
	if n := len(thing.Backings); n != 2 {
		t.Fatalf("%d backing files", n)
	}
	old, now := thing.Backings[0], thing.Backings[1]
	if thing.Committed() != now || now.Head().Commit != id(6) || old.Head().Commit != id(5) {
		t.Error("the last version is not in the fresh backing file")
	}
	if f.Backing(0, [16]byte(salt(1))) != old || f.Backing(0, [16]byte(salt(2))) != now || f.Backing(1, [16]byte(salt(1))) != nil {
		t.Error("a salt finds another backing file")
	}
	if len(now.Temps) != 1 || old.Temps != nil || len(f.Root.Temps) != 1 || f.Root.Temps[0].Of != thing {
		t.Error("the temporary name is not known")
	}
	if old.Salt(0) == nil || old.Salt(1) != nil {
		t.Error("a salt of a cloud that has none")
	}
	if !old.Has(id(5)) || old.Has(id(6)) {
		t.Error("a version is in another backing file")
	}
	if now.Lost = true; thing.Committed() != old {
		t.Error("a version that is lost still counts")
	}
}

// TestFoldFreshWithoutVersion: what was begun and is in no version is not where
// the file's last one is.
func TestFoldFreshWithoutVersion(t *testing.T) {
	thing := journal.NewFold(entries(t, `
		bind f ref=1 id=1 salt=1
		commit ref=1 id=1 base=3 ver=5 salt=1 chunks=0
		fresh ref=1 salt=2 temp=.~0.tmp
		direct ref=1 chunks=0-4`)).Ref(1)
	if h := thing.Committed().Head(); h.Commit != id(5) {
		t.Errorf("the last version is %v", h.Commit)
	}
	if after := thing.Backings[1].After; !after.Covers(0, 4) {
		t.Errorf("direct records are %v", after)
	}
}

// TestFoldFreshOfWhatIsGone: an open file without a name goes on unlogged, and
// nothing is made for it.
func TestFoldFreshOfWhatIsGone(t *testing.T) {
	f := journal.NewFold(entries(t, `
		create f ref=1 id=1 salt=1
		unlink f id=1
		fresh ref=1 salt=2 temp=.~0.tmp
		direct ref=9 chunks=0
		commit ref=1 id=1 ver=5 salt=1`))
	want(t, f, `f -`)
	if len(f.Root.Temps) != 0 || len(f.Ref(1).Backings) != 1 {
		t.Error("a fresh backing file for what is gone")
	}
}

// spanTests are versions of one backing file that was there: which of their
// chunks the log holds, which were written directly, and from which chunk on
// nothing is older than the log.
var spanTests = []struct {
	name, script string
	chunks       journal.Spans
	direct       journal.Spans
	after        journal.Spans
	ours         int64
}{
	{"an overwrite", `
		commit ref=1 id=1 base=3 ver=5 salt=1 baselen=40960 len=40960 chunks=2-4`,
		journal.Spans{{Lo: 2, Hi: 4}}, nil, nil, 10},
	{"an append", `
		direct ref=1 chunks=10-12
		commit ref=1 id=1 base=3 ver=5 salt=1 baselen=40960 len=49152 direct=10-12`,
		nil, journal.Spans{{Lo: 10, Hi: 12}}, nil, 10},
	{"an append, then an overwrite of it", `
		direct ref=1 chunks=10-12
		commit ref=1 id=1 base=3 ver=5 salt=1 baselen=40960 len=49152 direct=10-12
		commit ref=1 id=1 base=5 ver=6 salt=1 baselen=49152 len=49152 chunks=11`,
		journal.Spans{{Lo: 11, Hi: 12}}, journal.Spans{{Lo: 10, Hi: 11}}, nil, 10},
	{"cut, and written again", `
		commit ref=1 id=1 base=3 ver=5 salt=1 baselen=40960 len=40960 chunks=0-4
		commit ref=1 id=1 base=5 ver=6 salt=1 baselen=40960 len=16384 cut=2 chunks=3`,
		journal.Spans{{Lo: 0, Hi: 2}, {Lo: 3, Hi: 4}}, nil, nil, 2},
	{"cut takes direct records away", `
		commit ref=1 id=1 base=3 ver=5 salt=1 baselen=40960 len=49152 direct=10-12
		commit ref=1 id=1 base=5 ver=6 salt=1 baselen=49152 len=45056 cut=11`,
		nil, journal.Spans{{Lo: 10, Hi: 11}}, nil, 10},
	{"direct since the version", `
		commit ref=1 id=1 base=3 ver=5 salt=1 baselen=40960 len=40960 chunks=0
		direct ref=1 chunks=10-12
		direct ref=1 chunks=14`,
		journal.Spans{{Lo: 0, Hi: 1}}, nil, journal.Spans{{Lo: 10, Hi: 12}, {Lo: 14, Hi: 15}}, 10},
	{"a revoked version", `
		commit ref=1 id=1 base=3 ver=5 salt=1 baselen=40960 len=40960 chunks=0
		revoked`,
		journal.Spans{{Lo: 0, Hi: 1}}, nil, nil, 10},
}

func TestFoldSpans(t *testing.T) {
	for _, test := range spanTests {
		t.Run(test.name, func(t *testing.T) {
			list := entries(t, "bind f ref=1 id=1 salt=1\n"+test.script)
			b := journal.NewFold(list).Ref(1).Backings[0]
			same := func(what string, got, want journal.Spans) {
				if got.Total() != want.Total() || len(got) != len(want) {
					t.Errorf("%s: %v, want %v", what, got, want)
					return
				}
				for i := range got {
					if got[i] != want[i] {
						t.Errorf("%s: %v, want %v", what, got, want)
					}
				}
			}
			same("in the log", b.Chunks(), test.chunks)
			same("direct", b.Direct, test.direct)
			same("since", b.After, test.after)
			if got := b.Ours(cipher.Layout{ChunkLog2: 12}); got != test.ours {
				t.Errorf("the log's own chunks begin at %d, want %d", got, test.ours)
			}
		})
	}
}

// TestFoldLatest: of a chunk that several versions have, only the last one's
// entry counts, and none where a later version cut it.
func TestFoldLatest(t *testing.T) {
	b := journal.NewFold(entries(t, `
		bind f ref=1 id=1 salt=1
		commit ref=1 id=1 base=3 ver=5 salt=1 chunks=0-4
		commit ref=1 id=1 base=5 ver=6 salt=1 cut=2 chunks=1`)).Ref(1).Backings[0]
	for i, at := range []int{1, 2, -1, -1} {
		for entry := 1; entry < 3; entry++ {
			if got := b.Latest(entry, int64(i)); got != (entry == at) {
				t.Errorf("chunk %d of entry %d: %v", i, entry, got)
			}
		}
	}
	if b.Base.Version.Get(7) != 3 || b.Prev.Version.Get(7) != 5 {
		t.Errorf("the versions before are %v and %v", b.Base.Version, b.Prev.Version)
	}
}

// TestFoldNew: of a file that the log made, everything is the log's.
func TestFoldNew(t *testing.T) {
	b := journal.NewFold(entries(t, `
		create f ref=1 id=1 salt=1
		direct ref=1 chunks=0-3
		commit ref=1 id=1 ver=5 salt=1 len=12288 direct=0-3`)).Ref(1).Backings[0]
	if ours := b.Ours(cipher.Layout{ChunkLog2: 12}); ours != 0 || !b.Direct.Covers(0, 3) || b.After != nil {
		t.Errorf("direct %v, since %v, own from %d on", b.Direct, b.After, ours)
	}
}

// TestFoldCovers: which versions of a file are none that another machine made.
func TestFoldCovers(t *testing.T) {
	for _, test := range []struct {
		name, script string
		v            cipher.Vector
		want         bool
	}{
		{"nothing is known", `rename f g id=1`, vector(9), true},
		{"an older one", `unlink f id=1 seen=5`, vector(4), true},
		{"the one that went", `unlink f id=1 seen=5`, vector(5), true},
		{"a newer one", `unlink f id=1 seen=5`, vector(6), false},
		{"one of another writer", `unlink f id=1 seen=5`, cipher.Vector{{Writer: 9, Counter: 1}}, false},
		{"none yet", `unlink f id=1 seen=5`, nil, true},
		{"what a rename replaced", `rename g f id=2 over=f other=1 seen=5`, vector(6), true}, // of g nothing is known
		{"the log's own", "bind f ref=1 id=1 salt=1\ncommit ref=1 id=1 base=3 ver=5 salt=1", vector(5), true},
		{"behind the log's own", "bind f ref=1 id=1 salt=1\ncommit ref=1 id=1 base=3 ver=5 salt=1", vector(6), false},
	} {
		f := journal.NewFold(entries(t, test.script))
		if got := f.Things[1].Covers(test.v); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// TestFoldEnded: what a rename replaces ends at the version that was seen, and
// what replaces it does not.
func TestFoldEnded(t *testing.T) {
	f := journal.NewFold(entries(t, `rename g f id=2 over=f other=1 seen=5`))
	for _, thing := range f.Things[1:] {
		if want := thing.ID() == id(1); want != (len(thing.Known) > 0) || want != thing.Gone() {
			t.Errorf("file %v ended at %v, gone %v", thing.ID(), thing.Known, thing.Gone())
		}
	}
}
