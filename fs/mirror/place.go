package mirror

import (
	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
)

// place is a node as package content knows it: where a file is now.
type place struct{ *Node }

func (p place) Path(k int) (string, bool) { return p.path(k) }
func (p place) Plain() (string, bool)     { return p.plainPath() }
func (p place) Search()                   { p.m.findName(p.Node) }
func (p place) Known(h *cipher.Header)    { p.setFileID(h) }

func (p place) Committed(h *cipher.Header, in []*cloud.Info, lacking []*clouds.Cloud) error {
	p.m.tellCommitted(p.Node, h, in)
	return p.m.noteCommitted(p.Node, lacking)
}
func (p place) Choose(set *copies.Set) *cipher.Header { return p.m.choose(p.Node, set) }

func (p place) Parent() (content.Dir, bool) {
	p.m.tree.Lock()
	defer p.m.tree.Unlock()
	if len(p.links) == 0 {
		return nil, false
	}
	return place{p.links[0].parent}, true
}

func (p place) Shows(k int, info cloud.Info) {
	p.m.tree.Lock()
	defer p.m.tree.Unlock()
	p.seen = sight{k >= 0, k, info.Size, info.Mtime}
}

func (p place) Length(k int, info cloud.Info, plain int64) {
	p.m.tree.Lock()
	defer p.m.tree.Unlock()
	p.m.nodes.lengths[backingKey{k, info.Ino}] = length{info.Size, info.Mtime, plain}
}

func (p place) Replaced(k int, ino uint64) {
	p.m.tree.Lock()
	defer p.m.tree.Unlock()
	backing := append([]uint64(nil), p.backing...)
	backing[k] = ino
	p.m.register(p.Node, backing)
}

// walker is the mirror's names as package recovery asks for them.
type walker struct{ m *Mirror }

func (w walker) Find(path string) (*content.Object, error) {
	n, err := w.m.Walk(path)
	if err != nil {
		return nil, err
	}
	return &n.content, nil
}

func (w walker) Owner(path string) (o index.Owner, ok bool) {
	n, err := w.m.Walk(path)
	if err != nil {
		w.m.logger.Warn("a directory that the redo log names cannot be found", "error", err)
		return index.Owner{}, false
	}
	defer n.Forget()
	a, err := n.Attr()
	return ownerOf(a), err == nil
}
