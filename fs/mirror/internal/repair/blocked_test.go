package repair_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// TestBlocked lets somebody else put something at a name at which the log has
// what is in the way of something else: that goes on beside it. Under a temporary
// name nobody would find it, and who sweeps would take it for litter.
func TestBlocked(t *testing.T) {
	for _, test := range []struct {
		name, before, script string
		reached, more        int
		in, want             string
		cut                  string // what is wanted after a power cut, where that is something else: the name is the directory's
	}{
		{"a file", "create a\ncreate c", "rename a b\nrename c a", 0, 0, "", "a b b+", ""},
		{"a file in a directory", "mkdir d\ncreate d/a\ncreate c", "rename d/a d/b\nrename c d/a", 0, 0, "d", "d d/a d/b d/b+", ""},
		{"a directory", "mkdir a\ncreate a/f\nmkdir c", "rename a b\nrename c a", 0, 0, "", "a b b+ b+/f", "a b b+ b/f"},
		{"a file that has nothing yet", "create c", "open a\nrename a b\nrename c a", 1, 0, "", "a b", ""},
		{"in the middle of an exchange", "create a\nsymlink b", "exchange a b", 0, 2, "", "aw b b+", ""},
		{"a directory that is gone, and not empty", "mkdir a\ncreate c", "rmdir a\nrename c a", 0, 0, "a", "a a+ a+/b", ""},
		{"a directory that is gone", "mkdir a\ncreate c", "rmdir a\nrename c a", 0, 0, "", "a b", ""},
	} {
		for _, sameBoot := range []bool{false, true} {
			for killed := range 8 {
				sc := scripted(t, []lacks{{exchange: true}}, test.before, test.script)
				sc.reachTo(0, test.reached, test.more)
				c, at := carrier{sc.cloud(0)}, ""
				if test.in != "" {
					at, _ = c.spell(test.in, false)
				}
				n, err := c.Keys.EncodeName("b")
				sc.must(err)
				sc.must(writeFile(c.Dir, replica.Join(at, string(n.Entry)), make([]byte, 700)))
				sc.disk.CrashAfter(sc.disk.Ops() + killed)
				sc.run(replay{events: sc.log, sameBoot: sameBoot})
				sc.disk.Kill()
				sc.run(replay{events: sc.log, sameBoot: sameBoot})
				want := test.want
				if !sameBoot && test.cut != "" {
					want = test.cut
				}
				if got := strings.Join(sc.shown(sc.cloud(0), "", ""), " "); got != want {
					t.Errorf("%s, same boot %v, killed after %d operations: %s, want %s\n%s", test.name, sameBoot, killed, got, want, sc.tell())
				}
			}
		}
	}
}

// shown are the names in a cloud, + for the rest of a conflict's, and ! for what is
// none.
func (sc *scene) shown(c *replica.Cloud, dir, plain string) (list []string) {
	entries, err := c.Dir.ReadDir(dir)
	sc.must(err)
	for _, e := range entries {
		if cipher.EntryName(e.Name).IsSidecar() {
			continue
		}
		d, err := c.DecodeEntry(dir, e.Name)
		name, conflict := string(d.Name), ""
		if err != nil {
			name = "!" + e.Name
		}
		if name, conflict, _ = strings.Cut(name, " (conflict "); conflict != "" {
			name += "+"
		}
		if d.Special {
			name += "w"
		}
		list = append(list, plain+name)
		if e.Dir {
			list = append(list, sc.shown(c, replica.Join(dir, e.Name), plain+name+"/")...)
		}
	}
	slices.Sort(list)
	return list
}
