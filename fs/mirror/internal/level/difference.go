package level

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Folder is a directory of one cloud or both.
type Folder struct {
	Paths [2]string // by side
	Plain string    // from the root
}

// place is a name in a directory.
type place struct {
	Folder
	name    string
	special bool
}

// shown is what one cloud shows at a place.
type shown struct {
	place
	cloud.Entry
	is    version       // of a file
	attrs journal.Attrs // of a directory that is made
	over  bool          // the other cloud has a file there that never had a version
}

// version is a file at one of its versions.
type version struct {
	judge.Identity
	commit cipher.ID
}

func (s shown) path(side int) string { return replica.Join(s.Paths[side], s.Entry.Name) }

// difference is what only one of two clouds shows, side by side, directories
// before what is in them. It grows with that, and with what is in one directory.
type difference struct {
	*Leveller
	dirs, files [2][]shown
	crossed     [2][]shown // files at names at which both have another one
	unsure      [][2]shown // files at names that both have, of which nobody knows yet whether they are the same
	torn        [2][]shown // files in the middle of a change, of which only names are brought
	stubs       [2][]shown // new files that never had a version
	clashes     []clash
	hidden      []hidden              // entries of which nobody knows the names
	links       [2]map[uint64][]shown // all names of those of files that have several, by inode
}

// maxDifferences bounds how many names are brought together at a mount. More are no
// power cut's work.
const maxDifferences = 100_000

// errMass: a user is to see what happened before so much is changed.
var errMass = errors.New("too many names are in one cloud only: verify, and heal")

// folder compares a directory, which either side has, or only one.
func (d *difference) folder(dir Folder, in [2]bool) error {
	lists, err := d.lists(dir, in)
	if err != nil {
		return err
	}
	has := [2]map[string]shown{byName(lists[0]), byName(lists[1])}
	for side, list := range lists {
		for _, s := range list {
			if _, both := has[1-side][s.name]; both || !in[1-side] {
				continue
			}
			o, err := d.unhide(1-side, s)
			if err != nil {
				return d.blame(1-side, err)
			}
			if o != nil {
				has[1-side][s.name] = *o
				lists[1-side] = append(lists[1-side], *o)
			}
		}
	}
	for side, list := range lists {
		for _, s := range list {
			o, both := has[1-side][s.name]
			if both && side == 0 && !o.Dir {
				d.displaced(0, s)
			}
			switch {
			case !s.Dir && (!both || !o.Dir && s.special == o.special && d.blank(1-side, o)):
				d.file(side, s, !both)
			case !s.Dir && !o.Dir && side == 0 && !(d.placed(0, s) && d.placed(1, o)):
				d.unsure = append(d.unsure, [2]shown{s, o})
			case s.Dir && !both:
				err = d.alone(side, s)
			case s.Dir && o.Dir && side == 0:
				err = d.folder(d.inside(s), in)
			case s.Dir && !o.Dir && !d.ended(1-side, o): // else the judgement removes it
				d.clashes = append(d.clashes, clash{side, s, o})
			}
			if err != nil {
				return err
			}
		}
	}
	if d.within(0)+d.within(1)+len(d.dirs[0])+len(d.dirs[1]) > maxDifferences {
		return errMass
	}
	return nil
}

// alone takes in a directory that one cloud has alone. One that was removed and is
// back is brought like any other: it carries no id, and can be one that was made
// since.
func (d *difference) alone(side int, s shown) error {
	d.dirs[side] = append(d.dirs[side], s)
	return d.folder(d.inside(s), [2]bool{side == 0, side == 1})
}

// within is how many files one cloud has alone so far.
func (d *difference) within(side int) int {
	return len(d.files[side]) + len(d.torn[side]) + len(d.stubs[side])
}

func byName(list []shown) map[string]shown {
	has := make(map[string]shown, len(list))
	for _, s := range list {
		has[s.name] = s
	}
	return has
}

// unhide writes the sidecar again of a long name that one cloud has without it, and
// that the other shows, be it as something else. It returns nil where there is
// nothing.
func (d *difference) unhide(side int, s shown) (*shown, error) {
	name := d.name(side, s)
	if name.Sidecar == "" {
		return nil, nil
	}
	for _, special := range []bool{s.special, !s.special} {
		s.special = special
		info, err := d.Clouds[side].Dir.Stat(d.path(side, s))
		switch {
		case replica.Missing(err):
			continue
		case err != nil:
			return nil, err
		case info.Dir && special:
			continue // no directory is spelled like that
		}
		if err := d.Clouds[side].PutSidecar(s.Paths[side], name); err != nil {
			return nil, err
		}
		d.found(s)
		s.Entry = cloud.Entry{Name: replica.Entry(name, special), Dir: info.Dir, Regular: info.Regular, Ino: info.Ino}
		return &s, nil
	}
	return nil, nil
}

// lists is what each cloud shows in a directory; nothing where one of them keeps
// it from its owner, who we are.
func (d *difference) lists(dir Folder, in [2]bool) (lists [2][]shown, err error) {
	for side, c := range d.Clouds {
		if !in[side] {
			continue
		}
		list, nameless, err := listed(c, side, dir)
		for _, e := range nameless {
			d.hidden = append(d.hidden, hidden{side, dir, e})
		}
		switch {
		case errors.Is(err, fs.ErrPermission), replica.Missing(err):
			d.Logger.Warn("a directory cannot be compared", "cloud", c.Name, "error", err)
			return [2][]shown{}, nil
		case err != nil:
			return lists, d.blame(side, err)
		}
		lists[side] = list
	}
	return lists, nil
}

// listed is what one cloud shows in a directory, and what has lost its name.
func listed(c *replica.Cloud, side int, dir Folder) (list []shown, nameless []cloud.Entry, err error) {
	entries, err := c.Dir.ReadDir(dir.Paths[side])
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name, ".") || !e.Dir && !e.Regular {
			continue
		}
		is, err := c.DecodeEntry(dir.Paths[side], e.Name)
		switch {
		case errors.Is(err, cipher.ErrSidecar):
			nameless = append(nameless, e)
		case err == nil && !is.Copy && !(e.Dir && is.Special):
			list = append(list, shown{place: place{dir, string(is.Name), is.Special}, Entry: e})
		}
	}
	return list, nameless, nil
}

// inside is a directory that is shown.
func (l *Leveller) inside(s shown) Folder {
	return Folder{Paths: [2]string{l.path(0, s), l.path(1, s)}, Plain: replica.Join(s.Plain, s.name)}
}

// blank reports whether a file has no version in one cloud: the power cut can have
// taken its header. Where this machine knows a version, every cloud has synced one.
func (d *difference) blank(side int, s shown) bool {
	if k := d.known(s); k.Kind == index.IsFile && !k.Version.IsZero() {
		return false
	}
	h, err := d.Clouds[side].Header(s.path(side))
	return errors.Is(err, replica.ErrBlank) || err == nil && len(h.Version) == 0
}

func (l *Leveller) known(s shown) index.Known {
	if l.Known == nil {
		return index.Known{}
	}
	return l.Known(replica.Join(s.Plain, s.name))
}

// versionOf is what one cloud shows, if it is whole as far as its header tells.
func (d *difference) versionOf(side int, s shown) (is version, ok bool) {
	h, err := d.Clouds[side].Header(s.path(side))
	if err != nil || h.Flags&cipher.Dirty != 0 || len(h.Version) == 0 {
		return version{}, false
	}
	return version{judge.Identity{ID: h.FileID, Type: h.Type}, h.CommitID}, true
}

// file notes a file that one cloud has alone, if it is whole and not one that came
// back after it was removed, or that never had a version.
func (d *difference) file(side int, s shown, alone bool) {
	h, err := d.Clouds[side].Header(s.path(side))
	switch {
	case errors.Is(err, replica.ErrBlank) || err == nil && len(h.Version) == 0:
		if alone {
			d.stubs[side] = append(d.stubs[side], s)
		}
		return
	case err != nil:
		return
	case h.Flags&cipher.Dirty != 0:
		if alone {
			s.is = version{judge.Identity{ID: h.FileID, Type: h.Type}, h.CommitID}
			d.torn[side] = append(d.torn[side], s)
		}
		return
	}
	if d.ended(side, s) {
		d.Logger.Warn("a file that was removed is back in one cloud", "cloud", d.Clouds[side].Name)
		return
	}
	d.renamed(s, h)
	s.is, s.over = version{judge.Identity{ID: h.FileID, Type: h.Type}, h.CommitID}, !alone
	d.files[side] = append(d.files[side], s)
}

// ended reports whether it is known that the file that one cloud shows was removed
// from its name, or has ended.
func (d *difference) ended(side int, s shown) bool {
	h, err := d.Clouds[side].Header(s.path(side))
	if err != nil {
		return false
	}
	k, order := d.known(s), cipher.Greater
	if k.Kind == index.Gone && k.File == (index.File{ID: h.FileID, Type: h.Type}) {
		order = cipher.Compare(h.Version, k.Version.Vector)
	}
	if order == cipher.Less || order == cipher.Equal {
		return true
	}
	if d.Ended == nil || !d.Ended(h) {
		return false
	}
	info, err := d.Clouds[side].Dir.Stat(s.path(side))
	return err == nil && info.Nlink == 1 // of other names nobody may know
}

// findLinks finds all names of the files that are to be brought and have several.
func (d *difference) findLinks() error {
	for side, files := range d.files {
		d.links[side] = map[uint64][]shown{}
		for _, s := range slices.Concat(files, d.torn[side]) {
			info, err := d.Clouds[side].Dir.Stat(s.path(side))
			if err != nil {
				return d.blame(side, err)
			}
			if info.Nlink > 1 {
				d.links[side][s.Ino] = nil
			}
		}
		if len(d.links[side]) == 0 {
			continue
		}
		err := d.each(side, Folder{}, func(s shown) error {
			if names, wanted := d.links[side][s.Ino]; wanted {
				d.links[side][s.Ino] = append(names, s)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// each goes through all files of one cloud.
func (d *difference) each(side int, dir Folder, do func(shown) error) error {
	lists, err := d.lists(dir, [2]bool{side == 0, side == 1})
	if err != nil {
		return err
	}
	for _, s := range lists[side] {
		if s.Dir {
			err = d.each(side, d.inside(s), do)
		} else {
			err = do(s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Common counts what a directory of one cloud has in common with one of another:
// names, and files.
func Common(clouds [2]*replica.Cloud, paths [2]string) (n int) {
	had := map[string]cipher.ID{}
	for side, c := range clouds {
		list, _, err := listed(c, side, Folder{Paths: paths})
		if err != nil {
			return 0
		}
		for _, s := range list {
			var id cipher.ID
			if h, err := c.Header(s.path(side)); err == nil && !s.Dir {
				id = h.FileID
			}
			if side == 0 {
				had[s.name] = id
			} else if other, both := had[s.name]; both {
				n++
				if other == id && !s.Dir {
					n++
				}
			}
		}
	}
	return n
}
