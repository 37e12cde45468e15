package repair

import (
	"errors"
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// node is one entry of a cloud: as it was found, or as the steps that are
// planned will have left it.
type node struct {
	parent *node
	entry  string
	dir    bool
	temp   bool           // under a temporary name
	head   *cipher.Header // nil where none verifies
	blank  bool           // there is no header yet
	broken bool           // its header does not verify
	shared bool           // it has other entries
	handle []byte
	thing  *journal.Thing // what the log says it is; nil where it does not

	children map[string]*node // those that the log may mean
}

func (n *node) path() string {
	if n.parent == nil {
		return ""
	}
	return replica.Join(n.parent.path(), n.entry)
}

// yieldsTo reports whether a version may take the place of what a node is: an
// older one, or none at all.
func (n *node) yieldsTo(h *cipher.Header) bool {
	if n.head == nil {
		return n.blank
	}
	order := cipher.Compare(n.head.Version, h.Version)
	return len(n.head.Version) == 0 || order == cipher.Less || order == cipher.Equal && n.head.CommitID == h.CommitID
}

// unborn reports whether a node is a file that never had a version: nobody can
// read it. One that the log does not know is seconds old, or another machine's.
func (n *node) unborn() bool { return n.head != nil && len(n.head.Version) == 0 }

// born reports whether a node is a file that has a version.
func (n *node) born() bool { return n.head != nil && len(n.head.Version) > 0 }

func (n *node) depth() int {
	if n.parent == nil {
		return 0
	}
	return n.parent.depth() + 1
}

// tree is one cloud, as far as a fold touches it.
type tree struct {
	*replica.Cloud
	fold     *journal.Fold
	root     *node
	of       map[*journal.Thing][]*node
	byHandle map[string]*journal.Thing
	handles  bool // the cloud tells handles, and the log has some
	parked   map[string]*journal.Thing
	blanks   []*node // files without a header at names that the log does not know
	asides   []aside // what got another name than its own
	sameBoot bool    // nothing that was written is lost
}

// trees are those of all clouds, by the vault's order; nil for one that takes no
// part.
type trees []*tree

// observe looks at every entry of a cloud that the fold names, wherever it may
// be, and tells which thing each is. It changes nothing.
func observe(c *replica.Cloud, fold *journal.Fold, sameBoot bool) (*tree, error) {
	t := &tree{Cloud: c, fold: fold, of: map[*journal.Thing][]*node{}, byHandle: map[string]*journal.Thing{}, parked: map[string]*journal.Thing{}, sameBoot: sameBoot}
	for _, thing := range fold.Things {
		t.parked[parkName(thing)] = thing
		if thing.IsDir() && c.Index < len(thing.Handles) && thing.Handles[c.Index] != nil {
			t.byHandle[string(thing.Handles[c.Index])] = thing
			t.handles = true
		}
	}
	t.root = &node{dir: true, children: map[string]*node{}}
	t.is(t.root, fold.Root)
	if err := t.visit(t.root, []*journal.Thing{fold.Root}); err != nil {
		return nil, err
	}
	if err := t.findParked(); err != nil {
		return nil, err
	}
	t.match()
	return t, nil
}

// is notes which thing a node is.
func (t *tree) is(n *node, thing *journal.Thing) {
	n.thing = thing
	t.of[thing] = append(t.of[thing], n)
}

// parkName is where something waits that is in another's way: a temporary name
// in the cloud's root, the same whenever the log is folded.
func parkName(t *journal.Thing) string { return string(cipher.TempNameOf(t.Key)) }

// visit looks for the entries of a directory that may be any of some things.
func (t *tree) visit(n *node, things []*journal.Thing) error {
	inside := map[*node][]*journal.Thing{}
	var order []*node
	for _, thing := range things {
		for _, s := range thing.Slots {
			name, err := t.Keys.EncodeName(cipher.PlainName(s.Name))
			if err != nil {
				return err
			}
			for _, special := range t.spellings(s) {
				child, err := t.look(n, replica.Entry(name, special))
				if err != nil {
					return err
				}
				if child == nil || !child.dir {
					continue
				}
				if _, known := inside[child]; !known {
					order = append(order, child)
				}
				inside[child] = append(inside[child], t.candidates(child, s.Was)...)
			}
		}
		for _, temp := range thing.Temps {
			if err := t.lookTemp(n, temp, inside, &order); err != nil {
				return err
			}
		}
	}
	for _, child := range order {
		if err := t.visit(child, inside[child]); err != nil {
			return err
		}
	}
	return nil
}

// spellings tells whether a slot's entry may carry the letter w, or not. Of what a
// power cut took from the log nothing tells that.
func (t *tree) spellings(s *journal.Slot) []bool {
	list := []bool{false}
	if !t.sameBoot || slices.ContainsFunc(s.Was, (*journal.Thing).Special) {
		list = append(list, true)
	}
	return list
}

// candidates are the directories that a node may be, of those that were at its
// name.
func (t *tree) candidates(n *node, was []*journal.Thing) (list []*journal.Thing) {
	if n.thing != nil {
		return []*journal.Thing{n.thing}
	}
	for _, thing := range was {
		if thing.IsDir() {
			list = append(list, thing)
		}
	}
	return list
}

func (t *tree) lookTemp(n *node, temp journal.Temp, inside map[*node][]*journal.Thing, order *[]*node) error {
	if t.Index >= len(temp.Entries) || temp.Entries[t.Index] == "" {
		return nil
	}
	child, err := t.look(n, temp.Entries[t.Index])
	if err != nil || child == nil {
		return err
	}
	child.temp = true
	switch {
	case child.thing == nil && child.blank, child.thing == nil && child.dir && temp.Of.IsDir():
		t.is(child, temp.Of)
	}
	if child.dir && child.thing != nil && inside[child] == nil {
		inside[child] = []*journal.Thing{child.thing}
		*order = append(*order, child)
	}
	return nil
}

// look finds what is at an entry; nil where there is nothing. An entry that is
// neither file nor directory is nobody's.
func (t *tree) look(parent *node, entry string) (*node, error) {
	if n := parent.children[entry]; n != nil {
		return n, nil
	}
	n := &node{parent: parent, entry: entry}
	info, err := t.Dir.Stat(n.path())
	switch {
	case replica.Missing(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	parent.children[entry] = n
	if info.Dir {
		n.dir, n.children = true, map[string]*node{}
		return n, t.lookHandle(n)
	}
	if !info.Regular {
		return n, nil
	}
	n.shared = info.Nlink > 1
	n.head, err = t.Header(n.path())
	switch {
	case errors.Is(err, replica.ErrBlank):
		n.blank = true
	case errors.Is(err, cipher.ErrNewer):
	case errors.Is(err, cipher.ErrDamaged):
		n.broken = true
	case err != nil:
		return nil, err
	default:
		if thing := t.fold.Who(t.Index, n.head); thing != nil && replica.Kind(n.head.Type) == thing.Kind {
			t.is(n, thing)
		} else if thing == nil && !t.sameBoot && len(n.head.Version) == 0 && info.Size == cipher.HeaderSize {
			n.head, n.blank = nil, true // a new file that a power cut left without anything
		}
	}
	return n, nil
}

func (t *tree) lookHandle(n *node) error {
	if !t.handles {
		return nil
	}
	handle, err := t.Dir.Handle(n.path())
	switch {
	case errors.Is(err, cloud.ErrUnsupported):
		t.handles = false
		return nil
	case err != nil:
		return err
	}
	n.handle = handle
	if thing := t.byHandle[string(handle)]; thing != nil {
		t.is(n, thing)
	}
	return nil
}

// findParked looks at what a repair that was killed has left in the root.
func (t *tree) findParked() error {
	entries, err := t.Dir.ReadDir("")
	if err != nil {
		return err
	}
	for _, e := range entries {
		thing := t.parked[e.Name]
		if thing == nil || !strings.HasPrefix(e.Name, ".") {
			continue
		}
		n, err := t.look(t.root, e.Name)
		if err != nil {
			return err
		}
		if n == nil {
			continue
		}
		n.temp = true
		if n.thing == nil && n.dir == thing.IsDir() && (n.dir || n.blank) {
			t.is(n, thing)
		}
		if n.dir && n.thing != nil {
			if err := t.visit(n, []*journal.Thing{n.thing}); err != nil {
				return err
			}
		}
	}
	return nil
}

// match tells which directories the nodes are that no handle told. A directory
// is what stands at its name, so the place decides, the wanted one first; but
// one that the log moved away, and that is at none of its later places, is still
// where it was. Those that are gone come last: they are what nothing else is.
func (t *tree) match() {
	for t.matchAll(func(d *journal.Thing) *node { return t.standsAt(d, len(d.Was)-1) }, false) ||
		t.matchAll(t.stands, false) || t.matchAll(t.stands, true) {
	}
}

// matchAll tells, of all directories that are gone or are not, what a way to find
// them tells, and reports whether that was any.
func (t *tree) matchAll(find func(*journal.Thing) *node, gone bool) (found bool) {
	for _, thing := range t.fold.Things {
		if !thing.IsDir() || thing.Gone() != gone || len(t.of[thing]) > 0 {
			continue
		}
		if n := find(thing); n != nil {
			t.is(n, thing)
			found = true
		}
	}
	return found
}

// notYet is the node of a directory that the log has moved over an empty one,
// where this cloud has not seen that: both are there still.
func (t *tree) notYet(thing *journal.Thing, to *journal.Slot, over *node) *node {
	replaces := slices.ContainsFunc(to.Was, func(o *journal.Thing) bool { return o != thing && o.IsDir() && o.Gone() && len(t.of[o]) == 0 })
	if !replaces || to.Now != thing {
		return nil
	}
	if entries, err := t.Dir.ReadDir(over.path()); err != nil || len(entries) > 0 {
		return nil
	}
	for _, s := range slices.Backward(thing.Was) {
		name, err := t.Keys.EncodeName(cipher.PlainName(s.Name))
		if s == to || s.Now != nil || err != nil {
			continue
		}
		for _, dir := range t.of[s.Dir] {
			if n := dir.children[string(name.Entry)]; n != nil && n.dir && n.thing == nil {
				return n
			}
		}
	}
	return nil
}

// stands finds a directory by its places, the latest first. Where handles tell
// what stands elsewhere, only the last place of one that is to be there counts,
// and nothing is one that is gone and whose handle is known.
func (t *tree) stands(thing *journal.Thing) *node {
	known := t.Index < len(thing.Handles) && thing.Handles[t.Index] != nil
	if t.handles && known && thing.Gone() {
		return nil
	}
	for i := len(thing.Was) - 1; i >= 0 && (!t.handles || thing.Gone() || i == len(thing.Was)-1); i-- {
		if n := t.standsAt(thing, i); n != nil {
			return n
		}
	}
	return nil
}

// standsAt finds a directory by one of its places.
func (t *tree) standsAt(thing *journal.Thing, i int) *node {
	if i < 0 {
		return nil
	}
	s := thing.Was[i]
	name, err := t.Keys.EncodeName(cipher.PlainName(s.Name))
	if err != nil {
		return nil
	}
	for _, dir := range t.of[s.Dir] {
		n := dir.children[string(name.Entry)]
		if n == nil || !n.dir || n.thing != nil {
			continue
		}
		if before := t.notYet(thing, s, n); before != nil {
			return before
		}
		return n
	}
	return nil
}
