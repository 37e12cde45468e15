package mirror

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/belief"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
	"github.com/overcast-fs/overcast/fs/mirror/internal/view"
)

// site is where a new entry will be: a name that no cloud has yet.
type site struct {
	m     *Mirror
	link  nodes.Link
	plain string // path from the root
	mode  uint32
	owner Owner
	shown *belief.Answer // what clouds show there, though nothing is
}

// vacant checks that a name can be made and returns its site. A directory with the setgid bit gives its group to what is made
// in it. The caller holds Mirror.names for writing.
func (m *Mirror) vacant(dir Node, name string, mode uint32, o Owner) (*site, error) {
	l, err := m.link(dir, name)
	if err != nil {
		return nil, err
	}
	plain, ok := l.Path()
	if !ok {
		return nil, fs.ErrNotExist
	}
	if err := m.waiting.Name(plain); err != nil {
		return nil, err
	}
	f, err := m.view.Find(l)
	switch {
	case err == nil:
		return nil, fs.ErrExist
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	a, err := m.view.DirAttr(l.Parent)
	if err != nil {
		return nil, err
	}
	if a.Mode&unix.S_ISGID != 0 {
		o.GID = a.GID
	}
	return &site{m: m, link: l, plain: plain, mode: mode & view.PermBits, owner: o, shown: f}, nil
}

// in makes the new entry in one cloud.
func (s *site) in(cl *clouds.Cloud, do func() error) error {
	if err := makeRoom(cl, s.link, s.shown); err != nil {
		return err
	}
	return do()
}

// makeRoom prepares a cloud for what is to be at a name: what is worth nothing there goes, such as what has ended and is shown
// again; anything else that is hidden there stays, and the cloud goes without what is new.
func makeRoom(cl *clouds.Cloud, l nodes.Link, shown *belief.Answer) error {
	if shown.Stays(cl.Index) {
		return ErrConflict
	}
	if shown.Goes(cl.Index) {
		dir, _ := l.Parent.Path(cl.Index)
		if err := cl.RemoveEntry(dir, l.Enc[cl.Index]); err != nil {
			return err
		}
	}
	return putSidecar(cl, l)
}

// putSidecar writes the sidecar of a long name before its entry.
func putSidecar(cl *clouds.Cloud, l nodes.Link) error {
	dir, _ := l.Parent.Path(cl.Index)
	return cl.PutSidecar(dir, l.Enc[cl.Index])
}

// dropSidecar removes the sidecar of a name that is gone. One that stays is harmless.
func dropSidecar(m *Mirror, cl *clouds.Cloud, l nodes.Link) {
	dir, ok := l.Parent.Path(cl.Index)
	if !ok {
		return
	}
	if err := cl.DropSidecar(dir, l.Enc[cl.Index]); err != nil {
		m.logger.Warn("a sidecar stays behind", "cloud", cl.Name, "error", err)
	}
}

// Create makes a regular file and opens it. It fails with fs.ErrExist if the name is taken.
func (n Node) Create(name string, mode uint32, o Owner) (Node, *Handle, error) {
	m := n.m
	if err := m.enter(); err != nil {
		return Node{}, nil, err
	}
	defer m.leave()
	if err := m.clouds.Admit(); err != nil {
		return Node{}, nil, err
	}
	m.names.Lock()
	defer m.names.Unlock()
	s, err := m.vacant(n, name, mode, o)
	if err != nil {
		return Node{}, nil, err
	}
	child := m.nodes.NewFile()
	f := child.Content.New(m.files, child.AsPlace(), s.mode, s.owner)
	defer f.Begun()
	e, err := f.NoteCreate(s.plain)
	made := false
	if err == nil {
		made, err = m.operate(e, clouds.Change{
			What: "create",
			Do: func(cl *clouds.Cloud) error {
				return s.in(cl, func() error { return f.Create(cl, s.link.In(cl.Index, false)) })
			},
			Undo: func(cl *clouds.Cloud) error { return f.Uncreate(cl, s.link.In(cl.Index, false)) },
			Skip: func(cl *clouds.Cloud, _ error) { f.Lack(cl) },
		})
	}
	if !made {
		f.Drop()
		return Node{}, nil, err
	}
	backing, source := f.Made()
	child.Made(s.link, f.ID(), backing, source)
	sealed := f.Version()
	s.tell(telling.Known(&sealed.Head))
	m.memory.Book.Made(f.ID())
	node := Node{m, child}
	return node, newHandle(node, content.Holder(f)), nil
}

// Mkdir makes a directory.
func (n Node) Mkdir(name string, mode uint32, o Owner) (Node, error) {
	m := n.m
	if err := m.enter(); err != nil {
		return Node{}, err
	}
	defer m.leave()
	if err := m.clouds.Admit(); err != nil {
		return Node{}, err
	}
	m.names.Lock()
	defer m.names.Unlock()
	s, err := m.vacant(n, name, mode, o)
	if err != nil {
		return Node{}, err
	}
	if a, err := m.view.DirAttr(n.live); err == nil && a.Mode&unix.S_ISGID != 0 {
		s.mode |= unix.S_ISGID
	}
	e := &journal.Entry{Op: journal.OpMkdir, Path: []byte(s.plain), Kind: unix.S_IFDIR, Attrs: content.Attrs(s.mode, s.owner, m.clock())}
	if _, err := m.log.Append(e); err != nil {
		return Node{}, err
	}
	made, err := m.operate(e, clouds.Change{
		What: "mkdir",
		Do:   func(cl *clouds.Cloud) error { return s.in(cl, func() error { return s.makeDir(cl) }) },
		Undo: func(cl *clouds.Cloud) error { return cl.Dir.Rmdir(s.link.In(cl.Index, false)) },
	})
	if made {
		s.tellDir()
	}
	if !made || err != nil {
		return Node{}, err
	}
	return s.node()
}

func (s *site) makeDir(cl *clouds.Cloud) error {
	path := s.link.In(cl.Index, false)
	if err := cl.Dir.Mkdir(path, s.mode); err != nil {
		return err
	}
	if s.m.owners {
		if err := cl.Dir.Chown(path, int(s.owner.UID), int(s.owner.GID)); err != nil {
			return errors.Join(err, cl.Dir.Rmdir(path))
		}
	}
	return nil
}

// node returns the node of the entry, which was just made.
func (s *site) node() (Node, error) {
	child, _, err := s.m.view.Child(s.link)
	if err != nil {
		return Node{}, err
	}
	return Node{s.m, child}, nil
}

// Link gives a file another name.
func (n Node) Link(name string, target Node) error {
	m, old := n.m, target.live
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
	unlock, err := m.lockNodes(old)
	if err != nil {
		return err
	}
	var linked left
	defer func() {
		unlock()
		linked.renew(m)
	}()
	s, err := m.vacant(n, name, 0, Owner{})
	if err != nil {
		return err
	}
	e, found, had, err := s.entryOf(old)
	if err != nil {
		return err
	}
	if _, err := m.log.Append(e); err != nil {
		return err
	}
	since := m.belief.Kernel()
	made, err := m.operate(e, clouds.Change{
		What: "link",
		Do: func(cl *clouds.Cloud) error {
			if found.Best() >= 0 && !found.Serves[cl.Index] {
				return ErrConflict // what it shows instead gets no other name
			}
			path, _ := old.Path(cl.Index)
			return s.in(cl, func() error { return cl.Dir.Link(path, s.link.In(cl.Index, old.Special())) })
		},
		Undo: func(cl *clouds.Cloud) error { return cl.Dir.Remove(s.link.In(cl.Index, old.Special())) },
	})
	if made {
		at, _ := old.Link()
		is := view.KnownAt(m.view, at, old, e.File, had)
		s.tellLink(old, is)
		m.belief.TouchedAll(telling.File(*e.File, old.Kind()), since)
		old.Linked(s.link)
		linked.noteLink(m, is.File, is.Version)
	}
	if errors.Is(err, cloud.ErrUnsupported) {
		return fs.ErrPermission // what link(2) says where there are no links
	}
	return err
}

// entryOf is the entry of the log for another name of a file, and what the clouds have at one that it has already.
func (s *site) entryOf(old *nodes.Node) (e *journal.Entry, found *belief.Answer, had index.Version, err error) {
	from, ok := old.Plain()
	at, named := old.Link()
	if !ok || !named {
		return nil, nil, had, fs.ErrNotExist
	}
	if found, err = s.m.view.Find(at); err == nil {
		err = inUse(s.m, found)
	}
	if err != nil {
		return nil, nil, had, err
	}
	id, had := s.m.view.IdentifyFound(old, found)
	if id.IsZero() {
		return nil, nil, had, ErrStale
	}
	e = &journal.Entry{Op: journal.OpLink, Path: []byte(from), To: []byte(s.plain), File: &id, Before: journal.Before{Had: had.Vector}, Kind: old.Kind()}
	return e, found, had, nil
}
