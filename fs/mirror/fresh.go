package mirror

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// tempName is a name that sync tools skip.
func tempName() string {
	r := random16()
	return ".~" + hex.EncodeToString(r[:8]) + ".tmp"
}

// empty truncates a file to nothing. A committed file with one name goes on
// in fresh backing files, which replace the old ones at the next commit: the
// committed bytes stay where they are, and the new ones need no log.
func (f *file) empty() error {
	f.applying.Lock()
	defer f.applying.Unlock()
	if fresh, err := f.refill(); fresh || err != nil {
		return err
	}
	if err := f.begin(); err != nil {
		return err
	}
	defer f.mu.Unlock()
	return f.resize(0)
}

// refill starts fresh backing files if that can be done.
func (f *file) refill() (done bool, err error) {
	if err := f.begin(); err != nil {
		return false, err
	}
	suitable := f.disk.Committed() && !f.replacing && !f.orphan && f.length > 0 &&
		f.logged.empty() && f.moving.empty() && f.base.Head.CommitID == f.disk.Head.CommitID
	if suitable {
		info, err := f.current().file.Stat()
		suitable = err == nil && info.Nlink == 1
	}
	f.mu.Unlock()
	if !suitable {
		return false, nil
	}
	m := f.m
	m.names.RLock()
	defer m.names.RUnlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	fresh, err := f.makeFresh()
	if err != nil || fresh == nil {
		return false, err
	}
	return true, f.switchTo(fresh)
}

// makeFresh makes the backing files. It returns nil if the directory takes no
// new file in any cloud.
func (f *file) makeFresh() ([]*copyOf, error) {
	dir, ok := f.n.parent()
	if !ok || f.orphan {
		return nil, nil
	}
	fresh := make([]*copyOf, len(f.copies))
	e := &journal.Entry{Op: journal.OpFresh, Salts: make([][]byte, len(f.copies)), Temps: make([]string, len(f.copies))}
	var members []*clouds.Cloud
	for _, c := range f.targets() {
		k := c.cloud.Index
		salt := random16()
		e.Salts[k], e.Temps[k] = salt[:], tempName()
		fresh[k] = &copyOf{cloud: c.cloud, temp: e.Temps[k], tempDir: dir, head: &cipher.Header{Salt: salt}}
		members = append(members, c.cloud)
	}
	if err := f.record(e); err != nil {
		return nil, err
	}
	seq := f.n.lastEntry.Load()
	made, err := f.m.clouds.Settle(clouds.Change{
		What: "create",
		Do: func(cl *clouds.Cloud) error {
			c := fresh[cl.Index]
			path, _ := dir.path(cl.Index)
			return keepTimes(cl.Dir, path, func() error {
				return c.create(replica.Join(path, c.temp), cipher.BackingMode(f.mode, false), f.base.Head.FileID)
			})
		},
		Undo: func(cl *clouds.Cloud) error {
			path, _ := dir.path(cl.Index)
			return fresh[cl.Index].uncreate(replica.Join(path, fresh[cl.Index].temp))
		},
	}, members)
	if !made {
		return nil, f.m.revoke(seq)
	}
	return fresh, err
}

// create makes a backing file with the header of a file that has no version
// yet.
func (c *copyOf) create(path string, perm uint32, id cipher.ID) error {
	var err error
	if c.keys, err = c.cloud.Keys.NewFile(cipher.TypeFile, c.head.Salt); err != nil {
		return err
	}
	if c.file, err = c.cloud.Dir.Create(path, perm); err != nil {
		return err
	}
	if err := c.begin(id); err != nil {
		return errors.Join(err, c.uncreate(path))
	}
	return nil
}

// uncreate removes a backing file that was just made.
func (c *copyOf) uncreate(path string) error {
	c.close()
	return c.cloud.Dir.Remove(path)
}

// begin writes the header of a file that has no version yet.
func (c *copyOf) begin(id cipher.ID) error {
	empty := journal.Sealed{Head: cipher.Header{Type: cipher.TypeFile, FileID: id, Flags: cipher.Dirty}, Accs: make([]cipher.Acc, c.cloud.Index+1)}
	if err := c.writeHeader(&empty); err != nil {
		return err
	}
	c.ours = true
	return nil
}

// switchTo goes on in the fresh backing files. The old ones stay in place
// until the commit.
func (f *file) switchTo(fresh []*copyOf) error {
	for k, c := range f.copies {
		c.close()
		if fresh[k] != nil && fresh[k].file != nil {
			f.copies[k] = fresh[k]
		} else if c != nil && c.err == nil {
			c.err = ErrOlder
		}
	}
	for k, c := range f.copies {
		if c.serves() {
			f.source = k
			break
		}
	}
	f.charge(-f.pending.bytes())
	f.pending, f.fresh, f.late = newLayer(), nil, nil
	f.replacing, f.length, f.floor, f.covered, f.flags = true, 0, 0, 0, 0
	f.accs = make([]cipher.Acc, len(f.copies))
	f.disk = journal.Sealed{}
	f.modified()
	return nil
}

// parent is the directory of the node's first name.
func (n *Node) parent() (*Node, bool) {
	n.m.tree.Lock()
	defer n.m.tree.Unlock()
	if len(n.links) == 0 {
		return nil, false
	}
	return n.links[0].parent, true
}

// keepTimes does something in a directory of which programs must not see
// that the directory changed, as far as the cloud lets it: what was done is
// done. The caller holds Mirror.names.
func keepTimes(dir cloud.Dir, path string, do func() error) error {
	before, err := dir.Stat(path)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	_ = dir.Chtimes(path, cloud.Times{Mtime: &before.Mtime})
	return nil
}

// putInPlace renames a fresh backing file over the one that it replaces.
func (m *Mirror) putInPlace(n *Node, c *copyOf) error {
	if c.temp == "" {
		return nil
	}
	m.names.RLock()
	defer m.names.RUnlock()
	k := c.cloud.Index
	dir, _ := c.tempDir.path(k)
	path, ok := n.path(k)
	if !ok {
		return fmt.Errorf("put in place: %w", ErrStale)
	}
	err := keepTimes(c.cloud.Dir, dir, func() error { return c.cloud.Dir.Rename(replica.Join(dir, c.temp), path) })
	if err != nil {
		return err
	}
	info, err := c.file.Stat()
	if err != nil {
		return err
	}
	c.temp, c.tempDir = "", nil
	m.tree.Lock()
	defer m.tree.Unlock()
	backing := append([]uint64(nil), n.backing...)
	backing[k] = info.Ino
	m.register(n, backing)
	return nil
}

// copyXattrs gives a fresh backing file the attributes of the one that it
// replaces.
func (m *Mirror) copyXattrs(n *Node, c *copyOf) error {
	m.names.RLock()
	defer m.names.RUnlock()
	path, ok := n.path(c.cloud.Index)
	if !ok {
		return nil
	}
	names, err := c.cloud.Dir.Listxattr(path)
	if err != nil {
		return nil
	}
	for _, name := range names {
		if !ownXattr(name) {
			continue
		}
		value, err := c.cloud.Dir.Getxattr(path, name)
		if err != nil {
			return err
		}
		if err := c.file.Setxattr(name, value, 0); err != nil {
			return err
		}
	}
	return nil
}

// discard removes fresh backing files that will not replace anything. The
// caller holds Mirror.names.
func (f *file) discard() {
	for _, c := range f.copies {
		if c == nil || c.temp == "" {
			continue
		}
		dir, ok := c.tempDir.path(c.cloud.Index)
		if !ok {
			continue
		}
		if err := c.cloud.Dir.Remove(replica.Join(dir, c.temp)); err != nil && !replica.Missing(err) {
			f.m.logger.Warn("a temporary file stays behind", "cloud", c.cloud.Name, "error", err)
		}
		c.temp = ""
	}
}
