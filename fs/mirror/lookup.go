package mirror

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// checkName refuses names that no filesystem has.
func checkName(name string) error {
	switch {
	case name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00"):
		return ErrInvalid
	case len(name) > 255:
		return ErrNameTooLong
	}
	return nil
}

// Lookup finds a name in a directory and returns its node, with a reference.
func (n *Node) Lookup(name string) (*Node, error) {
	child, _, err := n.LookupAttr(name)
	return child, err
}

// LookupAttr is Lookup that also gives the attributes, which it has to read
// anyway.
func (n *Node) LookupAttr(name string) (*Node, Attr, error) {
	if !n.IsDir() {
		return nil, Attr{}, ErrNotDir
	}
	if err := checkName(name); err != nil {
		return nil, Attr{}, err
	}
	m := n.m
	if err := m.enter(); err != nil {
		return nil, Attr{}, err
	}
	defer m.leave()
	m.names.RLock()
	defer m.names.RUnlock()
	child, f, err := m.child(n, name)
	if err != nil {
		return nil, Attr{}, err
	}
	a, err := m.attrOf(child, f)
	if err != nil {
		child.Forget()
		return nil, Attr{}, err
	}
	return child, a, nil
}

// child finds a name and returns its node, referenced, with what the clouds
// show, also where the name is not there. The caller holds Mirror.names.
func (m *Mirror) child(dir *Node, name string) (*Node, *found, error) {
	enc, err := m.encode(name)
	if err != nil {
		return nil, nil, err
	}
	f, err := m.find(dir, name, enc)
	if err != nil {
		return nil, f, err
	}
	return m.adopt(link{dir, name, enc}, f), f, nil
}

// adopt returns the live node of what was found, or makes one.
func (m *Mirror) adopt(l link, f *found) *Node {
	kind := uint32(unix.S_IFREG)
	switch {
	case f.Info().Dir:
		kind = unix.S_IFDIR
	case f.Best() < 0 && f.Is == judge.WantFile:
		kind = replica.Kind(f.Row.Known.File.Type)
	case f.Special:
		kind = m.specialKind(l, f)
	}
	backing := f.Inodes()
	m.tree.Lock()
	defer m.tree.Unlock()
	if old := l.parent.children[l.name]; old != nil {
		if old.kind == kind && !old.outdated(f, backing) {
			m.learn(old, backing)
			old.refs++
			return old
		}
		old.content.SetStale()
		m.detach(old, l.parent, l.name)
	}
	if same := m.linked(f, backing); same != nil && same.kind == kind && kind != unix.S_IFDIR && !same.outdated(f, backing) {
		same.refs++
		m.attach(same, l)
		return same
	}
	n := m.newNode(l, kind, backing, f.Best())
	n.seen = sightOf(f)
	return n
}

// linked is the live node of which another name was found: in each cloud that has
// it, it is the same backing file. The caller holds Mirror.tree.
func (m *Mirror) linked(f *found, backing []uint64) *Node {
	if f.Best() < 0 {
		return nil
	}
	n := m.nodes.byBacking[backingKey{f.Best(), backing[f.Best()]}]
	if n == nil || f.Head != nil && !n.id.IsZero() && n.id != f.Head.FileID {
		return nil
	}
	for k, ino := range backing {
		if ino != 0 && n.backing[k] != 0 && n.backing[k] != ino {
			return nil
		}
	}
	return n
}

// learn completes what is known of a node's inodes. The caller holds
// Mirror.tree.
func (m *Mirror) learn(n *Node, backing []uint64) {
	if !slices.ContainsFunc(n.backing, func(ino uint64) bool { return ino == 0 }) {
		return
	}
	all := slices.Clone(n.backing)
	for k, ino := range backing {
		if all[k] == 0 {
			all[k] = ino
		}
	}
	if !slices.Equal(all, n.backing) {
		m.register(n, all)
	}
}

// specialKind reads what an entry with the letter w is. One that cannot be
// read is shown as a socket: it can be neither followed nor opened.
func (m *Mirror) specialKind(l link, f *found) uint32 {
	m.tree.Lock()
	if old := l.parent.children[l.name]; old != nil && old.special() && old.backing[f.Best()] == f.Info().Ino {
		m.tree.Unlock()
		return old.kind
	}
	m.tree.Unlock()
	if f.Head != nil {
		return replica.Kind(f.Head.Type)
	}
	path, _ := l.parent.path(f.Best())
	h, err := m.clouds.All()[f.Best()].Header(replica.Join(path, replica.Entry(l.enc[f.Best()], true)))
	if err != nil || !h.Type.Special() {
		return unix.S_IFSOCK
	}
	return replica.Kind(h.Type)
}

// Attr returns the attributes.
func (n *Node) Attr() (Attr, error) {
	m := n.m
	if err := m.enter(); err != nil {
		return Attr{}, err
	}
	defer m.leave()
	if f := n.content.Open(); f != nil {
		return n.fromOpen(f)
	}
	m.names.RLock()
	defer m.names.RUnlock()
	return m.attrLocked(n)
}

// attrLocked is Attr for a caller that holds Mirror.names.
func (m *Mirror) attrLocked(n *Node) (Attr, error) {
	m.tree.Lock()
	if len(n.links) == 0 && n != m.root {
		last := n.last
		m.tree.Unlock()
		if last.Ino == 0 {
			return Attr{}, ErrStale
		}
		return last, nil
	}
	if n.IsDir() {
		m.tree.Unlock()
		return m.dirAttr(n)
	}
	l := n.links[0]
	m.tree.Unlock()
	f, err := m.find(l.parent, l.name, l.enc)
	if err != nil {
		return Attr{}, err
	}
	return m.attrOf(n, f)
}

// attrOf is what stat shows of a node that was just found.
func (m *Mirror) attrOf(n *Node, f *found) (Attr, error) {
	if open := n.content.Open(); open != nil {
		return n.fromOpen(open)
	}
	info := f.Info()
	a := fromInfo(n.ino, info)
	switch {
	case info.Dir:
		return a, nil
	case f.Best() < 0:
		a.Mode, a.Size = n.kind, 0
		return a, nil
	}
	a.Nlink = uint32(m.belief.Links(f))
	a.Size = m.lengthOf(f.Best(), info)
	if f.Head != nil && len(f.Head.Version) > 0 {
		a.fromHeader(f.Head)
		a.Size = f.Head.Length
		if m.owners {
			a.UID, a.GID = f.Head.UID, f.Head.GID
		}
	}
	n.content.Showed(a.Size)
	if n.special() || f.Head == nil && cipher.HeaderDecides(info.Mode) {
		m.headerAttr(n, f, &a)
	}
	return a, nil
}

// headerAttr asks the header for what the backing entry cannot show. stat
// answers even where nothing verifies.
func (m *Mirror) headerAttr(n *Node, f *found, a *Attr) {
	a.Mode = n.kind | a.Mode&0o777
	for k, cl := range m.clouds.All() {
		if !f.Serves[k] {
			continue
		}
		path, ok := n.path(cl.Index)
		if !ok {
			return
		}
		h, device, err := cl.Device(path)
		if err != nil {
			m.logger.Warn("a header cannot be read", "cloud", cl.Name, "error", err)
			continue
		}
		if len(h.Version) == 0 {
			continue // of a file that never had a version, it says nothing
		}
		a.fromHeader(h)
		a.Rdev = device
		if h.Type != cipher.TypeSymlink && h.Type != cipher.TypeFile {
			a.Size = 0
		}
		return
	}
}

func (m *Mirror) dirAttr(n *Node) (Attr, error) {
	var a Attr
	asked := false
	err := m.clouds.Reach("stat", func(cl *clouds.Cloud) error {
		if asked {
			return nil
		}
		path, ok := n.path(cl.Index)
		if !ok {
			return ErrStale
		}
		info, err := cl.Dir.Stat(path)
		if err == nil && !info.Dir {
			err = ErrMissing
		}
		if err != nil {
			return err
		}
		asked = true
		a = fromInfo(n.ino, info)
		return nil
	})
	return a, err
}

// Walk finds a node by its path from the root, parts joined by '/'. It returns
// a referenced node.
func (m *Mirror) Walk(path string) (*Node, error) {
	at := m.root
	at.Ref()
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if part == "" {
			continue
		}
		next, err := at.Lookup(part)
		at.Forget()
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}
