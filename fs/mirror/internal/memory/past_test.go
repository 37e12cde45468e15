package memory

import (
	"slices"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
)

// pastBench is a memory of things that are, were, and have gone.
func pastBench(t *testing.T) *bench {
	b := newBench(t)
	d := b.Number(index.Root, "d")
	b.Made(at(index.Root, "f"), isFile(1, 3))
	b.Made(at(d, "link"), isFile(1, 3))
	b.Made(at(index.Root, "removed"), isFile(2, 5))
	b.Removed(at(index.Root, "removed"), fileN(2), version(5))
	b.beside().End(fileN(2), version(5))
	b.Made(at(index.Root, "draft"), isFile(3, 0))
	b.Removed(at(index.Root, "draft"), fileN(3), index.Version{})
	b.MadeDir(at(index.Root, "draft"), index.Owner{})
	b.Made(at(index.Root, "open"), isFile(4, 0))
	b.beside().End(fileN(6), index.Version{})
	b.beside().End(fileN(7), version(4))
	b.Made(at(index.Root, "vanished"), index.Known{Kind: index.Vanished, File: fileN(5), Version: version(2)})
	b.MadeDir(at(index.Root, "old"), index.Owner{})
	b.RemovedDir(at(index.Root, "old"))
	return b
}

// eachPast asks before a transaction, and what the index alone has after it.
func eachPast(t *testing.T, ask func(y Past)) {
	b := pastBench(t)
	for range 2 {
		ask(Past{b.beside()})
		must(t, b.commit())
		b.open()
	}
}

// TestLeft: which versions have no business at a path.
func TestLeft(t *testing.T) {
	eachPast(t, func(y Past) {
		for _, c := range []struct {
			path string
			file int
			v    cipher.Vector
			left bool
		}{
			{"f", 1, version(3).Vector, false},
			{"g", 1, version(3).Vector, true},
			{"g", 1, version(4).Vector, false},
			{"d/link", 1, version(3).Vector, false},
			{"g", 1, nil, true},
			{"f", 1, nil, false},
			{"removed", 2, version(5).Vector, true},
			{"removed", 2, version(6).Vector, false},
			{"draft", 3, nil, true},
			{"draft", 3, version(1).Vector, false},
			{"open", 4, nil, false},
			{"elsewhere", 4, nil, true},
			{"anywhere", 6, nil, true},
			{"anywhere", 7, version(4).Vector, true},
			{"anywhere", 7, version(5).Vector, false},
			{"f", 9, nil, false},
			{"f", 9, version(1).Vector, false},
		} {
			left, err := y.Left(c.path, fileN(c.file), c.v)
			must(t, err)
			if left != c.left {
				t.Errorf("file %d at %v has left %q: %v", c.file, c.v, c.path, left)
			}
		}
	})
}

// TestPast: where files are, which have ended, and which names are empty.
func TestPast(t *testing.T) {
	eachPast(t, func(y Past) {
		for n, want := range map[int][]string{1: {"d/link", "f"}, 2: nil, 3: nil, 4: {"open"}, 5: nil} {
			homes, err := y.Homes(fileN(n))
			must(t, err)
			if slices.Sort(homes); !slices.Equal(homes, want) {
				t.Errorf("file %d is at %q, want %q", n, homes, want)
			}
			ended, err := y.Ended(fileN(n))
			must(t, err)
			if (len(ended) > 0) != (n == 2) {
				t.Errorf("file %d has ended at %v", n, ended)
			}
		}
		for path, want := range map[string][2]bool{"old": {true, true}, "old/x": {true, false}, "removed": {false, true}, "d": {}, "draft": {}, "vanished": {}, "nothing": {}} {
			left, err := y.LeftDir(path)
			must(t, err)
			emptied, err := y.Emptied(path)
			must(t, err)
			if got := [2]bool{left, emptied}; got != want {
				t.Errorf("%q: a directory has left, and it was emptied: %v, want %v", path, got, want)
			}
		}
	})
}

// TestClearedDir: a directory that nobody knows, below a path that another one has left, is that one's; one that is known is not, nor
// is anything where no cloud missed the change.
func TestClearedDir(t *testing.T) {
	for _, missed := range []bool{true, false} {
		b := newBench(t)
		b.MadeDir(at(index.Root, "d"), index.Owner{})
		b.RemovedDir(at(index.Root, "d"))
		b.beside().Cleared("d")
		b.beside().Cleared("from/there")
		b.MadeDir(at(index.Root, "d"), index.Owner{})
		b.MadeDir(at(b.Number(index.Root, "d"), "known"), index.Owner{})
		for _, indexed := range []bool{false, true} {
			for path, want := range map[string]bool{
				"d": false, "d/known": false, "d/old": true, "d/old/below": true, "from": false, "from/there": true, "from/there/below": true, "other": false,
			} {
				want = want && (missed || !indexed)
				if got, err := (Past{b.beside()}).ClearedDir(path); err != nil || got != want {
					t.Errorf("missed %v, in the index %v, %q: %v (%v), want %v", missed, indexed, path, got, err, want)
				}
			}
			b.entry++
			b.Begin(b.entry)
			must(t, b.Apply(b.entry, missed))
			b.open()
		}
	}
}

// TestLongOver: what is gone is forgotten after long, but as long as a cloud may have missed that.
func TestLongOver(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	b := newBench(t)
	b.conf.Clock = func() time.Time { return now }
	b.open()
	is := func(missed bool, kind index.Kind, ended int) {
		t.Helper()
		for range 5 { // each looks at a part of what there is
			b.Checked(index.Checked{Ino: 1})
			b.Begin(2)
			must(t, b.Apply(2, missed))
		}
		y := b.beside()
		k, err := y.At(at(index.Root, "f"))
		must(t, err)
		of, err := y.Of(fileN(1))
		must(t, err)
		if k.Kind != kind || len(of.Ended) != ended {
			t.Errorf("with a cloud that may have missed it %v: %+v, %+v", missed, k, of)
		}
	}
	b.Made(at(index.Root, "f"), isFile(1, 3))
	b.Removed(at(index.Root, "f"), fileN(1), version(3))
	b.beside().End(fileN(1), version(3))
	is(false, index.Gone, 1)
	now = now.Add(91 * 24 * time.Hour) // by now no cloud is given the record of it any more
	is(false, index.Gone, 1)
	now = now.Add(100 * 24 * time.Hour)
	is(true, index.Gone, 1)
	is(false, index.Unknown, 0)
}
