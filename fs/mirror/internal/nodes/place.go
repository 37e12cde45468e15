package nodes

import (
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
)

// place is a node as package content knows it: where a file is now.
type place struct{ *Node }

// AsPlace is a node as package content knows it.
func (n *Node) AsPlace() content.Place { return place{n} }

func (p place) Search()                               { p.t.Host.Search(p.Node) }
func (p place) Choose(set *copies.Set) *cipher.Header { return p.t.Host.Choose(p.Node, set) }

func (p place) Committed(h *cipher.Header, in []*cloud.Info, lacking []*clouds.Cloud) error {
	return p.t.Host.Committed(p.Node, Commit{Head: h, In: in, Lacking: lacking})
}

func (p place) Known(h *cipher.Header) {
	p.t.tree.Lock()
	defer p.t.tree.Unlock()
	p.id, p.known = h.FileID, telling.Version(h)
}

func (p place) Parent() (content.Dir, bool) {
	l, ok := p.Link()
	if !ok {
		return nil, false
	}
	return place{l.Parent}, true
}

func (p place) Shows(k int, info cloud.Info) {
	p.t.tree.Lock()
	defer p.t.tree.Unlock()
	p.seen = sight{k >= 0, k, info.Size, info.Mtime}
}

func (p place) Length(k int, info cloud.Info, plain int64) {
	p.t.tree.Lock()
	defer p.t.tree.Unlock()
	p.t.lengths[backing{k, info.Ino}] = length{info.Size, info.Mtime, plain}
}

// Shared is asked of what serves: a cloud that shows another file there has no part in this one. Of two that are being opened one yields.
func (p place) Shared(k int, ino uint64) bool {
	for _, n := range p.t.sharing(p.Node, backing{k, ino}) {
		if n.Content.Open() == nil && (n.ino > p.ino || !n.Content.Opening()) {
			continue
		}
		p.t.tree.Lock()
		defer p.t.tree.Unlock()
		p.t.register(n, n.backing) // it is the one that is found by that from now on
		return true
	}
	return false
}

// sharing are the other nodes of a file that have a backing file of it. An inode's number may have been given again, to another one.
func (t *Table) sharing(with *Node, b backing) (list []*Node) {
	t.tree.Lock()
	defer t.tree.Unlock()
	if !with.parted {
		return nil
	}
	for _, n := range t.byIno {
		if n != with && !n.Content.Stale() && n.kind == with.kind && (n.id == with.id || n.id.IsZero()) && n.backing[b.cloud] == b.ino {
			list = append(list, n)
		}
	}
	return list
}

func (p place) Replaced(k int, ino uint64) {
	p.t.tree.Lock()
	defer p.t.tree.Unlock()
	inodes := slices.Clone(p.backing)
	inodes[k] = ino
	p.t.register(p.Node, inodes)
}
