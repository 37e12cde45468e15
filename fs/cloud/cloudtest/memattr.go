package cloudtest

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
)

// Flags of setxattr(2).
const (
	xattrCreate  = 1
	xattrReplace = 2
)

// attrs makes a change of an inode's attributes.
func (m *Mem) attrs(n *inode, edit func(*state)) {
	ino := n.birth
	m.vol.fs.do(change{inos: []uint64{ino}, apply: func(of func(uint64) *state) { edit(of(ino)) }})
}

// An attr is an operation on attributes; detail describes it in the trace, and
// check may refuse it.
type attr struct {
	op     string
	detail any
	check  func(s *state) error
	edit   func(s *state, t time.Time)
}

func chmodAttr(perm uint32) attr {
	return attr{op: "chmod", detail: octal(perm), edit: func(s *state, _ time.Time) { s.mode = perm & 0o7777 }}
}

func chownAttr(uid, gid int) attr {
	return attr{op: "chown", detail: ids{uid, gid}, edit: func(s *state, _ time.Time) {
		if uid != -1 {
			s.uid = uint32(uid)
		}
		if gid != -1 {
			s.gid = uint32(gid)
		}
	}}
}

func chtimesAttr(t cloud.Times) attr {
	var atime, mtime time.Time // the caller may reuse what t points to
	if t.Atime != nil {
		atime = *t.Atime
	}
	if t.Mtime != nil {
		mtime = *t.Mtime
	}
	return attr{op: "chtimes", detail: mtime.UTC(), edit: func(s *state, _ time.Time) {
		if t.Atime != nil {
			s.atime = atime
		}
		if t.Mtime != nil {
			s.mtime = mtime
		}
	}}
}

func setxattrAttr(name string, value []byte, flags int) attr {
	value = bytes.Clone(value)
	return attr{op: "setxattr", detail: name, check: func(s *state) error {
		_, exists := s.xattrs[name]
		switch {
		case flags&xattrCreate != 0 && exists:
			return syscall.EEXIST
		case flags&xattrReplace != 0 && !exists:
			return syscall.ENODATA
		}
		return nil
	}, edit: func(s *state, _ time.Time) {
		if s.xattrs == nil {
			s.xattrs = map[string][]byte{}
		}
		s.xattrs[name] = value
	}}
}

func removexattrAttr(name string) attr {
	return attr{op: "removexattr", detail: name, check: func(s *state) error {
		if _, exists := s.xattrs[name]; !exists {
			return syscall.ENODATA
		}
		return nil
	}, edit: func(s *state, _ time.Time) { delete(s.xattrs, name) }}
}

// set does a on n, which the trace calls path.
func (m *Mem) set(n *inode, path string, a attr) error {
	if n.kind == special {
		return mustBe(n, regular, directory)
	}
	if a.check != nil {
		if err := a.check(&n.sides[live]); err != nil {
			return err
		}
	}
	if err := m.step(what{verb: a.op, path: path, detail: a.detail}); err != nil {
		return err
	}
	t := m.disk.now()
	m.attrs(n, func(s *state) {
		a.edit(s, t)
		s.changed(t)
	})
	return nil
}

func (m *Mem) setPath(path string, a attr) error {
	return m.enter(a.op, path, func() error {
		n, err := m.vol.lookup(path)
		if err != nil {
			return err
		}
		return m.set(n, path, a)
	})
}

func (m *Mem) Chmod(path string, perm uint32) error     { return m.setPath(path, chmodAttr(perm)) }
func (m *Mem) Chown(path string, uid, gid int) error    { return m.setPath(path, chownAttr(uid, gid)) }
func (m *Mem) Chtimes(path string, t cloud.Times) error { return m.setPath(path, chtimesAttr(t)) }
func (m *Mem) Removexattr(path, name string) error      { return m.setPath(path, removexattrAttr(name)) }
func (m *Mem) Setxattr(path, name string, value []byte, flags int) error {
	return m.setPath(path, setxattrAttr(name, value, flags))
}

// get runs fn on what programs see of the file or directory at path.
func (m *Mem) get(op, path string, fn func(s *state) error) error {
	return m.enter(op, path, func() error {
		n, err := m.vol.lookup(path)
		if err == nil {
			err = mustBe(n, regular, directory)
		}
		if err != nil {
			return err
		}
		return fn(&n.sides[live])
	})
}

func (m *Mem) Getxattr(path, name string) (value []byte, err error) {
	err = m.get("getxattr", path, func(s *state) (err error) {
		value, err = s.getxattr(name)
		return err
	})
	return value, err
}

func (m *Mem) Listxattr(path string) (names []string, err error) {
	err = m.get("listxattr", path, func(s *state) error {
		names = s.listxattr()
		return nil
	})
	return names, err
}

func (s *state) getxattr(name string) ([]byte, error) {
	value, ok := s.xattrs[name]
	if !ok {
		return nil, syscall.ENODATA
	}
	return bytes.Clone(value), nil
}

func (s *state) listxattr() []string { return slices.Sorted(maps.Keys(s.xattrs)) }

func (m *Mem) Stat(path string) (info cloud.Info, err error) {
	err = m.enter("stat", path, func() error {
		n, err := m.vol.lookup(path)
		if err == nil {
			info = m.vol.info(n)
		}
		return err
	})
	return info, err
}

func (m *Mem) Handle(path string) (handle []byte, err error) {
	err = m.enter("handle", path, func() error {
		n, err := m.vol.lookup(path)
		if err == nil {
			err = mustBe(n, regular, directory)
		}
		if err == nil {
			handle = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, n.number), n.birth)
		}
		return err
	})
	return handle, err
}

func (v *volume) info(n *inode) cloud.Info {
	s := &n.sides[live]
	info := cloud.Info{
		Ino: n.number, Dev: v.statfs.Dev, Nlink: s.nlink, Mode: s.mode,
		Dir: n.kind == directory, Regular: n.kind == regular,
		UID: s.uid, GID: s.gid,
		Size: n.data.size, Blocks: int64(len(n.data.pages)) * (pageSize / 512),
		Atime: s.atime, Mtime: s.mtime, Ctime: s.ctime,
	}
	if info.Dir {
		info.Nlink = 2
		for _, ino := range s.entries {
			if v.fs.inodes[ino].kind == directory {
				info.Nlink++
			}
		}
	}
	return info
}

// ReadDir lists in the order of names.
func (m *Mem) ReadDir(path string) (entries []cloud.Entry, err error) {
	err = m.enter("readdir", path, func() error {
		dir, err := m.vol.lookup(path)
		if err != nil {
			return err
		}
		if dir.kind != directory {
			return syscall.ENOTDIR
		}
		for _, name := range slices.Sorted(maps.Keys(dir.sides[live].entries)) {
			n := m.vol.fs.inodes[dir.sides[live].entries[name]]
			entries = append(entries, cloud.Entry{Name: name, Dir: n.kind == directory, Regular: n.kind == regular, Ino: n.number})
		}
		return nil
	})
	return entries, err
}

func (m *Mem) Statfs() (s cloud.Statfs, err error) {
	err = m.enter("statfs", "", func() error {
		s = m.vol.statfs
		return nil
	})
	return s, err
}

func (m *Mem) SyncDir(path string) error {
	return m.enter("syncdir", path, func() error {
		n, err := m.vol.lookup(path)
		if err != nil {
			return err
		}
		if n.kind != directory {
			return syscall.ENOTDIR
		}
		if err := m.step(what{verb: "syncdir", path: path}); err != nil {
			return err
		}
		m.vol.fs.commitDir(n.birth)
		return nil
	})
}

func (m *Mem) Syncfs() error {
	return m.enter("syncfs", "", func() error {
		if err := m.step(what{verb: "syncfs"}); err != nil {
			return err
		}
		m.vol.fs.commitAll()
		return nil
	})
}
