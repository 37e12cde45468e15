package cloudtest

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
)

// Mem is a directory in memory, on a [Disk]. It enforces no permissions: it
// behaves as the real one does for root.
type Mem struct {
	disk   *Disk // whose lock guards what follows, and vol
	vol    *volume
	epoch  int
	closed bool
}

var _ cloud.Dir = (*Mem)(nil)

// NewMem makes an empty directory on a disk of its own.
func NewMem() *Mem { return NewDisk().Dir("mem") }

// Disk gives the disk that the directory is on.
func (m *Mem) Disk() *Disk { return m.disk }

// SetAbsent makes Check fail, or not, on all handles of this directory.
// Operations go on, as they do on a directory that was moved away.
func (m *Mem) SetAbsent(absent bool) {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	m.vol.absent = absent
}

// SetStatfs sets what Statfs answers.
func (m *Mem) SetStatfs(s cloud.Statfs) {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	m.vol.statfs = s
}

// Plant puts something that is neither file nor directory at path, as anybody
// with access to the folder may.
func (m *Mem) Plant(path string) error {
	return m.enter("plant", path, func() error {
		_, err := m.create("plant", path, special, 0o777)
		return err
	})
}

// enter runs fn, which may use everything of the disk, for one path.
func (m *Mem) enter(op, path string, fn func() error) error {
	if err := cloud.CheckPath(op, path); err != nil {
		return err
	}
	if err := m.locked(fn); err != nil {
		return &fs.PathError{Op: op, Path: path, Err: err}
	}
	return nil
}

// enter2 is enter for two paths.
func (m *Mem) enter2(op, old, new string, fn func() error) error {
	if err := cloud.CheckPath(op, old); err != nil {
		return err
	}
	if err := cloud.CheckPath(op, new); err != nil {
		return err
	}
	if err := m.locked(fn); err != nil {
		return &os.LinkError{Op: op, Old: old, New: new, Err: err}
	}
	return nil
}

func (m *Mem) locked(fn func() error) error {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	if err := m.alive(); err != nil {
		return err
	}
	if m.closed {
		return os.ErrClosed
	}
	return fn()
}

func (m *Mem) alive() error {
	if m.disk.crashed || m.disk.epoch != m.epoch {
		return errCrashed
	}
	return nil
}

func (m *Mem) step(w what) error { return m.disk.step(m.vol.name, w, nil) }

func (m *Mem) Open(path string, write bool) (f cloud.File, err error) {
	err = m.enter("open", path, func() error {
		n, err := m.vol.lookup(path)
		if err == nil {
			err = mustBe(n, regular)
		}
		if err == nil {
			f = m.file(n, path, write)
		}
		return err
	})
	return f, err
}

// mustBe gives the error of the real directory for the wrong kind of inode.
func mustBe(n *inode, kinds ...kind) error {
	if slices.Contains(kinds, n.kind) {
		return nil
	}
	errno := syscall.ENXIO
	if n.kind == directory {
		errno = syscall.EISDIR
	}
	return fmt.Errorf("%w (%w)", cloud.ErrNotRegular, errno)
}

func (m *Mem) Create(path string, perm uint32) (f cloud.File, err error) {
	err = m.enter("create", path, func() error {
		n, err := m.create("create", path, regular, perm)
		if err == nil {
			f = m.file(n, path, true)
		}
		return err
	})
	return f, err
}

func (m *Mem) Mkdir(path string, perm uint32) error {
	return m.enter("mkdir", path, func() error {
		_, err := m.create("mkdir", path, directory, perm)
		return err
	})
}

func (m *Mem) create(op, path string, k kind, perm uint32) (*inode, error) {
	s, err := m.vol.slot(path)
	switch {
	case err == syscall.EBUSY || s.node != nil:
		return nil, syscall.EEXIST
	case err != nil:
		return nil, err
	}
	if err := m.step(what{verb: op, path: path, detail: octal(perm)}); err != nil {
		return nil, err
	}
	t := m.disk.now()
	n := m.vol.fs.add(k, perm, t)
	m.entries(t, n.birth, []slot{s}, func(dirs []*state, node *state) {
		dirs[0].entries[s.name] = n.birth
		node.nlink++
	})
	return n, nil
}

// entries makes a change of the entries at the slots, and moves the times of
// their directories and the ctime of node, the inode that it is about.
func (m *Mem) entries(t time.Time, node uint64, slots []slot, edit func(dirs []*state, node *state)) {
	var inos []uint64
	for _, s := range slots {
		inos = append(inos, s.dir.birth)
	}
	m.vol.fs.do(change{inos: inos, apply: func(of func(uint64) *state) {
		var dirs []*state
		for _, ino := range inos {
			dir := of(ino)
			dir.mtime = t
			dir.changed(t)
			dirs = append(dirs, dir)
		}
		of(node).changed(t)
		edit(dirs, of(node))
	}})
}

func (m *Mem) Remove(path string) error {
	return m.enter("remove", path, func() error {
		s, err := m.vol.existing(path)
		switch {
		case err == syscall.EBUSY || err == nil && s.node.kind == directory:
			return syscall.EISDIR
		case err != nil:
			return err
		}
		return m.remove("remove", path, s)
	})
}

func (m *Mem) Rmdir(path string) error {
	return m.enter("rmdir", path, func() error {
		s, err := m.vol.existing(path)
		switch {
		case err != nil:
			return err
		case s.node.kind != directory:
			return syscall.ENOTDIR
		case len(s.node.sides[live].entries) > 0:
			return syscall.ENOTEMPTY
		}
		return m.remove("rmdir", path, s)
	})
}

func (m *Mem) remove(op, path string, s slot) error {
	if err := m.step(what{verb: op, path: path}); err != nil {
		return err
	}
	m.entries(m.disk.now(), s.node.birth, []slot{s}, func(dirs []*state, node *state) {
		delete(dirs[0].entries, s.name)
		node.nlink--
	})
	m.vol.fs.release(s.node.birth)
	return nil
}

func (m *Mem) Link(old, new string) error {
	return m.enter2("link", old, new, func() error {
		from, s, err := m.slots(old, new)
		n := from.node
		switch {
		case old == "" && err == syscall.EBUSY:
			return syscall.EPERM
		case new == "" && err == syscall.EBUSY || err == nil && s.node != nil:
			return syscall.EEXIST
		case err != nil:
			return err
		case n.kind == directory:
			return syscall.EPERM
		}
		if err := m.step(what{verb: "link", path: old, link: "→", to: new}); err != nil {
			return err
		}
		m.entries(m.disk.now(), n.birth, []slot{s}, func(dirs []*state, node *state) {
			dirs[0].entries[s.name] = n.birth
			node.nlink++
		})
		return nil
	})
}

func (m *Mem) Rename(old, new string) error {
	return m.enter2("rename", old, new, func() error {
		from, to, err := m.renameSlots(old, new)
		if err != nil || from.node == to.node {
			return err
		}
		if err := m.step(what{verb: "rename", path: old, link: "→", to: new}); err != nil {
			return err
		}
		moved, t := from.node.birth, m.disk.now()
		var replaced uint64
		if to.node != nil {
			replaced = to.node.birth
		}
		inos := []uint64{from.dir.birth, to.dir.birth}
		m.vol.fs.do(change{inos: inos, apply: func(of func(uint64) *state) {
			if replaced != 0 {
				of(replaced).nlink--
				of(replaced).changed(t)
			}
			delete(of(inos[0]).entries, from.name)
			of(inos[1]).entries[to.name] = moved
			for _, dir := range inos {
				of(dir).mtime = t
				of(dir).changed(t)
			}
			of(moved).changed(t)
		}})
		m.vol.fs.release(replaced)
		return nil
	})
}

// slots finds both places, of which the first must not be empty. As in the
// kernel, both ways are looked at before either name.
func (m *Mem) slots(old, new string) (from, to slot, err error) {
	if from, err = m.vol.slot(old); err != nil {
		return from, to, err
	}
	if to, err = m.vol.slot(new); err == nil && from.node == nil {
		err = syscall.ENOENT
	}
	return from, to, err
}

// renameSlots finds both places, and refuses what rename(2) refuses.
func (m *Mem) renameSlots(old, new string) (from, to slot, err error) {
	if from, to, err = m.slots(old, new); err != nil {
		return from, to, err
	}
	dir := from.node.kind == directory
	switch {
	case dir && m.vol.contains(from.node, to.dir):
		err = syscall.EINVAL
	case to.node == nil || to.node == from.node:
	case to.node.kind == directory && m.vol.contains(to.node, from.dir):
		err = syscall.ENOTEMPTY
	case dir && to.node.kind != directory:
		err = syscall.ENOTDIR
	case !dir && to.node.kind == directory:
		err = syscall.EISDIR
	case dir && len(to.node.sides[live].entries) > 0:
		err = syscall.ENOTEMPTY
	}
	return from, to, err
}

func (m *Mem) Exchange(a, b string) error {
	return m.enter2("exchange", a, b, func() error {
		x, y, err := m.slots(a, b)
		switch {
		case err != nil:
			return err
		case y.node == nil:
			return syscall.ENOENT
		case x.node == y.node:
			return nil
		case m.vol.contains(x.node, y.dir) || m.vol.contains(y.node, x.dir):
			return syscall.EINVAL
		}
		if err := m.step(what{verb: "exchange", path: a, link: "↔", to: b}); err != nil {
			return err
		}
		t, xIno, yIno := m.disk.now(), x.node.birth, y.node.birth
		m.entries(t, xIno, []slot{x, y}, func(dirs []*state, _ *state) {
			dirs[0].entries[x.name], dirs[1].entries[y.name] = yIno, xIno
		})
		m.attrs(y.node, func(s *state) { s.changed(t) })
		return nil
	})
}

func (m *Mem) Check() error {
	return m.locked(func() error {
		n, err := m.vol.lookup(cipher.MarkerName)
		switch {
		case m.vol.absent:
			return fmt.Errorf("%w: %s is not the directory that was opened", cloud.ErrAbsent, m.vol.name)
		case err != nil:
			return fmt.Errorf("%w: %s: %w", cloud.ErrAbsent, cipher.MarkerName, err)
		case n.kind != regular:
			return fmt.Errorf("%w: %s: %w", cloud.ErrAbsent, cipher.MarkerName, cloud.ErrNotRegular)
		}
		return nil
	})
}

func (m *Mem) Close() error {
	return m.locked(func() error {
		m.closed = true
		return nil
	})
}
