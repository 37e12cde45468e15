package mirror

import (
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
	"github.com/overcast-fs/overcast/fs/mirror/internal/toolcopy"
	"github.com/overcast-fs/overcast/fs/mirror/internal/view"
)

// host is the mirror as packages recovery, nodes and rejoin know it.
type host struct{ *Mirror }

func (m host) Find(path string) (*content.Object, error) {
	n, err := m.Walk(path)
	if err != nil {
		return nil, err
	}
	return &n.live.Content, nil
}

func (m host) Owner(path string) (o index.Owner, ok bool) {
	n, err := m.Walk(path)
	if err != nil {
		m.logger.Warn("a directory that the redo log names cannot be found", "error", err)
		return index.Owner{}, false
	}
	defer n.Forget()
	a, err := n.Attr()
	return view.OwnerOf(a), err == nil
}

func (m host) Renew(list []telling.Left) {
	for _, f := range list {
		m.memory.Leaves(f)
	}
	left(list).renew(m.Mirror)
}

func (m host) Retry() {
	for _, f := range m.memory.Again(m.clock()) {
		if err := renewOne(m.Mirror, &f); err != nil {
			m.logger.Debug("a file that has another name than before has no later version yet", "error", err)
		}
	}
	beside := m.Beside()
	settler := toolcopy.Settler{
		Clouds: m.clouds, Memory: m.belief.Known(), Draw: drawer(m.state), Guard: beside.Guard, Names: beside.Names,
		Old: func(h *cipher.Header) bool { return view.Old(m.view, h) }, Stop: m.open, Clock: m.clock, Logger: m.logger, Owners: m.owners,
	}
	if err := settler.Settle(m.copied); err != nil {
		m.logger.Warn("what sync tools have made of names is not settled", "error", err)
	}
}

func (m host) open() (err error) {
	if err = m.enter(); err == nil {
		m.leave()
	}
	return err
}

func (m host) Search(n *nodes.Node) { m.view.Search(n) }

func (m host) Choose(n *nodes.Node, set *copies.Set) *cipher.Header { return m.view.Choose(n, set) }

func (m host) Committed(n *nodes.Node, c nodes.Commit) error {
	m.tellCommitted(n, c.Head, c.In)
	return m.noteCommitted(n, c.Lacking)
}

func (m host) Commit() error { return m.files.Commit() }

func (m host) Finish(c *clouds.Cloud) error {
	m.names.Lock()
	defer m.names.Unlock()
	done, err := m.waiting.Finish(c)
	if done {
		m.belief.Renew()
	}
	return err
}

func (m host) Freeze() (thaw func(), ok bool) {
	held := content.Hold(m.nodes.Objects())
	if !held.TryLock() {
		return nil, false
	}
	m.names.Lock()
	if !held.Are(m.nodes.Objects()) {
		m.names.Unlock()
		held.Unlock()
		return nil, false
	}
	return func() { m.names.Unlock(); held.Unlock() }, true
}

func (m host) Entered(c *clouds.Cloud) (lacking []string) {
	m.belief.Renew()
	m.nodes.ForgetCloud(c.Index)
	for _, n := range m.nodes.All() {
		if f := n.Content.Open(); f == nil || f.Rejoin(c) {
			continue
		}
		if path, ok := n.Plain(); ok {
			lacking = append(lacking, path)
			lacking = append(lacking, m.Links(path)...)
		}
	}
	return lacking
}

func (m host) Alone(path string, c *clouds.Cloud, do func(join func() (open, joined bool))) {
	m.names.RLock()
	n := m.nodes.At(path)
	if n != nil {
		n.Ref()
	}
	m.names.RUnlock()
	var held content.Held
	if n != nil {
		defer n.Forget()
		held = content.Hold([]*content.Object{&n.Content})
	}
	held.LockAsIs()
	defer held.Unlock()
	m.names.Lock()
	defer m.names.Unlock()
	do(func() (open, joined bool) {
		n := m.nodes.At(path)
		if n == nil || n.Content.Open() == nil {
			return false, false
		}
		return true, held.Are([]*content.Object{&n.Content}) && held[0].Rejoin(c)
	})
}

func (m host) IsOpen(path string) bool {
	n := m.nodes.At(path)
	return n != nil && n.Content.Open() != nil
}

func (m host) Links(path string) (list []string) {
	n := m.nodes.At(path)
	if n != nil && n.IsDir() {
		return nil
	}
	if n != nil {
		for _, l := range n.Links() {
			if at, ok := l.Path(); ok {
				list = append(list, at)
			}
		}
	}
	past := m.memory.Past()
	if is, err := past.Now(path); err == nil && is.Kind == index.IsFile {
		homes, _ := past.Homes(is.File) // what cannot be read is not known
		list = append(list, homes...)
	}
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(at string) bool { return at == path })
}
