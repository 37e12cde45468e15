package mirror

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// found is one name as the clouds that are up show it.
type found struct {
	special bool
	infos   []cloud.Info // by cloud
	has     []bool       // by cloud
	best    int          // the cloud whose entry is served
}

// backing is the inode of the entry in each cloud.
func (f *found) backing() []uint64 {
	inos := make([]uint64, len(f.infos))
	for k, ok := range f.has {
		if ok {
			inos[k] = f.infos[k].Ino
		}
	}
	return inos
}

func (f *found) info() cloud.Info { return f.infos[f.best] }

// find looks one name up in every cloud that is up. Where sizes and mtimes
// agree it opens nothing. The caller holds Mirror.names.
func (m *Mirror) find(dir *Node, enc []cipher.Name) (*found, error) {
	f := &found{infos: make([]cloud.Info, m.clouds.N()), has: make([]bool, m.clouds.N()), best: -1}
	differ := false
	err := m.clouds.Reach("lookup", func(cl *clouds.Cloud) error {
		k := cl.Index
		path, ok := dir.path(k)
		if !ok {
			return nil
		}
		special := false
		info, err := cl.Dir.Stat(replica.Join(path, replica.Entry(enc[k], false)))
		if replica.Missing(err) || err == nil && !info.Dir && !info.Regular {
			special = true
			info, err = cl.Dir.Stat(replica.Join(path, replica.Entry(enc[k], true)))
		}
		if replica.Missing(err) || err == nil && !info.Dir && !info.Regular {
			return nil
		}
		if err != nil {
			return err
		}
		f.infos[k], f.has[k] = info, true
		if f.best < 0 {
			f.best, f.special = k, special
			return nil
		}
		lead := f.infos[f.best]
		if special != f.special || info.Dir != lead.Dir {
			m.logger.Warn("clouds disagree about a name's type; the lead is believed", "cloud", cl.Name)
			f.has[k] = false
		} else if !info.Dir && (info.Size != lead.Size || !info.Mtime.Equal(lead.Mtime)) {
			differ = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if f.best < 0 {
		return nil, fs.ErrNotExist
	}
	if differ {
		m.choose(dir, enc, f)
	}
	return f, nil
}

// choose compares headers where the clouds show different sizes or times.
func (m *Mirror) choose(dir *Node, enc []cipher.Name, f *found) {
	var newest *cipher.Header
	for k, ok := range f.has {
		if !ok {
			continue
		}
		path, _ := dir.path(k)
		h, err := m.clouds.All()[k].Header(replica.Join(path, replica.Entry(enc[k], f.special)))
		if err != nil || h.Flags&cipher.Dirty != 0 && len(h.Version) > 0 {
			continue
		}
		if newest == nil || h.FileID == newest.FileID && cipher.Compare(h.Version, newest.Version) == cipher.Greater {
			newest, f.best = h, k
		}
	}
}

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
// show. The caller holds Mirror.names.
func (m *Mirror) child(dir *Node, name string) (*Node, *found, error) {
	enc, err := m.encode(name)
	if err != nil {
		return nil, nil, err
	}
	f, err := m.find(dir, enc)
	if err != nil {
		return nil, nil, err
	}
	return m.adopt(link{dir, name, enc}, f), f, nil
}

// adopt returns the live node of what was found, or makes one.
func (m *Mirror) adopt(l link, f *found) *Node {
	kind := uint32(unix.S_IFREG)
	switch {
	case f.info().Dir:
		kind = unix.S_IFDIR
	case f.special:
		kind = m.specialKind(l, f)
	}
	backing := f.backing()
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
	if same := m.nodes.byBacking[backingKey{f.best, backing[f.best]}]; same != nil && same.kind == kind && kind != unix.S_IFDIR && !same.outdated(f, backing) {
		same.refs++
		m.attach(same, l)
		return same
	}
	n := m.newNode(l, kind, backing, f.best)
	n.seen = f.sight()
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
	if old := l.parent.children[l.name]; old != nil && old.special() && old.backing[f.best] == f.info().Ino {
		m.tree.Unlock()
		return old.kind
	}
	m.tree.Unlock()
	path, _ := l.parent.path(f.best)
	h, err := m.clouds.All()[f.best].Header(replica.Join(path, replica.Entry(l.enc[f.best], true)))
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
	f, err := m.find(l.parent, l.enc)
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
	info := f.info()
	a := fromInfo(n.ino, info)
	if info.Dir {
		return a, nil
	}
	a.Size = m.lengthOf(f.best, info)
	n.content.Showed(a.Size)
	if n.special() || cipher.HeaderDecides(info.Mode) {
		m.headerAttr(n, f.best, &a)
	}
	return a, nil
}

// headerAttr asks the header for what the backing entry cannot show. stat
// answers even where nothing verifies.
func (m *Mirror) headerAttr(n *Node, k int, a *Attr) {
	a.Mode = n.kind | a.Mode&0o777
	for _, cl := range append([]*clouds.Cloud{m.clouds.All()[k]}, m.clouds.Ups()...) {
		path, ok := n.path(cl.Index)
		if !ok {
			return
		}
		h, device, err := headDevice(cl, path)
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

// headDevice reads the header at a path, and of a device its numbers, which
// stat shows; 0 for anything else.
func headDevice(cl *clouds.Cloud, path string) (*cipher.Header, uint32, error) {
	c, err := cl.Open(path, false)
	if err != nil {
		return nil, 0, err
	}
	defer c.Close()
	if c.Head.Type != cipher.TypeChar && c.Head.Type != cipher.TypeBlock {
		return c.Head, 0, nil
	}
	content, id, state := c.One(0, c.Head.Length)
	if state != cipher.RecordOK || !c.Head.Version.Covers(id) {
		return nil, 0, fmt.Errorf("device: %w", ErrDamaged)
	}
	d, err := cipher.ParseDevice(content)
	return c.Head, uint32(unix.Mkdev(d.Major, d.Minor)), err
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
		if err != nil {
			return err
		}
		asked = true
		a = fromInfo(n.ino, info)
		return nil
	})
	return a, err
}

// DirEntry is one name in a directory. Mode is the file type, 0 where only
// the header knows it.
type DirEntry struct {
	Name string
	Ino  uint64
	Mode uint32
}

// ReadDir lists a directory: every name that a cloud that is up has. What does
// not decode, and sync tools' copies, are never shown.
func (n *Node) ReadDir() ([]DirEntry, error) {
	if !n.IsDir() {
		return nil, ErrNotDir
	}
	m := n.m
	if err := m.enter(); err != nil {
		return nil, err
	}
	defer m.leave()
	m.names.RLock()
	defer m.names.RUnlock()
	if n.gone() {
		return nil, nil
	}
	index := map[cipher.PlainName]int{}
	var list []DirEntry
	absent := 0
	err := m.clouds.Reach("readdir", func(cl *clouds.Cloud) error {
		path, _ := n.path(cl.Index)
		entries, err := cl.Dir.ReadDir(path)
		if replica.Missing(err) {
			absent++
			return nil
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			d, ok := m.decode(cl, path, e)
			if !ok {
				continue
			}
			if _, known := index[d.name]; !known {
				index[d.name] = len(list)
				list = append(list, m.dirEntry(cl, e, d))
			}
		}
		return nil
	})
	if err == nil && absent == len(m.clouds.Ups()) {
		err = fs.ErrNotExist
	}
	return list, err
}

func (m *Mirror) dirEntry(cl *clouds.Cloud, e cloud.Entry, d decoded) DirEntry {
	m.tree.Lock()
	defer m.tree.Unlock()
	out := DirEntry{Name: string(d.name), Ino: e.Ino, Mode: unix.S_IFREG}
	switch {
	case e.Dir:
		out.Mode = unix.S_IFDIR
	case d.special:
		out.Mode = 0
	}
	if live := m.nodes.byBacking[backingKey{cl.Index, e.Ino}]; live != nil {
		out.Ino = live.ino
		out.Mode = live.kind
	}
	return out
}

// decoded is what an entry name stands for.
type decoded struct {
	name    cipher.PlainName
	special bool
}

// decode returns the plaintext name of a primary entry. ok is false for
// anything else: foreign, metadata, temporary, a copy.
func (m *Mirror) decode(cl *clouds.Cloud, dir string, e cloud.Entry) (decoded, bool) {
	if strings.HasPrefix(e.Name, ".") || !e.Dir && !e.Regular {
		return decoded{}, false
	}
	d, err := cl.Keys.DecodeEntry(cipher.EntryName(e.Name), func(side cipher.EntryName) ([]byte, error) {
		return cl.ReadSidecar(replica.Join(dir, string(side)))
	})
	if err != nil || d.Copy || e.Dir && d.Special {
		return decoded{}, false
	}
	return decoded{d.Name, d.Special}, true
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
