package mirror

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
	"github.com/overcast-fs/overcast/fs/mirror/internal/view"
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
	was, err := m.view.DirAttr(n)
	if err != nil {
		return Attr{}, err
	}
	if !m.owners && (s.UID != nil && *s.UID != was.UID || s.GID != nil && *s.GID != was.GID) {
		return Attr{}, fs.ErrPermission
	}
	attrs := &journal.Attrs{Mode: s.Mode, UID: s.UID, GID: s.GID, Atime: s.Atime, Mtime: s.Mtime}
	e := &journal.Entry{Op: journal.OpDirAttr, Path: []byte(plain), Kind: unix.S_IFDIR, Attrs: attrs}
	if _, err := m.log.Append(e); err != nil {
		return Attr{}, err
	}
	before := make([]cloud.Info, m.clouds.N())
	made, err := m.operate(e, clouds.Change{
		What: "setattr",
		Do: func(cl *clouds.Cloud) (err error) {
			path, _ := n.Path(cl.Index)
			if before[cl.Index], err = cl.Dir.Stat(path); err != nil {
				return err
			}
			if err = cl.ApplyAttrs(path, attrs, m.owners); err != nil {
				return errors.Join(err, restoreDirAttr(cl, path, before[cl.Index], m.owners))
			}
			return nil
		},
		Undo: func(cl *clouds.Cloud) error {
			path, _ := n.Path(cl.Index)
			return restoreDirAttr(cl, path, before[cl.Index], m.owners)
		},
	})
	if !made || err != nil {
		return Attr{}, err
	}
	if d := n.Number(); d != 0 {
		m.memory.Owned(d, telling.Owner(view.OwnerOf(was), attrs))
	}
	return m.view.DirAttr(n)
}

// restoreDirAttr gives a directory back what it had.
func restoreDirAttr(cl *clouds.Cloud, path string, was cloud.Info, owners bool) error {
	return cl.ApplyAttrs(path, &journal.Attrs{Mode: &was.Mode, UID: &was.UID, GID: &was.GID, Atime: &was.Atime, Mtime: &was.Mtime}, owners)
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
