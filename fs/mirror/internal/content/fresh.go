package content

import (
	"fmt"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// refiller is a file that goes on, or may go on, in fresh backing files.
type refiller struct{ *File }

// empty truncates a file to nothing. A committed file with one name goes on
// in fresh backing files, which replace the old ones at the next commit: the
// committed bytes stay where they are, and the new ones need no log.
func (f refiller) empty() error {
	f.commit.Lock()
	defer f.commit.Unlock()
	if fresh, err := f.refill(); fresh || err != nil {
		return err
	}
	e, err := f.begin()
	if err != nil {
		return err
	}
	defer e.unlock()
	return e.Resize(0)
}

// refill goes on in fresh backing files if that can be done.
func (f refiller) refill() (done bool, err error) {
	e, err := f.begin()
	if err != nil {
		return false, err
	}
	suitable := f.Copies.Stored.Committed() && !f.replacing() && !f.Nameless && f.Length > 0 && f.Layers.Idle() && !f.underway()
	suitable = suitable && f.oneName()
	e.unlock()
	if !suitable {
		return false, nil
	}
	f.s.names.RLock()
	defer f.s.names.RUnlock()
	f.lock()
	defer f.unlock()
	dir, ok := f.o.Parent()
	if !ok || f.Nameless {
		return false, nil
	}
	fresh, err := f.makeFresh(dir)
	if err != nil || fresh == nil {
		return false, err
	}
	editor(f).switchTo(fresh, dir)
	return true, nil
}

// oneName tells whether no cloud has the file under another name, which would go on with
// the old backing file. One that lacks a name may be the lead.
func (f refiller) oneName() bool {
	for _, c := range f.Copies.Targets() {
		if c.File == nil {
			continue
		}
		if info, err := c.File.Stat(); err != nil || info.Nlink > 1 {
			return false
		}
	}
	return true
}

// makeFresh makes the backing files. It returns nil if the directory takes no
// new file in any cloud.
func (f refiller) makeFresh(dir Dir) ([]*copies.Copy, error) {
	n := len(f.Copies.List)
	fresh := make([]*copies.Copy, n)
	e := &journal.Entry{Op: journal.OpFresh, Salts: make([][]byte, n), Temps: make([]string, n)}
	var on []*clouds.Cloud
	for _, c := range f.Copies.Targets() {
		k := c.On.Index
		salt := Random16()
		e.Salts[k], e.Temps[k] = salt[:], string(cipher.NewTempName())
		fresh[k] = copies.New(c.On, salt)
		fresh[k].Beside, fresh[k].Over = e.Temps[k], c.Shown
		on = append(on, c.On)
	}
	if err := f.Append(e); err != nil {
		return nil, err
	}
	seq := f.o.lastEntry.Load()
	made, err := f.Env.Clouds.Make(clouds.Change{
		What: "create",
		Do: func(cl *clouds.Cloud) error {
			c := fresh[cl.Index]
			path, _ := dir.Path(cl.Index)
			return cl.KeepTimes(path, func() error {
				return c.Make(replica.Join(path, c.Beside), cipher.BackingMode(f.Mode, false), f.Sealed.Head.FileID)
			})
		},
		Undo: func(cl *clouds.Cloud) error {
			path, _ := dir.Path(cl.Index)
			return fresh[cl.Index].Unmake(replica.Join(path, fresh[cl.Index].Beside))
		},
	}, on)
	if !made {
		return nil, f.s.log.Revoke(seq)
	}
	return fresh, err
}

// switchTo goes on in the fresh backing files. The old ones stay in place
// until the commit.
func (e editor) switchTo(fresh []*copies.Copy, dir Dir) {
	for k, c := range e.Copies.List {
		c.Close()
		if fresh[k] != nil && fresh[k].File != nil {
			e.Copies.List[k] = fresh[k]
		} else if c != nil && c.Err == nil {
			c.Err = replica.ErrOlder
		}
	}
	for k, c := range e.Copies.List {
		if c.Serves() {
			e.Copies.Source = k
			break
		}
	}
	e.Charge(-e.Layers.Memory())
	e.Layers, e.Unsynced = layer.NewStack(), nil
	e.beside, e.Length, e.Covered, e.Flags = dir, 0, 0, 0
	e.Accs = make([]cipher.Acc, len(e.Copies.List))
	e.Copies.Stored, e.Copies.Changing = journal.Sealed{}, true
	e.Modified()
}

// putInPlace renames a fresh backing file over the one that it replaces.
func (f refiller) putInPlace(c *copies.Copy) error {
	if c.Beside == "" {
		return nil
	}
	f.s.names.RLock()
	defer f.s.names.RUnlock()
	k := c.On.Index
	dir, _ := f.beside.Path(k)
	path, ok := f.o.Path(k)
	if !ok {
		return fmt.Errorf("put in place: %w", ErrStale)
	}
	err := c.On.KeepTimes(dir, func() error { return c.On.Dir.Rename(replica.Join(dir, c.Beside), path) })
	if err != nil {
		return err
	}
	info, err := c.File.Stat()
	if err != nil {
		return err
	}
	c.Beside, c.Shown = "", info
	f.o.Replaced(k, info.Ino)
	return nil
}

// copyXattrs gives a fresh backing file the attributes of the one that it
// replaces.
func (f refiller) copyXattrs(c *copies.Copy) error {
	f.s.names.RLock()
	defer f.s.names.RUnlock()
	path, ok := f.o.Path(c.On.Index)
	if !ok || c.Beside == "" {
		return nil
	}
	return c.TakeXattrs(path)
}

// finish commits a file whose copies are not in place yet.
func (f refiller) finish() error {
	f.mu.RLock()
	replacing := f.replacing() && !f.Nameless
	f.mu.RUnlock()
	if !replacing {
		return nil
	}
	return f.commitOne()
}

// discard removes fresh backing files that will not replace anything. Those of a
// cloud that went out while others were put in place are swept when it returns.
// The caller holds Mirror.names.
func (f refiller) discard() {
	if f.beside == nil {
		return
	}
	for _, c := range f.Copies.List {
		if c == nil || c.Beside == "" {
			continue
		}
		dir, ok := f.beside.Path(c.On.Index)
		if !ok {
			continue
		}
		if err := c.On.Dir.Remove(replica.Join(dir, c.Beside)); err != nil && !replica.Missing(err) {
			f.Env.Logger.Warn("a temporary file stays behind", "cloud", c.On.Name, "error", err)
		}
		c.Beside = ""
	}
}
