package heal_test

import (
	"fmt"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
)

// oneRemoved is a file whose name x this machine has removed, and whose name y it knows, with what the clouds were before.
func (b *box) oneRemoved() (before *cloudtest.Disk, know *memory, is judge.Version) {
	b.with(func(m *mirror.Mirror) {
		b.write(m, "y", []byte("content"))
		b.link(m, "y", "x")
	})
	before, know = b.disk.Clone(), b.knowing(0)
	b.with(func(m *mirror.Mirror) { must(b.t, m.Root().Unlink("x")) })
	is = know.at["x"].Version
	know.at["x"] = judge.Known{Has: judge.Gone, Version: is}
	know.ids[is.Identity] = judge.Facts{Version: is, Live: []judge.Name{"y"}}
	b.know = know
	return before, know, is
}

// TestLinkStays: of a file that has lost one of two names the other stays, where a
// cloud that missed that still shows both, whether it is known to have the other or not.
func TestLinkStays(t *testing.T) {
	for _, knows := range []bool{false, true} {
		b := newBox(t, 2)
		before, know, is := b.oneRemoved()
		want := b.tree(0)
		if !knows {
			delete(know.at, "y")
			know.ids[is.Identity] = judge.Facts{Version: is}
		}
		b.does(1, cloudtest.Rollback(b.entry(1, "x"), before.Dir("cloud1")))
		b.heal()
		b.equal(want)
	}
}

// TestLastCopyAtARemovedLink: where every cloud has lost the one name that a file has left, a cloud that shows the other
// again has the last copy of it, and that goes back to where the file belongs; or stays, where nobody knows where that is.
func TestLastCopyAtARemovedLink(t *testing.T) {
	for _, vanished := range []bool{false, true} {
		for late := range 2 {
			b := newBox(t, 2)
			before, know, is := b.oneRemoved()
			want := b.tree(0)
			if vanished {
				know.at["y"] = judge.Known{Has: judge.Vanished, Version: is}
				know.ids[is.Identity] = judge.Facts{Version: is, Missing: true}
			}
			for k := range 2 {
				b.does(k, cloudtest.Delete(b.entry(k, "y")))
			}
			b.does(late, cloudtest.Rollback(b.entry(late, "x"), before.Dir(fmt.Sprint("cloud", late))))
			b.heal()
			b.heal()
			if !vanished {
				b.equal(want)
			} else if got := b.tree(late); len(got) != 1 || got["x"] != want["y"] {
				t.Errorf("cloud %d has %q, and the last copy is %q", late, got, want["y"])
			}
		}
	}
}
