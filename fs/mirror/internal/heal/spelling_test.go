package heal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
)

// spelt makes a symlink, or a file.
func (b *box) spelt(m *mirror.Mirror, name string, special bool) {
	if !special {
		b.write(m, name, []byte("content of "+name))
		return
	}
	n, err := m.Root().Symlink(name, "target of "+name, mirror.Owner{})
	must(b.t, err)
	n.Forget()
}

func (b *box) rename(m *mirror.Mirror, from, to string) {
	must(b.t, m.Root().Rename(from, m.Root(), to, mirror.RenameFlags{}))
}

// TestBothSpellings: a cloud that has a file and a symlink at one name keeps the one
// that is to be there, if the other is known to have ended or is in place elsewhere.
// Of what nothing is known nothing is lost.
func TestBothSpellings(t *testing.T) {
	for n := 2; n <= 3; n++ {
		for k := range n {
			for _, special := range []bool{false, true} { // what is to be there
				for _, how := range []string{"ended", "elsewhere", "unknown"} {
					t.Run(fmt.Sprintf("%d clouds, in %d, special %v, %s", n, k, special, how), func(t *testing.T) {
						b := newBox(t, n)
						b.with(func(m *mirror.Mirror) {
							b.spelt(m, "c", !special)
							b.spelt(m, "new", special)
							if how == "elsewhere" {
								b.link(m, "c", "a")
							}
						})
						before, was := b.disk.Clone(), b.knowing(0)
						old := was.at["c"].Version
						b.with(func(m *mirror.Mirror) { b.rename(m, "new", "c") })
						want := b.tree(0)
						if how != "unknown" {
							know := b.knowing(0)
							if how == "ended" {
								know.ids[old.Identity] = judge.Facts{Version: old, Ended: []cipher.Vector{old.Vector}}
							}
							b.know = know
						}
						entry := b.entry(k, "c")
						if !special {
							entry += "w"
						}
						b.does(k, cloudtest.Rollback(entry, before.Dir(fmt.Sprint("cloud", k))))
						if len(b.verify()) == 0 {
							t.Error("nothing is found")
						}
						b.heal()
						if how == "unknown" {
							b.keepsBoth(want["c"])
							return
						}
						b.equal(want)
						b.clean()
					})
				}
			}
		}
	}
}

// TestBothSpellingsGone: where nothing is to be at a name both entries go, and the
// sidecar of a long name with them.
func TestBothSpellingsGone(t *testing.T) {
	for _, special := range []bool{false, true} { // what was there last
		b, name := newBox(t, 2), strings.Repeat("long", 50)
		b.with(func(m *mirror.Mirror) { b.spelt(m, name, !special) })
		first, known := b.disk.Clone(), b.knowing(0)
		b.with(func(m *mirror.Mirror) {
			b.spelt(m, "new", special)
			b.rename(m, "new", name)
		})
		last, know := b.disk.Clone(), b.knowing(0)
		b.with(func(m *mirror.Mirror) { must(t, m.Root().Unlink(name)) })
		old := known.at[name].Version
		know.forget(name)
		know.ids[old.Identity] = judge.Facts{Version: old, Ended: []cipher.Vector{old.Vector}}
		b.know = know
		for i, from := range []*cloudtest.Disk{first, last} {
			entry := b.entry(1, name)
			if (i == 0) != special {
				entry += "w"
			}
			b.does(1, cloudtest.Rollback(entry, from.Dir("cloud1")))
		}
		n, err := b.keys(1).EncodeName(cipher.PlainName(name))
		must(t, err)
		b.does(1, cloudtest.Rollback(string(n.Sidecar), last.Dir("cloud1")))
		if got := b.tree(1); len(got) != 1 {
			t.Fatalf("there is %q", got)
		}
		b.heal()
		b.equal(map[string]string{})
		if list := b.strange(1); len(list) > 0 {
			t.Errorf("there is %q", list)
		}
		b.clean()
	}
}

// keepsBoth wants all clouds to have that at the name, and the other thing under
// another.
func (b *box) keepsBoth(want string) {
	all := b.tree(0)
	if all["c"] != want || len(all) != 2 {
		b.t.Errorf("there are %q, want %q and one more", all, want)
	}
	b.equal(all)
	b.clean()
}
