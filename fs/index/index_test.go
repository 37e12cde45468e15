package index

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

var testKey = [32]byte(bytes.Repeat([]byte{9}, 32))

// A clock that tests move.
type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A bench is an index under test, with what it was opened with.
type bench struct {
	*Index
	t     testing.TB
	conf  Config
	clock *testClock
	told  []string // what Lost was told
}

func newBench(t testing.TB) *bench {
	b := &bench{t: t, clock: &testClock{now: time.Unix(1_700_000_000, 0).UTC()}}
	b.conf = Config{
		Path: filepath.Join(t.TempDir(), "index"), StateKey: &testKey, Vault: cipher.ID{1}, Clock: b.clock.Now,
		Lost: func(what string) { b.told = append(b.told, what) }, Reserve: -1,
	}
	b.open()
	t.Cleanup(func() { must(t, b.Close()) })
	return b
}

func (b *bench) open() {
	b.t.Helper()
	ix, err := Open(b.conf)
	must(b.t, err)
	b.Index = ix
}

func (b *bench) reopen() {
	b.t.Helper()
	must(b.t, b.Close())
	b.open()
}

func (b *bench) apply(fill func(*Batch)) {
	b.t.Helper()
	var batch Batch
	fill(&batch)
	must(b.t, b.Apply(&batch))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// look runs fn on a snapshot.
func (b *bench) look(fn func(v *View)) {
	b.t.Helper()
	must(b.t, b.View(func(v *View) error { fn(v); return nil }))
}

func (b *bench) known(p Place) Known {
	b.t.Helper()
	r, err := b.Name(p)
	must(b.t, err)
	return r.Known
}

func (b *bench) id(f File) (id ID) {
	b.t.Helper()
	b.look(func(v *View) {
		var err error
		id, err = v.ID(f)
		must(b.t, err)
	})
	return id
}

func (b *bench) directory(d Dir) (dir Directory, known bool) {
	b.t.Helper()
	b.look(func(v *View) {
		var err error
		dir, known, err = v.Directory(d)
		must(b.t, err)
	})
	return dir, known
}

func at1(d Dir, name string) Place { return Place{d, cipher.PlainName(name)} }

func fileN(n int) File { return File{cipher.ID{byte(n), byte(n >> 8), 7}, cipher.TypeFile} }

// version is one of writer 5, at a counter.
func version(counter int) Version {
	return Version{Vector: vector(counter), Sec: int64(counter), Nsec: 1, Commit: cipher.ID{byte(counter), byte(counter >> 8), 1}}
}

func vector(counter int) cipher.Vector {
	return cipher.Vector{{Writer: 5, Counter: uint64(counter)}}
}

func isFile(n, counter int) Known {
	return Known{Kind: IsFile, File: fileN(n), Version: version(counter)}
}

func isGone(n, counter int) Known {
	return Known{Kind: Gone, File: fileN(n), Version: Version{Vector: vector(counter)}}
}

func isDir(d Dir) Known { return Known{Kind: IsDir, Dir: d} }

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

func TestNamesAndCopies(t *testing.T) {
	b := newBench(t)
	alpha, beta := cipher.ID{0xa}, cipher.ID{0xb}
	p, now := at1(Root, "file"), b.clock.Now()
	one := Copy{
		Cloud: alpha, InPlace: version(3),
		Stat: Stat{Ino: 1 << 63, Ctime: now.Add(5), Size: 1 << 40, Mode: 0o100644, UID: 1000, GID: 1<<32 - 1},
	}
	two := Copy{Cloud: beta, InPlace: version(2)}
	equal(t, "at first", b.known(p), Known{})
	b.apply(func(c *Batch) {
		c.SetName(p, isFile(1, 3))
		c.SetCopy(p, two)
		c.SetCopy(p, one)
	})
	check := func(want ...Copy) {
		t.Helper()
		for range 2 {
			r, err := b.Name(p)
			must(t, err)
			equal(t, "known", r.Known, isFile(1, int(r.Known.Version.Sec)))
			equal(t, "copies", r.Copies, want)
			b.reopen()
		}
	}
	check(one, two)
	b.apply(func(c *Batch) { c.SetName(p, isFile(1, 4)) })
	check(one, two) // a copy that had the name's version goes on having that one
	two.InPlace = version(4)
	b.apply(func(c *Batch) { c.SetCopy(p, two) })
	check(one, two)
	r, err := b.Name(p)
	must(t, err)
	equal(t, "a copy", r.Copy(beta), two)
	equal(t, "no copy", r.Copy(cipher.ID{0xc}), Copy{Cloud: cipher.ID{0xc}})
	b.apply(func(c *Batch) { c.SetName(p, Known{}) })
	r, err = b.Name(p)
	must(t, err)
	equal(t, "unknown", r, Row{Place: p, Cursor: r.Cursor})
	equal(t, "warnings", b.told, nil)
}

// What is over keeps the time when it began to be, and for as long as it is the same.
func TestSinceWhenGone(t *testing.T) {
	b := newBench(t)
	p := at1(Root, "file")
	b.apply(func(c *Batch) { c.SetName(p, isFile(1, 3)) })
	b.clock.pass(time.Hour)
	since := b.clock.Now()
	b.apply(func(c *Batch) { c.SetName(p, isGone(1, 3)) })
	b.clock.pass(time.Hour)
	b.apply(func(c *Batch) { c.SetName(p, isGone(1, 4)) })
	equal(t, "the same file", b.known(p).Since, since)
	b.apply(func(c *Batch) { c.SetName(p, isGone(2, 4)) })
	equal(t, "another file", b.known(p).Since, b.clock.Now())
	b.apply(func(c *Batch) { c.SetName(p, isFile(2, 5)) })
	equal(t, "there again", b.known(p).Since, time.Time{})
}

func TestPlacesOfFiles(t *testing.T) {
	b := newBench(t)
	x, y, z := at1(Root, "x"), at1(Root, "y"), at1(Root, "z")
	f := fileN(1)
	names := func(want ...Place) {
		t.Helper()
		got := b.id(f).Names
		slices.SortFunc(got, func(a, b Place) int { return strings.Compare(string(a.Name), string(b.Name)) })
		if !slices.Equal(got, want) {
			t.Errorf("names %v, want %v", got, want)
		}
	}
	names()
	b.apply(func(c *Batch) { c.SetName(x, isFile(1, 3)) })
	names(x)
	equal(t, "greatest", b.id(f).Greatest, version(3))
	b.apply(func(c *Batch) { c.SetName(y, isFile(1, 3)) })
	names(x, y)
	b.apply(func(c *Batch) { c.SetName(x, Known{}); c.SetName(z, isFile(1, 3)) })
	names(y, z)
	if n := b.rows(inIDs); n != 2 {
		t.Errorf("%d rows of ids, want the two names: no version is lost by a rename", n)
	}
	b.apply(func(c *Batch) { c.SetName(y, isFile(1, 6)) })
	equal(t, "greatest", b.id(f).Greatest, version(6))
	b.apply(func(c *Batch) { c.SetName(y, isGone(1, 6)) })
	names(z)
	equal(t, "the greatest, whose name is gone", b.id(f).Greatest, version(6))
	b.apply(func(c *Batch) { c.SetName(z, isFile(2, 9)) })
	names()
	b.apply(func(c *Batch) { c.SetName(x, Known{Kind: Vanished, File: f, Version: version(7)}) })
	names()
	b.apply(func(c *Batch) { c.Accept(f, version(8)); c.Accept(f, version(5)) })
	equal(t, "the greatest, accepted without a name", b.id(f).Greatest, version(8))
	equal(t, "the same id of another type", b.id(File{f.ID, cipher.TypeSymlink}), ID{})
}

// rows returns how many rows the tally has.
func (b *bench) rows(in bucket) (n uint64) {
	b.look(func(v *View) {
		sum, err := v.tally()
		must(b.t, err)
		n = sum.count[in]
	})
	return n
}

func TestConcurrentVersions(t *testing.T) {
	b := newBench(t)
	f := fileN(1)
	one := Version{Vector: cipher.Vector{{Writer: 1, Counter: 2}}, Sec: 10, Commit: cipher.ID{1}}
	two := Version{Vector: cipher.Vector{{Writer: 2, Counter: 1}}, Sec: 11, Commit: cipher.ID{2}}
	b.apply(func(c *Batch) {
		c.SetName(at1(Root, "x"), Known{Kind: IsFile, File: f, Version: one})
		c.SetName(at1(Root, "y"), Known{Kind: IsFile, File: f, Version: two})
	})
	want := two
	want.Vector = cipher.Vector{{Writer: 1, Counter: 2}, {Writer: 2, Counter: 1}}
	equal(t, "greatest", b.id(f).Greatest, want)
}

func TestRecordsOfRemovals(t *testing.T) {
	b := newBench(t)
	f := fileN(1)
	other := cipher.Vector{{Writer: 6, Counter: 1}}
	b.apply(func(c *Batch) { c.End(f, vector(4)); c.End(f, vector(3)); c.Move(f, vector(1)) })
	b.apply(func(c *Batch) { c.End(f, other); c.Move(f, vector(2)) })
	equal(t, "records", b.id(f), ID{Met: true, Ended: []cipher.Vector{vector(4), other}, Moved: []cipher.Vector{vector(2)}})
	b.apply(func(c *Batch) {
		for w := range uint32(100) {
			c.End(f, cipher.Vector{{Writer: w + 10, Counter: 1}})
		}
	})
	if n := len(b.id(f).Ended); n != maxRecords {
		t.Errorf("%d records are kept", n)
	}
	b.apply(func(c *Batch) { c.EndDirectory("a/b", vector(4)); c.EndDirectory("a/b", other) })
	b.look(func(v *View) {
		got, err := v.EndedDirectory("a/b")
		must(t, err)
		equal(t, "of a directory", got, []cipher.Vector{vector(4), other})
		none, err := v.EndedDirectory("a")
		must(t, err)
		equal(t, "of none", none, nil)
	})
}

// TestMet: a file that was never committed is known, too, without a name and where
// it has one.
func TestMet(t *testing.T) {
	b := newBench(t)
	b.apply(func(c *Batch) {
		c.Accept(fileN(1), Version{})
		c.SetName(at1(Root, "x"), Known{Kind: IsFile, File: fileN(2)})
	})
	equal(t, "without a name", b.id(fileN(1)), ID{Met: true})
	equal(t, "with one", b.id(fileN(2)), ID{Met: true, Names: []Place{at1(Root, "x")}})
	equal(t, "never seen", b.id(fileN(3)), ID{})
}

func TestDirectories(t *testing.T) {
	b := newBench(t)
	a, sub := NewDir(), NewDir()
	owner := &Owner{Mode: 0o755, UID: 3, GID: 4}
	b.apply(func(c *Batch) {
		c.SetName(at1(Root, "a"), isDir(a))
		c.SetName(at1(a, "sub"), isDir(sub))
		c.SetName(at1(sub, "f"), isFile(1, 1))
		c.SetOwner(a, *owner)
		c.SetOwner(Root, Owner{Mode: 0o700})
	})
	dir, known := b.directory(a)
	equal(t, "a", dir, Directory{at1(Root, "a"), owner})
	equal(t, "known", known, true)
	root, known := b.directory(Root)
	equal(t, "the root", root, Directory{Owner: &Owner{Mode: 0o700}})
	equal(t, "known", known, true)

	// A move, in whatever order it is told, and without the old name being told at all.
	b.apply(func(c *Batch) { c.SetName(at1(Root, "b"), isDir(a)); c.SetName(at1(Root, "a"), Known{}) })
	b.apply(func(c *Batch) { c.SetName(at1(Root, "c"), isDir(a)) })
	equal(t, "the name before", b.known(at1(Root, "b")), Known{})
	dir, _ = b.directory(a)
	equal(t, "a, moved", dir, Directory{at1(Root, "c"), owner})
	b.look(func(v *View) {
		path, ok, err := v.Path(sub)
		must(t, err)
		equal(t, "path", path, "c/sub")
		equal(t, "found", ok, true)
	})

}

// Two directories change places; one that ends takes with it what was known below it, at every depth.
func TestDirectoriesChangeAndEnd(t *testing.T) {
	b := newBench(t)
	a, sub, other := NewDir(), NewDir(), NewDir()
	b.apply(func(c *Batch) {
		c.SetName(at1(Root, "c"), isDir(a))
		c.SetName(at1(a, "sub"), isDir(sub))
		c.SetName(at1(sub, "f"), isFile(1, 1))
	})
	b.apply(func(c *Batch) { c.SetName(at1(Root, "d"), isDir(other)) })
	b.apply(func(c *Batch) { c.SetName(at1(Root, "c"), isDir(other)); c.SetName(at1(Root, "d"), isDir(a)) })
	dir, _ := b.directory(a)
	equal(t, "place", dir.Place, at1(Root, "d"))
	dir, _ = b.directory(other)
	equal(t, "place", dir.Place, at1(Root, "c"))

	b.apply(func(c *Batch) { c.SetName(at1(Root, "d"), Known{}) })
	for _, d := range []Dir{a, sub} {
		if _, known := b.directory(d); known {
			t.Errorf("directory %x is known", d)
		}
	}
	equal(t, "a file below", b.known(at1(sub, "f")), Known{})
	equal(t, "its id", b.id(fileN(1)), ID{Met: true, Greatest: version(1)})
	must(t, b.Check(t.Context()))
}

func TestList(t *testing.T) {
	b := newBench(t)
	d := NewDir()
	want := map[Place]Known{}
	b.apply(func(c *Batch) {
		c.SetName(at1(Root, "d"), isDir(d))
		for i := range 500 {
			p := at1(d, fmt.Sprintf("name %d", i))
			want[p] = isFile(i, i+1)
			c.SetName(p, want[p])
			c.SetName(at1(Root, string(p.Name)), isFile(i+1000, 1))
		}
	})
	for _, page := range []int{1, 7, 500, 1000} {
		got := map[Place]Known{}
		var from Cursor
		for more := true; more; {
			more = false
			b.look(func(v *View) {
				n := 0
				for r, err := range v.List(d, from) {
					must(t, err)
					if n++; n > page {
						more = true
						return
					}
					if _, twice := got[r.Place]; twice {
						t.Errorf("%v twice", r.Place)
					}
					got[r.Place], from = r.Known, r.Cursor
				}
			})
		}
		equal(t, fmt.Sprintf("pages of %d", page), got, want)
	}
}

func TestInvalidBatches(t *testing.T) {
	b := newBench(t)
	d, long := NewDir(), strings.Repeat("n", 256)
	bad := cipher.Vector{{Writer: 2, Counter: 1}, {Writer: 1, Counter: 1}}
	for name, fill := range map[string]func(*Batch){
		"no directory":           func(c *Batch) { c.SetName(at1(0, "x"), isFile(1, 1)) },
		"a slash":                func(c *Batch) { c.SetName(at1(Root, "x/secret"), isFile(1, 1)) },
		"a long name":            func(c *Batch) { c.SetName(at1(Root, long), isFile(1, 1)) },
		"dots":                   func(c *Batch) { c.SetName(at1(Root, ".."), isFile(1, 1)) },
		"the root at a name":     func(c *Batch) { c.SetName(at1(Root, "x"), isDir(Root)) },
		"a file without id":      func(c *Batch) { c.SetName(at1(Root, "x"), Known{Kind: IsFile}) },
		"a kind":                 func(c *Batch) { c.SetName(at1(Root, "x"), Known{Kind: 9}) },
		"a directory with an id": func(c *Batch) { k := isFile(1, 1); k.Kind, k.Dir = IsDir, d; c.SetName(at1(Root, "x"), k) },
		"a vector":               func(c *Batch) { c.Accept(fileN(1), Version{Vector: bad}) },
		"a record":               func(c *Batch) { c.End(fileN(1), nil) },
		"a directory's record":   func(c *Batch) { c.EndDirectory("secret", bad) },
		"a debt":                 func(c *Batch) { c.Owe(cipher.ID{1}, at1(Root, "x"), Debt{Had: Known{Kind: 77}}) },
		"a debt at no name":      func(c *Batch) { c.Pay(cipher.ID{1}, at1(Root, "")) },
		"a copy":                 func(c *Batch) { c.SetCopy(at1(Root, "x"), Copy{InPlace: Version{Nsec: 1e9}}) },
		"a directory twice":      func(c *Batch) { c.SetName(at1(Root, "x"), isDir(d)); c.SetName(at1(Root, "y"), isDir(d)) },
		"too many copies": func(c *Batch) {
			for i := range byte(65) {
				c.SetCopy(at1(Root, "x"), Copy{Cloud: cipher.ID{i}, InPlace: version(1)})
			}
		},
	} {
		var batch Batch
		batch.AddWriter(1)
		fill(&batch)
		err := b.Apply(&batch)
		if !errors.Is(err, ErrInvalid) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "nnn") {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.look(func(v *View) {
		w, err := v.Writers()
		must(t, err)
		equal(t, "writers", w, nil)
	})
	equal(t, "told", b.told, nil)
}

func TestClosed(t *testing.T) {
	b := newBench(t)
	must(t, b.Close())
	must(t, b.Close())
	if _, err := b.Name(at1(Root, "x")); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := b.Apply(&Batch{}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := b.Lose("x"); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(format, b.Index); s != "index [redacted]" {
			t.Errorf("%s prints %s", format, s)
		}
	}
}
