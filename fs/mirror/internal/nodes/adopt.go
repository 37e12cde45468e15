package nodes

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
)

// Found is what a lookup found at a name.
type Found struct {
	Kind   uint32     // S_IFMT bits
	ID     cipher.ID  // of a file whose header was read, or that is known there
	Inodes []uint64   // by cloud, 0 where it does not have what is served
	Best   int        // the cloud whose entry is served, -1 where none can be
	Info   cloud.Info // what that shows
	Held   *Node      // the one whose locks the caller has: it stays, though its content has changed
}

func (f *Found) sight() sight {
	if f.Best < 0 {
		return sight{}
	}
	return sight{true, f.Best, f.Info.Size, f.Info.Mtime}
}

// Adopt returns the live node of what was found, or makes one, with a reference.
func (t *Table) Adopt(l Link, f *Found) *Node {
	t.tree.Lock()
	defer t.tree.Unlock()
	if old := l.Parent.children[l.Name]; old != nil {
		if old.kind == f.Kind && (!old.outdated(f) || old == f.Held && t.holds(f)) {
			t.learn(old, f.Inodes)
			old.refs++
			return old
		}
		old.Content.SetStale()
		t.detach(old, l)
	}
	if same := t.linked(f); same != nil && !same.outdated(f) {
		same.refs++
		t.attach(same, l)
		return same
	}
	n := &Node{t: t, kind: f.Kind, refs: 1, seen: f.sight()}
	t.Init(&n.Content, place{n})
	if n.IsDir() {
		n.children = map[string]*Node{}
	}
	t.place(n, l, f.Inodes, f.Best)
	return n
}

// holds reports whether the node that the caller has locked stays: its content alone has changed, and no other node was made
// of the file meanwhile, by another name of it.
func (t *Table) holds(f *Found) bool {
	if f.Held.Content.Stale() || f.Held.otherBacking(f.Inodes) {
		return false
	}
	same := t.linked(f)
	return same == nil || same == f.Held || same.outdated(f)
}

// outdated reports whether a cloud shows another file, or other content, than
// before. Nothing but a sync client changes a file that is not open here.
func (n *Node) outdated(f *Found) bool {
	switch {
	case n.Content.Stale():
		return true
	case n.Content.Open() != nil, f.Best < 0:
		return false
	case n.otherBacking(f.Inodes):
		return !n.IsDir() || !n.sameBacking(f.Inodes)
	case n.IsDir() || !n.seen.known || n.seen.cloud != f.Best:
		return false
	}
	return n.seen.size != f.Info.Size || !n.seen.mtime.Equal(f.Info.Mtime)
}

// otherBacking reports whether some cloud shows another backing file than before.
func (n *Node) otherBacking(inodes []uint64) bool {
	for k, ino := range inodes {
		if ino != 0 && n.backing[k] != 0 && n.backing[k] != ino {
			return true
		}
	}
	return false
}

// sameBacking reports whether some cloud shows the backing file of before.
func (n *Node) sameBacking(inodes []uint64) bool {
	for k, ino := range inodes {
		if ino != 0 && n.backing[k] == ino {
			return true
		}
	}
	return false
}

// linked is the live node of a file of which another name was found: in each cloud that has both, it is the same backing file.
// While the file is open it is enough that one cloud has it as the same, since nobody else is to write to that one: what other
// clouds show at that name are copies, by a tool that knows no hard links.
func (t *Table) linked(f *Found) *Node {
	if f.Best < 0 || f.Kind == unix.S_IFDIR {
		return nil
	}
	for k, ino := range f.Inodes {
		if ino == 0 {
			continue
		}
		n := t.byBacking[backing{k, ino}]
		if n == nil || n.kind != f.Kind || n.Content.Stale() {
			continue
		}
		same := n.Content.Open() != nil && n.id == f.ID && !f.ID.IsZero()
		if same || (f.ID.IsZero() || n.id.IsZero() || n.id == f.ID) && !n.otherBacking(f.Inodes) {
			return n
		}
	}
	return nil
}

// learn completes what is known of a node's inodes. A directory is what stands at its name: where one cloud has another there by
// now, what is in it goes on, and files that are open keep their place.
func (t *Table) learn(n *Node, inodes []uint64) {
	if !n.IsDir() && !slices.Contains(n.backing, 0) {
		return
	}
	all := slices.Clone(n.backing)
	for k, ino := range inodes {
		if all[k] == 0 || n.IsDir() && ino != 0 {
			all[k] = ino
		}
	}
	if !slices.Equal(all, n.backing) {
		t.register(n, all)
	}
}
