package mirror

import (
	"strings"

	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/view"
)

// Node is a file or directory that somebody knows. Those of the same one are equal, hard links included; the zero Node is
// none. Lookup and the creating operations return a node with a reference; Forget gives it back.
type Node struct {
	m    *Mirror
	live *nodes.Node
}

// Attr is what stat shows.
type Attr = view.Attr

// Owner is who a new entry belongs to.
type Owner = content.Owner

// SetAttr says what to change; nil leaves a field as it is.
type SetAttr = content.SetAttr

// DirEntry is one name in a directory. Mode is the file type, 0 where only the header knows it.
type DirEntry = view.DirEntry

// Root returns the root directory. It lives as long as the mirror.
func (m *Mirror) Root() Node { return Node{m, m.nodes.Root()} }

// Walk finds a node by its path from the root, parts joined by '/'. It returns a referenced node.
func (m *Mirror) Walk(path string) (Node, error) {
	at := m.Root()
	at.Ref()
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if part == "" {
			continue
		}
		next, err := at.Lookup(part)
		at.Forget()
		if err != nil {
			return Node{}, err
		}
		at = next
	}
	return at, nil
}

// Ino is the inode number, unique among live nodes.
func (n Node) Ino() uint64 { return n.live.Ino() }

// Kind is the file type, as the S_IFMT bits of a mode.
func (n Node) Kind() uint32 { return n.live.Kind() }

// IsDir reports whether the node is a directory.
func (n Node) IsDir() bool { return n.live.IsDir() }

// Ref takes another reference.
func (n Node) Ref() { n.live.Ref() }

// Forget gives one reference back. The last one frees the node.
func (n Node) Forget() { n.live.Forget() }

// Name returns a name of the node and the directory that has it, without a reference. ok is false where none is known.
func (n Node) Name() (dir Node, name string, ok bool) {
	l, ok := n.live.Link()
	return Node{n.m, l.Parent}, l.Name, ok
}

// Lookup finds a name in a directory and returns its node, with a reference.
func (n Node) Lookup(name string) (Node, error) {
	child, _, err := n.LookupAttr(name)
	return child, err
}

// LookupAttr is Lookup that also gives the attributes, which it has to read anyway.
func (n Node) LookupAttr(name string) (Node, Attr, error) {
	m := n.m
	if err := m.enter(); err != nil {
		return Node{}, Attr{}, err
	}
	defer m.leave()
	l, err := m.link(n, name)
	if err != nil {
		return Node{}, Attr{}, err
	}
	m.names.RLock()
	defer m.names.RUnlock()
	child, f, err := m.view.Child(l)
	if err != nil {
		return Node{}, Attr{}, err
	}
	a, err := m.view.AttrOf(child, f)
	if err != nil {
		child.Forget()
		return Node{}, Attr{}, err
	}
	return Node{m, child}, a, nil
}

// link is a name that a program gave in a directory.
func (m *Mirror) link(dir Node, name string) (nodes.Link, error) {
	if !dir.IsDir() {
		return nodes.Link{}, ErrNotDir
	}
	return m.view.Link(dir.live, name)
}

// ReadDir lists a directory: what should be there, by what its clouds show.
func (n Node) ReadDir() ([]DirEntry, error) {
	if !n.IsDir() {
		return nil, ErrNotDir
	}
	m := n.m
	if err := m.enter(); err != nil {
		return nil, err
	}
	defer m.leave()
	m.names.RLock()
	defer m.names.RUnlock()
	if n.live.Gone() {
		return nil, nil
	}
	list, err := m.view.List(n.live)
	noticeConflicts(m, n.live, list)
	return list, err
}

// Attr returns the attributes.
func (n Node) Attr() (Attr, error) {
	m := n.m
	if err := m.enter(); err != nil {
		return Attr{}, err
	}
	defer m.leave()
	if f := n.live.Content.Open(); f != nil {
		a, err := m.view.OpenAttr(n.live, f)
		if err == nil && a.Nlink > 1 {
			m.names.RLock()
			defer m.names.RUnlock()
			a.Nlink = m.view.LinksOf(n.live, a.Nlink)
		}
		return a, err
	}
	m.names.RLock()
	defer m.names.RUnlock()
	return m.view.Attr(n.live)
}
