package mirror

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
)

// site is where a new entry will be: a name that no cloud has yet.
type site struct {
	dir   *Node
	link  link
	plain string // path from the root
	mode  uint32
	owner Owner
	shown *found // what clouds show there, though nothing is
}

// vacant checks that a name can be made and returns its site. A directory
// with the setgid bit gives its group to what is made in it. The caller holds
// Mirror.names for writing.
func vacant(dir *Node, name string, mode uint32, o Owner) (*site, error) {
	m := dir.m
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
	if err := m.waiting.Name(replica.Join(plain, name)); err != nil {
		return nil, err
	}
	f, err := m.find(dir, name, enc)
	switch {
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
	return &site{dir: dir, link: link{dir, name, enc}, plain: replica.Join(plain, name), mode: mode & permBits, owner: o, shown: f}, nil
}

// path is the new entry's path in a cloud.
func (s *site) path(k int, special bool) string {
	dir, _ := s.dir.path(k)
	return replica.Join(dir, replica.Entry(s.link.enc[k], special))
}

// makeRoom prepares a cloud for a new entry: what has ended, and is shown again,
// goes; anything else that is hidden there stays, and the cloud goes without the
// new one.
func (s *site) makeRoom(cl *clouds.Cloud) error {
	k := cl.Index
	if s.shown.Stays(k) {
		return ErrConflict
	}
	if s.shown.Goes(k) {
		dir, _ := s.dir.path(k)
		if err := cl.RemoveEntry(dir, s.link.enc[k]); err != nil {
			return err
		}
	}
	return putSidecar(cl, s.dir, s.link.enc)
}

// putSidecar writes the sidecar of a long name before its entry.
func putSidecar(cl *clouds.Cloud, dir *Node, enc []cipher.Name) error {
	path, _ := dir.path(cl.Index)
	return cl.PutSidecar(path, enc[cl.Index])
}

// dropSidecar removes the sidecar of a name that is gone. One that stays is
// harmless.
func dropSidecar(cl *clouds.Cloud, dir *Node, enc []cipher.Name) {
	e := enc[cl.Index]
	if e.Sidecar == "" {
		return
	}
	path, ok := dir.path(cl.Index)
	if !ok {
		return
	}
	if err := cl.Dir.Remove(replica.Join(path, string(e.Sidecar))); err != nil && !replica.Missing(err) {
		dir.m.logger.Warn("a sidecar stays behind", "cloud", cl.Name, "error", err)
	}
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
	s, err := vacant(n, name, mode, o)
	if err != nil {
		return nil, nil, err
	}
	child := &Node{m: m, kind: unix.S_IFREG, refs: 2} // the caller's, and the open file's
	f := child.content.New(m.files, place{child}, s.mode, s.owner)
	defer f.Begun()
	child.id = f.ID()
	e, err := f.NoteCreate(s.plain)
	made := false
	if err == nil {
		made, err = m.operate(e, clouds.Change{
			What: "create",
			Do: func(cl *clouds.Cloud) error {
				if err := s.makeRoom(cl); err != nil {
					return err
				}
				return f.Create(cl, s.path(cl.Index, false))
			},
			Undo: func(cl *clouds.Cloud) error { return f.Uncreate(cl, s.path(cl.Index, false)) },
			Skip: func(cl *clouds.Cloud, _ error) { f.Lack(cl) },
		})
	}
	if !made {
		f.Drop()
		return nil, nil, err
	}
	backing, source := f.Made()
	m.tree.Lock()
	m.place(child, s.link, backing, source)
	m.tree.Unlock()
	sealed := f.Version()
	s.tell(telling.Known(&sealed.Head))
	return child, newHandle(child, content.Holder(f)), nil
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
	s, err := vacant(n, name, mode, o)
	if err != nil {
		return nil, err
	}
	if a, err := m.dirAttr(n); err == nil && a.Mode&unix.S_ISGID != 0 {
		s.mode |= unix.S_ISGID
	}
	e := &journal.Entry{Op: journal.OpMkdir, Path: []byte(s.plain), Kind: unix.S_IFDIR, Attrs: content.Attrs(s.mode, s.owner, m.clock())}
	if _, err := m.log.Append(e); err != nil {
		return nil, err
	}
	made, err := m.operate(e, clouds.Change{
		What: "mkdir",
		Do:   func(cl *clouds.Cloud) error { return s.makeDir(cl) },
		Undo: func(cl *clouds.Cloud) error { return cl.Dir.Rmdir(s.path(cl.Index, false)) },
	})
	if made {
		s.tellDir()
	}
	if !made || err != nil {
		return nil, err
	}
	return s.node()
}

func (s *site) makeDir(cl *clouds.Cloud) error {
	if err := s.makeRoom(cl); err != nil {
		return err
	}
	path := s.path(cl.Index, false)
	if err := cl.Dir.Mkdir(path, s.mode); err != nil {
		return err
	}
	if s.dir.m.owners {
		if err := cl.Dir.Chown(path, int(s.owner.UID), int(s.owner.GID)); err != nil {
			return errors.Join(err, cl.Dir.Rmdir(path))
		}
	}
	return nil
}

// node returns the node of the entry, which was just made.
func (s *site) node() (*Node, error) {
	m := s.dir.m
	f, err := m.find(s.dir, s.link.name, s.link.enc)
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
	s, err := vacant(n, name, 0, Owner{})
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
	e := &journal.Entry{Op: journal.OpLink, Path: []byte(from), To: []byte(s.plain), File: &id, Before: journal.Before{Had: had.Vector}, Kind: target.kind}
	if _, err := m.log.Append(e); err != nil {
		return err
	}
	since := m.belief.Kernel()
	made, err := m.operate(e, clouds.Change{
		What: "link",
		Do: func(cl *clouds.Cloud) error {
			if err := s.makeRoom(cl); err != nil {
				return err
			}
			old, _ := target.path(cl.Index)
			return cl.Dir.Link(old, s.path(cl.Index, target.special()))
		},
		Undo: func(cl *clouds.Cloud) error { return cl.Dir.Remove(s.path(cl.Index, target.special())) },
	})
	if made {
		s.tell(m.knownAs(target, &id, had))
		m.belief.TouchedAll(telling.File(id, target.kind), since)
		m.tree.Lock()
		m.attach(target, s.link)
		m.tree.Unlock()
	}
	return err
}
