package telling

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/memory"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Replayed is the log of earlier runs, and the clouds behind its replay.
type Replayed struct {
	Clouds   *clouds.Clouds
	Entries  []*journal.Entry // nil for one that came to nothing
	Seqs     []uint64         // of Entries
	Fold     *journal.Fold
	SameBoot bool // no power was cut since

	// Waits reports whether the log alone has what it says of a path.
	Waits func(path string, k index.Known) bool

	// Owner is what a directory shows; ok is false where it cannot be seen.
	Owner func(path string) (o index.Owner, ok bool)
}

// Retell tells what the log says and the clouds show: of names what the index
// does not have yet, and every version; and what they show at the paths where the
// replay found something else. It returns the files that have lost a name and have another
// one, where others are to be told.
func (y *Keeper) Retell(r Replayed, found []string) ([]Left, error) {
	t := &replayed{Keeper: y, Replayed: r, shown: map[string]index.Known{}}
	rest, err := t.names()
	if errors.Is(err, index.ErrLost) {
		if err = y.beginAnew(); err == nil {
			rest, err = t.names()
		}
	}
	if err != nil {
		return nil, err
	}
	for _, path := range found {
		t.found(path)
	}
	for _, thing := range r.Fold.Things {
		if b := thing.Committed(); !thing.IsDir() && b != nil {
			t.version(thing, b.Head())
		}
	}
	if !y.recording() {
		return nil, nil
	}
	return left(rest), nil
}

// replayed is what is told at one mount.
type replayed struct {
	*Keeper
	Replayed
	shown map[string]index.Known // files by their paths, as they were told
}

// version tells of a file's last version. One that is not where the file
// stands was lost, or is another name's by now. Of a file without a name nobody
// can see that, and a power cut may have taken it.
func (r *replayed) version(thing *journal.Thing, h *journal.Head) {
	k := index.Known{Kind: index.IsFile, File: index.File{ID: h.File, Type: h.Type}, Version: loggedVersion(h)}
	path, stands := thing.Path()
	switch {
	case stands && r.shown[path].File == k.File && r.shown[path].Version.Equal(k.Version):
	case stands:
		k = r.shownAs(path, k)
	case !r.SameBoot:
		return
	}
	if k.Kind == index.IsFile && !k.Version.IsZero() {
		r.Committed(memory.Commit{File: k.File, Version: k.Version})
	}
}

// found tells what the clouds show at a path, unless some cloud shows just what
// is known of it.
func (r *replayed) found(path string) {
	d, name := index.Root, path
	for {
		dir, rest, deeper := strings.Cut(name, "/")
		if !deeper {
			break
		}
		d, name = r.Number(d, cipher.PlainName(dir)), rest
	}
	p := index.Place{Dir: d, Name: cipher.PlainName(name)}
	shown := look(r.Clouds, path)
	if was, err := r.At(p); err == nil && was.Kind == index.IsFile && shown.has(was) {
		return
	}
	k := shown.only()
	if k.Kind == index.IsDir {
		k.Dir = r.Number(d, p.Name)
	}
	r.Made(p, k)
}

// names tells of the names that the index does not have yet, and returns the entries that tell of them.
func (r *replayed) names() (rest []*journal.Entry, err error) {
	names := r.Applied().Names
	for at, e := range r.Entries {
		if e != nil && r.Seqs[at] >= names {
			rest = append(rest, e)
		}
	}
	t := &retold{r: r, entries: rest, fold: journal.NewFold(rest), numbers: map[*journal.Thing]index.Dir{}, taken: map[index.Dir]bool{}, lost: map[cipher.ID]bool{}, last: map[cipher.ID]bool{}}
	for _, e := range rest {
		if e.Last != nil {
			t.last[*e.Last] = true
		}
	}
	for _, thing := range r.Fold.Things {
		for _, b := range thing.Backings {
			for _, h := range b.Versions {
				t.lost[h.Commit] = b.Lost
			}
		}
	}
	return rest, t.tell()
}

// retold is how the log of earlier runs becomes rows of the index. What the
// index has of names is from before the first entry of its fold: places in it
// are looked up as they were then. The replay has not always made what the log
// says: each name is told as the clouds show it by now (showing.go).
type retold struct {
	r       *replayed
	entries []*journal.Entry // those that the index does not have
	fold    *journal.Fold    // of these
	numbers map[*journal.Thing]index.Dir
	taken   map[index.Dir]bool
	lost    map[cipher.ID]bool // versions, by their commit ids, that no cloud can have any more
	last    map[cipher.ID]bool // files of which the log says for sure that they lost their last name
}

// A telling is one name, and what it is from now on.
type telling struct {
	place index.Place
	known index.Known
}

// tell finds everything out before it tells the first name.
func (t *retold) tell() error {
	for _, dir := range t.fold.Things {
		if !dir.IsDir() {
			continue
		}
		if _, err := t.number(dir); err != nil {
			return err
		}
	}
	var all []telling
	for _, dir := range t.fold.Things {
		if dir.Gone() {
			continue
		}
		for _, s := range dir.Slots {
			k, err := t.known(s)
			if err != nil {
				return err
			}
			if path, ok := dir.Path(); ok {
				path = replica.Join(path, s.Name)
				if k = t.r.shownAs(path, k); k.Kind == index.IsFile {
					t.r.shown[path] = k
				}
			}
			all = append(all, telling{index.Place{Dir: t.numbers[dir], Name: cipher.PlainName(s.Name)}, k})
		}
	}
	ended, err := t.ended()
	if err != nil {
		return err
	}
	for _, one := range all {
		t.r.Made(one.place, one.known)
	}
	left := t.left()
	for _, k := range ended {
		names, err := t.r.Places(k.File)
		if err != nil || slices.ContainsFunc(names, func(p index.Place) bool { return !left[p.Dir] }) {
			continue // it is there, whatever the log says; what cannot be read stays unknown
		}
		if t.last[k.File.ID] {
			t.r.EndForAll(k.File, k.Version)
		} else {
			t.r.End(k.File, k.Version)
		}
	}
	t.owners()
	t.cleared()
	return nil
}

// cleared tells the paths that directories have left, as they were then.
func (t *retold) cleared() {
	for _, e := range t.entries {
		switch isDir := e.Kind == unix.S_IFDIR; {
		case e.Op == journal.OpRmdir, e.Op == journal.OpRename && isDir:
			t.r.Cleared(string(e.Path))
		case e.Op == journal.OpExchange:
			if isDir {
				t.r.Cleared(string(e.Path))
			}
			if e.Over == unix.S_IFDIR {
				t.r.Cleared(string(e.To))
			}
		}
	}
}

// ended are the files whose last name the log has removed, as far as it knows of
// their names, and those that took over the id of another one.
func (t *retold) ended() (list []index.Known, err error) {
	for _, thing := range t.fold.Things {
		for _, id := range thing.IDs {
			if id == thing.ID() && !thing.Gone() {
				continue
			}
			k, err := t.file(thing, id)
			if err != nil {
				return nil, err
			}
			if met, err := t.met(thing, k); err != nil {
				return nil, err
			} else if met {
				list = append(list, k)
			}
		}
	}
	return list, nil
}

// left are the directories that stand nowhere any more: the index has what was in them until it is told that of their names.
func (t *retold) left() map[index.Dir]bool {
	left := map[index.Dir]bool{}
	for _, dir := range t.fold.Things {
		if dir.IsDir() && dir.Gone() {
			left[t.numbers[dir]] = true
		}
	}
	return left
}

// number is that of a directory: by where it was found first, or a new one.
func (t *retold) number(dir *journal.Thing) (index.Dir, error) {
	if d := t.numbers[dir]; d != 0 {
		return d, nil
	}
	d := index.NewDir()
	switch {
	case dir == t.fold.Root:
		d = index.Root
	case dir.Found != nil:
		k, err := t.before(dir.Found)
		if err != nil {
			return 0, err
		}
		if k.Kind == index.IsDir && !t.taken[k.Dir] {
			d = k.Dir
		}
	}
	t.numbers[dir], t.taken[d] = d, true
	return d, nil
}

// before is what the index has at a slot.
func (t *retold) before(s *journal.Slot) (index.Known, error) {
	d, err := t.number(s.Dir)
	if err != nil {
		return index.Known{}, err
	}
	return t.r.At(index.Place{Dir: d, Name: cipher.PlainName(s.Name)})
}

// known is what is to be at a slot. Of a file that left it the id counts that
// it had then: it may have taken over another one on its way.
func (t *retold) known(s *journal.Slot) (index.Known, error) {
	switch {
	case s.Now != nil && s.Now.IsDir():
		return index.Known{Kind: index.IsDir, Dir: t.numbers[s.Now]}, nil
	case s.Now != nil:
		return t.file(s.Now, s.Now.ID())
	case len(s.Was) == 0:
		return t.before(s) // it was named, and nothing happened there
	}
	was := s.Was[len(s.Was)-1]
	if was.IsDir() {
		return index.Known{Kind: index.Gone}, nil
	}
	k, err := t.file(was, s.Left)
	if err != nil || k.Kind != index.IsFile {
		return k, err
	}
	k.Kind = index.Gone
	if met, err := t.met(was, k); !met {
		return index.Known{}, err
	}
	return k, nil
}

// met reports whether it is known which names a file had before the log: the index
// has met it, or the log has made it. Of another one that loses a name nobody can
// say that it has ended, and what a cloud alone has there may be all that there is.
func (t *retold) met(thing *journal.Thing, k index.Known) (bool, error) {
	if thing.Made {
		return true, nil
	}
	of, err := t.r.Of(k.File)
	return of.Met, err
}

// file is a file under one of its ids, at the version that is known of that: the
// log's, or the one that the index has where the log found it.
func (t *retold) file(thing *journal.Thing, id cipher.ID) (index.Known, error) {
	if thing.IsDir() || id.IsZero() {
		return index.Known{}, nil
	}
	k := index.Known{Kind: index.IsFile, File: File(id, thing.Kind)}
	for _, b := range thing.Backings {
		for _, h := range append([]*journal.Head{b.Base}, b.Versions...) {
			if h != nil && h.File == id && !t.lost[h.Commit] {
				k.Version = k.Version.Join(loggedVersion(h))
			}
		}
	}
	if !k.Version.IsZero() || thing.Found == nil {
		return k, nil
	}
	was, err := t.before(thing.Found)
	k.Version.Vector = thing.Known
	switch {
	case was.File != k.File:
	case thing.Gone() && cipher.Compare(thing.Known, was.Version.Vector) == cipher.Less && len(thing.Known) > 0:
		// What was removed is what was seen: a later version that is known, and that no cloud at hand had, has not ended.
	default:
		k.Version = was.Version.Join(k.Version)
	}
	return k, err
}

// owners tells mode and owner of the directories where the log has changed them:
// what it does not say is as they show.
func (t *retold) owners() {
	for _, dir := range t.fold.Things {
		a := dir.Attrs
		path, stands := dir.Path()
		if !dir.IsDir() || !stands || a.Mode == nil && a.UID == nil && a.GID == nil {
			continue
		}
		if o, ok := t.r.Owner(path); ok {
			t.r.Owned(t.numbers[dir], Owner(o, &a))
		}
	}
}
