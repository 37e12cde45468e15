package mirror

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
)

// Node is a file or directory that somebody knows: the kernel, an opener, a
// child. Equal nodes are one pointer, hard links included. Lookup and the
// creating operations return a node with a reference; Forget gives it back.
type Node struct {
	m    *Mirror
	ino  uint64
	kind uint32 // S_IFMT bits

	content content.Object

	// The rest is guarded by Mirror.tree. Links and children change only
	// with Mirror.names written as well, or when a lookup adds one.
	refs     int64
	links    []link
	children map[string]*Node
	backing  []uint64      // inode by cloud, 0 unknown
	id       cipher.ID     // file id, zero unknown
	known    index.Version // the version that goes with id, as far as it is known
	number   index.Dir     // of a directory that stands; 0 where it was not asked for yet
	last     Attr          // what it showed when it lost a name
	seen     sight
}

// sight is what a cloud showed of a file that nobody had open.
type sight struct {
	known bool
	cloud int
	size  int64
	mtime time.Time
}

func sightOf(f *found) sight {
	if f.Best() < 0 {
		return sight{}
	}
	info := f.Info()
	return sight{true, f.Best(), info.Size, info.Mtime}
}

// outdated reports whether a cloud shows another file, or other content, than
// before. Nothing but a sync client changes a file that is not open here. The
// caller holds Mirror.tree.
func (n *Node) outdated(f *found, backing []uint64) bool {
	switch {
	case n.content.Stale():
		return true
	case n.content.Open() != nil, f.Best() < 0:
		return false
	case n.otherBacking(backing):
		return true
	case n.IsDir() || !n.seen.known || n.seen.cloud != f.Best():
		return false
	}
	now := sightOf(f)
	return n.seen.size != now.size || !n.seen.mtime.Equal(now.mtime)
}

// otherBacking reports whether some cloud shows another backing file than before.
func (n *Node) otherBacking(backing []uint64) bool {
	for k, ino := range backing {
		if ino != 0 && n.backing[k] != 0 && n.backing[k] != ino {
			return true
		}
	}
	return false
}

// link is one name of a node, with its spelling in each cloud.
type link struct {
	parent *Node
	name   string
	enc    []cipher.Name
}

// backingKey is the identity of a backing inode.
type backingKey struct {
	member int
	ino    uint64
}

// table finds live nodes. It is guarded by Mirror.tree.
type table struct {
	byBacking map[backingKey]*Node
	byIno     map[uint64]*Node
	spare     uint64 // the next inode number for a node whose own is taken
	lengths   map[backingKey]length
}

// length is that of a file whose backing file has another size than its header
// says: something uncommitted follows, or its end is missing.
type length struct {
	size  int64 // of the backing file, then
	mtime time.Time
	plain int64
}

const firstSpareIno = 1 << 62

func (t *table) init(root *Node) {
	t.byBacking = map[backingKey]*Node{}
	t.byIno = map[uint64]*Node{root.ino: root}
	t.spare = firstSpareIno
	t.lengths = map[backingKey]length{}
}

// lengthOf is the length that stat shows of a file that nobody has open.
func (m *Mirror) lengthOf(k int, info cloud.Info) int64 {
	m.tree.Lock()
	known, ok := m.nodes.lengths[backingKey{k, info.Ino}]
	m.tree.Unlock()
	if ok && known.size == info.Size && known.mtime.Equal(info.Mtime) {
		return known.plain
	}
	size, err := m.layout.PlainSize(info.Size)
	if err != nil {
		return 0
	}
	return size
}

func newRoot(m *Mirror) *Node {
	return &Node{m: m, ino: 1, kind: unix.S_IFDIR, refs: 1, children: map[string]*Node{}, backing: make([]uint64, m.clouds.N())}
}

// Ino is the inode number, unique among live nodes.
func (n *Node) Ino() uint64 { return n.ino }

// Kind is the file type, as the S_IFMT bits of a mode.
func (n *Node) Kind() uint32 { return n.kind }

// IsDir reports whether the node is a directory.
func (n *Node) IsDir() bool { return n.kind == unix.S_IFDIR }

// special reports whether the node's entries carry the letter w.
func (n *Node) special() bool { return n.kind != unix.S_IFDIR && n.kind != unix.S_IFREG }

// Ref takes another reference.
func (n *Node) Ref() {
	n.m.tree.Lock()
	n.refs++
	n.m.tree.Unlock()
}

// Forget gives one reference back. The last one frees the node.
func (n *Node) Forget() {
	n.m.tree.Lock()
	defer n.m.tree.Unlock()
	n.m.forget(n)
}

// forget drops a reference; every child's link holds one of its parent.
func (m *Mirror) forget(n *Node) {
	n.refs--
	if n.refs > 0 || n == m.root {
		return
	}
	delete(m.nodes.byIno, n.ino)
	m.unregister(n)
	for len(n.links) > 0 {
		m.detach(n, n.links[0].parent, n.links[0].name)
	}
}

func (m *Mirror) unregister(n *Node) {
	for k, ino := range n.backing {
		key := backingKey{k, ino}
		if ino != 0 && m.nodes.byBacking[key] == n {
			delete(m.nodes.byBacking, key)
		}
	}
}

// register makes a node findable by its backing inodes.
func (m *Mirror) register(n *Node, backing []uint64) {
	m.unregister(n)
	n.backing = backing
	for k, ino := range backing {
		if ino != 0 {
			m.nodes.byBacking[backingKey{k, ino}] = n
		}
	}
}

// newNode makes a node with one reference and one link.
func (m *Mirror) newNode(l link, kind uint32, backing []uint64, lead int) *Node {
	n := &Node{m: m, kind: kind, refs: 1}
	n.content.Init(m.files, place{n})
	if kind == unix.S_IFDIR {
		n.children = map[string]*Node{}
	}
	m.place(n, l, backing, lead)
	return n
}

// place gives a node its inode number and its first link.
func (m *Mirror) place(n *Node, l link, backing []uint64, lead int) {
	if lead >= 0 {
		n.ino = backing[lead]
	}
	if n.ino == 0 || m.nodes.byIno[n.ino] != nil {
		n.ino = m.nodes.spare
		m.nodes.spare++
	}
	m.nodes.byIno[n.ino] = n
	m.register(n, backing)
	m.attach(n, l)
}

// attach adds a link. It holds a reference of the parent.
func (m *Mirror) attach(n *Node, l link) {
	n.links = append(n.links, l)
	l.parent.children[l.name] = n
	l.parent.refs++
}

// detach removes the link of that name, if the node has it.
func (m *Mirror) detach(n *Node, parent *Node, name string) {
	for i, l := range n.links {
		if l.parent == parent && l.name == name {
			n.links = append(n.links[:i], n.links[i+1:]...)
			if parent.children[name] == n {
				delete(parent.children, name)
			}
			m.forget(parent)
			return
		}
	}
}

// Name returns a name of the node and the directory that has it, without a
// reference. ok is false where none is known.
func (n *Node) Name() (dir *Node, name string, ok bool) {
	n.m.tree.Lock()
	defer n.m.tree.Unlock()
	if len(n.links) == 0 {
		return nil, "", false
	}
	return n.links[0].parent, n.links[0].name, true
}

// encode returns a name's spelling in each cloud.
func (m *Mirror) encode(name string) ([]cipher.Name, error) {
	if len(name) > 255 {
		return nil, ErrNameTooLong
	}
	enc := make([]cipher.Name, m.clouds.N())
	for k, cl := range m.clouds.All() {
		e, err := cl.Keys.EncodeName(cipher.PlainName(name))
		if err != nil {
			return nil, ErrInvalid
		}
		enc[k] = e
	}
	return enc, nil
}

// path is where the node is in a cloud, by its first link. ok is false when it
// has no name left. The caller holds Mirror.names.
func (n *Node) path(k int) (path string, ok bool) {
	return n.walkUp(func(at *Node, l link) string { return replica.Entry(l.enc[k], at.special()) })
}

// plainPath is the node's path from the root, for the log; the caller holds
// Mirror.names.
func (n *Node) plainPath() (path string, ok bool) {
	return n.walkUp(func(_ *Node, l link) string { return l.name })
}

func (n *Node) walkUp(part func(*Node, link) string) (string, bool) {
	n.m.tree.Lock()
	defer n.m.tree.Unlock()
	var parts []string
	for at := n; at != n.m.root; at = at.links[0].parent {
		if len(at.links) == 0 {
			return "", false
		}
		parts = append(parts, part(at, at.links[0]))
	}
	slices.Reverse(parts)
	return strings.Join(parts, "/"), true
}

// gone reports whether the node has no name left.
func (n *Node) gone() bool {
	n.m.tree.Lock()
	defer n.m.tree.Unlock()
	return n != n.m.root && len(n.links) == 0
}

// unnumber forgets the numbers of all directories, and has those forgotten that
// the index has.
func (m *Mirror) unnumber(forget func()) {
	m.names.Lock()
	defer m.names.Unlock()
	m.tree.Lock()
	for _, n := range m.nodes.byIno {
		n.number = 0
	}
	m.tree.Unlock()
	forget()
}

// fileID returns what is known of the node's file id, and the version that goes
// with it.
func (n *Node) fileID() (cipher.ID, index.Version) {
	n.m.tree.Lock()
	defer n.m.tree.Unlock()
	return n.id, n.known
}

func (n *Node) setFileID(h *cipher.Header) {
	n.m.tree.Lock()
	n.id, n.known = h.FileID, telling.Version(h)
	n.m.tree.Unlock()
}

// handles are what finds a directory in each cloud wherever it is; nil where
// the cloud has no such thing. The caller holds Mirror.names.
func (n *Node) handles() [][]byte {
	list := make([][]byte, n.m.clouds.N())
	for _, cl := range n.m.clouds.Ups() {
		path, ok := n.path(cl.Index)
		if !ok {
			continue
		}
		if h, err := cl.Dir.Handle(path); err == nil {
			list[cl.Index] = h
		}
	}
	return list
}
