package view

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/listing"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Litter is what may be removed with a directory. The zero Litter is nothing.
type Litter struct {
	in    map[int][]string // entries by cloud
	keeps []int            // clouds that owe something in the directory: it stays there until that is paid
}

// Kept reports whether the directory stays in a cloud.
func (l *Litter) Kept(cl *clouds.Cloud) bool { return slices.Contains(l.keeps, cl.Index) }

// Remove removes it from a cloud, where the directory is at a path.
func (l *Litter) Remove(cl *clouds.Cloud, path string) error {
	for _, e := range l.in[cl.Index] {
		if err := cl.Dir.Remove(replica.Join(path, e)); err != nil && !replica.Missing(err) {
			return err
		}
	}
	return nil
}

// Litter lists what may be removed with the directory in each cloud: what verifies
// as this program's own and is worth nothing any more. Anything else, foreign
// entries too, makes the directory not empty, and nothing is removed anywhere,
// unless the cloud is known to owe that name: then it keeps the directory.
func (v *View) Litter(dir *nodes.Node) (*Litter, error) {
	litter := &Litter{in: map[int][]string{}}
	var full []string // an entry of each cloud that keeps it
	err := v.Clouds.Reach("readdir", func(cl *clouds.Cloud) error {
		path, _ := dir.Path(cl.Index)
		entries, err := cl.Dir.ReadDir(path)
		if replica.Missing(err) {
			return nil
		}
		if slices.ContainsFunc(entries, func(e cloud.Entry) bool { return v.owed(dir, cl, path, e) }) {
			litter.keeps = append(litter.keeps, cl.Index)
			return err
		}
		for _, e := range entries {
			if !cl.Litter(path, e) && !v.outlived(dir, cl, path, e) {
				full = append(full, cl.Name+"/"+e.Name)
				break
			}
			litter.in[cl.Index] = append(litter.in[cl.Index], e.Name)
		}
		return err
	})
	if err != nil || len(full) == 0 {
		return litter, err
	}
	if l, failed := v.List(dir); failed == nil && len(l) == 0 {
		v.Logger.Warn("a directory that shows nothing is not removed: there are entries in it that are not this vault's, or not in use", "entries", full)
	}
	return nil, ErrNotEmpty
}

// owed reports whether a cloud owes the name of an entry that is not shown.
func (v *View) owed(dir *nodes.Node, cl *clouds.Cloud, path string, e cloud.Entry) bool {
	if !cl.Owes() {
		return false
	}
	name, _, ok := listing.Decode(cl.Cloud, path, e)
	if !ok {
		return false
	}
	plain, ok := nodes.Link{Parent: dir, Name: string(name)}.Path()
	if !ok || !v.Debts.Owes(cl.Index, plain) {
		return false
	}
	l, err := v.Link(dir, string(name))
	if err != nil {
		return false
	}
	_, err = v.Find(l)
	return errors.Is(err, fs.ErrNotExist)
}

// outlived reports whether an entry is a copy, by a sync tool, of what has been
// removed or is known at that version or a greater one; or what was removed here
// and has come back.
func (v *View) outlived(dir *nodes.Node, cl *clouds.Cloud, path string, e cloud.Entry) bool {
	if !e.Regular {
		return false
	}
	d, err := cl.DecodeEntry(path, e.Name)
	if err != nil {
		return false
	}
	if !d.Copy {
		l, err := v.Link(dir, string(d.Name))
		if err != nil {
			return false
		}
		f, err := v.Find(l)
		return errors.Is(err, fs.ErrNotExist) && f.Goes(cl.Index)
	}
	h, err := cl.Header(replica.Join(path, e.Name))
	return err == nil && v.Belief.Outlived(h)
}
