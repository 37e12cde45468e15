package mirror

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
)

// SetAttr changes attributes and returns the new ones. On a file with
// changes in no version yet it joins them, otherwise it is a commit of its own.
func (n Node) SetAttr(s SetAttr) (Attr, error) {
	m := n.m
	if err := m.enter(); err != nil {
		return Attr{}, err
	}
	defer m.leave()
	if err := m.clouds.Admit(); err != nil {
		return Attr{}, err
	}
	if n.IsDir() {
		if s.Size != nil {
			return Attr{}, ErrIsDir
		}
		return m.setDirAttr(n.live, s)
	}
	if s.Size != nil && n.live.Special() {
		return Attr{}, ErrInvalid
	}
	f, err := n.live.Content.Acquire()
	if err != nil {
		return Attr{}, err
	}
	var a Attr
	if err = f.SetAttr(s); err == nil {
		a, err = m.view.OpenAttr(n.live, f.File)
	}
	return a, errors.Join(err, f.Leave())
}

func (m *Mirror) setDirAttr(n *nodes.Node, s SetAttr) (Attr, error) {
	m.names.Lock()
	defer m.names.Unlock()
	plain, ok := n.Plain()
	if !ok {
		return Attr{}, ErrStale
	}
	if !m.owners && (s.UID != nil || s.GID != nil) {
		a, err := m.view.DirAttr(n)
		if err != nil {
			return Attr{}, err
		}
		if s.UID != nil && *s.UID != a.UID || s.GID != nil && *s.GID != a.GID {
			return Attr{}, fs.ErrPermission
		}
	}
	was, err := m.view.DirOwner(n)
	if err != nil {
		return Attr{}, err
	}
	attrs := &journal.Attrs{Mode: s.Mode, UID: s.UID, GID: s.GID, Atime: s.Atime, Mtime: s.Mtime}
	e := &journal.Entry{Op: journal.OpDirAttr, Path: []byte(plain), Kind: unix.S_IFDIR, Attrs: attrs}
	if _, err := m.log.Append(e); err != nil {
		return Attr{}, err
	}
	restore := func(cl *clouds.Cloud) error {
		path, _ := n.Path(cl.Index)
		return cl.ApplyAttrs(path, attrsOf(was, attrs), m.owners)
	}
	made, err := m.operate(e, clouds.Change{
		What: "setattr", Undo: restore,
		Do: func(cl *clouds.Cloud) error {
			path, _ := n.Path(cl.Index)
			err := cl.ApplyAttrs(path, attrs, m.owners)
			if err != nil {
				err = errors.Join(err, restore(cl))
			}
			return err
		},
	})
	if !made || err != nil {
		return Attr{}, err
	}
	if d := n.Number(); d != 0 {
		m.memory.Owned(d, telling.Owner(was, attrs))
	}
	return m.view.DirAttr(n)
}

// attrsOf gives back to a directory what was to be changed. Its times are left: no two clouds have the same.
func attrsOf(was index.Owner, changed *journal.Attrs) *journal.Attrs {
	a := &journal.Attrs{}
	if changed.Mode != nil {
		a.Mode = &was.Mode
	}
	if changed.UID != nil || changed.GID != nil {
		a.UID, a.GID = &was.UID, &was.GID
	}
	return a
}

// Sync makes the directory's entries durable, in the log.
func (n Node) Sync() error {
	if n.m.clouds.ReadOnly() {
		return nil
	}
	if err := n.m.enter(); err != nil {
		return err
	}
	defer n.m.leave()
	return n.m.log.Sync()
}
