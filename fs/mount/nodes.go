package mount

import (
	"sync"
	"sync/atomic"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/overcast-fs/overcast/fs/mirror"
)

// A node is a file or directory that the kernel was told of. It holds one
// reference to the mirror's node.
type node struct {
	mirror.Node
	id      uint64
	lookups uint64       // how often the kernel was told; guarded by nodes.mu
	opens   atomic.Int64 // handles
	writers atomic.Int64 // handles through which the kernel may hold written data back
	kept    atomic.Pointer[keepsake]
}

// free lets go of a node that the kernel has forgotten.
func (n *node) free() {
	n.kept.Load().drop()
	n.Forget()
}

// nodes are the node ids of one mount. The root's is never forgotten.
type nodes struct {
	mu    sync.RWMutex
	byID  map[uint64]*node
	of    map[mirror.Node]*node
	last  uint64
	limit int           // how many there should be at most
	full  chan struct{} // tells that there are more
}

func (t *nodes) init(root mirror.Node) {
	n := &node{Node: root, id: fuse.FUSE_ROOT_ID, lookups: 1}
	t.byID = map[uint64]*node{n.id: n}
	t.of = map[mirror.Node]*node{root: n}
	t.last = n.id
	t.limit = maxNodes
	t.full = make(chan struct{}, 1)
}

// get returns the node that the kernel calls id, nil if there is none.
func (t *nodes) get(id uint64) *node {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byID[id]
}

// tell notes that the kernel is told of m once more and takes over the caller's
// reference.
func (t *nodes) tell(m mirror.Node) *node {
	t.mu.Lock()
	n := t.of[m]
	known := n != nil
	if !known {
		t.last++
		n = &node{Node: m, id: t.last}
		t.byID[n.id] = n
		t.of[m] = n
		if len(t.byID) > t.limit {
			select {
			case t.full <- struct{}{}:
			default:
			}
		}
	}
	n.lookups++
	t.mu.Unlock()
	if known {
		m.Forget()
	}
	return n
}

// known returns the kernel's node for one of the mirror's, nil if there is none.
func (t *nodes) known(m mirror.Node) *node {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.of[m]
}

// forget takes back what the kernel was told lookups times.
func (t *nodes) forget(id, lookups uint64) {
	t.mu.Lock()
	n := t.byID[id]
	if n == nil || id == fuse.FUSE_ROOT_ID {
		t.mu.Unlock()
		return
	}
	n.lookups -= min(lookups, n.lookups)
	gone := n.lookups == 0
	if gone {
		delete(t.byID, id)
		delete(t.of, n.Node)
	}
	t.mu.Unlock()
	if gone {
		n.free()
	}
}

// drop forgets everything but the root: the kernel does not when it unmounts.
func (t *nodes) drop() {
	t.mu.Lock()
	all := t.byID
	t.byID, t.of = map[uint64]*node{}, map[mirror.Node]*node{}
	t.mu.Unlock()
	for id, n := range all {
		if id != fuse.FUSE_ROOT_ID {
			n.free()
		}
	}
}
