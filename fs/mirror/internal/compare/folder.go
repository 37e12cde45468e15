package compare

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A folder is one directory of the tree, in all clouds side by side.
type folder struct {
	plain   string // its path, "" for the root
	in      []side // by cloud
	dead    bool   // a record ends it, or one above it
	rows    []row  // by name
	strange []strange
}

// A side is a folder in one cloud.
type side struct {
	path   string // of the directory, if it is there
	there  bool
	silent bool // it does not answer
	why    error
	ctime  time.Time // of the directory, or of the nearest above it that is there
}

// A strange entry is none of the names.
type strange struct {
	cloud int
	path  string
	temp  bool  // named like this program's temporary files
	why   error // it is foreign, or its name cannot be told
}

// A row is a name with all of its entries, by cloud.
type row struct {
	name    cipher.PlainName
	entries []entry
}

// An entry stands for a name in one cloud.
type entry struct {
	spelt                                  string // "" where it is spelt as it should be
	cloud                                  int16  // noCloud: only known
	dir, regular, special, copied, unsided bool
}

const noCloud = -1

// item is a row in the making.
type item struct {
	name cipher.PlainName
	entry
}

// of returns the entries in one cloud.
func (r row) of(k int) []entry {
	lo, hi := 0, len(r.entries)
	for lo < hi && int(r.entries[lo].cloud) != k {
		lo++
	}
	for hi > lo && int(r.entries[hi-1].cloud) != k {
		hi--
	}
	return r.entries[lo:hi]
}

// dirIn reports whether the name's own entry in a cloud is a directory.
func (r row) dirIn(k int) bool {
	return slices.ContainsFunc(r.of(k), func(e entry) bool { return e.dir && !e.copied })
}

func (r row) anyDir() bool {
	return slices.ContainsFunc(r.entries, func(e entry) bool { return e.dir && !e.copied })
}

// child is the path of a name in the folder.
func (f *folder) child(name cipher.PlainName) string { return replica.Join(f.plain, string(name)) }

// find returns the row of a name.
func (f *folder) find(name cipher.PlainName) row {
	i, ok := slices.BinarySearchFunc(f.rows, name, func(r row, n cipher.PlainName) int { return cmp.Compare(r.name, n) })
	if !ok {
		return row{name: name}
	}
	return f.rows[i]
}

// spell is how an entry is spelt.
func (c *observer) spell(name cipher.PlainName, e entry) string {
	if e.spelt != "" {
		return e.spelt
	}
	n, err := c.Clouds[e.cloud].Keys.EncodeName(name)
	if err != nil {
		return "" // it was decoded, or encoded, before
	}
	return replica.Entry(n, e.special)
}

// root opens the root.
func (c *observer) root() (*folder, error) {
	f := &folder{in: make([]side, len(c.Clouds))}
	for k, cl := range c.Clouds {
		f.in[k] = side{there: cl.Dir != nil, silent: cl.Dir == nil}
	}
	return f, c.list(f)
}

// open opens a directory of a folder.
func (c *observer) open(parent *folder, r row) (*folder, error) {
	f := &folder{plain: parent.child(r.name), in: make([]side, len(c.Clouds)), dead: parent.dead}
	for k := range c.Clouds {
		up := parent.in[k]
		f.in[k] = side{silent: up.silent, why: up.why, ctime: up.ctime}
		if !up.silent && r.dirIn(k) {
			f.in[k].there = true
			f.in[k].path = replica.Join(up.path, c.spell(r.name, entry{cloud: int16(k)}))
		}
	}
	return f, c.list(f)
}

// at opens the directory at a path; those above it are not listed.
func (c *observer) at(dir string) (*folder, error) {
	f, err := c.standing(dir)
	if err != nil {
		return nil, err
	}
	return f, c.list(f)
}

// standing finds the directory at a path in each cloud, and lists nothing.
func (c *observer) standing(dir string) (*folder, error) {
	f := &folder{plain: dir, in: make([]side, len(c.Clouds))}
	for k, cl := range c.Clouds {
		s := side{there: cl.Dir != nil, silent: cl.Dir == nil}
		for name := range strings.SplitSeq(dir, "/") {
			if dir == "" || !s.there {
				break
			}
			n, err := cl.Keys.EncodeName(cipher.PlainName(name))
			if err != nil {
				return nil, err
			}
			at := replica.Join(s.path, string(n.Entry))
			info, err := cl.Dir.Stat(at)
			if err == nil && info.Dir {
				s.path, s.ctime = at, info.Ctime
				continue
			}
			s.there = false
			if err != nil && !replica.Missing(err) {
				s.silent, s.why = true, err
			}
		}
		f.in[k] = s
	}
	for above := dir; above != ""; above, _ = cloud.SplitPath(above) {
		dead, err := c.deadAt(above)
		if err != nil {
			return nil, err
		}
		f.dead = f.dead || dead
	}
	return f, nil
}

// list reads the folder in every cloud, and gathers the names.
func (c *observer) list(f *folder) error {
	var items []item
	for k := range c.Clouds {
		if f.in[k].there && !f.in[k].silent {
			items = c.listIn(f, k, items)
		}
	}
	names, err := c.Memory.Within(f.plain)
	if err != nil {
		return err
	}
	for _, n := range names {
		items = append(items, item{n, entry{cloud: noCloud}})
	}
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.cloud, b.cloud)) })
	for lo := 0; lo < len(items); {
		hi := lo + 1
		for hi < len(items) && items[hi].name == items[lo].name {
			hi++
		}
		if items[lo].name != "" {
			r := row{name: items[lo].name, entries: make([]entry, 0, hi-lo)}
			for _, it := range items[lo:hi] {
				r.entries = append(r.entries, it.entry)
			}
			f.rows = append(f.rows, r)
		}
		lo = hi
	}
	c.withoutSidecars(f, items)
	if !f.dead && f.plain != "" {
		f.dead, err = c.deadAt(f.plain)
	}
	return err
}

// listIn reads the folder in one cloud. An entry whose long name cannot be told
// has none yet.
func (c *observer) listIn(f *folder, k int, items []item) []item {
	cl, s := c.Clouds[k], &f.in[k]
	info, err := cl.Dir.Stat(s.path)
	var entries []cloud.Entry
	if err == nil {
		s.ctime = info.Ctime
		entries, err = cl.Dir.ReadDir(s.path)
	}
	if err != nil {
		s.there = false
		if !replica.Missing(err) {
			s.silent, s.why = true, err
		}
		return items
	}
	for _, e := range entries {
		d, err := cl.DecodeEntry(s.path, e.Name)
		it := item{d.Name, entry{cloud: int16(k), dir: e.Dir, regular: e.Regular, special: d.Special, copied: d.Copy || e.Dir && d.Special}}
		switch {
		case errors.Is(err, cipher.ErrSidecar):
			it.unsided, it.spelt = true, e.Name
		case errors.Is(err, cipher.ErrMetadata):
			if cipher.EntryName(e.Name).MayBeOwnTemp() && e.Regular {
				f.strange = append(f.strange, strange{k, replica.Join(s.path, e.Name), true, nil})
			}
			continue
		case err != nil:
			f.strange = append(f.strange, strange{k, replica.Join(s.path, e.Name), false, err})
			continue
		case it.copied:
			it.spelt = e.Name
		}
		items = append(items, it)
	}
	return items
}

// withoutSidecars finds the names of entries whose sidecar is missing, among
// those that other clouds show: what they should be called is known from there.
func (c *observer) withoutSidecars(f *folder, items []item) {
	for _, it := range items {
		if it.name != "" {
			break // those without a name come first
		}
		i := slices.IndexFunc(f.rows, func(r row) bool {
			n, err := c.Clouds[it.cloud].Keys.EncodeName(r.name)
			return err == nil && n.Sidecar != "" && (it.spelt == string(n.Spelt(false)) || it.spelt == string(n.Spelt(true)))
		})
		if i < 0 {
			f.strange = append(f.strange, strange{int(it.cloud), replica.Join(f.in[it.cloud].path, it.spelt), false, cipher.ErrSidecar})
			continue
		}
		e := it.entry
		e.special = strings.HasSuffix(e.spelt, "w")
		e.spelt = ""
		r := &f.rows[i]
		r.entries = append(r.entries, e)
		slices.SortStableFunc(r.entries, func(a, b entry) int { return cmp.Compare(a.cloud, b.cloud) })
	}
}

// deadAt reports whether a record ends the directory at a path.
func (c *observer) deadAt(path string) (bool, error) {
	if path == "" {
		return false, nil
	}
	known, err := c.Memory.Ended(path)
	if err != nil {
		return false, err
	}
	return c.gone.Ends(path, known), nil
}
