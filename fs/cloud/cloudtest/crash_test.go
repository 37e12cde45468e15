package cloudtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
)

// script is a run over a cloud and a log; it ends at the first error.
func script(d *Disk) error {
	a, log := d.Dir("a"), d.Store("log")
	seg, err := log.Create("1")
	if err != nil {
		return err
	}
	f, err := a.Create("f", 0o644)
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { _, err := f.WriteAt([]byte(strings.Repeat("1", 3*pageSize)), 0); return err },
		func() error { _, err := seg.Write([]byte("entry")); return err },
		seg.Sync,
		log.Sync,
		func() error { return f.Chmod(0o600) },
		func() error { return a.Mkdir("d", 0o755) },
		f.Sync,
		func() error { return a.Rename("f", "d/f") },
		func() error { return a.SyncDir("d") },
		func() error { return f.Truncate(100) },
		func() error { return a.Setxattr("d/f", "user.x", []byte("1"), 0) },
		func() error { return a.Link("d/f", "g") },
		func() error { return a.Remove("d/f") },
		func() error { return a.Rmdir("d") },
		a.Syncfs,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func dumpAll(d *Disk) string { return dump(d.Dir("a")) + dump(d.Dir("log")) }

// TestEveryCrash stops the script after each operation, and wants after a kill
// exactly what the operations before it made.
func TestEveryCrash(t *testing.T) {
	whole := NewDisk()
	must(t, script(whole))
	trace := strings.SplitAfter(whole.Trace(), "\n")
	seen := map[string]bool{}
	for n := range whole.Ops() {
		d := NewDisk()
		d.CrashAfter(n)
		if err := script(d); !errors.Is(err, ErrCrashed) || errnos(err) != syscall.EIO.Error() {
			t.Fatalf("after %d operations: %v", n, err)
		}
		equal(t, "crashed", d.Crashed(), true)
		equal(t, "operations", d.Ops(), n)
		equal(t, "trace", d.Trace(), strings.Join(trace[:n], ""))
		if err := d.Step("other", "step"); !errors.Is(err, ErrCrashed) {
			t.Fatalf("another double goes on: %v", err)
		}
		d.Kill()
		equal(t, "crashed", d.Crashed(), false)
		seen[dumpAll(d)] = true
		must(t, d.Step("other", "step"))
	}
	// The state after 0 to 16 operations, of which four are syncs and change
	// nothing.
	equal(t, "operations", whole.Ops(), 17)
	equal(t, "different states", len(seen), 13)
}

func TestKill(t *testing.T) {
	d := NewDisk()
	m := d.Dir("a")
	f := create(t, m, "f")
	gone := create(t, m, "gone")
	put(t, f, "unsynced", 0)
	must(t, m.Remove("gone"))
	d.Kill()
	_, err := f.ReadAt(make([]byte, 1), 0)
	for i, err := range []error{err, f.Sync(), m.Syncfs(), m.Mkdir("d", 0o755), m.Check(), gone.Truncate(0)} {
		if !errors.Is(err, ErrCrashed) {
			t.Errorf("%d: got %v, want ErrCrashed", i, err)
		}
	}
	must(t, f.Close())
	m = d.Dir("a")
	equal(t, "content", read(t, m, "f"), "unsynced")
	must(t, m.Syncfs())
	equal(t, "inodes left", len(m.vol.fs.inodes), 2)
}

func TestTear(t *testing.T) {
	// 10000 bytes that reach into three pages.
	for pages, want := range map[int]string{0: "0:", 1: "4096: 96×00 4000×78", 2: "8192: 96×00 8096×78", 3: "0:"} {
		d := NewDisk()
		f := create(t, d.Dir("a"), "f")
		d.TearAfter(1, pages)
		n, err := f.WriteAt([]byte(strings.Repeat("x", 10000)), 96)
		if !errors.Is(err, ErrCrashed) {
			t.Fatalf("got %v", err)
		}
		equal(t, "bytes written", n, map[int]int{1: 4000, 2: 8096}[pages])
		d.Kill()
		equal(t, fmt.Sprint("torn after pages: ", pages), shown(d.Dir("a"), "f"), want)
	}
}

// TestSnapshots wants each crash of the script to be the same when it is seen in a clone of one run that goes on.
func TestSnapshots(t *testing.T) {
	for _, pages := range []int{0, 1, 2} {
		run := NewDisk()
		seen := map[int]string{}
		for n := range 17 {
			run.SnapshotAfter(n, pages, func(c *Disk) {
				equal(t, "operations of the clone", c.Ops(), n)
				c.Kill()
				seen[n] = dumpAll(c)
			})
		}
		must(t, script(run))
		for n := range 17 {
			d := NewDisk()
			d.TearAfter(n, pages)
			_ = script(d)
			d.Kill()
			if want := dumpAll(d); seen[n] != want {
				t.Errorf("%d pages of operation %d:\n%s\nwant\n%s", pages, n+1, seen[n], want)
			}
		}
		must(t, run.Dir("a").Mkdir("new", 0o755))
		equal(t, "the run went on", run.Ops(), 18)
	}
}

// both makes two volumes, and changes first one and then the other.
func both(t *testing.T, d *Disk) {
	t.Helper()
	for _, name := range []string{"a", "b"} {
		must(t, d.Dir(name).Mkdir("1", 0o755))
		must(t, d.Dir(name).Mkdir("2", 0o755))
	}
}

func cutBoth(d *Disk, volumes ...string) map[string]int {
	seen := map[string]int{}
	for seed := range uint64(300) {
		c := d.Clone()
		c.PowerCut(rand.New(rand.NewPCG(seed, 0)), volumes...)
		seen[list(c.Dir("a"))+"|"+list(c.Dir("b"))]++
	}
	return seen
}

func TestVolumesAreCutByThemselves(t *testing.T) {
	d := NewDisk()
	both(t, d)
	exactly(t, cutBoth(d), "|", "|1", "|1 2", "1|", "1|1", "1|1 2", "1 2|", "1 2|1", "1 2|1 2")
	exactly(t, cutBoth(d, "b"), "1 2|", "1 2|1", "1 2|1 2")
	must(t, d.Dir("b").Syncfs())
	exactly(t, cutBoth(d), "|1 2", "1|1 2", "1 2|1 2")
}

func TestVolumesTogether(t *testing.T) {
	d := NewDisk()
	d.Together()
	both(t, d)
	exactly(t, cutBoth(d), "|", "1|", "1 2|", "1 2|1", "1 2|1 2")
	exactly(t, cutBoth(d, "a"), "|", "1|", "1 2|", "1 2|1", "1 2|1 2")
	equal(t, "device", stat(t, d.Dir("a"), "1").Dev, stat(t, d.Dir("b"), "1").Dev)
	if stat(t, d.Dir("a"), "1").Ino == stat(t, d.Dir("b"), "1").Ino {
		t.Error("two inodes of one filesystem have one number")
	}
	must(t, d.Dir("b").SyncDir("1")) // it has no change of its own
	must(t, d.Dir("b").Syncfs())
	exactly(t, cutBoth(d), "1 2|1 2")
}

// cuts gives what is seen of a volume after power cuts of clones of the disk.
func cuts(d *Disk, see func(m *Mem) string) map[string]int {
	seen := map[string]int{}
	for seed := range uint64(300) {
		c := d.Clone()
		c.PowerCut(rand.New(rand.NewPCG(seed, 0)))
		seen[see(c.Dir("a"))]++
	}
	return seen
}

// exactly wants these outcomes, all of them and no others.
func exactly(t *testing.T, got map[string]int, want ...string) {
	t.Helper()
	for _, w := range want {
		if got[w] == 0 {
			t.Errorf("never seen: %q", w)
		}
		delete(got, w)
	}
	for g := range got {
		t.Errorf("must not be: %q", g)
	}
}

func list(m *Mem) string {
	entries, err := m.ReadDir("")
	if err != nil {
		return err.Error()
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return strings.Join(names, " ")
}

func TestNamesSurviveAsPrefix(t *testing.T) {
	d := NewDisk()
	m := d.Dir("a")
	write(t, m, "1", "")
	must(t, m.Mkdir("2", 0o755))
	must(t, m.Rename("1", "2/1"))
	must(t, m.Link("2/1", "3"))
	must(t, m.Remove("2/1"))
	must(t, m.Exchange("2", "3"))
	exactly(t, cuts(d, list), "", "1", "1 2", "2", "2 3")
	tree := cuts(d, func(m *Mem) string { return list(m) + ":" + strings.ReplaceAll(dump(m), "\n", "|") })
	equal(t, "different trees", len(tree), 7)

	// SyncDir makes what came before certain, too, wherever it was.
	must(t, m.Mkdir("4", 0o755))
	must(t, m.SyncDir("3"))
	exactly(t, cuts(d, list), "2 3", "2 3 4")
	must(t, m.Rmdir("4"))
	must(t, m.Syncfs())
	exactly(t, cuts(d, list), "2 3")
}

func TestFileSyncKnowsNoNames(t *testing.T) {
	d := NewDisk()
	m := d.Dir("a")
	f := create(t, m, "f")
	put(t, f, "data", 0)
	must(t, f.Sync())
	show := func(m *Mem) string { return shown(m, "f") }
	missing := shown(m, "x")
	exactly(t, cuts(d, show), "4: 1×64 1×61 1×74 1×61", strings.Replace(missing, "x", "f", 1))
	must(t, m.SyncDir(""))
	exactly(t, cuts(d, show), "4: 1×64 1×61 1×74 1×61")

	// And SyncDir knows no bytes.
	write(t, m, "g", "x")
	must(t, m.SyncDir(""))
	exactly(t, cuts(d, func(m *Mem) string { return shown(m, "g") }), "0:", "1: 1×78", "1: 1×00")
}

func TestFileSyncAndAttributes(t *testing.T) {
	d := NewDisk()
	m := d.Dir("a")
	f := create(t, m, "f")
	must(t, m.Syncfs())
	mode := func(m *Mem) string {
		info, err := m.Stat("f")
		value, _ := m.Getxattr("f", "user.x")
		return fmt.Sprintf("%o %s %v", info.Mode, value, err)
	}
	must(t, m.Mkdir("before", 0o755))
	must(t, m.Chmod("f", 0o600))
	must(t, f.Sync()) // of nothing that was set through f
	exactly(t, cuts(d, mode), "644  <nil>", "600  <nil>")
	must(t, f.Setxattr("user.x", []byte("1"), 0))
	must(t, f.Sync())
	exactly(t, cuts(d, mode), "600 1 <nil>")
	exactly(t, cuts(d, list), "f", "before f")
	must(t, f.Setxattr("user.x", []byte("2"), 0))
	must(t, f.Removexattr("user.x"))
	exactly(t, cuts(d, mode), "600 1 <nil>", "600 2 <nil>", "600  <nil>")
}

func TestPagesSurviveAnyhow(t *testing.T) {
	d := NewDisk()
	m := d.Dir("a")
	f := create(t, m, "f")
	page := func(s string) string { return strings.Repeat(s, pageSize) }
	put(t, f, page("A")+page("B"), 0)
	must(t, m.Syncfs())
	put(t, f, page("C"), 0)
	put(t, f, page("D"), pageSize)
	put(t, f, page("E"), 0)
	see := func(m *Mem) string {
		f, err := m.Open("f", false)
		if err != nil {
			return err.Error()
		}
		defer f.Close()
		buf := make([]byte, 2*pageSize)
		n, _ := f.ReadAt(buf, 0)
		return fmt.Sprintf("%c%c %d", buf[0], buf[pageSize], n)
	}
	exactly(t, cuts(d, see), "AB 8192", "AD 8192", "CB 8192", "CD 8192", "EB 8192", "ED 8192")
	must(t, f.Sync())
	exactly(t, cuts(d, see), "ED 8192")
	must(t, f.PunchHole(0, pageSize))
	exactly(t, cuts(d, see), "ED 8192", "\x00D 8192")
}

func TestSizesSurviveBetween(t *testing.T) {
	d := NewDisk()
	m := d.Dir("a")
	f := create(t, m, "f")
	put(t, f, strings.Repeat("A", 100), 0)
	must(t, m.Syncfs())
	must(t, f.Truncate(10))
	put(t, f, strings.Repeat("B", 10), 1000)
	sizes := map[int64]int{}
	for seed := range uint64(300) {
		c := d.Clone()
		c.PowerCut(rand.New(rand.NewPCG(seed, 0)))
		info := stat(t, c.Dir("a"), "f")
		sizes[info.Size]++
		// What is cut is gone: growing again shows zeros.
		g, err := c.Dir("a").Open("f", true)
		must(t, err)
		must(t, g.Truncate(5000))
		equal(t, "zeros after the end", strings.Trim(content(t, g)[info.Size:], "\x00"), "")
		must(t, g.Close())
	}
	if sizes[10] == 0 || sizes[1010] == 0 || len(sizes) < 30 {
		t.Errorf("sizes %v", sizes)
	}
	for size := range sizes {
		if size < 10 || size > 1010 {
			t.Errorf("size %d", size)
		}
	}
}

// TestCutsAreReproducible wants the same from the same seed, twice from clones
// and once from the disk itself, and that a clone is a copy.
func TestCutsAreReproducible(t *testing.T) {
	for seed := range uint64(20) {
		d := NewDisk()
		rng := rand.New(rand.NewPCG(seed, 1))
		for range 200 {
			_, do := random(rng)
			_ = do(d.Dir("a")) // most are refused, and that is as good
		}
		before := dump(d.Dir("a"))
		var after []string
		for _, c := range []*Disk{d.Clone(), d.Clone(), d} {
			equal(t, "before the cut", dump(c.Dir("a")), before)
			c.PowerCut(rand.New(rand.NewPCG(seed, 2)))
			after = append(after, dump(c.Dir("a")))
			equal(t, "links and entries agree", consistent(c.Dir("a")), "")
		}
		if after[0] != after[1] || after[0] != after[2] {
			t.Fatalf("seed %d:\n%s\n%s\n%s", seed, after[0], after[1], after[2])
		}
		// What is left is certain now.
		d.PowerCut(rand.New(rand.NewPCG(seed, 3)))
		equal(t, "after another cut", dump(d.Dir("a")), after[0])
	}
}

// consistent compares each file's link count with its entries.
func consistent(m *Mem) string {
	entries := map[uint64]uint64{}
	for _, n := range m.vol.fs.inodes {
		for _, ino := range n.sides[live].entries {
			entries[ino]++
		}
	}
	for ino, n := range m.vol.fs.inodes {
		if n.kind != directory && n.sides[live].nlink != entries[ino] {
			return fmt.Sprintf("inode %d has %d links and %d entries", ino, n.sides[live].nlink, entries[ino])
		}
	}
	return ""
}
