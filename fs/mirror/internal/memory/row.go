package memory

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
)

// Rows is all that is known of names and files, with what the clouds have: the
// memory, asked and told more closely.
type Rows struct{ *Memory }

// Row returns what should be at a name, with what each cloud has there. With an error nothing is known, from then on.
func (y Rows) Row(p index.Place) (row index.Row, err error) {
	row, err = indexedRow(y.Memory, p)
	defer y.mu.Unlock()
	row.Place = p
	if err != nil && !y.lost {
		y.giveUp() // the caller goes on as if nothing were known there
	}
	if k, ok := y.toldAt(p); ok {
		row.Known = k
	} else {
		row.Known = y.told.newest(y.going.newest(row.Known))
	}
	for _, c := range []*changes{y.going, y.told} {
		if c == nil {
			continue
		}
		for _, told := range c.copies[p.Dir][p.Name] {
			row.Copies = withCopy(row.Copies, told)
		}
	}
	return row, err
}

// withCopy returns a list of copies in which that of one cloud is another. What is not told of it stays.
func withCopy(list []index.Copy, c index.Copy) []index.Copy {
	i := slices.IndexFunc(list, func(o index.Copy) bool { return o.Cloud == c.Cloud })
	if i < 0 {
		return append(slices.Clip(list), c)
	}
	list = slices.Clone(list)
	list[i].InPlace, list[i].Stat = c.InPlace, c.Stat
	return list
}

// Stands says what a backing file showed right after our own write or check, when it had that version.
func (y Rows) Stands(p index.Place, cloud cipher.ID, version index.Version, stat index.Stat) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if !y.roomy() {
		return
	}
	version.Vector = slices.Clone(version.Vector)
	key := debtor{cloud, p}
	if _, owes, told := y.told.due.tells(key); owes || !told && y.going != nil && y.going.due.owes(key) {
		y.told.due.pay(key)
	}
	y.told.stand(p, index.Copy{Cloud: cloud, InPlace: version, Stat: stat})
}

// stand says what a cloud has at a name.
func (c *changes) stand(p index.Place, is index.Copy) {
	in := c.copies[p.Dir]
	if in == nil {
		in = map[cipher.PlainName][]index.Copy{}
		c.copies[p.Dir] = in
	}
	_, stood := in[p.Name]
	if _, named := c.at(p); !stood && !named {
		c.stood++
	}
	in[p.Name] = withCopy(in[p.Name], is)
}

// stands puts what clouds have at names into a batch. Where no file is known there is nothing to stand.
func (c *changes) stands(b *index.Batch, v *index.View) error {
	for d, names := range c.copies {
		for name, copies := range names {
			p := index.Place{Dir: d, Name: name}
			row, err := v.Name(p)
			if err != nil {
				return err
			}
			if k, ok := c.at(p); ok {
				row.Known = k
			}
			if row.Known.Kind != index.IsFile {
				continue
			}
			for _, is := range copies {
				before := row.Copy(is.Cloud)
				before.InPlace, before.Stat = is.InPlace, is.Stat
				b.SetCopy(p, before)
			}
		}
	}
	return nil
}

// End says that the last name of a file was removed, at that version; at none, if it was never committed.
func (y Rows) End(f index.File, v index.Version) {
	y.mu.Lock()
	defer y.mu.Unlock()
	switch {
	case f == (index.File{}) || !y.roomy():
	case v.IsZero():
		y.told.leaves(f, v)
	default:
		y.told.ended[f] = y.told.ended[f].Max(v.Vector)
	}
}

// Cleared says that a directory has left a path from the root, removed or moved. One that is made there again has none of the
// directories in it that the one before had, and a cloud that missed both has them still.
func (y Rows) Cleared(path string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.roomy() {
		y.told.cleared[path] = true
	}
}

// Path returns the path of a directory from the root, "" for the root, and whether it leads there.
func (y Rows) Path(d index.Dir) (path string, ok bool, err error) {
	var names []string
	for depth := 0; d != index.Root; depth++ {
		p, known, err := y.placeOf(d)
		if err != nil || !known || depth == maxDepth {
			return "", false, err
		}
		names = append(names, string(p.Name))
		d = p.Dir
	}
	slices.Reverse(names)
	return strings.Join(names, "/"), true, nil
}

// maxDepth bounds what is walked up. A path that is as long as one can be has fewer names.
const maxDepth = 1 << 14

// placeOf is where a directory stands.
func (y Rows) placeOf(d index.Dir) (p index.Place, ok bool, err error) {
	y.mu.Lock()
	if p, ok = y.told.dirs[d]; !ok && y.going != nil {
		p, ok = y.going.dirs[d]
	}
	y.mu.Unlock()
	if !ok {
		err = y.view(func(v *index.View) error {
			dir, known, err := v.Directory(d)
			p, ok = dir.Place, known
			return err
		})
	}
	if err != nil || !ok {
		return p, false, err
	}
	k, err := y.At(p)
	return p, k.Kind == index.IsDir && k.Dir == d, err
}

// Owner returns mode and owner of a directory, nil where they are not known.
func (y Rows) Owner(d index.Dir) (owner *index.Owner, err error) {
	y.mu.Lock()
	for _, c := range []*changes{y.told, y.going} {
		if c == nil {
			continue
		}
		if o, ok := c.owners[d]; ok {
			y.mu.Unlock()
			return &o, nil
		}
	}
	y.mu.Unlock()
	owner, err = indexedOwner(y.Memory, d)
	y.mu.Unlock()
	return owner, err
}

// List returns what is known of the names in a directory.
func (y Rows) List(d index.Dir) (map[cipher.PlainName]index.Known, error) {
	list, err := indexedList(y.Memory, d)
	defer y.mu.Unlock()
	if y.told.dropped[d] || y.going != nil && y.going.dropped[d] {
		clear(list)
	}
	for name, k := range list {
		list[name] = y.told.newest(y.going.newest(k))
	}
	for _, c := range []*changes{y.going, y.told} {
		if c != nil {
			maps.Copy(list, c.names[d])
		}
	}
	return list, err
}

// Of returns what is known of a file, wherever it is. Names are its live ones.
func (y Rows) Of(f index.File) (id index.ID, err error) {
	err = y.view(func(v *index.View) error {
		id, err = v.ID(f)
		return err
	})
	if err != nil {
		return id, err
	}
	if id.Names, err = y.Places(f); err != nil {
		return id, err
	}
	id.Met = id.Met || len(id.Names) > 0
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, c := range []*changes{y.going, y.told} {
		if c == nil {
			continue
		}
		_, left := c.left[f]
		_, committed := c.versions[f]
		id.Met = id.Met || left || committed
		id.Greatest = id.Greatest.Join(c.versions[f]).Join(c.left[f])
		if v := c.ended[f]; v != nil {
			id.Ended = append(slices.Clip(id.Ended), v)
		}
	}
	for _, p := range id.Names {
		if k, ok := y.toldAt(p); ok {
			id.Greatest = id.Greatest.Join(k.Version)
		}
	}
	return id, nil
}

// Ended returns the records of the end of directories at a path.
func (y Rows) Ended(path string) (vectors []cipher.Vector, err error) {
	err = y.view(func(v *index.View) error {
		vectors, err = v.EndedDirectory(path)
		return err
	})
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.told.cleared[path] || y.going != nil && y.going.cleared[path] {
		vectors = append(slices.Clip(vectors), anyVersion)
	}
	return vectors, err
}

// Check reads all that the index has. Where any of it is damaged all is lost, which is an error that wraps [index.ErrLost].
func (y Rows) Check(ctx context.Context) error {
	if y.index == nil {
		return nil
	}
	err := y.index.Check(ctx)
	y.note(err)
	return err
}

// Since is the beginning of what is known, also once it is closed; zero where
// nothing is kept.
func (y Rows) Since() (since time.Time) {
	if y.index == nil {
		return time.Time{}
	}
	err := y.index.View(func(v *index.View) error { since = v.Since(); return nil })
	y.note(err)
	y.mu.Lock()
	defer y.mu.Unlock()
	if err == nil {
		y.began = since
	}
	return y.began
}
