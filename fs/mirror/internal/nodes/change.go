package nodes

import (
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
)

// What changes names is called when that is done in the clouds, with Mirror.names
// held for writing.

// NewFile makes the node of a regular file that is being made. It has two
// references, the caller's and that of the open file, and is no live node before it
// is Made.
func (t *Table) NewFile() *Node { return &Node{t: t, kind: unix.S_IFREG, refs: 2} }

// Made makes a new file live: at a name, and by its inode in each cloud, one of
// which its number is from.
func (n *Node) Made(l Link, id cipher.ID, inodes []uint64, source int) {
	n.t.tree.Lock()
	defer n.t.tree.Unlock()
	n.id = id
	n.t.place(n, l, inodes, source)
}

// Linked gives a node another name.
func (n *Node) Linked(l Link) {
	n.t.tree.Lock()
	defer n.t.tree.Unlock()
	n.t.attach(n, l)
}

// Unlinked takes a name from a node, and reports whether another one is known.
func (n *Node) Unlinked(l Link) (named bool) {
	n.t.tree.Lock()
	defer n.t.tree.Unlock()
	n.t.detach(n, l)
	return len(n.links) > 0
}

// Moved gives a node a name in the place of another.
func (n *Node) Moved(from, to Link) {
	n.t.tree.Lock()
	defer n.t.tree.Unlock()
	n.t.attach(n, to)
	n.t.detach(n, from)
}

// Exchanged gives two nodes, each of which had one of two names, the other one.
func Exchanged(a, b *Node, from, to Link) {
	t := a.t
	t.tree.Lock()
	defer t.tree.Unlock()
	t.attach(a, to)
	t.attach(b, from)
	t.detach(a, from)
	t.detach(b, to)
}

// place gives a node its inode number and its first link.
func (t *Table) place(n *Node, l Link, inodes []uint64, source int) {
	if source >= 0 {
		n.ino = inodes[source]
	}
	if n.ino == 0 || t.byIno[n.ino] != nil {
		n.ino = t.spare
		t.spare++
	}
	t.byIno[n.ino] = n
	t.register(n, inodes)
	t.attach(n, l)
}

// attach adds a link. It holds a reference of the parent.
func (t *Table) attach(n *Node, l Link) {
	n.links = append(n.links, l)
	l.Parent.children[l.Name] = n
	l.Parent.refs++
}

// detach removes a link, if the node has it.
func (t *Table) detach(n *Node, gone Link) {
	for i, l := range n.links {
		if l.Same(gone) {
			n.links = append(n.links[:i], n.links[i+1:]...)
			if l.Parent.children[l.Name] == n {
				delete(l.Parent.children, l.Name)
			}
			t.forget(l.Parent)
			return
		}
	}
}
