package nodes

import (
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A Link is one name of a node, or what may become one.
type Link struct {
	Parent *Node
	Name   string
	Enc    []cipher.Name // its spelling in each cloud; nil where nothing needs it
}

// Same reports whether two links are one name.
func (l Link) Same(o Link) bool { return l.Parent == o.Parent && l.Name == o.Name }

// Path is the name's path from the root; ok is false where its directory has no
// name. The caller holds Mirror.names.
func (l Link) Path() (path string, ok bool) {
	dir, ok := l.Parent.Plain()
	return replica.Join(dir, l.Name), ok
}

// In is the path of the name's entry in a cloud, in either spelling. The caller
// holds Mirror.names.
func (l Link) In(k int, special bool) string {
	dir, _ := l.Parent.Path(k)
	return replica.Join(dir, replica.Entry(l.Enc[k], special))
}

// Place is the name in the index; ok is false where its directory stands nowhere.
// The caller holds Mirror.names.
func (l Link) Place() (p index.Place, ok bool) {
	d := l.Parent.Number()
	return index.Place{Dir: d, Name: cipher.PlainName(l.Name)}, d != 0
}

// Link is a name of the node; ok is false where none is known.
func (n *Node) Link() (l Link, ok bool) {
	n.t.tree.Lock()
	defer n.t.tree.Unlock()
	if len(n.links) == 0 {
		return Link{}, false
	}
	return n.links[0], true
}

// Links are the names of the node that are known.
func (n *Node) Links() []Link {
	n.t.tree.Lock()
	defer n.t.tree.Unlock()
	return slices.Clone(n.links)
}

// Live is the live node of a name in a directory, without a reference, or nil.
func (n *Node) Live(name string) *Node {
	n.t.tree.Lock()
	defer n.t.tree.Unlock()
	return n.children[name]
}

// Child is Live with a reference.
func (n *Node) Child(name string) *Node {
	n.t.tree.Lock()
	defer n.t.tree.Unlock()
	child := n.children[name]
	if child != nil {
		child.refs++
	}
	return child
}

// Spelling is how the clouds spell a name in a directory, as far as somebody knows what is there; nil where nobody does.
func (n *Node) Spelling(name string) []cipher.Name {
	n.t.tree.Lock()
	defer n.t.tree.Unlock()
	child := n.children[name]
	if child == nil {
		return nil
	}
	for _, l := range child.links {
		if l.Parent == n && l.Name == name {
			return l.Enc
		}
	}
	return nil
}

// Path is where the node is in a cloud, by its first link. ok is false when it has
// no name left. The caller holds Mirror.names.
func (n *Node) Path(k int) (path string, ok bool) {
	return n.walkUp(func(at *Node, l Link) string { return replica.Entry(l.Enc[k], at.Special()) })
}

// Plain is the node's path from the root, for the log. The caller holds
// Mirror.names.
func (n *Node) Plain() (path string, ok bool) {
	return n.walkUp(func(_ *Node, l Link) string { return l.Name })
}

func (n *Node) walkUp(part func(*Node, Link) string) (string, bool) {
	n.t.tree.Lock()
	defer n.t.tree.Unlock()
	parts := make([]string, 0, 16) // few are deeper, and it stays on the stack
	for at := n; at != n.t.root; at = at.links[0].Parent {
		if len(at.links) == 0 {
			return "", false
		}
		parts = append(parts, part(at, at.links[0]))
	}
	slices.Reverse(parts)
	return strings.Join(parts, "/"), true
}

// Gone reports whether the node has no name left.
func (n *Node) Gone() bool {
	n.t.tree.Lock()
	defer n.t.tree.Unlock()
	return n != n.t.root && len(n.links) == 0
}

// Within reports whether a directory is another one or lies below it.
func (n *Node) Within(other *Node) bool {
	n.t.tree.Lock()
	defer n.t.tree.Unlock()
	for at := n; ; at = at.links[0].Parent {
		if at == other {
			return true
		}
		if at == n.t.root || len(at.links) == 0 {
			return false
		}
	}
}

// Number is that of a directory in the index, 0 where it stands nowhere. The caller
// holds Mirror.names.
func (n *Node) Number() index.Dir {
	var above []*Node // directories from n up to one whose number is at hand
	var names []string
	number := index.Root
	n.t.tree.Lock()
	for at := n; at != n.t.root; at = at.links[0].Parent {
		if len(at.links) == 0 {
			n.t.tree.Unlock()
			return 0
		}
		if number == index.Root && at.number != 0 {
			number = at.number // what follows only shows whether it stands
		}
		if number == index.Root {
			above, names = append(above, at), append(names, at.links[0].Name)
		}
	}
	n.t.tree.Unlock()
	for i := len(above) - 1; i >= 0; i-- {
		number = n.t.Draw(number, cipher.PlainName(names[i]))
		n.t.tree.Lock()
		above[i].number = number
		n.t.tree.Unlock()
	}
	return number
}
