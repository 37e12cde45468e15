package heal_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
)

// record is where a record lies in a backing file.
func record(i int) (lo, hi int) { return 512 + i*(chunk+48), 512 + (i+1)*(chunk+48) }

// A damage is something that happens to one cloud's copy of a file, and what
// verify is to call it.
type damage struct {
	name  string
	kinds []compare.Kind
	do    func(b *box, k int, path string)
}

// data is what is in a file that is to be damaged: three chunks and a bit.
func data(seed byte) []byte {
	out := bytes.Repeat([]byte{seed, 2, 3, 4, 5, 6, 7}, 2000)
	return out[:3*chunk+100]
}

// damages are those that one version of a file can suffer.
var damages = []damage{
	{"a flipped bit in the header", []compare.Kind{compare.Damaged}, flip(100)},
	{"a flipped bit in a record", []compare.Kind{compare.Damaged}, flip(512 + chunk + 48 + 17)},
	{"two chunks swapped", []compare.Kind{compare.Damaged}, rewrite(func(d []byte) []byte {
		a, b := bytes.Clone(d[512:512+chunk+48]), bytes.Clone(d[512+chunk+48:512+2*(chunk+48)])
		copy(d[512:], b)
		copy(d[512+chunk+48:], a)
		return d
	})},
	{"a zeroed record", []compare.Kind{compare.Damaged}, rewrite(func(d []byte) []byte {
		lo, hi := record(1)
		clear(d[lo:hi])
		return d
	})},
	{"zeros only", []compare.Kind{compare.Damaged}, rewrite(func(d []byte) []byte { clear(d); return d })},
	{"nothing in it", []compare.Kind{compare.Truncated}, rewrite(func([]byte) []byte { return nil })},
	{"rubbish", []compare.Kind{compare.Damaged}, rewrite(func(d []byte) []byte { return bytes.Repeat([]byte("x"), len(d)) })},
	{"cut in the header", []compare.Kind{compare.Truncated}, cut(300)},
	{"cut behind the header", []compare.Kind{compare.Truncated}, cut(512)},
	{"cut behind a record", []compare.Kind{compare.Truncated}, cut(512 + chunk + 48)},
	{"cut before the end of a record", []compare.Kind{compare.Truncated}, cut(512 + 2*(chunk+48) - 1)},
	{"cut by a byte", []compare.Kind{compare.Truncated}, cut(512 + 3*(chunk+48) + 147)},
	{"missing", []compare.Kind{compare.Missing}, func(b *box, k int, path string) { b.does(k, cloudtest.Delete(b.entry(k, path))) }},
	{"renamed to what it is not", []compare.Kind{compare.Damaged}, func(b *box, k int, path string) {
		b.does(k, cloudtest.Rename(b.entry(k, path), b.entry(k, path)+"w"))
	}},
	{"copied by a tool", []compare.Kind{compare.Duplicate}, func(b *box, k int, path string) { b.does(k, cloudtest.Duplicate(b.entry(k, path))) }},
	{"renamed by a tool", []compare.Kind{compare.Missing, compare.Duplicate}, func(b *box, k int, path string) {
		b.does(k, cloudtest.Rename(b.entry(k, path), b.entry(k, path)+".sync-conflict-20260101-120000-ABCDEFG"))
	}},
}

func rewrite(change func([]byte) []byte) func(*box, int, string) {
	return func(b *box, k int, path string) { b.change(k, path, change) }
}

func flip(at int) func(*box, int, string) {
	return rewrite(func(d []byte) []byte { d[at] ^= 4; return d })
}

func cut(at int) func(*box, int, string) { return rewrite(func(d []byte) []byte { return d[:at] }) }

// files is some files at a few depths.
func files(t *testing.T, n int) *box {
	b := newBox(t, n)
	b.with(func(m *mirror.Mirror) {
		b.mkdir(m, "d", 0o755)
		b.write(m, "d/f", data(1))
		b.write(m, "d/g", data(9))
		b.write(m, "h", data(20))
	})
	return b
}

// healed wants every cloud to hold what is wanted, and verify to find nothing but
// copies that tools made, which are left alone.
func (b *box) healed(want map[string]string) {
	b.t.Helper()
	b.equal(want)
	for _, f := range b.verify() {
		if f.Kind != compare.Duplicate {
			b.t.Errorf("after healing: %q: %v", f.Path, f)
		}
	}
}

func TestDamage(t *testing.T) {
	for n := 2; n <= 3; n++ {
		for k := range n {
			for _, d := range damages {
				for _, knows := range []bool{false, true} {
					t.Run(fmt.Sprintf("%d of %d, %s, known %v", k, n, d.name, knows), func(t *testing.T) {
						b := files(t, n)
						want := b.tree(0)
						if knows {
							b.know = b.knowing(0)
						}
						d.do(b, k, "d/f")
						b.finds(k, "d/f", d.kinds...)
						out := b.heal()
						if len(out.Lost) > 0 {
							t.Errorf("lost: %v", out.Lost)
						}
						b.healed(want)
						if again := b.heal(); again.Steps > 0 {
							t.Errorf("healing again took %d steps", again.Steps)
						}
					})
				}
			}
		}
	}
}

// TestEveryRecordEdge cuts a file at each of its records' edges, and a byte
// before and behind each.
func TestEveryRecordEdge(t *testing.T) {
	whole := files(t, 2)
	want := whole.tree(0)
	for i := range 4 {
		edge, _ := record(i)
		for _, at := range []int{edge - 1, edge, edge + 1} {
			b := whole.clone()
			b.change(1, "d/f", func(d []byte) []byte { return d[:at] })
			b.finds(1, "d/f", compare.Truncated)
			b.heal()
			b.healed(want)
		}
	}
}

// TestRolledBack: an older version of the file is whole, and an old record is
// right for itself.
func TestRolledBack(t *testing.T) {
	for n := 2; n <= 3; n++ {
		for k := range n {
			b := files(t, n)
			old := b.disk.Clone()
			old1 := b.raw(k, b.entry(k, "d/f"))
			b.with(func(m *mirror.Mirror) { b.patch(m, "d/f", chunk+5, []byte("new")) })
			want := b.tree(0)

			c := b.clone()
			c.does(k, cloudtest.Rollback(c.entry(k, "d/f"), old.Dir(fmt.Sprint("cloud", k))))
			c.finds(k, "d/f", compare.RolledBack)
			c.know = b.knowing(0)
			c.finds(k, "d/f", compare.RolledBack)
			c.heal()
			c.healed(want)

			// One record only: nothing but acc tells which of two is right.
			lo, hi := record(1)
			c = b.clone()
			c.change(k, "d/f", func(d []byte) []byte { copy(d[lo:hi], old1[lo:hi]); return d })
			c.finds(k, "d/f", compare.Damaged)
			c.heal()
			c.healed(want)
		}
	}
}

// TestDifferentPlaces: every cloud's copy is damaged, each somewhere else.
func TestDifferentPlaces(t *testing.T) {
	for n := 2; n <= 3; n++ {
		whole := files(t, n)
		var before [][]byte
		for k := range n {
			before = append(before, whole.raw(k, whole.entry(k, "d/f")))
		}
		whole.with(func(m *mirror.Mirror) {
			for i := range 3 {
				whole.patch(m, "d/f", int64(i*chunk), []byte{77})
			}
		})
		want := whole.tree(0)
		for name, spoil := range map[string]func(k int, old, record []byte){
			"flipped":     func(_ int, _, record []byte) { record[40] ^= 1 },
			"zeroed":      func(_ int, _, record []byte) { clear(record) },
			"rolled back": func(_ int, old, record []byte) { copy(record, old) },
		} {
			b := whole.clone()
			var raw [][]byte
			for k := range n {
				raw = append(raw, b.raw(k, b.entry(k, "d/f")))
				lo, hi := record(k)
				b.change(k, "d/f", func(d []byte) []byte { spoil(k, before[k][lo:hi], d[lo:hi]); return d })
			}
			if out := b.heal(); len(out.Lost) > 0 {
				t.Errorf("%s: lost %v", name, out.Lost)
			}
			b.healed(want)
			for k := range n {
				if !bytes.Equal(raw[k], b.raw(k, b.entry(k, "d/f"))) {
					t.Errorf("%s: cloud %d has other bytes than before", name, k)
				}
			}
		}
	}
}

// TestLost: what no cloud has stays as it is, and is told.
func TestLost(t *testing.T) {
	for n := 1; n <= 3; n++ {
		b := files(t, n)
		for k := range n {
			b.change(k, "d/f", func(d []byte) []byte { d[600] ^= 1; return d })
		}
		before := b.disk.Ops()
		out := b.heal()
		if len(out.Lost) != n || out.Lost[0].Path != "d/f" || out.Lost[0].Chunk != 0 || out.Lost[0].Kind != compare.Damaged {
			t.Errorf("with %d clouds: lost %v", n, out.Lost)
		}
		if b.disk.Ops() != before {
			t.Errorf("with %d clouds something was changed:\n%s", n, b.disk.Trace())
		}
	}
}

// TestLaterRecord: a record that the header does not cover is bad, though it is
// right for itself, and told apart from those that are not.
func TestLaterRecord(t *testing.T) {
	b := files(t, 1)
	before := b.raw(0, b.entry(0, "d/f"))
	b.with(func(m *mirror.Mirror) { b.patch(m, "d/f", chunk+5, []byte("new")) })
	lo, hi := record(1)
	later := bytes.Clone(b.raw(0, b.entry(0, "d/f"))[lo:hi])
	b.change(0, "d/f", func([]byte) []byte { copy(before[lo:hi], later); return before })
	found := b.verify()
	if len(found) != 1 || found[0].Chunk != 1 || found[0].Kind != compare.Damaged {
		t.Errorf("it finds %v", found)
	}
}
