package missed

import "testing"

// TestMoves: where something is after renames, and where it was before.
func TestMoves(t *testing.T) {
	for _, c := range []struct {
		moves    []Move
		old, now string
	}{
		{nil, "a", "a"},
		{[]Move{{From: "a", To: "b"}}, "a", "b"},
		{[]Move{{From: "a", To: "b"}}, "a/x/y", "b/x/y"},
		{[]Move{{From: "a", To: "b"}}, "ab", "ab"},
		{[]Move{{From: "a", To: "b"}}, "c", "c"},
		{[]Move{{From: "a", To: "b"}, {From: "b", To: "c"}}, "a/x", "c/x"},
		{[]Move{{From: "a", To: "b/in"}, {From: "b", To: "c"}}, "a", "c/in"},
		{[]Move{{From: "a/x", To: "y"}, {From: "a", To: "b"}}, "a/x", "y"},
		{[]Move{{From: "a/x", To: "y"}, {From: "a", To: "b"}}, "a/z", "b/z"},
		{[]Move{{From: "a", To: "t"}, {From: "b", To: "a"}, {From: "t", To: "b"}}, "a", "b"},
		{[]Move{{From: "a", To: "t"}, {From: "b", To: "a"}, {From: "t", To: "b"}}, "b", "a"},
		{[]Move{{From: "a", To: "b", Swap: true}}, "a/x", "b/x"},
		{[]Move{{From: "a", To: "b", Swap: true}}, "b/x", "a/x"},
		{[]Move{{From: "a", To: "b", Swap: true}, {From: "a", To: "c"}}, "b", "c"},
		{[]Move{{From: "a", To: "b"}, {From: "b", To: "a"}}, "a", "a"},
	} {
		if got := After(c.moves, c.old); got != c.now {
			t.Errorf("after %v %q is at %q, want %q", c.moves, c.old, got, c.now)
		}
		if got := Before(c.moves, c.now); got != c.old {
			t.Errorf("before %v %q was at %q, want %q", c.moves, c.now, got, c.old)
		}
	}
}
