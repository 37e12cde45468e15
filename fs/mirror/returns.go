package mirror

import (
	"fmt"
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Tend does what is due for clouds that lack changes: it asks those that are out
// whether they are back, brings them up to date, and pays the debts of those
// that are in use. It is called in the background, or, of a mirror that is
// Manual, by whoever has it.
func (m *Mirror) Tend() error { return m.returns.Tend() }

// host is the mirror as package rejoin knows it.
type host struct{ *Mirror }

func (m host) Commit() error { return m.files.Commit() }

func (m host) Freeze() (thaw func(), ok bool) {
	held := content.Hold(m.objects())
	if !held.TryLock() {
		return nil, false
	}
	m.names.Lock()
	if !held.Are(m.objects()) {
		m.names.Unlock()
		held.Unlock()
		return nil, false
	}
	return func() { m.names.Unlock(); held.Unlock() }, true
}

// objects are the files of all nodes.
func (m host) objects() (list []*content.Object) {
	m.tree.Lock()
	defer m.tree.Unlock()
	for _, n := range m.nodes.byIno {
		list = append(list, &n.content)
	}
	return list
}

func (m host) Entered(c *clouds.Cloud) (lacking []string) {
	m.belief.Renew()
	m.forgetInodes(c.Index)
	m.tree.Lock()
	nodes := make([]*Node, 0, len(m.nodes.byIno))
	for _, n := range m.nodes.byIno {
		nodes = append(nodes, n)
	}
	m.tree.Unlock()
	for _, n := range nodes {
		if f := n.content.Open(); f == nil || f.Rejoin(c) {
			continue
		}
		if path, ok := n.plainPath(); ok {
			lacking = append(lacking, path)
			lacking = append(lacking, m.Links(path)...)
		}
	}
	return lacking
}

// forgetInodes forgets what a cloud had of every node: it may be another file.
func (m host) forgetInodes(k int) {
	m.tree.Lock()
	defer m.tree.Unlock()
	for key := range m.nodes.byBacking {
		if key.member == k {
			delete(m.nodes.byBacking, key)
		}
	}
	for key := range m.nodes.lengths {
		if key.member == k {
			delete(m.nodes.lengths, key)
		}
	}
	for _, n := range m.nodes.byIno {
		n.backing = slices.Clone(n.backing)
		n.backing[k] = 0
		if n.seen.cloud == k {
			n.seen = sight{}
		}
	}
}

func (m host) Alone(path string, c *clouds.Cloud, do func(join func() (open, joined bool))) {
	m.names.RLock()
	n := m.liveAt(path)
	if n != nil {
		n.Ref()
	}
	m.names.RUnlock()
	var held content.Held
	if n != nil {
		defer n.Forget()
		held = content.Hold([]*content.Object{&n.content})
	}
	held.LockAsIs()
	defer held.Unlock()
	m.names.Lock()
	defer m.names.Unlock()
	do(func() (open, joined bool) {
		n := m.liveAt(path)
		if n == nil || n.content.Open() == nil {
			return false, false
		}
		return true, held.Are([]*content.Object{&n.content}) && held[0].Rejoin(c)
	})
}

func (m host) IsOpen(path string) bool {
	n := m.liveAt(path)
	return n != nil && n.content.Open() != nil
}

// liveAt is the live node of a path, or nil. The caller holds Mirror.names.
func (m host) liveAt(path string) *Node {
	m.tree.Lock()
	defer m.tree.Unlock()
	at := m.root
	for path != "" && at != nil {
		var name string
		name, path, _ = strings.Cut(path, "/")
		at = at.children[name]
	}
	return at
}

func (m host) Links(path string) (list []string) {
	n := m.liveAt(path)
	if n == nil || n.IsDir() {
		return nil
	}
	m.tree.Lock()
	links := slices.Clone(n.links)
	m.tree.Unlock()
	for _, l := range links {
		if dir, ok := l.parent.plainPath(); ok {
			if at := replica.Join(dir, l.name); at != path {
				list = append(list, at)
			}
		}
	}
	return list
}

// noteCommitted notes, for clouds that lack changes, that a file has another
// version. Those that have no copy of it owe it.
func (m *Mirror) noteCommitted(n *Node, lacking []*clouds.Cloud) error {
	if !m.returns.Watches() && len(lacking) == 0 {
		return nil
	}
	m.names.RLock()
	path, ok := n.plainPath()
	var names []string
	if ok {
		names = append(host{m}.Links(path), path)
	}
	m.names.RUnlock()
	m.returns.Again(names)
	return m.returns.Owe(lacking, false, names...)
}

// refuse is why a file is not opened at a version: it waits for the next mount;
// or only clouds that lack changes are there, and the file was changed since.
func (m *Mirror) refuse(h *cipher.Header) error {
	if err := m.waiting.File(h.FileID); err != nil || !m.clouds.Makeshift() {
		return err
	}
	last, err := m.memory.Of(index.File{ID: h.FileID, Type: h.Type})
	if err == nil && cipher.Compare(h.Version, last.Greatest.Vector) == cipher.Less {
		return fmt.Errorf("%w: the clouds that have the last version are away", ErrOlder)
	}
	return nil
}
