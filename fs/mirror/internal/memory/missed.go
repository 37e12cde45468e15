package memory

import (
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
)

// An Away is a cloud that is out of use, by how often it has gone out.
type Away struct {
	Cloud cipher.ID
	Times uint64
}

// An absence is the clouds that are out of use, and those that were at the last transaction.
type absence struct {
	now []Away
	was map[cipher.ID]uint64
}

// next is what the next transaction is to know of it.
func (a *absence) next() map[cipher.ID]uint64 {
	next := map[cipher.ID]uint64{}
	for _, c := range a.now {
		next[c.Cloud] = c.Times
	}
	return next
}

// sure reports whether a cloud was out since before the first change that was told since the last transaction, so that it has what
// the index has. Any other one may have made a change, or half of it, or lost it again since it was not synced.
func (a *absence) sure(c Away) bool {
	times, was := a.was[c.Cloud]
	return was && times == c.Times
}

// owes calls owe for each cloud that is out and has missed a change at a name. One of which nobody knows what it has there owes it,
// whatever is there by now; any other one only where that is not what it has.
func (a *absence) owes(v *index.View, p index.Place, changed func(was index.Known) bool, owe func(debtor, index.Debt) error) error {
	row, err := v.Name(p)
	if err != nil {
		return err
	}
	for _, cl := range a.now {
		d := index.Debt{Why: index.Away, Had: row.Known}
		if !a.sure(cl) {
			d.Why = index.Failed
		} else if !changed(row.Known) {
			continue
		}
		if err := owe(debtor{cl.Cloud, p}, d); err != nil {
			return err
		}
	}
	return nil
}

// misses calls owe for every name that a cloud which is out has missed a change of.
func (c *changes) misses(v *index.View, out *absence, owe func(debtor, index.Debt) error) error {
	if len(out.now) == 0 {
		return nil
	}
	for dir, names := range c.names {
		for name, k := range names {
			p, k := index.Place{Dir: dir, Name: name}, c.newest(k)
			if c.seen[p] {
				continue
			}
			if err := out.owes(v, p, func(was index.Known) bool { return !same(was, k) }, owe); err != nil {
				return err
			}
		}
	}
	for p := range c.touched {
		if err := out.owes(v, p, func(index.Known) bool { return false }, owe); err != nil {
			return err
		}
	}
	for f := range c.versions {
		id, err := v.ID(f)
		if err != nil {
			return err
		}
		for _, p := range id.Names {
			if err := c.missesVersion(v, p, out, owe); err != nil {
				return err
			}
		}
	}
	return c.missesOwners(v, out, owe)
}

// missesVersion is misses of a name that the index has of a committed file.
func (c *changes) missesVersion(v *index.View, p index.Place, out *absence, owe func(debtor, index.Debt) error) error {
	if _, told := c.at(p); told && !c.seen[p] || c.dropped[p.Dir] {
		return nil
	}
	row, err := v.Name(p)
	if err != nil {
		return err
	}
	k := c.newest(row.Known)
	if same(k, row.Known) {
		return nil // it was told once more
	}
	return out.owes(v, p, func(was index.Known) bool { return !same(was, k) }, owe)
}

// missesOwners is misses of the modes and owners of directories. The root's is looked at whatever else a cloud owes.
func (c *changes) missesOwners(v *index.View, out *absence, owe func(debtor, index.Debt) error) error {
	for d := range c.owners {
		p, told := c.dirs[d]
		if !told {
			dir, _, err := v.Directory(d)
			if err != nil {
				return err
			}
			p = dir.Place
		}
		if p.Dir == 0 || c.dropped[d] {
			continue
		}
		for _, cl := range out.now {
			if err := owe(debtor{cl.Cloud, p}, index.Debt{Why: index.Away, Had: index.Known{Kind: index.IsDir, Dir: d}}); err != nil {
				return err
			}
		}
	}
	return nil
}

func same(a, b index.Known) bool {
	return a.Kind == b.Kind && a.File == b.File && a.Dir == b.Dir && a.Version.Equal(b.Version)
}

// Absent says that clouds are out of use, and that nothing was changed since the last transaction.
func (y Rows) Absent(list []Away) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.away = (&absence{now: list}).next()
}

// A Missed is a name that a cloud has missed a change of.
type Missed struct {
	Place index.Place
	Debt  index.Debt
	Now   index.Known // what should be there
}

// Missed returns what a cloud that is out has missed; all is false where that is more than so many names, or nobody knows.
func (y Rows) Missed(cl Away, most int) (list []Missed, all bool, err error) {
	told, out := newChanges(), &absence{now: []Away{cl}}
	y.mu.Lock()
	all, out.was = y.index != nil && !y.full && !y.lost, y.away
	if y.going != nil {
		told.merge(y.going)
	}
	told.merge(y.told)
	y.mu.Unlock()
	owed := map[index.Place]index.Debt{}
	if all {
		err = y.view(func(v *index.View) (err error) {
			all, err = told.owed(v, out, most, owed)
			return err
		})
	}
	if !all || err != nil || len(owed) > most {
		return nil, false, err
	}
	for p, d := range owed {
		k, err := y.At(p)
		if err != nil {
			return nil, false, err
		}
		list = append(list, Missed{p, d, k})
	}
	return list, true, nil
}

// owed gathers what the one cloud that is out owes, by the index and what was told since.
func (c *changes) owed(v *index.View, out *absence, most int, owed map[index.Place]index.Debt) (all bool, err error) {
	cloud := out.now[0].Cloud
	if n, err := v.Owed(cloud); err != nil || n > uint64(most) {
		return false, err
	}
	for o, err := range v.Debts(cloud, index.Cursor{}) {
		if err != nil {
			return false, err
		}
		if o.Debt.Why != index.Differs && !c.due.settles(debtor{cloud, o.Place}, o.Debt) {
			owed[o.Place] = o.Debt
		}
	}
	note := func(key debtor, d index.Debt) error {
		if _, owes := owed[key.place]; !owes && key.cloud == cloud && d.Why != index.Differs {
			owed[key.place] = d
		}
		return nil
	}
	for key, d := range c.due.owed {
		_ = note(key, d)
	}
	return true, c.misses(v, out, note)
}

// Misses reports whether a cloud that is out has missed a change at a path or above it, or nobody knows.
func (y Rows) Misses(cloud cipher.ID, path string) bool {
	dir := index.Root
	for name := range strings.SplitSeq(path, "/") {
		p := index.Place{Dir: dir, Name: cipher.PlainName(name)}
		k, err := y.At(p)
		d, owes, failed := y.Debt(cloud, p)
		switch {
		case err != nil, failed != nil, owes && d.Why != index.Differs, changed(y.Memory, p, k):
			return true
		case k.Kind != index.IsDir:
			return false // what is below a directory that nobody has numbered nobody has changed
		}
		dir = k.Dir
	}
	return false
}

// changed reports whether a change at a name was told since the last transaction.
func changed(y *Memory, p index.Place, k index.Known) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, c := range []*changes{y.told, y.going} {
		if c == nil {
			continue
		}
		_, told := c.at(p)
		_, committed := c.versions[k.File]
		_, owned := c.owners[k.Dir]
		if told && !c.seen[p] || c.touched[p] || k.Kind == index.IsFile && committed || k.Kind == index.IsDir && owned {
			return true
		}
	}
	return y.full || y.lost
}

// Settled says that a cloud has all that it missed, but at some names.
func (y Rows) Settled(cloud cipher.ID, but []index.Place) {
	var rows uint64
	err := y.view(func(v *index.View) (err error) {
		rows, err = v.Owed(cloud)
		return err
	})
	y.mu.Lock()
	defer y.mu.Unlock()
	if !y.roomy() {
		return // it goes on owing it
	}
	if rows > 0 || err != nil || y.going != nil || y.told.due.rows() > 0 {
		y.told.due.settle(cloud)
	}
	for _, p := range but {
		y.told.due.owe(debtor{cloud, p}, index.Debt{Why: index.Failed})
	}
}
