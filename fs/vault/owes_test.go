package vault

import (
	"errors"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/durable/durabletest"
)

func TestOwes(t *testing.T) {
	v := stateVault(t, osDisk{})
	now := time.Date(2024, 5, 6, 7, 8, 9, 123, time.UTC)
	v.sys.now = func() time.Time { return now }
	s := openState(t, v)
	a, b, c := cipher.ID{1}, cipher.ID{2}, cipher.ID{3}
	whole := now.Truncate(time.Second)
	expect := func(want map[cipher.ID]Owes) {
		t.Helper()
		for range 2 {
			if got := s.Owes(); !reflect.DeepEqual(got, want) {
				t.Errorf("owes %v, want %v", got, want)
			}
			s = reopen(t, s)
		}
	}
	expect(map[cipher.ID]Owes{})
	check(t, s.MarkOwes(a, Owes{Entry: 10, Reason: "disk full\nreally"}))
	check(t, s.MarkOwes(b, Owes{Entry: 11, Reason: "away", Since: now.Add(-time.Hour)}))
	check(t, s.MarkOwes(c, Owes{Reason: "absent", Whole: true, Named: true}))
	now = now.Add(time.Hour)
	check(t, s.MarkOwes(a, Owes{Entry: 12, Reason: "another"}))
	check(t, s.MarkOwes(b, Owes{Entry: 4, Reason: "another", Whole: true}))
	check(t, s.MarkOwes(c, Owes{Entry: 4, Named: true}))
	check(t, s.MarkOwes(a, Owes{Entry: 12, Named: true}))
	want := map[cipher.ID]Owes{
		a: {whole, 10, "disk full; really", false, false, false},
		b: {whole.Add(-time.Hour), 4, "away", true, false, false},
		c: {whole, 0, "absent", true, false, true},
	}
	expect(want)
	check(t, s.MarkOwes(c, Owes{Entry: 4}))
	want[c] = Owes{whole, 0, "absent", true, false, false}
	expect(want)
	check(t, s.MarkOwes(a, Owes{Reason: "index lost", Whole: true, Lost: true}))
	check(t, s.ClearOwes(b))
	check(t, s.MarkOwes(b, Owes{Entry: 20, Reason: "since it was compared"}))
	check(t, s.ClearOwes(c))
	check(t, s.ClearOwes(c))
	want[a] = Owes{whole, 0, "disk full; really", true, true, false}
	want[b] = Owes{now.Truncate(time.Second), 20, "since it was compared", false, false, false}
	delete(want, c)
	expect(want)
	delete(s.Owes(), a) // a copy
	check(t, s.ClearOwes(b))
	delete(want, b)
	expect(want)
}

// What says nothing new is not written: changes do not wait for it.
func TestOwesIsWrittenOnce(t *testing.T) {
	d := &durabletest.Disk{}
	s := openState(t, stateVault(t, d))
	check(t, s.MarkOwes(cipher.ID{1}, Owes{Entry: 3}))
	before := d.Count()
	for n := range uint64(10) {
		check(t, s.MarkOwes(cipher.ID{1}, Owes{Entry: 3 + n, Reason: "again"}))
	}
	if d.Count() != before {
		t.Errorf("%d steps on the disk", d.Count()-before)
	}
}

// behind is what an earlier version says of a cloud.
type behind struct {
	Reason string
	Since  time.Time
}

// earlierState makes the state of an earlier version, in which clouds were
// behind.
func earlierState(t *testing.T, v *Vault, clouds map[cipher.ID]behind) {
	t.Helper()
	d := v.sys.disk
	v.sys.disk = osDisk{}
	defer func() { v.sys.disk = d }()
	s, err := v.OpenState(testKeys(v))
	check(t, err)
	marks := map[cipher.ID]map[string]any{}
	for id, b := range clouds {
		marks[id] = map[string]any{"reason": b.Reason, "since": b.Since}
	}
	check(t, v.store(behindName, s.behindStamp, marks))
	check(t, s.Close())
	check(t, os.Remove(v.statePath(owesName)))
}

func TestBehindOfEarlierVersions(t *testing.T) {
	since := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	a, b := cipher.ID{1}, cipher.ID{2}
	v := stateVault(t, osDisk{})
	earlierState(t, v, map[cipher.ID]behind{a: {"disk full", since}})
	s := openState(t, v)
	want := map[cipher.ID]Owes{a: {since, 0, "disk full", true, true, false}}
	for range 2 {
		if got := s.Owes(); !reflect.DeepEqual(got, want) || len(s.Warnings()) != 0 {
			t.Errorf("owes %v, want %v; warned of %v", got, want, s.Warnings())
		}
		if _, err := os.Stat(v.statePath(behindName)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("state/behind is there: %v", err)
		}
		s = reopen(t, s)
	}

	// An earlier version was run in between: it says what it knows, and nothing that was known before is forgotten.
	check(t, errors.Join(s.ClearOwes(a), s.MarkOwes(a, Owes{Since: since, Entry: 7, Reason: "away"})))
	check(t, v.store(behindName, s.behindStamp, map[cipher.ID]behind{}))
	check(t, v.store(behindName, s.behindStamp, map[cipher.ID]map[string]any{a: {"reason": "x", "since": since}, b: {"reason": "y", "since": since}}))
	s = reopen(t, s)
	want = map[cipher.ID]Owes{a: {since, 0, "away", true, true, false}, b: {since, 0, "y", true, true, false}}
	if got := s.Owes(); !reflect.DeepEqual(got, want) {
		t.Errorf("owes %v, want %v", got, want)
	}

	// Nothing was behind: there is no warning that something was lost.
	v = stateVault(t, osDisk{})
	earlierState(t, v, nil)
	if s := openState(t, v); len(s.Owes()) != 0 || len(s.Warnings()) != 0 {
		t.Errorf("owes %v, warned of %v", s.Owes(), s.Warnings())
	}
}

func TestBehindOfEarlierVersionsDamaged(t *testing.T) {
	v := stateVault(t, osDisk{})
	earlierState(t, v, map[cipher.ID]behind{{1}: {"disk full", time.Now()}})
	restore := damageFile(t, v.statePath(behindName), func(whole []byte) []byte { return whole[:len(whole)/2] })
	_, err := v.OpenState(testKeys(v))
	wantError(t, err, ErrDamaged, v.statePath(behindName))
	restore()
	openState(t, v)
}

// Whatever step fails, dies or loses power while the marks of an earlier
// version are taken over, and while they change afterwards: a cloud that owes
// is never forgotten, and one that was cleared is never back.
func TestOwesFailures(t *testing.T) {
	a, b, c := cipher.ID{1}, cipher.ID{2}, cipher.ID{3}
	for seed := range uint64(20) {
		dies := seed > 0
		rng := rand.New(rand.NewPCG(seed, 7))
		durabletest.EachFailure(t, dies, func(t *testing.T, d *durabletest.Disk) error {
			v := stateVault(t, d)
			earlierState(t, v, map[cipher.ID]behind{a: {"x", time.Now()}, b: {"y", time.Now()}})
			cleared, marked, err := useOwes(v, b, c)
			if seed > 1 {
				d.PowerCut(t, rng)
			}
			v.sys.disk = &durabletest.Disk{}
			s, opening := v.OpenState(testKeys(v))
			check(t, opening)
			defer s.Close()
			owes := s.Owes()
			for _, w := range s.Warnings() {
				if strings.Contains(w, "missing") {
					t.Errorf("seed %d: %s", seed, w)
				}
			}
			if !owes[a].Whole {
				t.Errorf("seed %d: a owes %+v", seed, owes[a])
			}
			if _, ok := owes[b]; ok && cleared || !ok && !cleared && err == nil {
				t.Errorf("seed %d: b owes %v, cleared %v", seed, ok, cleared)
			}
			if marked && owes[c].Entry != 5 {
				t.Errorf("seed %d: c owes %+v", seed, owes[c])
			}
			return err
		})
	}
}

// useOwes opens an earlier version's state, clears b and marks c.
func useOwes(v *Vault, b, c cipher.ID) (cleared, marked bool, err error) {
	s, err := v.OpenState(testKeys(v))
	if err != nil {
		return false, false, err
	}
	defer s.Close()
	if err := s.ClearOwes(b); err != nil {
		return false, false, err
	}
	if err := s.MarkOwes(c, Owes{Entry: 5, Reason: "away"}); err != nil {
		return true, false, err
	}
	return true, true, s.RenewWriter()
}
