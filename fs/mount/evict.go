package mount

import (
	"cmp"
	"slices"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// maxNodes is how many nodes the kernel may know. It would know every file that
// a program ever looked at, as long as it has memory itself; each costs a
// kilobyte here.
const maxNodes = 100_000

// keepSmall makes the kernel forget the nodes that it was told of first,
// whenever it knows too many, until the mount is done.
func (f *filesystem) keepSmall(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-f.nodes.full:
			f.evict(f.nodes.oldest())
		}
	}
}

// oldest returns what there is too much, and a quarter more, of the nodes that
// no program has open.
func (t *nodes) oldest() []*node {
	t.mu.RLock()
	idle := make([]*node, 0, len(t.byID))
	for id, n := range t.byID {
		if id != fuse.FUSE_ROOT_ID && n.opens.Load() == 0 {
			idle = append(idle, n)
		}
	}
	count := len(t.byID) - t.limit*3/4
	t.mu.RUnlock()
	slices.SortFunc(idle, func(a, b *node) int { return cmp.Compare(a.id, b.id) })
	return idle[:max(0, min(len(idle), count))]
}

// evictNodes names the nodes to the kernel, which forgets those that nothing
// there needs.
func (f *filesystem) evictNodes(victims []*node) {
	const batch = 500
	for some := range slices.Chunk(victims, batch) {
		ids := make([]uint64, len(some))
		for i, n := range some {
			ids[i] = n.id
		}
		if !f.server.Load().PruneNotify(ids).Ok() {
			return
		}
	}
}

// evictEntries is for kernels before 6.18, which can be told only that an entry
// is not valid any more. They drop the entry of a directory even from under
// those who stand in it, so only other entries are named.
func (f *filesystem) evictEntries(victims []*node) {
	for _, n := range victims {
		dir, name, ok := n.Name()
		if !ok || n.IsDir() {
			continue
		}
		if parent := f.nodes.known(dir); parent != nil {
			// An error means that the kernel has no such entry any more.
			_ = f.server.Load().EntryNotify(parent.id, name)
		}
	}
}
