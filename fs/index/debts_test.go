package index

import (
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

func TestDebts(t *testing.T) {
	b := newBench(t)
	alpha, beta := cipher.ID{0xa}, cipher.ID{0xb}
	now := b.clock.Now().Add(time.Nanosecond)
	x, y := at1(Root, "x"), at1(Root, "y")
	debt := Debt{Why: Away, Since: now, Had: isFile(1, 2)}
	owes := func(cloud cipher.ID, want map[Place]Debt) {
		t.Helper()
		b.look(func(v *View) {
			got := map[Place]Debt{}
			for o, err := range v.Debts(cloud, Cursor{}) {
				must(t, err)
				got[o.Place] = o.Debt
				one, ok, err := v.Debt(cloud, o.Place)
				must(t, err)
				equal(t, "the debt alone", one, o.Debt)
				equal(t, "is there", ok, true)
			}
			equal(t, "debts", got, want)
			n, err := v.Owed(cloud)
			must(t, err)
			equal(t, "count", n, uint64(len(want)))
		})
	}
	b.apply(func(c *Batch) { c.Owe(alpha, x, debt); c.Owe(alpha, x, Debt{Why: Full}); c.Owe(beta, x, debt) })
	b.apply(func(c *Batch) { c.Owe(alpha, x, Debt{Why: Full}); c.Owe(alpha, y, Debt{Why: Full}) })
	owes(alpha, map[Place]Debt{x: debt, y: {Why: Full}})
	owes(beta, map[Place]Debt{x: debt})
	b.apply(func(c *Batch) { c.Pay(alpha, x); c.Owe(alpha, x, Debt{Why: Differs}); c.Pay(beta, y) })
	owes(alpha, map[Place]Debt{x: {Why: Differs}, y: {Why: Full}})
	b.apply(func(c *Batch) { c.Owe(alpha, x, debt); c.Pay(alpha, x) })
	owes(alpha, map[Place]Debt{y: {Why: Full}})
	b.apply(func(c *Batch) { c.Pay(alpha, y) })
	owes(alpha, map[Place]Debt{})
	owes(beta, map[Place]Debt{x: debt})
	must(t, b.Check(t.Context()))
}

func TestHeadAndRest(t *testing.T) {
	b := newBench(t)
	since := b.clock.Now()
	applied := Applied{Log: cipher.ID{4}, Below: 1 << 40, Names: 1<<40 + 3}
	head := func(want Applied, writers ...uint32) {
		t.Helper()
		for range 2 {
			b.look(func(v *View) {
				a, err := v.Applied()
				must(t, err)
				equal(t, "applied", a, want)
				w, err := v.Writers()
				must(t, err)
				equal(t, "writers", w, writers)
				equal(t, "since", v.Since(), since)
			})
			b.clock.pass(time.Hour)
			b.reopen()
		}
	}
	head(Applied{})
	b.apply(func(c *Batch) { c.AddWriter(7); c.AddWriter(0xffffffff); c.AddWriter(3) })
	b.apply(func(c *Batch) { c.AddWriter(7); c.SetApplied(applied) })
	head(applied, 3, 7, 0xffffffff)
	must(t, b.Lose("put back"))
	since = b.clock.Now()
	head(Applied{})
	if len(b.told) != 1 || !strings.Contains(b.told[0], "put back") {
		t.Errorf("told %q", b.told)
	}
}

func TestLedger(t *testing.T) {
	b := newBench(t)
	one := Checked{Cloud: cipher.ID{1}, Ino: 12, CommitID: cipher.ID{2}, Ctime: time.Unix(1700000000, 123456789)}
	checked := func(c Checked) (was bool) {
		b.look(func(v *View) {
			var err error
			was, err = v.WasChecked(c)
			must(t, err)
		})
		return was
	}
	if checked(one) {
		t.Error("checked before")
	}
	b.apply(func(c *Batch) { c.Checked(one) })
	b.reopen()
	later, inode, zone := one, one, one
	later.CommitID, inode.Ino, zone.Ctime = cipher.ID{3}, 13, one.Ctime.UTC()
	for c, want := range map[*Checked]bool{&one: true, &later: false, &inode: false, &zone: true} {
		if checked(*c) != want {
			t.Errorf("%v was checked: %v", *c, !want)
		}
	}
}
