package rejoin

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/missed"
)

func newChanges() *Changes {
	c := &Changes{debts: map[int]map[string]debt{}, unseen: map[int]time.Time{}}
	c.watch(true)
	return c
}

// TestDebts: what a cloud owes, since when it is due, and what is below it.
func TestDebts(t *testing.T) {
	c := newChanges()
	now := time.Unix(1000, 0)
	later := now.Add(time.Minute)
	c.owe(1, later, false, "b", "d")
	c.owe(1, now, true, "d")
	c.owe(1, later, false, "d", "a")
	c.owe(2, now, false, "x")
	for path, owes := range map[string]bool{"a": true, "b": true, "b/x": false, "d": true, "d/x/y": true, "dd": false, "x": false, "": false} {
		if got := c.Owes(1, path); got != owes {
			t.Errorf("owes %q: %v", path, got)
		}
	}
	if due := c.due(1, now); !slices.Equal(due, []string{"d"}) {
		t.Errorf("due are %q", due)
	}
	if due := c.due(1, later); !slices.Equal(due, []string{"a", "b", "d"}) {
		t.Errorf("later %q are due", due)
	}
	if d := c.paid(1, "d"); !d.deep || !d.due.Equal(now) {
		t.Errorf("the debt was %+v", d)
	}
	if c.Owes(1, "d/x") || c.hasAll(1) {
		t.Error("one debt is paid, and two are not")
	}
	c.paid(1, "a")
	c.paid(1, "b")
	if !c.hasAll(1) || c.hasAll(2) {
		t.Error("cloud 1 owes nothing, and cloud 2 does")
	}
	c.forgive(2)
	c.lookAt(2, later)
	if c.hasAll(2) || c.toLookAt(2, now) || !c.toLookAt(2, later) {
		t.Error("cloud 2 is to be looked over, later")
	}
	c.lookAt(2, time.Time{})
	if !c.hasAll(2) || c.toLookAt(2, later) {
		t.Error("cloud 2 was looked over")
	}
}

// TestWatch: which names have changed, with all that is below a directory that
// moved, and only while somebody watches.
func TestWatch(t *testing.T) {
	c := newChanges()
	rename := func(from, to string, kind uint32) *journal.Entry {
		return &journal.Entry{Op: journal.OpRename, Path: []byte(from), To: []byte(to), Kind: kind}
	}
	c.Ends(rename("d", "e", unix.S_IFDIR), true)
	c.Ends(rename("f", "g", unix.S_IFREG), true)
	c.Ends(rename("u", "v", unix.S_IFDIR), false)
	c.Ends(&journal.Entry{Op: journal.OpUnlink, Path: []byte("x")}, true)
	for path, changed := range map[string]bool{"d": true, "d/x": true, "e/x": true, "f": true, "g": true, "f/x": false, "u/x": true, "x": true, "y": false} {
		if got := c.has(path); got != changed {
			t.Errorf("%q has changed: %v", path, got)
		}
	}
	names, moves := c.take()
	if got := sorted(names); !slices.Equal(got, []string{"d", "e", "f", "g", "u", "v", "x"}) || !names["d"] || names["f"] {
		t.Errorf("changed are %v", names)
	}
	if !slices.Equal(moves, []missed.Move{{From: "d", To: "e"}, {From: "f", To: "g"}}) {
		t.Errorf("moves are %v", moves)
	}
	if c.count() != 0 || c.has("d") || c.removed() != 1 {
		t.Errorf("%d changes are left, %d removals noted", c.count(), c.removed())
	}
	c.watch(false)
	c.Ends(rename("f", "g", unix.S_IFREG), true)
	c.Again([]string{"h"})
	if names, moves := c.take(); len(names)+len(moves) > 0 || c.Watches() {
		t.Errorf("nobody watches, and noted were %v, %v", names, moves)
	}
}
