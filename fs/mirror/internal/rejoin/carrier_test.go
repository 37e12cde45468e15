package rejoin

import (
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/missed"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// during lets somebody act before the first operation of a kind in the cloud
// that is brought up to date.
func (b *box) during(op, glob string, do func()) {
	b.to.Inject(cloudtest.Rule{Op: op, Glob: glob, From: 1, To: 1, Act: act(do)})
}

type act func()

func (a act) Act()           { a() }
func (a act) String() string { return "somebody acts" }

// TestBring brings names over, each with what the cloud has there before.
func TestBring(t *testing.T) {
	b := newBox(t, 3)
	b.put(0, "new", head(f, 1))
	b.put(0, "older", head(1, 1))
	b.put(1, "older", head(1, 2))
	b.put(0, "stale", head(2, 2))
	b.put(2, "stale", head(2, 1))
	b.put(2, "gone", head(3, 1))
	b.past.left["gone\x03"] = true
	b.past.ended[fileOf(head(3, 1))] = append(b.past.ended[fileOf(head(3, 1))], head(3, 1).Version)
	b.put(2, "alone", head(4, 1))
	b.put(0, "other", head(5, 1))
	b.put(2, "other", head(6, 1))
	b.put(0, "open", head(7, 0))
	for _, path := range []string{"new", "older", "stale", "gone", "alone", "other", "open"} {
		must(t, b.Bring(path, false))
	}
	b.shows(2, "new", head(f, 1))
	b.shows(2, "older", head(1, 2))
	b.shows(2, "stale", head(2, 2))
	b.shows(2, "gone", nil)
	b.shows(2, "alone", head(4, 1))
	b.shows(2, "other", head(6, 1))
	b.shows(2, "open", nil)
	b.leaves("alone", "open", "other")
}

// TestArrivesInCopy: what arrives at a name while a copy is made for it is not
// replaced by that, and the name is left.
func TestArrivesInCopy(t *testing.T) {
	for _, before := range []uint64{0, 1} { // versions of what is there at first
		b := newBox(t, 2)
		b.put(0, "x", head(f, 2))
		if before > 0 {
			b.put(1, "x", head(f, before))
		}
		b.during("writeat", ".~*.tmp", func() {
			b.put(1, "theirs", head(f, 3))
			must(t, b.clouds[1].Dir.Rename(b.at(1, "theirs"), b.at(1, "x")))
		})
		must(t, b.Bring("x", false))
		b.shows(1, "x", head(f, 3))
		b.leaves("x")
		entries, err := b.clouds[1].Dir.ReadDir("")
		must(t, err)
		if len(entries) != 1 {
			t.Errorf("there is something else: %v", entries)
		}
	}
}

// TestArrivesBeforeRewrite: a file with several names is written in place only
// where it is the one that was looked at.
func TestArrivesBeforeRewrite(t *testing.T) {
	for _, arrives := range []bool{false, true} {
		b := newBox(t, 2)
		for k, version := range []uint64{2, 1} {
			b.put(k, "x", head(f, version))
			must(t, b.clouds[k].Dir.Link(b.at(k, "x"), b.at(k, "y")))
		}
		want := head(f, 2)
		if arrives {
			want = head(f, 3)
			b.to.Inject(cloudtest.Rule{Op: "open", Glob: b.at(1, "x"), From: 2, To: 2, Act: act(func() { // behind the look
				b.put(1, "theirs", head(f, 3))
				must(t, b.clouds[1].Dir.Rename(b.at(1, "theirs"), b.at(1, "x")))
			})})
		}
		must(t, b.Bring("x", false))
		b.shows(1, "x", want)
		if arrives {
			b.leaves("x")
		}
	}
}

// TestArrivesBeforeRemoval: what is removed is what was looked at.
func TestArrivesBeforeRemoval(t *testing.T) {
	b := newBox(t, 2)
	b.put(1, "x", head(f, 1))
	b.Past = arriving{b.past, func() {
		b.put(1, "theirs", head(f, 2))
		must(t, b.clouds[1].Dir.Rename(b.at(1, "theirs"), b.at(1, "x")))
	}}
	leftX(b.past)
	b.past.ended[fileF] = append(b.past.ended[fileF], head(f, 1).Version)
	must(t, b.Bring("x", false))
	b.shows(1, "x", head(f, 2))
	b.leaves("x")
}

// TestClearDir: a directory goes with what has left it, and stays with anything
// else, or where nobody knows that it has left.
func TestClearDir(t *testing.T) {
	for _, c := range []struct {
		name  string
		left  bool // the directory has
		in    func(b *box)
		stays bool
		owed  []string
	}{
		{"empty", true, func(*box) {}, false, nil},
		{"empty, and nobody knows it", false, func(*box) {}, true, []string{"d"}},
		{"a directory in it", true, func(b *box) { b.mkdir("d/e", 1) }, false, nil},
		{"a file that nobody knows", true, func(b *box) { b.put(1, "d/x", head(f, 1)) }, true, []string{"d/x"}},
		{"another machine's new file", true, func(b *box) { b.put(1, "d/x", head(f, 0)) }, true, nil},
		{"a new file of this machine", true, func(b *box) { b.put(1, "d/x", head(f, 0)); b.past.left["d/x"+string([]byte{f})] = true }, false, nil},
		{"a foreign file", true, func(b *box) {
			file, err := b.clouds[1].Dir.Create(b.at(1, "d")+"/README", 0o644)
			must(b.t, err)
			must(b.t, file.Close())
		}, true, []string{"d"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBox(t, 2)
			b.mkdir("d", 1)
			b.past.dirs["d"] = c.left
			c.in(b)
			must(t, b.Bring("d", true))
			is, err := look(b.clouds[1], "d")
			must(t, err)
			if c.stays != (is.is == directory) {
				t.Errorf("it stays: %v", !c.stays)
			}
			b.leaves(c.owed...)
		})
	}
}

// TestBringDirOverFile: a directory takes the place of a file that has left, and
// of no other.
func TestBringDirOverFile(t *testing.T) {
	for _, left := range []bool{false, true} {
		b := newBox(t, 2)
		b.mkdir("x", 0)
		b.put(0, "x/f", head(g, 1))
		b.put(1, "x", head(f, 0))
		if left {
			leftX(b.past)
		}
		must(t, b.Bring("x", true))
		if !left {
			b.shows(1, "x", head(f, 0))
			b.leaves("x")
			continue
		}
		b.shows(1, "x/f", head(g, 1))
		b.leaves()
	}
}

// TestMovedDir: a directory that was moved is moved, and what is in it is not
// copied.
func TestMovedDir(t *testing.T) {
	b := newBox(t, 2)
	b.mkdir("new", 0)
	b.put(0, "new/f", head(f, 1))
	b.mkdir("old", 1)
	b.put(1, "old/f", head(f, 1))
	b.Moves = []missed.Move{{From: "old", To: "new"}}
	before, err := look(b.clouds[1], "old/f")
	must(t, err)
	must(t, b.Bring("new", true))
	must(t, b.Bring("old", true))
	after, err := look(b.clouds[1], "new/f")
	must(t, err)
	if after.is != file || after.info.Ino != before.info.Ino {
		t.Errorf("it is %+v, and was %+v", after, before)
	}
	if old, err := look(b.clouds[1], "old"); err != nil || old.is != nothing {
		t.Errorf("the old one is of kind %d (%v)", old.is, err)
	}
	b.leaves()
}

// arriving is a past that lets something arrive when it is asked.
type arriving struct {
	*past
	arrive func()
}

func (a arriving) Ended(f index.File) ([]cipher.Vector, error) {
	a.arrive()
	return a.past.Ended(f)
}

// TestSweep: temporary files and sidecars go when they are old, and a sidecar
// only where nothing needs it.
func TestSweep(t *testing.T) {
	long := strings.Repeat("long", 50)
	for _, old := range []bool{false, true} {
		b := newBox(t, 2)
		b.Calm = func(_ cloud.Info, least time.Duration) bool { return old || least < blankFor }
		for _, name := range []string{long, long + "2"} {
			n, err := b.clouds[1].Keys.EncodeName(cipher.PlainName(name))
			must(t, err)
			must(t, b.clouds[1].PutSidecar("", n))
		}
		b.put(1, long, head(f, 1))
		temp := string(cipher.NewTempName())
		for _, name := range []string{temp, ".~lock.tmp"} {
			file, err := b.clouds[1].Dir.Create(name, 0o600)
			must(t, err)
			must(t, file.Close())
		}
		must(t, b.Sweep(""))
		entries, err := b.clouds[1].Dir.ReadDir("")
		must(t, err)
		want := 5
		if old {
			want = 3 // the entry, its sidecar, and what is foreign
		}
		if len(entries) != want {
			t.Errorf("old: %v; there are %v", old, entries)
		}
		if _, err := b.clouds[1].Dir.Stat(temp); old != replica.Missing(err) {
			t.Errorf("old: %v; the temporary file: %v", old, err)
		}
	}
}

// TestThirdName: a name of a file that has others in the clouds in use, which the cloud
// has by now, becomes one more link of it, though no program uses any of them.
func TestThirdName(t *testing.T) {
	for _, before := range []*cipher.Header{nil, head(f, 1), head(9, 1)} { // what the cloud has at the name
		b := newBox(t, 2)
		b.put(0, "one", head(f, 2))
		b.put(1, "one", head(f, 2))
		for _, name := range []string{"two", "three"} {
			must(t, b.clouds[0].Dir.Link(b.at(0, "one"), b.at(0, name)))
		}
		must(t, b.clouds[1].Dir.Link(b.at(1, "one"), b.at(1, "two")))
		if before != nil {
			b.put(1, "three", before)
			b.past.ended[fileOf(before)] = []cipher.Vector{before.Version}
			b.past.left["three"+string(before.FileID[:1])] = true
		}
		tree, err := Look(Survey{InUse: b.From, Owing: b.To, Past: b.past, Stop: func() error { return nil }})
		must(t, err)
		b.Live = tree
		must(t, b.Bring("three", false))
		b.shows(1, "three", head(f, 2))
		b.leaves()
		if info, err := b.To.Dir.Stat(b.at(1, "three")); err != nil || info.Nlink != 3 {
			t.Errorf("where %v was: %d links (%v)", before, info.Nlink, err)
		}
	}
}

// TestOtherSpelling: of two entries of one name the one that is not wanted goes if it
// is known to have left, and stays if it may be another machine's.
func TestOtherSpelling(t *testing.T) {
	link := func(id byte) *cipher.Header {
		h := head(id, 1)
		h.Type = cipher.TypeSymlink
		return h
	}
	for _, want := range []*cipher.Header{nil, head(f, 1), link(f)} {
		for _, left := range []bool{false, true} {
			b := newBox(t, 2)
			other := link(g)
			if want != nil && want.Type.Special() {
				other = head(g, 1)
			}
			if want != nil {
				b.put(0, "x", want)
				b.put(1, "x", want)
			} else {
				b.put(1, "x", head(3, 1))
				b.past.left["x\x03"] = true
				b.past.ended[fileOf(head(3, 1))] = []cipher.Vector{head(3, 1).Version}
			}
			b.put(1, "x", other)
			if left {
				b.past.left["x"+string([]byte{g})] = true
				b.past.ended[fileOf(other)] = []cipher.Vector{other.Version}
			}
			must(t, b.Bring("x", false))
			is, err := lookAs(b.clouds[1], "x", other.Type.Special())
			must(t, err)
			if (is.is == nothing) != left {
				t.Errorf("where %v is wanted, and the other has left %v, it is of kind %d", want, left, is.is)
			}
			if left {
				b.shows(1, "x", want)
				b.leaves()
			} else {
				b.leaves("x")
			}
		}
	}
}
