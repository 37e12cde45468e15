package heal_test

import (
	"bytes"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
)

// TestTemps: what a kill has left under a temporary name goes, but for a version
// that is nowhere else, which is told; and nothing goes that is not ours.
func TestTemps(t *testing.T) {
	b := newBox(t, 2)
	write := func(path, content string) []byte {
		b.with(func(m *mirror.Mirror) { b.write(m, path, []byte(content)) })
		return b.raw(0, b.entry(0, path))
	}
	write("d", "in the way of nothing")
	old, now, gone := write("f", "old"), write("f", "now"), write("g", "gone")
	for k := range b.n {
		b.does(k, cloudtest.Delete(b.entry(k, "g")))
	}
	temps := map[string][]byte{
		".~0000000000000001.tmp": old, ".~0000000000000002.tmp": now, ".~0000000000000003.tmp": nil,
		".~0000000000000004.tmp": gone, ".~0000000000000005.tmp": bytes.Repeat([]byte("not ours"), 100), ".~lock.tmp": []byte("not ours"),
	}
	for name, data := range temps {
		b.does(0, cloudtest.Replace(name, data))
	}
	for range 2 {
		out := b.heal()
		if len(out.Left) != 1 || out.Left[0].Entry != ".~0000000000000004.tmp" || out.Left[0].Kind != compare.Disputed {
			t.Errorf("it leaves %v", out.Left)
		}
	}
	entries, err := b.dir(0).ReadDir("")
	must(t, err)
	for _, e := range entries {
		if data, temp := temps[e.Name]; temp {
			if !bytes.Equal(b.raw(0, e.Name), data) {
				t.Errorf("%s has changed", e.Name)
			}
			delete(temps, e.Name)
		}
	}
	if len(temps) != 3 || temps[".~0000000000000004.tmp"] != nil || temps[".~0000000000000005.tmp"] != nil || temps[".~lock.tmp"] != nil {
		t.Errorf("these went: %v", temps)
	}
}
