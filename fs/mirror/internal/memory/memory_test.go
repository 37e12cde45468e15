package memory

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
)

var theLog = cipher.ID{9}

// failing is an index of which calls fail as long as errors are set.
type failing struct {
	*index.Index
	apply, lose, view error
	done              bool   // although Apply says that it failed
	views             int    // calls of View
	looked            func() // called once, when somebody has looked
}

func (f *failing) Apply(b *index.Batch) error {
	if f.apply != nil && !f.done {
		return f.apply
	}
	return errors.Join(f.Index.Apply(b), f.apply)
}

func (f *failing) Lose(why string) error {
	if f.lose != nil {
		return f.lose
	}
	return f.Index.Lose(why)
}

func (f *failing) View(fn func(*index.View) error) error {
	if f.view != nil {
		return f.view
	}
	f.views++
	err := f.Index.View(fn)
	if looked := f.looked; looked != nil {
		f.looked = nil
		looked()
	}
	return err
}

type bench struct {
	t    *testing.T
	conf index.Config
	ix   *failing
	*Memory
	entry uint64
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, conf: index.Config{Path: filepath.Join(t.TempDir(), "index"), StateKey: &[32]byte{1}, Reserve: -1}, entry: 1}
	b.open()
	return b
}

func (b *bench) open() {
	b.t.Helper()
	if b.ix != nil {
		must(b.t, b.Close())
	}
	ix, err := index.Open(b.conf)
	must(b.t, err)
	b.t.Cleanup(func() { _ = ix.Close() })
	b.ix = &failing{Index: ix}
	b.Memory = New(b.ix, theLog, []cipher.ID{{1}, {2}})
	_, _, err = b.Open(1)
	must(b.t, err)
}

// commit makes a transaction.
func (b *bench) commit() error {
	b.entry++
	b.Begin(b.entry)
	return b.Apply(b.entry, true)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func at(d index.Dir, name string) index.Place {
	return index.Place{Dir: d, Name: cipher.PlainName(name)}
}

func fileN(n int) index.File {
	return index.File{ID: cipher.ID{byte(n), byte(n >> 8), 1}, Type: cipher.TypeFile}
}

func version(n int) index.Version {
	if n == 0 {
		return index.Version{}
	}
	return index.Version{Vector: cipher.Vector{{Writer: 5, Counter: uint64(n)}}, Sec: int64(n), Commit: cipher.ID{byte(n), byte(n >> 8)}}
}

func isFile(n, v int) index.Known {
	return index.Known{Kind: index.IsFile, File: fileN(n), Version: version(v)}
}

// want holds what is known of a name, in memory and, after a transaction, in the index.
func (b *bench) want(p index.Place, want index.Known) {
	b.t.Helper()
	got, err := b.At(p)
	must(b.t, err)
	got.Since = time.Time{}
	if got.Kind != want.Kind || got.File != want.File || !got.Version.Equal(want.Version) || got.Dir != want.Dir {
		b.t.Errorf("%v is %+v, want %+v", p, got, want)
	}
}

// wantIndexed holds what the index alone has.
func (b *bench) wantIndexed(p index.Place, kind index.Kind) {
	b.t.Helper()
	row, err := b.ix.Index.Name(p)
	must(b.t, err)
	if row.Known.Kind != kind {
		b.t.Errorf("the index has %+v at %v, want kind %d", row.Known, p, kind)
	}
}

func TestTellings(t *testing.T) {
	b := newBench(t)
	b.MadeDir(at(index.Root, "d"), index.Owner{Mode: 0o700})
	d := b.Number(index.Root, "d")
	b.Made(at(d, "a"), isFile(1, 0))
	b.Committed(Commit{File: fileN(1), Version: version(3), Places: []index.Place{at(d, "a")}})
	for range 2 { // before a transaction, and after it
		b.want(at(index.Root, "d"), index.Known{Kind: index.IsDir, Dir: d})
		b.want(at(d, "a"), isFile(1, 3))
		must(t, b.commit())
	}
	b.Made(at(index.Root, "link"), isFile(1, 3))
	must(t, b.commit())
	b.Committed(Commit{File: fileN(1), Version: version(4), Places: []index.Place{at(d, "a")}})
	b.want(at(index.Root, "link"), isFile(1, 4)) // a name that is not at hand
	must(t, b.commit())
	b.want(at(index.Root, "link"), isFile(1, 4))

	b.Moved(Move{From: at(d, "a"), To: at(index.Root, "link2"), Was: isFile(1, 4), Is: isFile(1, 4)})
	gone := index.Known{Kind: index.Gone, File: fileN(1), Version: version(4)}
	b.want(at(d, "a"), gone)
	places, err := b.Places(fileN(1))
	must(t, err)
	if len(places) != 2 || !slices.Contains(places, at(index.Root, "link")) || !slices.Contains(places, at(index.Root, "link2")) {
		t.Errorf("places %v", places)
	}
	b.Made(at(d, "b"), isFile(2, 1))
	b.Moved(Move{From: at(d, "b"), To: at(index.Root, "link"), Was: isFile(2, 1), Is: isFile(1, 5)}) // takes over the id
	b.want(at(d, "b"), index.Known{Kind: index.Gone, File: fileN(2), Version: version(1)})
	b.want(at(index.Root, "link"), isFile(1, 5))
	b.Made(at(index.Root, "link"), index.Known{Kind: index.IsDir, Dir: d}) // they change places
	b.Made(at(index.Root, "d"), isFile(1, 5))
	b.want(at(index.Root, "link"), index.Known{Kind: index.IsDir, Dir: d})
	must(t, b.commit())
	b.want(at(d, "a"), gone)
	if is := b.Number(index.Root, "link"); is != d {
		t.Errorf("a directory that moved has number %d, and had %d", is, d)
	}
	b.RemovedDir(at(index.Root, "link"))
	must(t, b.commit())
	b.wantIndexed(at(index.Root, "link"), index.Gone)
	b.wantIndexed(at(d, "a"), index.Unknown) // it went with its directory
	b.Removed(at(index.Root, "d"), index.File{}, index.Version{})
	b.want(at(index.Root, "d"), index.Known{})
}

// What is said of names in a directory that is removed before a transaction leaves nothing in the index.
func TestDirectoryOfAMoment(t *testing.T) {
	b := newBench(t)
	for _, between := range []bool{false, true} {
		b.MadeDir(at(index.Root, "d"), index.Owner{})
		d := b.Number(index.Root, "d")
		b.Made(at(d, "x"), isFile(1, 1))
		b.Removed(at(d, "x"), fileN(1), version(1))
		if between { // a transaction that fails has taken the first half
			b.ix.apply = syscall.EIO
			if err := b.commit(); !errors.Is(err, syscall.EIO) {
				t.Fatal(err)
			}
			b.ix.apply = nil
		}
		b.RemovedDir(at(index.Root, "d"))
		must(t, b.commit())
		b.wantIndexed(at(d, "x"), index.Unknown)
		b.wantIndexed(at(index.Root, "d"), index.Gone)
	}
}

func TestSaw(t *testing.T) {
	b := newBench(t)
	b.Saw(at(index.Root, "new"), isFile(1, 1))
	b.want(at(index.Root, "new"), isFile(1, 1))
	must(t, b.commit())
	b.Saw(at(index.Root, "new"), isFile(2, 1))
	b.want(at(index.Root, "new"), isFile(1, 1))
	b.Removed(at(index.Root, "new"), fileN(1), version(1))
	b.Saw(at(index.Root, "new"), isFile(1, 1))
	b.want(at(index.Root, "new"), index.Known{Kind: index.Gone, File: fileN(1), Version: version(1)})
}

// Whatever fails, and however often, everything is in the index in the end.
func TestFailures(t *testing.T) {
	for _, done := range []bool{false, true} {
		b := newBench(t)
		b.ix.done = done
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range 300 {
			b.ix.apply = nil
			if rng.IntN(3) > 0 {
				b.ix.apply = []error{syscall.ENOSPC, syscall.EIO}[rng.IntN(2)]
			}
			p := at(index.Root, fmt.Sprint(rng.IntN(40)))
			if rng.IntN(3) == 0 {
				b.Removed(p, fileN(i), version(i+1))
			} else {
				b.Made(p, isFile(i, i+1))
			}
			before, err := b.At(p)
			must(t, err)
			if err := b.commit(); !errors.Is(err, b.ix.apply) {
				t.Fatal(err)
			}
			b.want(p, before)
		}
		var all []index.Known
		for i := range 40 {
			k, err := b.At(at(index.Root, fmt.Sprint(i)))
			must(t, err)
			all = append(all, k)
		}
		b.ix.apply = nil
		must(t, b.commit())
		b.open()
		for i, k := range all {
			b.want(at(index.Root, fmt.Sprint(i)), k)
		}
	}
}

// TestLost: an index that is lost is an empty one, and what is told afterwards counts.
func TestLost(t *testing.T) {
	b := newBench(t)
	b.Made(at(index.Root, "a"), isFile(1, 1))
	must(t, b.commit())
	b.ix.view = fmt.Errorf("in the middle: %w", index.ErrLost)
	if _, err := b.At(at(index.Root, "a")); !errors.Is(err, index.ErrLost) {
		t.Errorf("an index that is lost: %v", err)
	}
	b.ix.view = nil
	must(t, b.ix.Index.Lose("as the view said"))
	b.Made(at(index.Root, "b"), isFile(2, 1))
	if err := b.commit(); !errors.Is(err, index.ErrLost) {
		t.Errorf("a transaction after that: %v", err)
	}
	b.Forget()
	if a := b.Applied(); a != (index.Applied{}) {
		t.Errorf("applied %v", a)
	}
	b.want(at(index.Root, "a"), index.Known{})
	b.want(at(index.Root, "b"), index.Known{})
	b.Made(at(index.Root, "c"), isFile(3, 1))
	must(t, b.commit())
	b.wantIndexed(at(index.Root, "c"), index.IsFile)
	b.wantIndexed(at(index.Root, "b"), index.Unknown)
}

// TestTooMuch: what an index that fails for long has not taken is not kept for ever. Nothing is believed of it then.
func TestTooMuch(t *testing.T) {
	b := newBench(t)
	b.Made(at(index.Root, "a"), isFile(1, 1))
	must(t, b.commit())
	b.ix.apply, b.ix.lose = syscall.EIO, syscall.EROFS
	for i := range tooMany + 10 {
		b.Made(at(index.Root, fmt.Sprint(i)), isFile(i, 1))
	}
	if b.rows() > tooMany {
		t.Errorf("%d rows", b.rows())
	}
	b.want(at(index.Root, "a"), index.Known{})
	for range 2 {
		if err := b.commit(); !errors.Is(err, syscall.EROFS) {
			t.Errorf("where the index cannot be replaced: %v", err)
		}
	}
	b.ix.apply, b.ix.lose = nil, nil
	if err := b.commit(); !errors.Is(err, index.ErrLost) {
		t.Errorf("where it can: %v", err)
	}
	b.Forget()
	must(t, b.commit())
	b.wantIndexed(at(index.Root, "a"), index.Unknown)
}

// TestPutBack: an index that has applied less than the log has retired, or another log, was put back.
func TestPutBack(t *testing.T) {
	b := newBench(t)
	b.Made(at(index.Root, "a"), isFile(1, 1))
	b.entry = 9
	must(t, b.commit()) // below 10
	for _, c := range []struct {
		log     cipher.ID
		retired uint64
		known   bool
	}{{theLog, 9, true}, {theLog, 10, true}, {theLog, 11, false}, {theLog, 11, false}} {
		y := New(b.ix, c.log, nil)
		known, _, err := y.Open(c.retired)
		must(t, err)
		if known != c.known {
			t.Errorf("the log has retired below %d: known %v", c.retired, known)
		}
	}
	b.wantIndexed(at(index.Root, "a"), index.Unknown)
	must(t, b.commit())
	if known, _, err := New(b.ix, cipher.ID{8}, nil).Open(1); err != nil || known {
		t.Errorf("of another log: known %v, %v", known, err)
	}
}

func TestDue(t *testing.T) {
	b := newBench(t)
	now := time.Unix(1000, 0)
	due := func(want bool, after time.Duration, log int64, below uint64) {
		t.Helper()
		if got := b.Due(now.Add(after), log, below, false); got != want {
			t.Errorf("due %v after %v with a log of %d", got, after, log)
		}
	}
	must(t, b.commit())
	below := b.Applied().Below
	due(false, time.Hour, 1<<40, below) // nothing waits
	if b.Due(now, 0, below, true) || !b.Due(now, 0, below+1, true) {
		t.Error("at once: not where something waits, and only there")
	}
	due(false, time.Hour, 1<<40, below)
	due(false, time.Hour, 100, below+1)
	due(false, time.Hour+59*time.Second, 100, below+1)
	due(true, time.Hour+60*time.Second, 100, below+1)
	due(true, time.Hour, 100+32<<20, below+1)
	due(false, time.Hour, 99+32<<20, below+1)
	for i := range MaxRows - 1 {
		b.Made(at(index.Root, fmt.Sprint(i)), isFile(i, 1))
	}
	due(false, time.Hour, 100, below)
	b.Made(at(index.Root, "last"), isFile(1, 1))
	due(true, time.Hour, 100, below)
	if !b.Busy() {
		t.Error("not busy")
	}
	must(t, b.commit())
	due(false, time.Hour, 100, b.Applied().Below)
}

func TestWithoutIndex(t *testing.T) {
	y := New(nil, theLog, nil)
	y.Made(at(index.Root, "a"), isFile(1, 1))
	if k, err := y.At(at(index.Root, "a")); err != nil || k.Kind != index.Unknown {
		t.Errorf("%v, %v", k, err)
	}
	if !y.Due(time.Unix(1, 0), 0, 5, false) {
		t.Error("the log is not to be cut")
	}
	y.Begin(5)
	must(t, y.Apply(5, false))
	if y.Due(time.Unix(1, 0), 0, 5, false) || y.WasChecked(index.Checked{}) {
		t.Error("something waits, or is known")
	}
	must(t, y.Close())
}

// BenchmarkMade is what telling costs an operation.
func BenchmarkMade(b *testing.B) {
	ix, err := index.Open(index.Config{Path: filepath.Join(b.TempDir(), "index"), StateKey: &[32]byte{1}, Reserve: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer ix.Close()
	y := New(ix, theLog, nil)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		y.Made(at(index.Root, fmt.Sprint(i%MaxRows)), isFile(i, 1))
	}
}
