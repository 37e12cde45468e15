package judge

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// TestTwoMachines is I3 and I4 for two machines that do what they like.
func TestTwoMachines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFleet(2, rapid.IntRange(1, 2).Draw(t, "clouds"))
		names := []Name{"n", "m"}
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			m := rapid.SampledFrom(f.machines).Draw(t, "who")
			n := rapid.SampledFrom(names).Draw(t, "what")
			switch rapid.IntRange(0, 5).Draw(t, "does") {
			case 0, 1, 2:
				f.write(m, n)
			case 3:
				f.unlink(m, n)
			default:
				f.rename(m, n, rapid.SampledFrom(names).Draw(t, "to"))
			}
			f.some(t)
		}
		f.settle(t)
		f.check(t)
	})
}

// shared returns two machines that both have a file at n, edited now and then,
// and nothing on its way.
func shared(t *rapid.T) *fleet {
	f := newFleet(2, rapid.IntRange(1, 2).Draw(t, "clouds"))
	f.write(f.machines[0], "n")
	f.settle(t)
	for range rapid.IntRange(0, 2).Draw(t, "edits") {
		f.write(rapid.SampledFrom(f.machines).Draw(t, "who edits"), "n")
		f.settle(t)
	}
	return f
}

// TestDeletedStaysDeleted is I5: whatever a slow or hostile cloud shows again of
// a file that a user has deleted, at its name or at another, is gone in the end.
func TestDeletedStaysDeleted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := shared(t)
		old := []entry{f.remote[0].entries["n"]}
		f.write(f.machines[0], "n")
		f.settle(t)
		old = append(old, f.remote[0].entries["n"])
		f.unlink(rapid.SampledFrom(f.machines).Draw(t, "who removes"), "n")
		for range rapid.IntRange(0, 4).Draw(t, "tricks") {
			f.some(t)
			if rapid.Bool().Draw(t, "shown again") {
				n := rapid.SampledFrom([]Name{"n", "m"}).Draw(t, "where")
				e := rapid.SampledFrom(old).Draw(t, "which")
				f.remote[rapid.IntRange(0, len(f.remote)-1).Draw(t, "by")].put(n, e)
				f.say("shown again at %s: %v", n, e)
			}
		}
		f.settle(t)
		for _, m := range f.machines {
			if len(m.view()) > 0 {
				f.fail(t, "%s still lists %v", m.name, m.view())
			}
		}
	})
}

// TestRenameIsARename is I6: another machine's rename ends as exactly that,
// whatever arrives first.
func TestRenameIsARename(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := shared(t)
		old := f.remote[0].entries["n"]
		f.rename(rapid.SampledFrom(f.machines).Draw(t, "who renames"), "n", "m")
		for range rapid.IntRange(0, 6).Draw(t, "rounds") {
			f.some(t)
			if rapid.IntRange(0, 3).Draw(t, "old name shown again") == 0 {
				f.remote[rapid.IntRange(0, len(f.remote)-1).Draw(t, "by")].put("n", old)
			}
		}
		f.settle(t)
		f.check(t)
		for _, m := range f.machines {
			if view := m.view(); len(view) != 1 || view["m"] == "" {
				f.fail(t, "%s lists %v", m.name, view)
			}
		}
	})
}

// TestMassOfMissingNames is I8: a cloud that loses many names at once takes
// nothing with it, and gets back what it lost when somebody asks for that.
func TestMassOfMissingNames(t *testing.T) {
	const names = 25
	for clouds := 1; clouds <= 3; clouds++ {
		for keeps := range 3 {
			f := newFleet(1, clouds)
			m := f.machines[0]
			for i := range names {
				f.commit(m, Name(fmt.Sprint("n", i)), identity(fmt.Sprint("F", i)), nil)
			}
			view, full := m.view(), m.local.clone()
			for i := keeps; i < names; i++ {
				delete(m.local.clouds[clouds-1].entries, Name(fmt.Sprint("n", i)))
			}
			emptied := m.local.clone()
			m.x.mass = true
			for range 2 {
				f.repair(m)
				if !reflect.DeepEqual(m.view(), view) {
					f.fail(t, "lists %v, want %v", m.view(), view)
				}
			}
			if !reflect.DeepEqual(m.local, emptied) {
				f.fail(t, "a mass of missing names was repaired unasked")
			}
			m.x.mass = false
			if clouds == 1 {
				m.local = full.clone() // the right directory is there again
			}
			f.repair(m)
			if !reflect.DeepEqual(m.local, full) || !reflect.DeepEqual(m.view(), view) {
				f.fail(t, "not everything is back")
			}
		}
	}
}

// TestYoungIsLeftAlone holds every known answer to one more rule: what a sync
// client may still be writing is neither replaced nor removed.
func TestYoungIsLeftAlone(t *testing.T) {
	for file, cases := range readCases(t) {
		for _, c := range cases {
			for i := range c.Given.Claims {
				q := c.Given.question(t)
				q.claims[i].Young = true
				if do := q.judge().Clouds[i]; do.Action == Write || do.Action == Remove {
					t.Errorf("%s: %s: cloud %d is young: %v", file, c.Name, i, do)
				}
			}
		}
	}
}
