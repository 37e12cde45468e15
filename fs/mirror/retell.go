package mirror

import (
	"errors"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/memory"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// retold is how the log of earlier runs becomes rows of the index. What the
// index has of names is from before the first entry of its fold: places in it
// are looked up as they were then. The replay has not always made what the log
// says: each name is told as the clouds show it by now (showing.go).
type retold struct {
	m       *Mirror
	fold    *journal.Fold
	numbers map[*journal.Thing]index.Dir
	taken   map[index.Dir]bool
	lost    map[cipher.ID]bool // versions, by their commit ids, that no cloud can have any more
	shown   map[string]index.Known
}

// retell tells what the log says and the clouds show: of names what the index
// does not have yet, and every version; and what they show at the paths where the
// replay found something else.
func (r *replayer) retell(found []string) error {
	shown := map[string]index.Known{} // files by their paths, as they were told
	err := r.retellNames(shown)
	if errors.Is(err, index.ErrLost) {
		if err = r.m.beginAnew(); err == nil {
			err = r.retellNames(shown)
		}
	}
	if err != nil {
		return err
	}
	for _, path := range found {
		r.m.tellFound(path)
	}
	for _, thing := range r.fold.Things {
		if b := thing.Committed(); !thing.IsDir() && b != nil {
			r.retellVersion(thing, b.Head(), shown)
		}
	}
	return nil
}

// retellVersion tells of a file's last version. One that is not where the file
// stands was lost, or is another name's by now. Of a file without a name nobody
// can see that, and a power cut may have taken it.
func (r *replayer) retellVersion(thing *journal.Thing, h *journal.Head, shown map[string]index.Known) {
	k := index.Known{Kind: index.IsFile, File: index.File{ID: h.File, Type: h.Type}, Version: headVersion(h)}
	path, stands := thing.Path()
	switch {
	case stands && shown[path].File == k.File && shown[path].Version.Equal(k.Version):
	case stands:
		k = r.m.shownAs(path, k)
	case !r.m.state.SameBoot():
		return
	}
	if k.Kind == index.IsFile && !k.Version.IsZero() {
		r.m.memory.Committed(memory.Commit{File: k.File, Version: k.Version})
	}
}

// tellFound tells what the clouds show at a path, unless some cloud shows just what
// is known of it.
func (m *Mirror) tellFound(path string) {
	d, name := index.Root, path
	for {
		dir, rest, deeper := strings.Cut(name, "/")
		if !deeper {
			break
		}
		d, name = m.memory.Number(d, cipher.PlainName(dir)), rest
	}
	p := index.Place{Dir: d, Name: cipher.PlainName(name)}
	shown := m.shown(path)
	if was, err := m.memory.At(p); err == nil && was.Kind == index.IsFile && shown.has(was) {
		return
	}
	k := shown.only()
	if k.Kind == index.IsDir {
		k.Dir = m.memory.Number(d, p.Name)
	}
	m.memory.Made(p, k)
}

func (r *replayer) retellNames(shown map[string]index.Known) error {
	names := r.m.memory.Applied().Names
	var rest []*journal.Entry
	for at, e := range r.entries {
		if e != nil && r.seqs[at] >= names {
			rest = append(rest, e)
		}
	}
	t := &retold{m: r.m, fold: journal.NewFold(rest), numbers: map[*journal.Thing]index.Dir{}, taken: map[index.Dir]bool{}, lost: map[cipher.ID]bool{}, shown: shown}
	for _, thing := range r.fold.Things {
		for _, b := range thing.Backings {
			for _, h := range b.Versions {
				t.lost[h.Commit] = b.Lost
			}
		}
	}
	return t.tell()
}

func headVersion(h *journal.Head) index.Version {
	return index.Version{Vector: h.Version, Sec: h.Sec, Nsec: h.Nsec, Commit: h.Commit}
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
				if k = t.m.shownAs(path, k); k.Kind == index.IsFile {
					t.shown[path] = k
				}
			}
			all = append(all, telling{index.Place{Dir: t.numbers[dir], Name: cipher.PlainName(s.Name)}, k})
		}
	}
	for _, one := range all {
		t.m.memory.Made(one.place, one.known)
	}
	t.owners()
	return nil
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
	return t.m.memory.At(index.Place{Dir: d, Name: cipher.PlainName(s.Name)})
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
	k, err := t.file(s.Was[len(s.Was)-1], s.Left)
	if k.Kind == index.IsFile {
		k.Kind = index.Gone
	}
	return k, err
}

// file is a file under one of its ids, at the version that is known of that: the
// log's, or the one that the index has where the log found it.
func (t *retold) file(thing *journal.Thing, id cipher.ID) (index.Known, error) {
	if thing.IsDir() || id.IsZero() {
		return index.Known{}, nil
	}
	k := index.Known{Kind: index.IsFile, File: index.File{ID: id, Type: fileType(thing.Kind)}}
	for _, b := range thing.Backings {
		for _, h := range append([]*journal.Head{b.Base}, b.Versions...) {
			if h != nil && h.File == id && !t.lost[h.Commit] {
				k.Version = k.Version.Join(headVersion(h))
			}
		}
	}
	if !k.Version.IsZero() || thing.Found == nil {
		return k, nil
	}
	was, err := t.before(thing.Found)
	if k.Version.Vector = thing.Known; was.File == k.File {
		k.Version = was.Version.Join(k.Version)
	}
	return k, err
}

// owners tells mode and owner of the directories where the log has changed them,
// as they are.
func (t *retold) owners() {
	for _, dir := range t.fold.Things {
		a := dir.Attrs
		path, stands := dir.Path()
		if !dir.IsDir() || !stands || a.Mode == nil && a.UID == nil && a.GID == nil {
			continue
		}
		n, err := t.m.Walk(path)
		if err != nil {
			t.m.logger.Warn("a directory that the redo log names cannot be found", "error", err)
			continue
		}
		if shown, err := n.Attr(); err == nil {
			t.m.memory.Owned(t.numbers[dir], index.Owner{Mode: shown.Mode & permBits, UID: shown.UID, GID: shown.GID})
		}
		n.Forget()
	}
}
