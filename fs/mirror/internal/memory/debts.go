package memory

import (
	"maps"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
)

// A debtor is a cloud at a name.
type debtor struct {
	cloud cipher.ID
	place index.Place
}

// debts are what was told of what clouds owe, in this order: clouds that have all that they missed, names that are paid, and what is
// owed.
type debts struct {
	settled map[cipher.ID]bool
	paid    map[debtor]bool
	owed    map[debtor]index.Debt
}

func newDebts() debts {
	return debts{map[cipher.ID]bool{}, map[debtor]bool{}, map[debtor]index.Debt{}}
}

func (d *debts) rows() int { return len(d.settled) + len(d.paid) + len(d.owed) }

// settle takes what a cloud missed off the list. What was found to differ is none of that.
func (d *debts) settle(cloud cipher.ID) {
	maps.DeleteFunc(d.owed, func(key debtor, is index.Debt) bool { return key.cloud == cloud && is.Why != index.Differs })
	d.settled[cloud] = true
}

// settles reports whether a debt of the index is paid by what was told.
func (d *debts) settles(key debtor, is index.Debt) bool {
	return d.paid[key] || d.settled[key.cloud] && is.Why != index.Differs
}

func (d *debts) owe(key debtor, is index.Debt) {
	if _, owes := d.owed[key]; !owes {
		d.owed[key] = is
	}
}

func (d *debts) pay(key debtor) {
	delete(d.owed, key)
	d.paid[key] = true
}

// merge adds what was told later.
func (d *debts) merge(later *debts) {
	for cloud := range later.settled {
		d.settle(cloud)
	}
	for key := range later.paid {
		d.pay(key)
	}
	for key, is := range later.owed {
		d.owe(key, is)
	}
}

// tells returns what was told of a debt; ok is false where that is nothing.
func (d *debts) tells(key debtor) (is index.Debt, owes, ok bool) {
	is, owes = d.owed[key]
	return is, owes, owes || d.paid[key] || d.settled[key.cloud]
}

func (d *debts) owes(key debtor) bool {
	_, owes := d.owed[key]
	return owes
}

// debts puts into a batch what clouds owe: a name that a cloud has by now, or at which that is wanted again which it had when it began to owe,
// it owes no more.
func (c *changes) debts(b *index.Batch, v *index.View, clouds []cipher.ID) error {
	for key := range c.due.paid {
		b.Pay(key.cloud, key.place)
	}
	for cloud := range c.due.settled {
		for o, err := range v.Debts(cloud, index.Cursor{}) {
			if err != nil {
				return err
			}
			if o.Debt.Why != index.Differs {
				b.Pay(cloud, o.Place)
			}
		}
	}
	for _, cloud := range clouds {
		if n, err := v.Owed(cloud); err != nil {
			return err
		} else if n > 0 {
			if err := c.pays(b, v, cloud); err != nil {
				return err
			}
		}
	}
	for key, d := range c.due.owed {
		if k, told := c.at(key.place); told && again(d, c.newest(k)) {
			continue
		}
		b.Owe(key.cloud, key.place, d)
	}
	return nil
}

// pays pays what a cloud owes at the names of which something was told.
func (c *changes) pays(b *index.Batch, v *index.View, cloud cipher.ID) error {
	pay := func(p index.Place, k index.Known, has index.Version) error {
		d, owes, err := v.Debt(cloud, p)
		if owes && (again(d, k) || k.Kind == index.IsFile && !has.IsZero() && has.Equal(k.Version)) {
			b.Pay(cloud, p)
		}
		return err
	}
	for dir, names := range c.names {
		for name, k := range names {
			if err := pay(index.Place{Dir: dir, Name: name}, c.newest(k), index.Version{}); err != nil {
				return err
			}
		}
	}
	for dir, names := range c.copies {
		for name, copies := range names {
			i := slices.IndexFunc(copies, func(is index.Copy) bool { return is.Cloud == cloud })
			if i < 0 {
				continue
			}
			p := index.Place{Dir: dir, Name: name}
			k, told := c.at(p)
			if !told {
				row, err := v.Name(p)
				if err != nil {
					return err
				}
				k = row.Known
			}
			if err := pay(p, c.newest(k), copies[i].InPlace); err != nil {
				return err
			}
		}
	}
	return nil
}

// mayOwe has a cloud owe a name that it missed. A debt that is there knows what the cloud had when that began.
func (c *changes) mayOwe(b *index.Batch, v *index.View, key debtor, d index.Debt) error {
	was, owes, err := v.Debt(key.cloud, key.place)
	if err != nil {
		return err
	}
	if owes && was.Why != index.Differs && !c.due.settles(key, was) {
		if d.Why != index.Failed {
			return nil
		}
		d.Had = was.Had // as far as anybody knew
	}
	if owes {
		b.Pay(key.cloud, key.place)
	}
	b.Owe(key.cloud, key.place, d)
	return nil
}

// again reports whether that is wanted which a cloud had when it began to owe a name.
func again(d index.Debt, k index.Known) bool {
	if d.Why == index.Failed {
		return false // nobody knows what it had then
	}
	switch d.Had.Kind {
	case index.IsFile:
		return k.Kind == index.IsFile && k.File == d.Had.File && k.Version.Equal(d.Had.Version)
	case index.IsDir:
		return k.Kind == index.IsDir && d.Why == index.Differs // else its mode or owner may be another
	case index.Gone:
		return k.Kind == index.Gone || k.Kind == index.Unknown
	}
	return false
}

// Owe says that a cloud does not have at a name what should be there. A debt that is there stays as it is.
func (y Rows) Owe(cloud cipher.ID, p index.Place, d index.Debt) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.roomy() {
		if d.Had.Kind == index.IsDir && d.Had.Dir == 0 {
			d.Had = index.Known{} // one that this machine has given no number
		}
		d.Had.Version.Vector = slices.Clone(d.Had.Version.Vector)
		y.told.due.owe(debtor{cloud, p}, d)
	}
}

// Pay says that a cloud has at a name what should be there.
func (y Rows) Pay(cloud cipher.ID, p index.Place) {
	if _, owes, err := y.Debt(cloud, p); err == nil && !owes {
		return
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.roomy() {
		y.told.due.pay(debtor{cloud, p})
	}
}

// Debt returns why a cloud owes a name, and whether it does.
func (y Rows) Debt(cloud cipher.ID, p index.Place) (d index.Debt, owes bool, err error) {
	y.mu.Lock()
	d, owes, ok := y.told.due.tells(debtor{cloud, p})
	if !ok && y.going != nil {
		d, owes, ok = y.going.due.tells(debtor{cloud, p})
	}
	y.mu.Unlock()
	if ok {
		return d, owes, nil
	}
	err = y.view(func(v *index.View) error {
		d, owes, err = v.Debt(cloud, p)
		return err
	})
	return d, owes, err
}

// Differing lists at most n places at which a cloud was found to differ, as the index has them.
func Differing(y Rows, cloud cipher.ID, n int) (list []index.Place, err error) {
	if y.index == nil {
		return nil, nil
	}
	err = y.view(func(v *index.View) error {
		for o, err := range v.Debts(cloud, index.Cursor{}) {
			if err != nil || len(list) >= n {
				return err
			}
			if o.Debt.Why == index.Differs {
				list = append(list, o.Place)
			}
		}
		return nil
	})
	return list, err
}
