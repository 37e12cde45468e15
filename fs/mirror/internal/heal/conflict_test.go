package heal_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
)

// apart is a box of which another machine, that had the same, has changed some
// clouds.
func apart(b *box, clouds []int, mine, theirs func(b *box, m *mirror.Mirror)) *box {
	other := b.clone()
	other.t, other.state.writer = b.t, 8
	b.with(func(m *mirror.Mirror) { mine(b, m) })
	other.with(func(m *mirror.Mirror) { theirs(other, m) })
	for _, k := range clouds {
		b.does(k, cloudtest.Rollback("", other.disk.Dir(fmt.Sprint("cloud", k))))
	}
	return b
}

func edit(path string, with byte) func(b *box, m *mirror.Mirror) {
	return func(b *box, m *mirror.Mirror) { b.patch(m, path, 10, []byte{with}) }
}

// contents are the contents that a tree holds, by name.
func contents(tree map[string]string) map[string]string {
	out := map[string]string{}
	for path, text := range tree {
		if f := strings.Fields(text); len(f) > 5 {
			out[path] = f[len(f)-3]
		}
	}
	return out
}

// TestConflict: concurrent edits end as one file and one conflict copy, the same
// in all clouds, and neither content is lost.
func TestConflict(t *testing.T) {
	for n := 2; n <= 3; n++ {
		for theirs := 1; theirs < n; theirs++ {
			b := apart(files(t, n), []int{n - theirs, n - 1}[:theirs], edit("h", 100), edit("h", 101))
			a, z := contents(b.tree(0))["h"], contents(b.tree(n - 1))["h"]
			kinds := map[compare.Kind]bool{}
			for _, f := range b.verify() {
				if f.Path != "h" {
					t.Errorf("it finds at %q: %v", f.Path, f)
				}
				kinds[f.Kind] = true
			}
			if !kinds[compare.Conflict] {
				t.Errorf("it finds %v", kinds)
			}
			c := b.clone()
			b.heal()
			got := contents(b.tree(0))
			var kept []string
			for path := range got {
				if strings.HasPrefix(path, "h") {
					kept = append(kept, got[path])
				}
			}
			if len(kept) != 2 || kept[0] == kept[1] || kept[0] != a && kept[0] != z || kept[1] != a && kept[1] != z {
				t.Errorf("%d contents are kept: %v of %v and %v", len(kept), kept, a, z)
			}
			b.equal(b.tree(0))
			b.clean()
			if again := b.heal(); again.Steps > 0 {
				t.Errorf("healing again took %d steps", again.Steps)
			}
			// Another machine that heals the same makes the same.
			c.state.writer = 9
			c.heal()
			if one, other := b.tree(0), c.tree(0); !maps.Equal(one, other) {
				t.Errorf("two machines differ: %s", difference(one, other))
			}
			for _, path := range []string{"h", "d/f"} {
				if string(b.raw(0, b.entry(0, path))) != string(c.raw(0, c.entry(0, path))) {
					t.Errorf("%s has other bytes on another machine", path)
				}
			}
		}
	}
}

// TestConflictOfNames: two machines made a file of the same name.
func TestConflictOfNames(t *testing.T) {
	create := func(seed byte) func(b *box, m *mirror.Mirror) {
		return func(b *box, m *mirror.Mirror) { b.write(m, "d/new.txt", data(seed)) }
	}
	b := apart(files(t, 2), []int{1}, create(40), create(41))
	b.heal()
	names := 0
	for path := range b.tree(0) {
		if strings.HasPrefix(path, "d/new") && strings.HasSuffix(path, ".txt") {
			names++
		}
	}
	if names != 2 {
		t.Errorf("%d names: %v", names, b.tree(0))
	}
	b.equal(b.tree(0))
	b.clean()
}

// killed heals with a crash after each operation, heals again, and wants what
// was wanted without one.
func killed(t *testing.T, whole *box) {
	t.Helper()
	done := whole.clone()
	done.t = t
	done.heal()
	want := done.tree(0)
	done.equal(want)
	begin, end := whole.disk.Ops(), done.disk.Ops()
	if begin == end {
		t.Error("nothing was healed")
	}
	for at := begin; at < end; at++ {
		b := whole.clone()
		b.t = t
		b.disk.CrashAfter(at)
		if out, err := b.healer().Run(); err == nil && out.Errs[0] == nil && out.Errs[b.n-1] == nil {
			t.Errorf("operation %d: no error", at)
		}
		b.disk.Kill()
		out, err := b.healer().Run()
		must(t, err)
		b.equal(want)
		for k := range b.n {
			if strange := b.strange(k); len(strange) > 0 {
				t.Errorf("left over in cloud %d: %q", k, strange)
			}
		}
		if again, err := b.healer().Run(); err != nil || again.Steps > 0 {
			t.Errorf("healing again: %d steps, %v", again.Steps, err)
		}
		if t.Failed() {
			t.Fatalf("killed after operation %d of %d to %d; left %v\n%s", at, begin, end, out.Left, b.disk.Trace())
		}
	}
}

func TestKilled(t *testing.T) {
	for name, spoil := range map[string]func(b *box){
		"records of two clouds": func(b *box) {
			for k := range 2 {
				lo, _ := record(k)
				b.change(k, "d/f", func(d []byte) []byte { d[lo+5] ^= 1; return d })
			}
		},
		"a header":    func(b *box) { b.change(1, "d/f", func(d []byte) []byte { d[99] ^= 1; return d }) },
		"a missing":   func(b *box) { b.does(0, cloudtest.Delete(b.entry(0, "d/f"))) },
		"a directory": func(b *box) { b.does(0, cloudtest.Delete(b.entry(0, "d"))) },
		"swapped": func(b *box) {
			b.know = b.knowing(0)
			b.does(1, cloudtest.Swap(b.entry(1, "d/f"), b.entry(1, "h")))
		},
		"resurrected": func(b *box) {
			old := b.disk.Clone()
			know := b.knowing(0)
			b.with(func(m *mirror.Mirror) { must(b.t, m.Root().Unlink("h")) })
			know.forget("h")
			b.know = know
			b.does(1, cloudtest.Rollback(b.entry(1, "h"), old.Dir("cloud1")))
		},
		"a conflict": func(b *box) { apart(b, []int{1}, edit("h", 100), edit("h", 101)) },
	} {
		t.Run(name, func(t *testing.T) {
			b := files(t, 2)
			spoil(b)
			killed(t, b)
		})
	}
	t.Run("an emptied cloud", func(t *testing.T) {
		b := sample(t, 2)
		b.empty(1)
		killed(t, b)
	})
}
