package mirror

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/listing"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
)

// lockNodes locks Mirror.names for writing with no commit of these nodes under
// way and none of them on its way into fresh backing files.
func (m *Mirror) lockNodes(nodes ...*Node) (unlock func(), err error) {
	var objects []*content.Object
	for _, n := range nodes {
		if n != nil {
			objects = append(objects, &n.content)
		}
	}
	for {
		held := content.Hold(objects)
		err := held.Lock()
		m.names.Lock()
		if held.Are(objects) && err == nil {
			return func() { m.names.Unlock(); held.Unlock() }, nil
		}
		m.names.Unlock()
		held.Unlock()
		if err != nil {
			return nil, err
		}
	}
}

// liveChild is findChild that asks no cloud: it returns nil where the name has no
// live node.
func (m *Mirror) liveChild(dir *Node, name string) (*Node, error) {
	m.tree.Lock()
	defer m.tree.Unlock()
	n := dir.children[name]
	if n != nil {
		n.refs++
	}
	return n, nil
}

// findChild returns the live node of a name, or finds it. It returns nil where
// the name is not there.
func (m *Mirror) findChild(dir *Node, name string) (*Node, error) {
	if n, _ := m.liveChild(dir, name); n != nil {
		return n, nil
	}
	m.names.RLock()
	defer m.names.RUnlock()
	n, _, err := m.child(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return n, err
}

// identify returns the file id of a file and the version that is known of it,
// from memory or from the header that is served. The caller holds Mirror.names.
func (m *Mirror) identify(n *Node) (cipher.ID, index.Version, error) {
	if id, seen := n.fileID(); !id.IsZero() {
		if f := n.content.Open(); f != nil {
			sealed := f.Version()
			seen = telling.Version(&sealed.Head)
		}
		return id, seen, nil
	}
	var last error = ErrNoCloud
	for _, cl := range m.clouds.Ups() {
		path, ok := n.path(cl.Index)
		if !ok {
			return cipher.ID{}, index.Version{}, ErrStale
		}
		h, err := cl.Header(path)
		if err == nil {
			return h.FileID, telling.Version(h), nil
		}
		last = err
	}
	return cipher.ID{}, index.Version{}, last
}

// identifyAt is identify of what was just found: what is known of it, or what was
// judged, needs no header.
func (m *Mirror) identifyAt(n *Node, f *found) (cipher.ID, index.Version, error) {
	if id, _ := n.fileID(); id.IsZero() && n.content.Open() == nil && f != nil {
		switch k := f.Row.Known; {
		case f.Head != nil:
			return f.Head.FileID, telling.Version(f.Head), nil
		case k.Kind == index.IsFile:
			return k.File.ID, k.Version, nil
		}
	}
	return m.identify(n)
}

// removal is a name on its way out: that of a node which is removed, or replaced
// by a rename.
type removal struct {
	m      *Mirror
	dir    *Node
	name   string
	child  *Node
	at     *found // what the clouds show there
	keeps  []int  // clouds that owe something in the directory: it stays there until that is paid
	unlock func()
}

// lockRemoval finds a name and locks Mirror.names for writing with no commit of
// that node under way, until the removal ends.
func lockRemoval(dir *Node, name string) (*removal, error) {
	m := dir.m
	if !dir.IsDir() {
		return nil, ErrNotDir
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	for {
		node, err := m.findChild(dir, name)
		if err == nil && node == nil {
			err = fs.ErrNotExist
		}
		if err != nil {
			return nil, err
		}
		unlock, err := m.lockNodes(node)
		if err != nil {
			node.Forget()
			return nil, err
		}
		now, f, err := m.child(dir, name)
		if err == nil && now == node {
			now.Forget()
			return &removal{m: m, dir: dir, name: name, child: node, at: f, unlock: unlock}, nil
		}
		unlock()
		node.Forget()
		if err != nil {
			return nil, err
		}
		now.Forget()
	}
}

// end lets go of what lockRemoval took.
func (r *removal) end() {
	r.unlock()
	r.child.Forget()
}

// link is the name that goes.
func (r *removal) link() link { return link{parent: r.dir, name: r.name} }

// Unlink removes a file's name. Openers keep the file. Where nothing of the
// file can be read it works all the same.
func (n *Node) Unlink(name string) error {
	m := n.m
	if err := m.enter(); err != nil {
		return err
	}
	defer m.leave()
	if err := m.clouds.Admit(); err != nil {
		return err
	}
	r, err := lockRemoval(n, name)
	if err != nil {
		return err
	}
	defer r.end()
	child := r.child
	if child.IsDir() {
		return ErrIsDir
	}
	plain, ok := n.plainPath()
	if !ok {
		return fs.ErrNotExist
	}
	id, seen, err := m.identifyAt(child, r.at)
	if err != nil {
		id = cipher.ID{}
	}
	enc, err := m.encode(name)
	if err != nil {
		return err
	}
	e := &journal.Entry{Op: journal.OpUnlink, Path: []byte(replica.Join(plain, name)), Also: r.also(), File: &id, Before: journal.Before{Seen: seen.Vector}, Kind: child.kind}
	// Should the one cloud that an fsync counted on lose the file, and a power cut
	// take from the log why, nobody would have it.
	log := m.log.Append
	if child.content.Sole() {
		log = m.log.AppendDurably
	}
	if _, err := log(e); err != nil {
		return err
	}
	since := m.belief.Kernel()
	made, err := m.operate(e, clouds.Change{What: "unlink", Do: func(cl *clouds.Cloud) error {
		if r.at.Stays(cl.Index) {
			return ErrConflict
		}
		path, _ := n.path(cl.Index)
		if err := cl.Dir.Remove(replica.Join(path, replica.Entry(enc[cl.Index], child.special()))); err != nil && !replica.Missing(err) {
			return err
		}
		dropSidecar(cl, n, enc)
		return nil
	}})
	if made {
		r.tell(id, seen, since)
		r.unnamed()
	}
	return err
}

// findName looks through the lead for names of a file that is open under none
// that is known: links that this mount never looked up. The caller holds
// Mirror.names.
func (m *Mirror) findName(n *Node) {
	lead := m.clouds.Lead()
	if lead == nil || n.backing[lead.Index] == 0 {
		return
	}
	var search func(dir *Node)
	search = func(dir *Node) {
		path, _ := dir.path(lead.Index)
		entries, err := lead.Dir.ReadDir(path)
		if err != nil {
			m.logger.Warn("a directory cannot be searched", "cloud", lead.Name, "error", err)
		}
		for _, e := range entries {
			if !e.Dir && e.Ino != n.backing[lead.Index] {
				continue
			}
			name, _, ok := listing.Decode(lead.Cloud, path, e)
			if !ok {
				continue
			}
			child, _, err := m.child(dir, string(name))
			if err != nil {
				continue
			}
			if child.IsDir() {
				search(child)
			}
			child.Forget()
		}
	}
	search(m.root)
}

// Rmdir removes an empty directory.
func (n *Node) Rmdir(name string) error {
	m := n.m
	if err := m.enter(); err != nil {
		return err
	}
	defer m.leave()
	if err := m.clouds.Admit(); err != nil {
		return err
	}
	r, err := lockRemoval(n, name)
	if err != nil {
		return err
	}
	defer r.end()
	child := r.child
	if !child.IsDir() {
		return ErrNotDir
	}
	plain, ok := n.plainPath()
	if !ok {
		return fs.ErrNotExist
	}
	litter, err := r.litter()
	if err != nil {
		return err
	}
	enc, err := m.encode(name)
	if err != nil {
		return err
	}
	e := &journal.Entry{Op: journal.OpRmdir, Path: []byte(replica.Join(plain, name)), Kind: unix.S_IFDIR, Before: journal.Before{Handles: child.handles()}}
	if _, err := m.log.Append(e); err != nil {
		return err
	}
	made, err := m.operate(e, clouds.Change{What: "rmdir", Do: func(cl *clouds.Cloud) error {
		if slices.Contains(r.keeps, cl.Index) {
			return ErrConflict
		}
		path, _ := child.path(cl.Index)
		for _, l := range litter[cl.Index] {
			if err := cl.Dir.Remove(replica.Join(path, l)); err != nil && !replica.Missing(err) {
				return err
			}
		}
		if err := cl.Dir.Rmdir(path); err != nil && !replica.Missing(err) {
			return err
		}
		dropSidecar(cl, n, enc)
		return nil
	}})
	if made {
		r.tell(cipher.ID{}, index.Version{}, time.Time{})
		r.unnamed()
	}
	return err
}

// also returns another path of a file that is about to lose a name, if it has
// one: a power cut can take from the clouds what the log still has of it, and the
// replay has to find the file. Names that this mount never looked up are searched
// only where the log has something. The caller holds Mirror.names for writing.
func (r *removal) also() []byte {
	if r.child.IsDir() || r.at.Info().Nlink < 2 {
		return nil
	}
	path, ok := r.otherPath()
	if !ok && r.child.content.Logged() {
		r.m.findName(r.child)
		path, _ = r.otherPath()
	}
	return []byte(path)
}

func (r *removal) otherPath() (string, bool) {
	m, n := r.m, r.child
	m.tree.Lock()
	i := slices.IndexFunc(n.links, func(l link) bool { return l.parent != r.dir || l.name != r.name })
	var l link
	if i >= 0 {
		l = n.links[i]
	}
	m.tree.Unlock()
	if i < 0 {
		return "", false
	}
	dir, ok := l.parent.plainPath()
	return replica.Join(dir, l.name), ok
}

// unnamed takes the name from the node. An open file without another link goes
// on without one. The caller holds Mirror.names for writing, and the file's
// applying lock.
func (r *removal) unnamed() {
	m, child := r.m, r.child
	r.remember()
	m.tree.Lock()
	m.detach(child, r.dir, r.name)
	named := len(child.links) > 0
	m.tree.Unlock()
	open := child.content.Open()
	if named || open == nil || r.at.Info().Nlink > 1 {
		return
	}
	open.Orphan()
}

// remember keeps what stat shows of the node, whose last name may be going: some
// program may have it open without the mirror's knowledge.
func (r *removal) remember() {
	m, n := r.m, r.child
	a := fromInfo(n.ino, r.at.Info())
	if !n.IsDir() {
		a.Mode = n.kind | a.Mode&0o777
		a.Size, _ = m.layout.PlainSize(a.Size) // of what no file can be, 0
	}
	a.Nlink, a.Ctime = 0, m.clock()
	m.tree.Lock()
	n.last = a
	m.tree.Unlock()
}

// litter lists what may be removed with the directory in each cloud: what verifies
// as this program's own and is worth nothing any more. Anything else, foreign
// entries too, makes the directory not empty, and nothing is removed anywhere,
// unless the cloud is known to owe that name: then it keeps the directory.
func (r *removal) litter() (map[int][]string, error) {
	m, dir := r.m, r.child
	litter := map[int][]string{}
	var full []string // an entry of each cloud that keeps it
	err := m.clouds.Reach("readdir", func(cl *clouds.Cloud) error {
		path, _ := dir.path(cl.Index)
		entries, err := cl.Dir.ReadDir(path)
		if replica.Missing(err) {
			return nil
		}
		if slices.ContainsFunc(entries, func(e cloud.Entry) bool { return m.owed(dir, cl, path, e) }) {
			r.keeps = append(r.keeps, cl.Index)
			return err
		}
		for _, e := range entries {
			if !cl.Litter(path, e) && !m.outlived(dir, cl, path, e) {
				full = append(full, cl.Name+"/"+e.Name)
				break
			}
			litter[cl.Index] = append(litter[cl.Index], e.Name)
		}
		return err
	})
	if err != nil || len(full) == 0 {
		return litter, err
	}
	if l, failed := m.entriesOf(dir); failed == nil && len(l) == 0 {
		m.logger.Warn("a directory that shows nothing is not removed: there are entries in it that are not this vault's, or not in use", "entries", full)
	}
	return nil, ErrNotEmpty
}

// owed reports whether a cloud owes the name of an entry that is not shown.
func (m *Mirror) owed(dir *Node, cl *clouds.Cloud, path string, e cloud.Entry) bool {
	if !cl.Owes() {
		return false
	}
	plain, ok := dir.plainPath()
	name, _, decoded := listing.Decode(cl.Cloud, path, e)
	if !ok || !decoded || !m.Owes(cl.Index, replica.Join(plain, string(name))) {
		return false
	}
	enc, err := m.encode(string(name))
	if err != nil {
		return false
	}
	_, err = m.find(dir, string(name), enc)
	return errors.Is(err, fs.ErrNotExist)
}

// outlived reports whether an entry is a copy, by a sync tool, of what has been
// removed or is known at that version or a greater one; or what was removed here
// and has come back.
func (m *Mirror) outlived(dir *Node, cl *clouds.Cloud, path string, e cloud.Entry) bool {
	if !e.Regular {
		return false
	}
	d, err := cl.DecodeEntry(path, e.Name)
	if err != nil {
		return false
	}
	if !d.Copy {
		enc, err := m.encode(string(d.Name))
		if err != nil {
			return false
		}
		f, err := m.find(dir, string(d.Name), enc)
		return errors.Is(err, fs.ErrNotExist) && f.Goes(cl.Index)
	}
	h, err := cl.Header(replica.Join(path, e.Name))
	return err == nil && m.belief.Outlived(h)
}
