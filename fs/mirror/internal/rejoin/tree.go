package rejoin

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/heal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Past is what this machine knows of names that are not any more. Paths are
// plain, from the root.
type Past interface {
	// Now returns what should be at a path.
	Now(path string) (index.Known, error)
	// Left reports whether a file, at that version, is known to have no business
	// at a path; without a version: one that was never committed.
	Left(path string, f index.File, v cipher.Vector) (bool, error)
	// Homes are the paths at which a file is known to be.
	Homes(f index.File) ([]string, error)
	// Ended are the versions up to which a file is known to have ended.
	Ended(f index.File) ([]cipher.Vector, error)
	// LeftDir reports whether a directory, or one above it, is known to have left
	// a path.
	LeftDir(path string) (bool, error)
	// ClearedDir reports whether a directory of which nothing is known is at a path
	// from which one has left, or below such a path: what a cloud has there that
	// missed it is the earlier one's.
	ClearedDir(path string) (bool, error)
	// Emptied reports whether something is known to have left a path, and nothing
	// to be there.
	Emptied(path string) (bool, error)
}

// A Tree is what the clouds in use hold, as what should be: a memory for the
// comparison with one that lacks changes. It takes some 300 bytes for each name.
type Tree struct {
	Survey
	names   map[string]judge.Known
	blind   map[string]judge.Known // what would be in names, were it what should be
	within  map[string][]cipher.PlainName
	live    map[judge.Identity]judge.Facts
	writers map[uint32]bool
	links   map[inode][]string
	kept    map[string]bool // directories of the cloud with files in them that are wanted
}

// Survey is what a Tree is made from.
type Survey struct {
	InUse []*replica.Cloud // in the vault's order
	Owing *replica.Cloud   // the cloud that lacks changes
	Past  Past
	// Blind: the clouds in use lack changes themselves, so that what they hold is
	// not what should be.
	Blind bool
	// Lost: what the cloud has missed is not known any more, so that what it alone
	// has may have been removed.
	Lost bool
	Stop func() error
}

// Look goes through the clouds in use.
func Look(s Survey) (*Tree, error) {
	t := &Tree{
		Survey: s, names: map[string]judge.Known{}, blind: map[string]judge.Known{}, within: map[string][]cipher.PlainName{},
		live: map[judge.Identity]judge.Facts{}, writers: map[uint32]bool{}, links: map[inode][]string{},
		kept: map[string]bool{},
	}
	for _, c := range s.InUse {
		if err := t.walk(c, "", ""); err != nil {
			return nil, err
		}
	}
	for i, paths := range t.links {
		if len(paths) < 2 {
			delete(t.links, i)
		}
	}
	if s.Blind {
		clear(t.links)
		t.names, t.blind = t.blind, t.names
		clear(t.within)
		clear(t.live)
	}
	return t, nil
}

// Work is a comparison of all clouds, and what it is made with.
type Work struct {
	Clouds     []*replica.Cloud // by the vault's order; one without a Dir does not answer
	Back       bool             // the owing cloud is not in use: nothing there is waited for
	SettleTime time.Duration
	Clock      func() time.Time
	Owners     bool
	Logger     *slog.Logger
	Guard      func(cloud int, path string) (done func(), err error)
	Judged     func(done, of int64) // told how many names are done, of those that differ
}

// Heal compares all clouds, and heals each by what the tree knows. It tells for
// each cloud why a step failed there, and which names of the owing one were left,
// since one failed or something is arriving; names that change meanwhile are left.
func (t *Tree) Heal(w Work) (errs []error, left []string, err error) {
	hasty, behind := make([]bool, len(w.Clouds)), make([]bool, len(w.Clouds))
	hasty[t.Owing.Index], behind[t.Owing.Index] = w.Back, t.Lost
	out, err := heal.New(heal.Config{
		Config: compare.Config{
			Clouds: w.Clouds, Memory: t, Clock: w.Clock, SettleTime: w.SettleTime, Hasty: hasty, Behind: behind, Asked: true, Only: -1, Stop: t.Stop,
			Judged: w.Judged,
		},
		Owners: w.Owners, Logger: w.Logger, Guard: w.Guard,
		Failed: func(s heal.Step, _ error) {
			if s.Cloud == t.Owing.Index {
				left = append(left, s.Path)
			}
		},
	}).Run()
	for _, f := range out.Left {
		if _, wanted := t.names[f.Path]; wanted && f.Cloud == t.Owing.Index && f.Kind == compare.Arriving {
			left = append(left, f.Path)
		}
	}
	for k, why := range out.Errs {
		if heal.Changed(why) {
			out.Errs[k] = nil
		}
	}
	return out.Errs, left, err
}

// walk goes through a directory of one cloud.
func (t *Tree) walk(c *replica.Cloud, plain, backing string) error {
	list, err := names(c, backing)
	if replica.Missing(err) && backing != "" {
		return c.Dir.Check() // it was removed meanwhile, and is brought over with what changed
	}
	if err != nil {
		return err
	}
	for _, e := range list {
		if err := t.Stop(); err != nil {
			return err
		}
		path, at := replica.Join(plain, string(e.name)), replica.Join(backing, e.Name)
		if e.Dir {
			walk, err := t.seeDir(plain, e.name)
			if err == nil && walk {
				err = t.walk(c, path, at)
			}
			if err != nil {
				return err
			}
			continue
		}
		head, err := c.Header(at)
		if head == nil || head.Flags&cipher.Dirty != 0 {
			if errors.Is(err, cipher.ErrDamaged) || errors.Is(err, replica.ErrBlank) || replica.Missing(err) || err == nil {
				continue
			}
			return err
		}
		i := inode{c.Index, e.Ino}
		t.links[i] = append(t.links[i], path)
		if err := t.see(plain, e.name, judge.VersionOf(head)); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tree) add(dir string, name cipher.PlainName, k judge.Known) {
	path := replica.Join(dir, string(name))
	if _, known := t.names[path]; !known {
		t.within[dir] = append(t.within[dir], name)
	}
	t.names[path] = k
}

// seeDir notes a directory at a name, and reports whether to go through it: not where another cloud has the file that this machine
// knows to be there.
func (t *Tree) seeDir(dir string, name cipher.PlainName) (walk bool, err error) {
	path := replica.Join(dir, string(name))
	had, known := t.names[path]
	if !known {
		t.add(dir, name, judge.Known{Has: judge.Dir})
	}
	if had.Has != judge.File {
		return true, nil
	}
	is, err := t.Past.Now(path)
	if err == nil && is.Kind == index.IsDir {
		t.forget(path)
		t.add(dir, name, judge.Known{Has: judge.Dir})
	}
	return is.Kind != index.IsFile || is.File != (index.File{ID: had.Version.ID, Type: had.Version.Type}), err
}

// see notes a version at a name: the greatest of one file; of several files, or a directory, the one that this machine knows to be
// there, and else the first. What is known to have left that name is back in a cloud in use, and is nothing that should be there.
func (t *Tree) see(dir string, name cipher.PlainName, v judge.Version) error {
	for _, e := range v.Vector {
		t.writers[e.Writer] = true
	}
	path, of := replica.Join(dir, string(name)), index.File{ID: v.ID, Type: v.Type}
	is, left, err := t.now(path, v)
	if left || err != nil {
		return err
	}
	had, known := t.names[path]
	switch {
	case known && had.Version.Identity == v.Identity:
		if cipher.Compare(v.Vector, had.Version.Vector) != cipher.Greater {
			return nil
		}
	case known:
		if is.Kind != index.IsFile || is.File != of {
			return nil
		}
		t.forget(path)
		known = false
	}
	t.add(dir, name, judge.Known{Has: judge.File, Version: v})
	f := t.live[v.Identity]
	if !known {
		f.Live = append(f.Live, judge.Name(path))
	}
	if f.Version.ID.IsZero() || cipher.Compare(v.Vector, f.Version.Vector) == cipher.Greater {
		f.Version = v
	}
	t.live[v.Identity] = f
	return nil
}

// now is what should be at a path, and whether a version is known to have left it, or to have ended with its directory.
func (t *Tree) now(path string, v judge.Version) (is index.Known, left bool, err error) {
	of := index.File{ID: v.ID, Type: v.Type}
	if is, err = t.Past.Now(path); err != nil || is.Kind == index.IsFile {
		return is, false, err
	}
	if is.Kind == index.Gone && is.File == of && atMost(v.Vector, is.Version.Vector) {
		return is, true, nil
	}
	if left, err = t.Past.Left(path, of, v.Vector); err != nil || !left {
		return is, false, err
	}
	ended, err := t.Past.Ended(of)
	return is, slices.ContainsFunc(ended, func(end cipher.Vector) bool { return atMost(v.Vector, end) }), err
}

// forget takes out what was noted at a name, and below it. The name itself stays one of its directory's.
func (t *Tree) forget(path string) {
	gone := []string{path}
	if t.names[path].Has == judge.Dir {
		for at := range t.names {
			if strings.HasPrefix(at, path+"/") {
				gone = append(gone, at)
			}
		}
	}
	for _, at := range gone {
		if k := t.names[at]; k.Has == judge.File {
			f := t.live[k.Version.Identity]
			f.Live = slices.DeleteFunc(f.Live, func(n judge.Name) bool { return n == judge.Name(at) })
			t.live[k.Version.Identity] = f
		}
		delete(t.within, at)
		if at != path {
			delete(t.names, at)
		}
	}
}

// home is where a file of the cloud that lacks changes is known to be, which the
// clouds in use have nowhere, or at lesser versions: it is what should be there.
func (t *Tree) home(h *cipher.Header) (path string, err error) {
	lives, err := t.Past.Homes(fileOf(h))
	if err != nil || t.Blind || len(lives) == 0 {
		return "", err
	}
	if is, taken := t.names[lives[0]]; taken && (is.Has != judge.File || is.Version.Identity != judge.VersionOf(h).Identity) {
		return "", nil
	}
	dir, name := cloud.SplitPath(lives[0])
	return lives[0], t.see(dir, cipher.PlainName(name), judge.VersionOf(h))
}

// elsewhere are the names of a file that is at others than this one, at no lesser
// version.
func (t *Tree) elsewhere(path string, h *cipher.Header) (paths []string) {
	if t == nil {
		return nil
	}
	f := t.live[judge.Identity{ID: h.FileID, Type: h.Type}]
	if slices.Contains(f.Live, judge.Name(path)) || !atMost(h.Version, f.Version.Vector) {
		return nil
	}
	for _, name := range f.Live {
		paths = append(paths, string(name))
	}
	return paths
}

// Links are the files that have several names, each with those.
func (t *Tree) Links() (list [][]string) {
	for _, paths := range t.links {
		list = append(list, paths)
	}
	return list
}

// Dirs are the directories that the clouds in use have, those above others
// first, and the root before all.
func (t *Tree) Dirs() []string {
	list := []string{""}
	for path, k := range t.names {
		if k.Has == judge.Dir {
			list = append(list, path)
		}
	}
	slices.Sort(list)
	return list
}

// At implements [compare.Memory], as do those that follow.
func (t *Tree) At(path string) (judge.Known, error) {
	if k, ok := t.names[path]; ok {
		return k, nil
	}
	return judge.Known{Has: judge.Unknown}, nil
}

func (t *Tree) Within(dir string) ([]cipher.PlainName, error) { return t.within[dir], nil }

// Of knows of a file that the clouds in use have nowhere when it has ended.
func (t *Tree) Of(id judge.Identity) (judge.Facts, error) {
	f := t.live[id]
	if len(f.Live) > 0 {
		return f, nil
	}
	var err error
	f.Ended, err = t.Past.Ended(index.File{ID: id.ID, Type: id.Type})
	return f, err
}

func (t *Tree) Owes(k int, _ string) (bool, error) { return k == t.Owing.Index, nil }

func (t *Tree) Ended(dir string) ([]cipher.Vector, error) {
	if t.names[dir].Has == judge.Dir || t.kept[dir] {
		return nil, nil
	}
	left, err := leftDir(t.Past, dir)
	if left {
		return []cipher.Vector{nil}, err
	}
	return nil, err
}

// leftDir reports whether a directory that the clouds in use do not have is known to have left a path.
func leftDir(p Past, path string) (bool, error) {
	left, err := p.LeftDir(path)
	if !left && err == nil {
		left, err = p.ClearedDir(path)
	}
	return left, err
}

func (t *Tree) Writers() (list []uint32, err error) {
	for w := range t.writers {
		list = append(list, w)
	}
	return list, nil
}

// named is an entry that stands for a name.
type named struct {
	cloud.Entry
	name cipher.PlainName
}

// names lists what in a directory of a cloud stands for a name.
func names(c *replica.Cloud, backing string) ([]named, error) {
	entries, err := c.Dir.ReadDir(backing)
	if err != nil {
		return nil, err
	}
	var list []named
	for _, e := range entries {
		if d, ok := c.Decode(backing, e.Name); ok && (!e.Dir || !d.Special) && (e.Dir || e.Regular) {
			list = append(list, named{e, d.Name})
		}
	}
	return list, nil
}
