package memory

import (
	"slices"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
)

func (b *bench) beside() Rows { return Rows{b.Memory} }

func stat(n int) index.Stat {
	return index.Stat{Ino: uint64(n), Ctime: time.Unix(int64(n), 0).UTC(), Size: int64(100 * n), Mode: 0o644}
}

// stood wants a cloud to have had a version at a name.
func (b *bench) stood(p index.Place, cloud cipher.ID, version index.Version, stat index.Stat) {
	b.t.Helper()
	row, err := b.beside().Row(p)
	must(b.t, err)
	i := slices.IndexFunc(row.Copies, func(c index.Copy) bool { return c.Cloud == cloud })
	if i < 0 {
		b.t.Fatalf("nothing is known of the cloud: %v", row)
	}
	if c := row.Copies[i]; !c.InPlace.Equal(version) || !c.Stat.Ctime.Equal(stat.Ctime) || c.Stat.Ino != stat.Ino || c.Stat.Size != stat.Size {
		b.t.Errorf("it had %v as %v, want %v as %v", c.InPlace, c.Stat, version, stat)
	}
}

// TestStands tells what stands at a name, in every place where that is kept: what
// was told, what is on its way, the index.
func TestStands(t *testing.T) {
	b := newBench(t)
	one, other, p := cipher.ID{1}, cipher.ID{2}, at(index.Root, "f")
	b.Made(p, isFile(1, 1))
	b.beside().Stands(p, one, version(1), stat(1))
	b.beside().Stands(p, other, version(1), stat(2))
	b.stood(p, one, version(1), stat(1))
	b.Begin(2)
	b.beside().Stands(p, one, version(2), stat(3))
	b.stood(p, one, version(2), stat(3))
	b.stood(p, other, version(1), stat(2))
	must(t, b.Apply(2, false))
	must(t, b.commit())
	b.open()
	b.stood(p, one, version(2), stat(3))
	b.stood(p, other, version(1), stat(2))
	b.beside().Stands(p, other, version(2), stat(4))
	must(t, b.commit())
	b.open()
	b.stood(p, one, version(2), stat(3))
	b.stood(p, other, version(2), stat(4))
}

// TestNothingStandsAtWhatIsGone: what stands is that of a file.
func TestNothingStandsAtWhatIsGone(t *testing.T) {
	b := newBench(t)
	p := at(index.Root, "f")
	b.Made(p, isFile(1, 1))
	b.beside().Stands(p, cipher.ID{1}, version(1), stat(1))
	b.Made(p, index.Known{})
	must(t, b.commit())
	b.open()
	row, err := b.beside().Row(p)
	must(t, err)
	if row.Known.Kind != index.Unknown || len(row.Copies) > 0 {
		t.Errorf("it has %v", row)
	}
}

func TestPath(t *testing.T) {
	b := newBench(t)
	b.MadeDir(at(index.Root, "a"), index.Owner{})
	a := b.Number(index.Root, "a")
	b.MadeDir(at(a, "b"), index.Owner{})
	d := b.Number(a, "b")
	for range 2 {
		if path, ok, err := b.beside().Path(d); path != "a/b" || !ok || err != nil {
			t.Errorf("it is at %q, %v, %v", path, ok, err)
		}
		must(t, b.commit())
		b.open()
	}
	b.Moved(Move{From: at(a, "b"), To: at(index.Root, "c"), Was: index.Known{Kind: index.IsDir, Dir: d}, Is: index.Known{Kind: index.IsDir, Dir: d}})
	if path, ok, err := b.beside().Path(d); path != "c" || !ok || err != nil {
		t.Errorf("moved, it is at %q, %v, %v", path, ok, err)
	}
	b.RemovedDir(at(index.Root, "c"))
	if path, ok, err := b.beside().Path(d); ok || err != nil {
		t.Errorf("removed, it is at %q, %v", path, err)
	}
}

func TestList(t *testing.T) {
	b := newBench(t)
	b.Made(at(index.Root, "f"), isFile(1, 1))
	b.Made(at(index.Root, "g"), isFile(2, 1))
	must(t, b.commit())
	b.Committed(Commit{File: fileN(1), Version: version(2)})
	b.Removed(at(index.Root, "g"), fileN(2), version(1))
	b.Made(at(index.Root, "h"), isFile(3, 1))
	for range 2 {
		list, err := b.beside().List(index.Root)
		must(t, err)
		if list["f"].Kind != index.IsFile || !list["f"].Version.Equal(version(2)) || list["g"].Kind != index.Gone || list["h"].Kind != index.IsFile {
			t.Errorf("it lists %v", list)
		}
		must(t, b.commit())
		b.open()
	}
}

func TestOwe(t *testing.T) {
	b := newBench(t)
	cloud, p, since := cipher.ID{1}, at(index.Root, "f"), time.Unix(1000, 0)
	b.Made(p, isFile(1, 1))
	b.beside().Owe(cloud, p, index.Debt{Why: index.Differs, Since: since})
	b.beside().Owe(cloud, p, index.Debt{Why: index.Away, Since: since.Add(time.Hour)})
	for range 2 {
		d, owes, err := b.beside().Debt(cloud, p)
		if err != nil || !owes || d.Why != index.Differs || !d.Since.Equal(since) {
			t.Errorf("it owes: %v, %v, %v", owes, d, err)
		}
		must(t, b.commit())
		b.open()
	}
	if _, owes, err := b.beside().Debt(cipher.ID{2}, p); owes || err != nil {
		t.Errorf("another cloud owes: %v, %v", owes, err)
	}
}

// TestDebtsArePaid: a debt goes when the cloud is said to have the name, when what stands there is what is known, and when that is
// wanted again which the cloud had when the debt began; wherever the debt is by then.
func TestDebtsArePaid(t *testing.T) {
	cloud, other, dir := cipher.ID{1}, cipher.ID{2}, index.Known{Kind: index.IsDir, Dir: 7}
	for name, c := range map[string]struct {
		had  index.Known
		then func(b *bench, p index.Place)
		paid bool
	}{
		"nothing":      {index.Known{}, func(*bench, index.Place) {}, false},
		"paid":         {index.Known{}, func(b *bench, p index.Place) { b.beside().Pay(cloud, p) }, true},
		"another pays": {index.Known{}, func(b *bench, p index.Place) { b.beside().Pay(other, p) }, false},
		"paid, and owed": {index.Known{}, func(b *bench, p index.Place) {
			b.beside().Pay(cloud, p)
			b.beside().Owe(cloud, p, index.Debt{Why: index.Full})
		}, false},
		"it stands":          {index.Known{}, func(b *bench, p index.Place) { b.beside().Stands(p, cloud, version(1), index.Stat{Ino: 1}) }, true},
		"it stands, lesser":  {index.Known{}, func(b *bench, p index.Place) { b.Made(p, isFile(1, 9)) }, false},
		"again, a version":   {isFile(2, 3), func(b *bench, p index.Place) { b.Made(p, isFile(2, 3)) }, true},
		"not again":          {isFile(2, 3), func(b *bench, p index.Place) { b.Made(p, isFile(2, 4)) }, false},
		"again, nothing":     {index.Known{Kind: index.Gone}, func(b *bench, p index.Place) { b.Removed(p, fileN(1), version(1)) }, true},
		"nobody knows":       {index.Known{}, func(b *bench, p index.Place) { b.Removed(p, fileN(1), version(1)) }, false},
		"again, a directory": {dir, func(b *bench, p index.Place) { b.Made(p, dir) }, true},
	} {
		for _, when := range []string{"told", "going", "kept"} {
			b := newBench(t)
			p := at(index.Root, "f")
			b.Made(p, isFile(1, 1))
			b.beside().Owe(cloud, p, index.Debt{Why: index.Differs, Had: c.had})
			switch when {
			case "going":
				b.Begin(1)
			case "kept":
				must(t, b.commit())
				b.open()
			}
			c.then(b, p)
			must(t, b.commit())
			b.open()
			if _, owes, err := b.beside().Debt(cloud, p); owes == c.paid || err != nil {
				t.Errorf("%s, %s: it owes %v, %v", name, when, owes, err)
			}
		}
	}
}

// TestEnd tells that the last name of a file is gone: its versions up to then have
// ended, wherever they are seen.
func TestEnd(t *testing.T) {
	b := newBench(t)
	b.Made(at(index.Root, "f"), isFile(1, 3))
	b.Removed(at(index.Root, "f"), fileN(1), version(3))
	b.beside().End(fileN(1), version(3))
	for range 2 {
		of, err := b.beside().Of(fileN(1))
		must(t, err)
		if len(of.Names) > 0 || len(of.Ended) != 1 || cipher.Compare(of.Ended[0], version(3).Vector) != cipher.Equal {
			t.Errorf("of it is known %v", of)
		}
		must(t, b.commit())
		b.open()
	}
}

// TestOneRow: what stands at a name is in the row of the name.
func TestOneRow(t *testing.T) {
	b := newBench(t)
	p, d := at(index.Root, "f"), b.Number(index.Root, "d")
	want := func(n int) {
		t.Helper()
		if got := b.rows(); got != n+1 { // that of the directory
			t.Errorf("%d rows wait, want %d", got-1, n)
		}
	}
	b.beside().Stands(p, cipher.ID{1}, version(1), stat(1))
	want(1)
	b.Made(p, isFile(1, 1))
	want(1)
	b.beside().Stands(p, cipher.ID{2}, version(1), stat(2))
	want(1)
	b.Made(at(d, "g"), isFile(2, 1))
	b.beside().Stands(at(d, "g"), cipher.ID{1}, version(1), stat(3))
	b.beside().Stands(at(d, "h"), cipher.ID{1}, version(1), stat(4))
	want(3)
	b.RemovedDir(at(index.Root, "d"))
	want(1)
}
