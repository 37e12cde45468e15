//go:build defects

package repair_test

import "testing"

// These are the smallest inputs that show what is not right yet. Each becomes a
// test like any other with its repair.

// TestPlaceAlone: a cloud without handles that has everything, and one that has
// the beginning.
func TestPlaceAlone(t *testing.T) {
	for _, test := range []struct {
		before, script string
		reached        int
	}{
		{"mkdir d\ncreate d/x", "rename d c\nmkdir d\nrename c d/b", 3},
		{"mkdir a\ncreate a/f\nmkdir b", "exchange a b", 0},
		{"mkdir a\ncreate a/f\nmkdir b\ncreate b/g", "rename a t\nrename b a\nrename t b", 1},
		{"mkdir a\ncreate a/f\nmkdir b\ncreate b/g", "rename a t\nrename b a\nrename t b", 0},
	} {
		sc := scripted(t, []lacks{{handles: true}}, test.before, test.script)
		sc.reachTo(0, test.reached, 0)
		sc.settles(t, replay{events: sc.log, sameBoot: true})
	}
}
