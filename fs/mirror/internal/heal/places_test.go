package heal_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
)

// empty takes everything from a cloud but its marker.
func (b *box) empty(k int) {
	b.t.Helper()
	entries, err := b.dir(k).ReadDir("")
	must(b.t, err)
	for _, e := range entries {
		if e.Name != cipher.MarkerName {
			b.does(k, cloudtest.Delete(e.Name))
		}
	}
}

func TestEmptiedCloud(t *testing.T) {
	for n := 2; n <= 3; n++ {
		for k := range n {
			for _, knows := range []bool{false, true} {
				b := sample(t, n)
				want := b.tree(0)
				if knows {
					b.know = b.knowing(0)
				}
				b.empty(k)
				missing := 0
				for _, f := range b.verify() {
					if f.Kind != compare.Missing || f.Cloud != k {
						t.Errorf("it finds at %q: %v", f.Path, f)
					}
					missing++
				}
				if missing != len(want) {
					t.Errorf("%d names are missing, and it finds %d", len(want), missing)
				}
				b.heal()
				b.healed(want)
				if one, two := b.stat(k, "linked"), b.stat(k, "dir/three"); one.Ino != two.Ino || one.Nlink != 2 {
					t.Errorf("the link is none any more: %+v and %+v", one, two)
				}
				other := 0
				if k == 0 {
					other = 1
				}
				for _, path := range []string{"dir", "dir/sub", "empty"} {
					if got, want := b.stat(k, path), b.stat(other, path); !got.Mtime.Equal(want.Mtime) {
						t.Errorf("%s was changed at %v, want %v", path, got.Mtime, want.Mtime)
					}
				}
			}
		}
	}
}

func (b *box) stat(k int, path string) (info cloud.Info) {
	b.t.Helper()
	info, err := b.dir(k).Stat(b.entry(k, path))
	must(b.t, err)
	return info
}

func TestSwappedFiles(t *testing.T) {
	for n := 2; n <= 3; n++ {
		for k := range n {
			b := files(t, n)
			want := b.tree(0)
			b.know = b.knowing(0)
			b.does(k, cloudtest.Swap(b.entry(k, "d/f"), b.entry(k, "h")))
			for _, f := range b.verify() {
				if f.Kind != compare.Swapped || f.Cloud != k || f.Path != "d/f" && f.Path != "h" {
					t.Errorf("it finds at %q: %v", f.Path, f)
				}
			}
			b.heal()
			b.healed(want)
		}
	}
}

func TestPlanted(t *testing.T) {
	for k := range 2 {
		b := files(t, 2)
		want := b.tree(0)
		b.know = b.knowing(0)
		b.does(k, cloudtest.Plant(b.entry(k, "d/f"), b.entry(k, "d/g"), false))
		b.finds(k, "d/g", compare.Swapped)
		b.heal()
		b.healed(want)
		// At a free name it is hidden, and told: it may be a link on its way.
		b.does(k, cloudtest.Plant(b.entry(k, "d/f"), b.entry(k, "new"), false))
		b.finds(k, "new", compare.Planted)
		b.heal()
		b.finds(k, "new", compare.Planted)
	}
}

func TestResurrected(t *testing.T) {
	for k := range 2 {
		b := files(t, 2)
		know := b.knowing(0)
		old := b.disk.Clone()
		b.with(func(m *mirror.Mirror) { must(t, m.Root().Unlink("h")) })
		want := b.tree(0)
		know.forget("h")
		b.know = know
		b.does(k, cloudtest.Rollback(b.entry(k, "h"), old.Dir(fmt.Sprint("cloud", k))))
		b.finds(k, "h", compare.Resurrected)
		b.heal()
		b.healed(want)
		batches := 0
		for i := range 2 {
			entries, err := b.dir(i).ReadDir(cipher.GoneName)
			must(t, err)
			batches += len(entries)
		}
		if batches != 2 {
			t.Errorf("%d batches in two clouds", batches)
		}
		// Now that it is recorded, nobody has to remember.
		b.know = compare.Nothing{}
		for i := range 2 {
			b.does(i, cloudtest.Rollback(b.entry(i, "h"), old.Dir(fmt.Sprint("cloud", i))))
		}
		found := b.verify()
		if len(found) != 2 || found[0].Kind != compare.Resurrected || found[1].Kind != compare.Resurrected {
			t.Errorf("shown again everywhere, it finds %v", found)
		}
		b.heal()
		b.healed(want)
	}
}

// TestBatches: batches of removals are brought to a cloud that lacks them or has
// them wrong.
func TestBatches(t *testing.T) {
	b := files(t, 3)
	know := b.knowing(0)
	old := b.disk.Clone()
	b.with(func(m *mirror.Mirror) { must(t, m.Root().Unlink("h")) })
	know.forget("h")
	b.know = know
	b.does(1, cloudtest.Rollback(b.entry(1, "h"), old.Dir("cloud1")))
	b.heal()
	entries, err := b.dir(1).ReadDir(cipher.GoneName)
	must(t, err)
	if len(entries) != 1 {
		t.Fatalf("%d batches", len(entries))
	}
	whole := b.raw(1, cipher.GoneName+"/"+entries[0].Name)
	spoilt := append([]byte(nil), whole...)
	spoilt[550] ^= 1
	b.does(1, cloudtest.Rewrite(cipher.GoneName+"/"+entries[0].Name, spoilt))
	b.does(2, cloudtest.Delete(cipher.GoneName))
	kinds := map[int]compare.Kind{}
	for _, f := range b.verify() {
		kinds[f.Cloud] = f.Kind
	}
	if len(kinds) != 2 || kinds[1] != compare.Damaged || kinds[2] != compare.Missing {
		t.Errorf("it finds %v", kinds)
	}
	b.heal()
	b.clean()
	if string(b.raw(1, cipher.GoneName+"/"+entries[0].Name)) == string(spoilt) {
		t.Error("the batch is still damaged")
	}
}

func TestDirectories(t *testing.T) {
	for k := range 2 {
		b := sample(t, 2)
		want := b.tree(0)
		for _, knows := range []bool{false, true} {
			c := b.clone()
			if knows {
				c.know = c.knowing(0)
			}
			c.does(k, cloudtest.Delete(c.entry(k, "dir")), cloudtest.Delete(c.entry(k, "empty")))
			c.heal()
			c.healed(want)
		}
		// A file in the place of a directory, without its content.
		c := b.clone()
		c.know = c.knowing(0)
		c.does(k, cloudtest.Delete(c.entry(k, "empty")), cloudtest.Plant(c.entry(k, "small"), c.entry(k, "empty"), false))
		c.finds(k, "empty", compare.Planted)
		c.heal()
		c.healed(want)
	}
}

// TestForeign: what is not ours is counted, told and left alone.
func TestForeign(t *testing.T) {
	b := sample(t, 2)
	b.does(1, cloudtest.Replace("notes.txt", []byte("not yours")), cloudtest.Replace(b.entry(1, "dir")+"/.~lock.tmp", []byte("not yours")))
	b.does(1, cloudtest.Replace(b.entry(1, "dir")+"/thumbs", []byte("x")))
	found := b.verify()
	if len(found) != 2 || found[0].Kind != compare.Foreign || found[1].Kind != compare.Foreign {
		t.Errorf("it finds %v", found)
	}
	before := b.disk.Ops()
	b.heal()
	if b.disk.Ops() != before {
		t.Error("something was changed")
	}
}

// TestLongName: an entry whose sidecar is lost is known by the other clouds.
func TestLongName(t *testing.T) {
	b := sample(t, 2)
	want := b.tree(0)
	long := strings.Repeat("long", 50)
	name, err := b.keys(1).EncodeName(cipher.PlainName(long))
	must(t, err)
	b.does(1, cloudtest.Delete(string(name.Sidecar)))
	b.finds(1, long, compare.Damaged)
	b.heal()
	b.healed(want)
}

// TestMoved: what another cloud has elsewhere by now is moved, not copied.
func TestMoved(t *testing.T) {
	b := files(t, 2)
	b.with(func(m *mirror.Mirror) {
		r := m.Root()
		d, err := r.Lookup("d")
		must(t, err)
		must(t, d.Rename("f", r, "moved", mirror.RenameFlags{}))
		d.Forget()
	})
	want := b.tree(0)
	know := b.knowing(0)
	know.owed = map[string]int{"d/f": 1, "moved": 1}
	b.know = know
	b.does(1, cloudtest.Rename(b.entry(1, "moved"), b.entry(1, "d/f")))
	before := b.stat(1, "d/f")
	b.heal()
	b.healed(want)
	if after := b.stat(1, "moved"); after.Ino != before.Ino {
		t.Error("it was copied")
	}
}

// TestWithoutLinks: a cloud that has no links gets a copy for each name.
func TestWithoutLinks(t *testing.T) {
	b := sample(t, 2)
	want := b.tree(0)
	b.empty(1)
	b.lacks = map[int][]cloudtest.Feature{1: {cloudtest.Links}}
	out, err := b.healer().Run()
	must(t, err)
	if out.Errs[1] != nil {
		t.Error(out.Errs[1])
	}
	b.healed(want)
}

// TestBehind: a cloud that was away gets what it lacks; what was removed
// meanwhile comes back nowhere.
func TestBehind(t *testing.T) {
	b := files(t, 3)
	old := b.disk.Clone()
	b.with(func(m *mirror.Mirror) {
		must(t, m.Root().Unlink("h"))
		b.patch(m, "d/f", 5, []byte("new"))
		b.write(m, "later", data(77))
	})
	want := b.tree(0)
	b.does(1, cloudtest.Rollback("", old.Dir("cloud1")))
	b.behind = []bool{false, true, false}
	b.heal()
	if got := b.tree(0); !maps.Equal(got, want) {
		t.Errorf("what was removed is back: %s", difference(got, want))
	}
	want["h"] = b.tree(1)["h"]
	if got := b.tree(1); !maps.Equal(got, want) {
		t.Errorf("the cloud that was away differs: %s", difference(got, want))
	}
	b.finds(1, "h", compare.Stale)
}
