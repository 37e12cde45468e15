package nodes

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
)

// A Host does with a file what needs more than the table, as package content asks
// for it.
type Host interface {
	Search(n *Node)                                 // see content.Place
	Choose(n *Node, set *copies.Set) *cipher.Header // see content.Place
	Committed(n *Node, c Commit) error              // see content.Place
}

// A Commit is a version of a file that the clouds have.
type Commit struct {
	Head    *cipher.Header
	In      []*cloud.Info   // by cloud: what shows it; nil where none does
	Lacking []*clouds.Cloud // that have no copy that could be changed
}

// Config is what nodes are made of.
type Config struct {
	Clouds int                                                     // how many there are
	Init   func(o *content.Object, at content.Place)               // makes the content of what was found
	Draw   func(parent index.Dir, name cipher.PlainName) index.Dir // finds a directory's number, or draws one
	Host   Host
}

// A Table finds live nodes. It is safe for concurrent use.
type Table struct {
	Config
	root *Node

	tree      lock.Mutex[lock.Tree]
	byBacking map[backing]*Node
	byIno     map[uint64]*Node
	spare     uint64 // the next inode number for a node whose own is taken
	lengths   map[backing]length
}

// backing is the identity of a backing file.
type backing struct {
	cloud int
	ino   uint64
}

// length is that of a file whose backing file has another size than its header
// says: something uncommitted follows, or its end is missing.
type length struct {
	size  int64 // of the backing file, then
	mtime time.Time
	plain int64
}

const (
	rootIno       = 1
	firstSpareIno = 1 << 62
)

// New makes a table with a root.
func New(c Config) *Table {
	t := &Table{Config: c, byBacking: map[backing]*Node{}, byIno: map[uint64]*Node{}, spare: firstSpareIno, lengths: map[backing]length{}}
	t.root = &Node{t: t, ino: rootIno, kind: unix.S_IFDIR, refs: 1, children: map[string]*Node{}, backing: make([]uint64, c.Clouds)}
	t.byIno[rootIno] = t.root
	return t
}

// Root is the root directory. It lives as long as the table.
func (t *Table) Root() *Node { return t.root }

// All are the live nodes, without references.
func (t *Table) All() []*Node {
	t.tree.Lock()
	defer t.tree.Unlock()
	list := make([]*Node, 0, len(t.byIno))
	for _, n := range t.byIno {
		list = append(list, n)
	}
	return list
}

// Objects are the contents of all live nodes.
func (t *Table) Objects() []*content.Object {
	all := t.All()
	list := make([]*content.Object, len(all))
	for i, n := range all {
		list[i] = &n.Content
	}
	return list
}

// At is the live node of a path, without a reference, or nil. The caller holds
// Mirror.names.
func (t *Table) At(path string) *Node {
	t.tree.Lock()
	defer t.tree.Unlock()
	at := t.root
	for path != "" && at != nil {
		var name string
		name, path, _ = strings.Cut(path, "/")
		at = at.children[name]
	}
	return at
}

// Backed is the live node of a backing file, without a reference, or nil.
func (t *Table) Backed(k int, ino uint64) *Node {
	t.tree.Lock()
	defer t.tree.Unlock()
	return t.byBacking[backing{k, ino}]
}

// Length is that of a file that nobody has open and of which a cloud shows this; ok
// is false where it is what the backing file's size tells.
func (t *Table) Length(k int, info cloud.Info) (plain int64, ok bool) {
	t.tree.Lock()
	known, ok := t.lengths[backing{k, info.Ino}]
	t.tree.Unlock()
	return known.plain, ok && known.size == info.Size && known.mtime.Equal(info.Mtime)
}

// forget drops a reference; every child's link holds one of its parent.
func (t *Table) forget(n *Node) {
	n.refs--
	if n.refs > 0 || n == t.root {
		return
	}
	delete(t.byIno, n.ino)
	t.unregister(n)
	for len(n.links) > 0 {
		t.detach(n, n.links[0])
	}
}

func (t *Table) unregister(n *Node) {
	for k, ino := range n.backing {
		key := backing{k, ino}
		if ino != 0 && t.byBacking[key] == n {
			delete(t.byBacking, key)
		}
	}
}

// register makes a node findable by its backing inodes.
func (t *Table) register(n *Node, inodes []uint64) {
	t.unregister(n)
	n.backing = inodes
	for k, ino := range inodes {
		if ino == 0 {
			continue
		}
		key := backing{k, ino}
		if other := t.byBacking[key]; other != nil && other != n {
			n.parted, other.parted = true, true
		}
		t.byBacking[key] = n
	}
}

// ForgetCloud forgets what a cloud had of every node: it may be another file.
func (t *Table) ForgetCloud(k int) {
	t.tree.Lock()
	defer t.tree.Unlock()
	for key := range t.byBacking {
		if key.cloud == k {
			delete(t.byBacking, key)
		}
	}
	for key := range t.lengths {
		if key.cloud == k {
			delete(t.lengths, key)
		}
	}
	for _, n := range t.byIno {
		n.backing = slices.Clone(n.backing)
		n.backing[k] = 0
		if n.seen.cloud == k {
			n.seen = sight{}
		}
	}
}

// ForgetNumbers forgets the numbers of all directories. The caller holds
// Mirror.names for writing.
func (t *Table) ForgetNumbers() {
	t.tree.Lock()
	defer t.tree.Unlock()
	for _, n := range t.byIno {
		n.number = 0
	}
}
