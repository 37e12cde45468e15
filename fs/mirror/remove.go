package mirror

import (
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/belief"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
	"github.com/overcast-fs/overcast/fs/mirror/internal/view"
)

// lockNodes locks Mirror.names for writing with no commit of these nodes under
// way and none of them on its way into fresh backing files.
func (m *Mirror) lockNodes(list ...*nodes.Node) (unlock func(), err error) {
	var objects []*content.Object
	for _, n := range list {
		if n != nil {
			objects = append(objects, &n.Content)
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

// live is findChild that asks no cloud: it returns nil where the name has no live node.
func live(l nodes.Link) (*nodes.Node, error) { return l.Parent.Child(l.Name), nil }

// findChild returns the live node of a name, or finds it. It returns nil where the name is not there.
func (m *Mirror) findChild(l nodes.Link) (*nodes.Node, error) {
	if n, _ := live(l); n != nil {
		return n, nil
	}
	m.names.RLock()
	defer m.names.RUnlock()
	n, _, err := m.view.Child(l)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return n, err
}

// removal is a name on its way out: that of a node which is removed, or replaced by a rename.
type removal struct {
	m      *Mirror
	link   nodes.Link
	child  *nodes.Node
	at     *belief.Answer // what the clouds show there
	last   bool           // it is the last name of a file
	left   left
	unlock func()
}

// lockRemoval finds a name and locks Mirror.names for writing with no commit of that node under way, until the removal ends.
func (m *Mirror) lockRemoval(dir Node, name string) (*removal, error) {
	l, err := m.link(dir, name)
	if err != nil {
		return nil, err
	}
	for {
		node, err := m.findChild(l)
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
		now, f, err := view.Again(m.view, l, node)
		if err == nil && now == node {
			now.Forget()
			return &removal{m: m, link: l, child: node, at: f, unlock: unlock}, nil
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
	r.left.renew(r.m)
	r.child.Forget()
}

// Unlink removes a file's name. Openers keep the file. Where nothing of the file can be read it works all the same.
func (n Node) Unlink(name string) error {
	m := n.m
	if err := m.enter(); err != nil {
		return err
	}
	defer m.leave()
	if err := m.clouds.Admit(); err != nil {
		return err
	}
	r, err := m.lockRemoval(n, name)
	if err != nil {
		return err
	}
	defer r.end()
	child := r.child
	if child.IsDir() {
		return ErrIsDir
	}
	plain, ok := r.link.Path()
	if !ok {
		return fs.ErrNotExist
	}
	id, seen := m.view.IdentifyFound(child, r.at)
	here, _ := r.link.Place()
	r.last = m.belief.Last(r.at, telling.File(id, child.Kind()), here)
	e := &journal.Entry{Op: journal.OpUnlink, Path: []byte(plain), Also: r.also(), File: &id, Before: journal.Before{Seen: seen.Vector}, Kind: child.Kind()}
	if r.last {
		e.Last = &id
	}
	// Should the one cloud that an fsync counted on lose the file, and a power cut
	// take from the log why, nobody would have it.
	log := m.log.Append
	if child.Content.Sole() {
		log = m.log.AppendDurably
	}
	if _, err := log(e); err != nil {
		return err
	}
	since := m.belief.Kernel()
	made, err := m.operate(e, clouds.Change{What: "unlink", Do: r.in})
	if made {
		r.tell(id, seen, since)
		r.unnamed()
	}
	return err
}

// in removes a file's name from one cloud.
func (r *removal) in(cl *clouds.Cloud) error {
	k := cl.Index
	if r.at.Stays(k) {
		return ErrConflict
	}
	var err error
	if r.at.Goes(k) { // whatever it is
		dir, _ := r.link.Parent.Path(k)
		err = cl.RemoveEntry(dir, r.link.Enc[k])
	} else {
		err = cl.Dir.Remove(r.link.In(k, r.child.Special()))
	}
	if err != nil && !replica.Missing(err) {
		return err
	}
	dropSidecar(r.m, cl, r.link)
	r.m.payEmpty(cl, r.link, r.at)
	return nil
}

// Rmdir removes an empty directory.
func (n Node) Rmdir(name string) error {
	m := n.m
	if err := m.enter(); err != nil {
		return err
	}
	defer m.leave()
	if err := m.clouds.Admit(); err != nil {
		return err
	}
	r, err := m.lockRemoval(n, name)
	if err != nil {
		return err
	}
	defer r.end()
	child := r.child
	if !child.IsDir() {
		return ErrNotDir
	}
	plain, ok := r.link.Path()
	if !ok {
		return fs.ErrNotExist
	}
	litter, err := m.view.Litter(child)
	if err != nil {
		return err
	}
	e := &journal.Entry{Op: journal.OpRmdir, Path: []byte(plain), Kind: unix.S_IFDIR, Before: journal.Before{Handles: m.view.Handles(child)}}
	if _, err := m.log.Append(e); err != nil {
		return err
	}
	made, err := m.operate(e, clouds.Change{What: "rmdir", Do: func(cl *clouds.Cloud) error {
		if litter.Kept(cl) {
			return ErrConflict
		}
		path, _ := child.Path(cl.Index)
		if err := litter.Remove(cl, path); err != nil {
			return err
		}
		if err := cl.Dir.Rmdir(path); err != nil && !replica.Missing(err) {
			return err
		}
		dropSidecar(m, cl, r.link)
		return nil
	}})
	if made {
		r.tell(cipher.ID{}, index.Version{}, time.Time{})
		r.unnamed()
	}
	return err
}

// also returns another path of a file that is about to lose a name, if it has one: a power cut can take from the clouds what
// the log still has of it, and the replay has to find the file. Names that this mount never looked up are searched only where
// the log has something. The caller holds Mirror.names for writing.
func (r *removal) also() []byte {
	if r.child.IsDir() || !r.at.Linked() {
		return nil
	}
	path, ok := r.otherPath()
	if !ok && r.child.Content.Logged() {
		r.m.view.Search(r.child)
		path, _ = r.otherPath()
	}
	return []byte(path)
}

func (r *removal) otherPath() (string, bool) {
	for _, l := range r.child.Links() {
		if !l.Same(r.link) {
			return l.Path()
		}
	}
	return "", false
}

// unnamed takes the name from the node. An open file without another link goes on without one; a link that one cloud alone
// has counts where this machine knows of it, since it may be planted. The caller holds Mirror.names for writing, and the
// file's applying lock.
func (r *removal) unnamed() {
	r.remember()
	named := r.child.Unlinked(r.link)
	open := r.child.Content.Open()
	if named || open == nil || r.at.Linked() && !r.last {
		return
	}
	open.Orphan()
}

// remember keeps what stat shows of the node, whose last name may be going.
func (r *removal) remember() {
	last := r.at.Info()
	if !r.child.IsDir() {
		last.Size, _ = r.m.clouds.All()[0].Keys.Layout().PlainSize(last.Size) // of what no file can be, 0
	}
	last.Nlink, last.Ctime = 0, r.m.clock()
	r.child.Remember(last)
}
