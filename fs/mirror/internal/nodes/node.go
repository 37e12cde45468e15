package nodes

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
)

// A Node is a file or directory that somebody knows.
type Node struct {
	Content content.Object // of anything but a directory

	t    *Table
	ino  uint64
	kind uint32 // S_IFMT bits

	// The rest is guarded by Table.tree. Links and children change only with
	// Mirror.names written as well, or when a lookup adds one.
	refs     int64
	links    []Link
	children map[string]*Node
	backing  []uint64      // inode by cloud, 0 unknown; replaced, never changed
	id       cipher.ID     // file id, zero unknown
	known    index.Version // the version that goes with id, as far as it is known
	number   index.Dir     // of a directory that stands; 0 where it was not asked for yet
	last     *cloud.Info   // what it showed when it lost a name
	parted   bool          // some cloud has one of its backing files as that of another node, too
	seen     sight
}

// sight is what a cloud showed of a file that nobody had open.
type sight struct {
	known bool
	cloud int
	size  int64
	mtime time.Time
}

// Ino is the inode number, unique among live nodes.
func (n *Node) Ino() uint64 { return n.ino }

// Kind is the file type, as the S_IFMT bits of a mode.
func (n *Node) Kind() uint32 { return n.kind }

// IsDir reports whether the node is a directory.
func (n *Node) IsDir() bool { return n.kind == unix.S_IFDIR }

// Special reports whether the node's entries carry the letter w.
func (n *Node) Special() bool { return n.kind != unix.S_IFDIR && n.kind != unix.S_IFREG }

// Ref takes another reference.
func (n *Node) Ref() {
	n.t.tree.Lock()
	n.refs++
	n.t.tree.Unlock()
}

// Forget gives one reference back. The last one frees the node.
func (n *Node) Forget() {
	n.t.tree.Lock()
	defer n.t.tree.Unlock()
	n.t.forget(n)
}

// ID returns what is known of a file's id, and the version that goes with it.
func (n *Node) ID() (cipher.ID, index.Version) {
	n.t.tree.Lock()
	defer n.t.tree.Unlock()
	return n.id, n.known
}

// Backing is the inode in each cloud, 0 where it is not known. It is only to be read.
func (n *Node) Backing() []uint64 {
	n.t.tree.Lock()
	defer n.t.tree.Unlock()
	return n.backing
}

// Remember keeps what stat shows of a node, whose last name may be going: some
// program may have it open without the mirror's knowledge.
func (n *Node) Remember(last cloud.Info) {
	n.t.tree.Lock()
	n.last = &last
	n.t.tree.Unlock()
}

// Last is what was remembered, nil where that is nothing.
func (n *Node) Last() *cloud.Info {
	n.t.tree.Lock()
	defer n.t.tree.Unlock()
	return n.last
}
