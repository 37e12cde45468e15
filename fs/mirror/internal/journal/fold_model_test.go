package journal_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// item is a file or a directory of the model: a tree in which what is a
// directory has children, and a file's names share one item.
type item struct {
	kind     uint32
	id       cipher.ID // of a file
	origin   string    // of a directory that the log did not make
	children map[string]*item
}

func (i *item) dir() bool { return i.kind == unix.S_IFDIR }

// world is the model, and the entries of what was done to it.
type world struct {
	root    *item
	entries []*journal.Entry
	ids     int
}

func (w *world) newID() cipher.ID {
	w.ids++
	return cipher.ID{14: byte(w.ids >> 8), 15: byte(w.ids)}
}

func newDir() *item { return &item{kind: unix.S_IFDIR, children: map[string]*item{}} }

// settled is a tree that was there before the log: the log names what of it is
// touched, and nothing else of it is known.
func (w *world) settled(dir *item, at string, depth int) {
	for _, name := range []string{"a", "b", "c"} {
		if path := join(at, name); depth > 0 && name != "c" {
			d := newDir()
			d.origin = path
			dir.children[name] = d
			w.settled(d, path, depth-1)
			continue
		}
		dir.children[name] = &item{kind: unix.S_IFREG, id: w.newID()}
	}
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// place is a name, of something or of nothing.
type place struct {
	path string
	dir  *item
	name string
}

func (p place) item() *item { return p.dir.children[p.name] }

// places lists every place of the model: the names that are there, and one of
// each directory's that are not.
func (w *world) places() (list []place) {
	var walk func(path string, dir *item)
	walk = func(path string, dir *item) {
		for _, name := range []string{"a", "b", "c", "d"} {
			p := place{join(path, name), dir, name}
			list = append(list, p)
			if i := p.item(); i != nil && i.dir() {
				walk(p.path, i)
			}
		}
	}
	walk("", w.root)
	return list
}

// names are the places of a file.
func (w *world) names(i *item) (paths []string) {
	for _, p := range w.places() {
		if p.item() == i {
			paths = append(paths, p.path)
		}
	}
	return paths
}

func (w *world) log(e journal.Entry) { w.entries = append(w.entries, &e) }

// step does an operation at two places that were drawn; false where it cannot
// be done there.
func (w *world) step(op journal.Op, from, to place) bool {
	i, over := from.item(), to.item()
	switch op {
	case journal.OpCreate, journal.OpSpecial, journal.OpMkdir:
		return i == nil && w.make(op, from)
	case journal.OpUnlink:
		return i != nil && !i.dir() && w.unlink(from, i)
	case journal.OpRmdir:
		if i == nil || !i.dir() || len(i.children) > 0 {
			return false
		}
		w.log(journal.Entry{Op: op, Path: []byte(from.path), Kind: i.kind})
		delete(from.dir.children, from.name)
		return true
	case journal.OpLink:
		if i == nil || i.dir() || over != nil {
			return false
		}
		w.log(journal.Entry{Op: op, Path: []byte(from.path), To: []byte(to.path), Kind: i.kind, File: &i.id})
		to.dir.children[to.name] = i
		return true
	case journal.OpRename:
		return w.mayMove(from, to) && w.rename(from, to)
	case journal.OpExchange:
		if over == nil || !w.mayMove(from, to) || over.dir() && within(from.path, to.path) {
			return false
		}
		w.log(journal.Entry{Op: op, Path: []byte(from.path), To: []byte(to.path), Kind: i.kind, Over: over.kind, File: idOf(i), Before: journal.Before{Other: &journal.Identity{File: idOf(over)}}})
		from.dir.children[from.name], to.dir.children[to.name] = over, i
		return true
	}
	return false
}

func idOf(i *item) *cipher.ID {
	if i.dir() {
		return nil
	}
	return &i.id
}

func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// mayMove refuses a move into itself, and one between two names of one file.
func (w *world) mayMove(from, to place) bool {
	i := from.item()
	return i != nil && i != to.item() && !(i.dir() && within(to.path, from.path))
}

func (w *world) make(op journal.Op, at place) bool {
	e := journal.Entry{Op: op, Path: []byte(at.path)}
	i := &item{}
	switch op {
	case journal.OpMkdir:
		i = newDir()
		e.Attrs = &journal.Attrs{}
	case journal.OpCreate:
		i.kind = unix.S_IFREG
	case journal.OpSpecial:
		i.kind = unix.S_IFLNK
	}
	if e.Kind = i.kind; !i.dir() {
		i.id = w.newID()
		e.File, e.Salts = &i.id, [][]byte{i.id[:]}
	}
	if op == journal.OpSpecial {
		e.Commit = &journal.Commit{Head: journal.Head{File: i.id}}
	}
	w.log(e)
	at.dir.children[at.name] = i
	return true
}

// also is another name of what loses one.
func (w *world) also(i *item, lost string) []byte {
	for _, path := range w.names(i) {
		if path != lost {
			return []byte(path)
		}
	}
	return nil
}

func (w *world) unlink(at place, i *item) bool {
	w.log(journal.Entry{Op: journal.OpUnlink, Path: []byte(at.path), Kind: i.kind, File: &i.id, Also: w.also(i, at.path)})
	delete(at.dir.children, at.name)
	return true
}

func (w *world) rename(from, to place) bool {
	i, over := from.item(), to.item()
	e := journal.Entry{Op: journal.OpRename, Path: []byte(from.path), To: []byte(to.path), Kind: i.kind, File: idOf(i)}
	if over != nil {
		if i.dir() != over.dir() || over.dir() && (len(over.children) > 0 || within(from.path, to.path)) {
			return false
		}
		e.Over, e.Other = over.kind, &journal.Identity{File: idOf(over)}
		if !over.dir() {
			e.Also = w.also(over, to.path)
		}
	}
	if over != nil && i.kind == unix.S_IFREG && over.kind == unix.S_IFREG && len(w.names(i)) == 1 && e.Also == nil {
		e.Commit = &journal.Commit{Head: journal.Head{File: over.id}}
		e.Salts = [][]byte{i.id[:]}
		e.File = &cipher.ID{}
		*e.File, i.id = i.id, over.id
	}
	w.log(e)
	delete(from.dir.children, from.name)
	to.dir.children[to.name] = i
	return true
}

// lines are a tree, one name a line.
func lines(root *item) []string {
	var out []string
	var walk func(path string, dir *item)
	walk = func(path string, dir *item) {
		for _, name := range slices.Sorted(maps.Keys(dir.children)) {
			i, at := dir.children[name], join(path, name)
			if i.dir() {
				out = append(out, at+"/")
				walk(at, i)
				continue
			}
			out = append(out, fmt.Sprintf("%s %o %x", at, i.kind, i.id[14:]))
		}
	}
	walk("", root)
	return out
}

// origins tells of each directory of a fold that the log did not make where it
// was before. That is the place that it had when the log named it first.
func origins(list []*journal.Entry) map[uint64]string {
	from := map[uint64]string{1: ""}
	for n := range len(list) + 1 {
		f := journal.NewFold(list[:n])
		for _, thing := range f.Things[1:] {
			if _, known := from[thing.Key]; known || !thing.IsDir() || thing.Made {
				continue
			}
			s := thing.Was[0]
			from[thing.Key] = join(from[s.Dir.Key], s.Name)
		}
	}
	return from
}

// rebuild is the tree that a fold wants: what was there before, with the names
// that the log touched as it wants them.
func rebuild(f *journal.Fold, from map[uint64]string, before map[string]*item) *item {
	var build func(thing *journal.Thing) *item
	var copies func(i *item) *item
	copies = func(i *item) *item {
		if !i.dir() {
			return i
		}
		c := newDir()
		for name, child := range i.children {
			c.children[name] = copies(child)
		}
		return c
	}
	build = func(thing *journal.Thing) *item {
		if !thing.IsDir() {
			return &item{kind: thing.Kind, id: thing.ID()}
		}
		d := newDir()
		if !thing.Made {
			d = copies(before[from[thing.Key]])
		}
		for _, s := range thing.Slots {
			delete(d.children, s.Name)
			if s.Now != nil {
				d.children[s.Name] = build(s.Now)
			}
		}
		return d
	}
	return build(f.Root)
}

// directories are a tree's, by path, as they are now.
func directories(root *item) map[string]*item {
	all := map[string]*item{}
	var walk func(path string, dir *item) *item
	walk = func(path string, dir *item) *item {
		c := newDir()
		all[path] = c
		for name, child := range dir.children {
			if child.dir() {
				child = walk(join(path, name), child)
			}
			c.children[name] = child
		}
		return c
	}
	walk("", root)
	return all
}

// TestFoldIsTheModel: whatever was done, the fold wants what the model has.
func TestFoldIsTheModel(t *testing.T) {
	ops := []journal.Op{
		journal.OpCreate, journal.OpMkdir, journal.OpSpecial, journal.OpRename, journal.OpRename, journal.OpRename,
		journal.OpExchange, journal.OpLink, journal.OpUnlink, journal.OpUnlink, journal.OpRmdir, journal.OpRmdir,
	}
	rapid.Check(t, func(t *rapid.T) {
		w := &world{root: newDir()}
		w.settled(w.root, "", rapid.IntRange(0, 2).Draw(t, "depth"))
		before := directories(w.root)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			places := w.places()
			op := rapid.SampledFrom(ops).Draw(t, "op")
			from, to := rapid.SampledFrom(places).Draw(t, "from"), rapid.SampledFrom(places).Draw(t, "to")
			w.step(op, from, to)
		}
		f := journal.NewFold(w.entries)
		consistent(t, f)
		got, want := lines(rebuild(f, origins(w.entries), before)), lines(w.root)
		if !slices.Equal(got, want) {
			t.Fatalf("%s\nthe fold wants\n%s\nand the model has\n%s", script(w.entries), strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// script is entries in words.
func script(list []*journal.Entry) string {
	var b strings.Builder
	for n, e := range list {
		fmt.Fprintf(&b, "%d: op %d %s", n, e.Op, e.Path)
		if e.To != nil {
			fmt.Fprintf(&b, " → %s", e.To)
		}
		if e.Also != nil {
			fmt.Fprintf(&b, " also %s", e.Also)
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}
