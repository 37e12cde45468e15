package memory

import (
	"errors"
	"maps"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
)

// changes are what was told and not applied. Of what is told twice the later counts.
type changes struct {
	names    map[index.Dir]map[cipher.PlainName]index.Known
	copies   map[index.Dir]map[cipher.PlainName][]index.Copy
	dirs     map[index.Dir]index.Place // where directories were said to stand
	due      debts
	ended    map[index.File]cipher.Vector
	places   map[index.File][]index.Place // where names may have it, or may have had it
	versions map[index.File]index.Version // committed, wherever the file is
	left     map[index.File]index.Version // that had a name which they have no more, as far as that is told; zero: never committed
	dropped  map[index.Dir]bool           // directories that stand nowhere any more
	cleared  map[string]bool              // paths from the root that directories have left
	owners   map[index.Dir]index.Owner
	checked  map[backing]index.Checked // the next mount asks for them
	writers  map[uint32]bool           // seen for the first time
	seen     map[index.Place]bool      // names that were looked at, and not changed
	touched  map[index.Place]bool      // where a change came to nothing, of which a cloud may have a part
	named    int                       // names in names
	stood    int                       // names in copies and not in names: both are in one row
	drafts   int                       // files in left that had no version when they left their first name
}

// backing is a backing file that was checked.
type backing struct {
	cloud cipher.ID
	ino   uint64
}

func backingOf(c index.Checked) backing { return backing{c.Cloud, c.Ino} }

func newChanges() *changes {
	return &changes{
		names: map[index.Dir]map[cipher.PlainName]index.Known{}, copies: map[index.Dir]map[cipher.PlainName][]index.Copy{},
		dirs: map[index.Dir]index.Place{}, due: newDebts(), ended: map[index.File]cipher.Vector{}, places: map[index.File][]index.Place{},
		versions: map[index.File]index.Version{}, left: map[index.File]index.Version{}, dropped: map[index.Dir]bool{}, cleared: map[string]bool{}, owners: map[index.Dir]index.Owner{},
		checked: map[backing]index.Checked{}, writers: map[uint32]bool{}, seen: map[index.Place]bool{}, touched: map[index.Place]bool{},
	}
}

func (c *changes) at(p index.Place) (index.Known, bool) {
	k, ok := c.names[p.Dir][p.Name]
	return k, ok
}

// newest gives a name of a file the version that was committed last. Where nothing is
// on its way there are no changes at all.
func (c *changes) newest(k index.Known) index.Known {
	if c != nil && k.Kind == index.IsFile {
		k.Version = k.Version.Join(c.versions[k.File])
	}
	return k
}

// set says what is at a name.
func (c *changes) set(p index.Place, k index.Known) {
	delete(c.seen, p)
	in := c.names[p.Dir]
	if in == nil {
		in = map[cipher.PlainName]index.Known{}
		c.names[p.Dir] = in
	}
	before, ok := in[p.Name]
	if !ok {
		c.named++
		if _, stands := c.copies[p.Dir][p.Name]; stands {
			c.stood--
		}
	}
	in[p.Name] = k
	if before.File != k.File {
		c.leave(before)
	}
	if k.Kind == index.Gone {
		c.leave(k)
	}
	if k.Kind == index.IsDir {
		c.dirs[k.Dir] = p
	}
	if k.Kind != index.IsFile || before.Kind == index.IsFile && before.File == k.File {
		return
	}
	// What goes to and fro is not noted each time; of many names a few may be noted twice.
	const recent = 16
	was := c.places[k.File]
	if !slices.Contains(was[max(0, len(was)-recent):], p) {
		c.places[k.File] = append(was, p)
	}
}

// leave keeps the version of a file that is not at a name any more. That it has none is kept, too: a cloud that misses this
// goes on showing it.
func (c *changes) leave(k index.Known) {
	if k.File != (index.File{}) {
		c.leaves(k.File, k.Version)
	}
}

// leaves is leave of a file. There are no more of them than versions and drafts.
func (c *changes) leaves(f index.File, v index.Version) {
	was, known := c.left[f]
	if !known && v.IsZero() {
		c.drafts++
	}
	c.left[f] = was.Join(v)
}

// rows are about how many of the index they make.
func (c *changes) rows() int {
	return c.named + c.stood + c.drafts + len(c.cleared) + c.due.rows() + len(c.touched) + len(c.ended) + len(c.versions) + len(c.owners) + len(c.checked)
}

// drop forgets what was told of the names in a directory, which stands nowhere any more.
func (c *changes) drop(d index.Dir) {
	for name := range c.copies[d] {
		if _, named := c.names[d][name]; !named {
			c.stood--
		}
	}
	delete(c.copies, d)
	c.named -= len(c.names[d])
	for _, k := range c.names[d] {
		c.leave(k)
	}
	delete(c.names, d)
	delete(c.dirs, d)
	delete(c.owners, d)
	c.dropped[d] = true
}

// commit says the version of a file at all of its names.
func (c *changes) commit(f index.File, v index.Version) {
	c.versions[f] = c.versions[f].Join(v)
}

// merge adds what was told later.
func (c *changes) merge(later *changes) {
	for d := range later.dropped {
		c.drop(d)
	}
	for f, v := range later.versions {
		c.commit(f, v)
	}
	for f, v := range later.left {
		c.leaves(f, v)
	}
	for d, names := range later.names {
		for name, k := range names {
			p := index.Place{Dir: d, Name: name}
			_, told := c.at(p)
			seen := later.seen[p] && (!told || c.seen[p])
			if c.set(p, k); seen {
				c.seen[p] = true
			}
		}
	}
	for d, names := range later.copies {
		for name, copies := range names {
			for _, is := range copies {
				c.stand(index.Place{Dir: d, Name: name}, is)
			}
		}
	}
	maps.Copy(c.touched, later.touched)
	maps.Copy(c.cleared, later.cleared)
	maps.Copy(c.owners, later.owners)
	for f, v := range later.ended {
		c.ended[f] = c.ended[f].Max(v)
	}
	c.due.merge(&later.due)
	maps.Copy(c.checked, later.checked)
	maps.Copy(c.writers, later.writers)
}

// anyVersion is what a record of this machine's own says of a directory: no more than that it has left, so that it yields to
// every other one. It is the least vector that there is.
var anyVersion = cipher.Vector{{Writer: 1, Counter: 1}}

// batch makes a transaction of the changes. Names of a committed file that nothing was told of are found in the index. Files
// that came and went are in it where some cloud may still show them, and so are paths that directories have left.
func (c *changes) batch(v *index.View, missed bool, clouds []cipher.ID, out *absence) (*index.Batch, error) {
	b := &index.Batch{}
	if missed {
		for f, left := range c.left {
			b.Accept(f, left.Join(c.versions[f]))
		}
		for path := range c.cleared {
			b.EndDirectory(path, anyVersion)
		}
	}
	for d, names := range c.names {
		for name, k := range names {
			b.SetName(index.Place{Dir: d, Name: name}, c.newest(k))
		}
	}
	for d, o := range c.owners {
		b.SetOwner(d, o)
	}
	for _, checked := range c.checked {
		b.Checked(checked)
	}
	for f, v := range c.ended {
		b.End(f, v)
	}
	for w := range c.writers {
		b.AddWriter(w)
	}
	if err := errors.Join(c.stands(b, v), c.debts(b, v, clouds)); err != nil {
		return nil, err
	}
	for f := range c.versions {
		id, err := v.ID(f)
		if err != nil {
			return nil, err
		}
		for _, p := range id.Names {
			if err := c.carry(b, v, p); err != nil {
				return nil, err
			}
		}
	}
	return b, c.misses(v, out, func(key debtor, d index.Debt) error { return c.mayOwe(b, v, key, d) })
}

// carry brings the version of a file to a name that the index has and of which nothing was told.
func (c *changes) carry(b *index.Batch, v *index.View, p index.Place) error {
	if _, told := c.at(p); told || c.dropped[p.Dir] {
		return nil
	}
	row, err := v.Name(p)
	if err != nil {
		return err
	}
	if next := c.newest(row.Known); !next.Version.Equal(row.Known.Version) {
		b.SetName(p, next)
	}
	return nil
}
