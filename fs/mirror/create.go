package mirror

import (
	"errors"
	"io/fs"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// site is where a new entry will be: a name that no cloud has yet.
type site struct {
	dir   *Node
	link  link
	plain string // path from the root
	mode  uint32
	owner Owner
}

// vacant checks that a name can be made and returns its site. A directory
// with the setgid bit gives its group to what is made in it. The caller holds
// Mirror.names for writing.
func (m *Mirror) vacant(dir *Node, name string, mode uint32, o Owner) (*site, error) {
	if !dir.IsDir() {
		return nil, ErrNotDir
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	plain, ok := dir.plainPath()
	if !ok {
		return nil, fs.ErrNotExist
	}
	enc, err := m.encode(name)
	if err != nil {
		return nil, err
	}
	if err := m.waiting.name(replica.Join(plain, name)); err != nil {
		return nil, err
	}
	switch _, err := m.find(dir, enc); {
	case err == nil:
		return nil, fs.ErrExist
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	a, err := m.dirAttr(dir)
	if err != nil {
		return nil, err
	}
	if a.Mode&unix.S_ISGID != 0 {
		o.GID = a.GID
	}
	return &site{dir: dir, link: link{dir, name, enc}, plain: replica.Join(plain, name), mode: mode & permBits, owner: o}, nil
}

// path is the new entry's path in a cloud.
func (s *site) path(k int, special bool) string {
	dir, _ := s.dir.path(k)
	return replica.Join(dir, replica.Entry(s.link.enc[k], special))
}

// putSidecar writes the sidecar of a long name before its entry.
func (m *Mirror) putSidecar(cl *clouds.Cloud, dir *Node, enc []cipher.Name) error {
	path, _ := dir.path(cl.Index)
	return cl.PutSidecar(path, enc[cl.Index])
}

// dropSidecar removes the sidecar of a name that is gone. One that stays is
// harmless.
func (m *Mirror) dropSidecar(cl *clouds.Cloud, dir *Node, enc []cipher.Name) {
	e := enc[cl.Index]
	if e.Sidecar == "" {
		return
	}
	path, ok := dir.path(cl.Index)
	if !ok {
		return
	}
	if err := cl.Dir.Remove(replica.Join(path, string(e.Sidecar))); err != nil && !replica.Missing(err) {
		m.logger.Warn("a sidecar stays behind", "cloud", cl.Name, "error", err)
	}
}

// attrsOf is attributes for the log.
func attrsOf(mode uint32, o Owner, mtime time.Time) *journal.Attrs {
	return &journal.Attrs{Mode: &mode, UID: &o.UID, GID: &o.GID, Mtime: &mtime}
}

// Create makes a regular file and opens it. It fails with fs.ErrExist if the
// name is taken.
func (n *Node) Create(name string, mode uint32, o Owner) (*Node, *Handle, error) {
	m := n.m
	if err := m.enter(); err != nil {
		return nil, nil, err
	}
	defer m.leave()
	if err := m.clouds.Admit(); err != nil {
		return nil, nil, err
	}
	m.names.Lock()
	defer m.names.Unlock()
	s, err := m.vacant(n, name, mode, o)
	if err != nil {
		return nil, nil, err
	}
	f := m.newFile(s)
	f.applying.TryLock() // out of order, but nobody else can hold it yet
	defer f.applying.Unlock()
	e := &journal.Entry{Op: journal.OpCreate, Path: []byte(s.plain), File: &f.base.Head.FileID, Attrs: attrsOf(s.mode, s.owner, f.mtime), Salts: salts(f.copies)}
	f.mu.Lock()
	err = f.record(e)
	f.mu.Unlock()
	made := false
	if err == nil {
		made, err = m.operate(f.n.lastEntry.Load(), clouds.Change{
			What: "create",
			Do:   func(cl *clouds.Cloud) error { return m.createCopy(s, f.copies[cl.Index], f.base.Head.FileID) },
			Undo: func(cl *clouds.Cloud) error { return f.copies[cl.Index].uncreate(s.path(cl.Index, false)) },
			Skip: func(cl *clouds.Cloud, _ error) { f.copies[cl.Index] = nil },
		})
	}
	if !made {
		m.abandon(f)
		return nil, nil, err
	}
	backing := make([]uint64, m.clouds.N())
	lead := -1
	for k, c := range f.copies {
		if c == nil || c.file == nil || c.made == nil {
			continue
		}
		if backing[k] = c.made.Ino; lead < 0 {
			lead = k
		}
	}
	f.source = max(lead, 0)
	f.n.file.Store(f)
	m.tree.Lock()
	m.place(f.n, s.link, backing, f.source)
	m.tree.Unlock()
	return f.n, f.handle(), nil
}

// newFile is the open file of a new entry, without any version.
func (m *Mirror) newFile(s *site) *file {
	now := m.clock()
	f := &file{
		m: m, order: m.orders.Add(1), refs: 1, copies: make([]*copyOf, m.clouds.N()),
		pending: newLayer(), logged: newLayer(), moving: newLayer(),
		mode: s.mode, uid: s.owner.UID, gid: s.owner.GID, mtime: now, ctime: now, attrs: true, dirtySince: now,
		accs: make([]cipher.Acc, m.clouds.N()),
	}
	f.base.Head = cipher.Header{Type: cipher.TypeFile, FileID: random16()}
	f.n = &Node{m: m, kind: unix.S_IFREG, refs: 2, id: f.base.Head.FileID} // the caller's, and the open file's
	for _, cl := range m.clouds.Ups() {
		f.copies[cl.Index] = &copyOf{cloud: cl, head: &cipher.Header{Salt: random16()}}
	}
	return f
}

// createCopy makes one cloud's backing file.
func (m *Mirror) createCopy(s *site, c *copyOf, id cipher.ID) error {
	if err := m.putSidecar(c.cloud, s.dir, s.link.enc); err != nil {
		return err
	}
	path := s.path(c.cloud.Index, false)
	if err := c.create(path, cipher.BackingMode(s.mode, false), id); err != nil {
		return err
	}
	info, err := c.file.Stat()
	if err == nil && m.owners && (info.UID != s.owner.UID || info.GID != s.owner.GID) {
		err = c.file.Chown(int(s.owner.UID), int(s.owner.GID))
		info.UID, info.GID = s.owner.UID, s.owner.GID
	}
	if err != nil {
		return errors.Join(err, c.uncreate(path))
	}
	c.made = &info
	return nil
}

// abandon forgets a file that was made in no cloud.
func (m *Mirror) abandon(f *file) {
	m.commits.untrack(f)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.orphan = true
	f.closeCopies()
}

// Mkdir makes a directory.
func (n *Node) Mkdir(name string, mode uint32, o Owner) (*Node, error) {
	m := n.m
	if err := m.enter(); err != nil {
		return nil, err
	}
	defer m.leave()
	if err := m.clouds.Admit(); err != nil {
		return nil, err
	}
	m.names.Lock()
	defer m.names.Unlock()
	s, err := m.vacant(n, name, mode, o)
	if err != nil {
		return nil, err
	}
	if a, err := m.dirAttr(n); err == nil && a.Mode&unix.S_ISGID != 0 {
		s.mode |= unix.S_ISGID
	}
	seq, err := m.append(&journal.Entry{Op: journal.OpMkdir, Path: []byte(s.plain), Kind: unix.S_IFDIR, Attrs: attrsOf(s.mode, s.owner, m.clock())})
	if err != nil {
		return nil, err
	}
	made, err := m.operate(seq, clouds.Change{
		What: "mkdir",
		Do:   func(cl *clouds.Cloud) error { return m.makeDir(cl, s) },
		Undo: func(cl *clouds.Cloud) error { return cl.Dir.Rmdir(s.path(cl.Index, false)) },
	})
	if !made || err != nil {
		return nil, err
	}
	return m.adoptNew(s)
}

func (m *Mirror) makeDir(cl *clouds.Cloud, s *site) error {
	if err := m.putSidecar(cl, s.dir, s.link.enc); err != nil {
		return err
	}
	path := s.path(cl.Index, false)
	if err := cl.Dir.Mkdir(path, s.mode); err != nil {
		return err
	}
	if m.owners {
		if err := cl.Dir.Chown(path, int(s.owner.UID), int(s.owner.GID)); err != nil {
			return errors.Join(err, cl.Dir.Rmdir(path))
		}
	}
	return nil
}

// adoptNew returns the node of an entry that was just made.
func (m *Mirror) adoptNew(s *site) (*Node, error) {
	f, err := m.find(s.dir, s.link.enc)
	if err != nil {
		return nil, err
	}
	return m.adopt(s.link, f), nil
}

// Link gives a file another name.
func (n *Node) Link(name string, target *Node) error {
	m := n.m
	if target.IsDir() {
		return fs.ErrPermission
	}
	if err := m.enter(); err != nil {
		return err
	}
	defer m.leave()
	if err := m.clouds.Admit(); err != nil {
		return err
	}
	unlock, err := m.lockNodes(target)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := m.vacant(n, name, 0, Owner{})
	if err != nil {
		return err
	}
	from, ok := target.plainPath()
	if !ok {
		return fs.ErrNotExist
	}
	id, had, err := m.identify(target)
	if err != nil {
		return err
	}
	seq, err := m.append(&journal.Entry{Op: journal.OpLink, Path: []byte(from), To: []byte(s.plain), File: &id, Had: had, Kind: target.kind})
	if err != nil {
		return err
	}
	made, err := m.operate(seq, clouds.Change{
		What: "link",
		Do: func(cl *clouds.Cloud) error {
			if err := m.putSidecar(cl, s.dir, s.link.enc); err != nil {
				return err
			}
			old, _ := target.path(cl.Index)
			return cl.Dir.Link(old, s.path(cl.Index, target.special()))
		},
		Undo: func(cl *clouds.Cloud) error { return cl.Dir.Remove(s.path(cl.Index, target.special())) },
	})
	if made {
		m.tree.Lock()
		m.attach(target, s.link)
		m.tree.Unlock()
	}
	return err
}
