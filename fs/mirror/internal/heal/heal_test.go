package heal_test

import (
	"testing"

	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
)

func TestSoundTree(t *testing.T) {
	for n := 1; n <= 3; n++ {
		b := sample(t, n)
		want := b.tree(0)
		if len(want) != 10 {
			t.Fatalf("the sample has %d names", len(want))
		}
		b.equal(want)
		b.clean()
		before := b.disk.Ops()
		if out := b.heal(); out.Steps != 0 || len(out.Left) != 0 {
			t.Errorf("healing what is sound: %+v", out)
		}
		if after := b.disk.Ops(); after != before {
			t.Errorf("%d operations on what is sound:\n%s", after-before, b.disk.Trace())
		}
	}
}

// TestEveryByte flips each byte of a small file.
func TestEveryByte(t *testing.T) {
	for n := 2; n <= 3; n++ {
		for k := range n {
			whole := newBox(t, n)
			whole.with(func(m *mirror.Mirror) { whole.write(m, "small", []byte("plain text of some length")) })
			want := whole.tree(0)
			step := 1 + (n-2)*6
			for at := 0; at < len(whole.raw(k, whole.entry(k, "small"))); at += step {
				b := whole.clone()
				b.change(k, "small", func(d []byte) []byte { d[at] ^= 1; return d })
				b.finds(k, "small", compare.Damaged)
				b.heal()
				b.equal(want)
				if b.clean(); t.Failed() {
					t.Fatalf("byte %d in cloud %d of %d", at, k, n)
				}
			}
		}
	}
}
