package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/durable"
)

// A builder makes a vault, step by step, and knows how to take each step back.
//
// The order is what makes an interrupted init harmless. vault.toml.init says
// whose markers there may be before the first marker is written, and the last
// step renames it to vault.toml: until then there is no vault, and whoever runs
// init again finds in it what to remove.
type builder struct {
	disk  disk
	plan  *plan
	undos []func() error
	held  *Lock
	probe func(CloudSpec) error // or nil
}

func (b *builder) build(made *rendered) error {
	if err := b.vaultDir(); err != nil {
		return err
	}
	if err := b.lock(); err != nil {
		return err
	}
	if err := b.clearRemains(); err != nil {
		return fmt.Errorf("removing what an interrupted init left: %w", err)
	}
	pending := filepath.Join(b.plan.dir, pendingName)
	if err := b.write(pending, made.config); err != nil {
		return err
	}
	if err := b.write(filepath.Join(b.plan.dir, keysName), made.keys); err != nil {
		return err
	}
	for i, c := range b.plan.clouds {
		if err := b.makeDirs(c.Dir); err != nil {
			return fmt.Errorf("cloud %q: %w", c.Name, err)
		}
		if b.probe != nil {
			if err := b.probe(c); err != nil {
				return fmt.Errorf("cloud %q: %w", c.Name, err)
			}
		}
		if err := b.write(filepath.Join(c.Dir, cipher.MarkerName), made.markers[i]); err != nil {
			return fmt.Errorf("cloud %q: %w", c.Name, err)
		}
	}
	config := filepath.Join(b.plan.dir, configName)
	if err := b.disk.Rename(pending, config); err != nil {
		return err
	}
	b.later(func() error { return b.disk.Rename(config, pending) })
	return b.disk.SyncDir(b.plan.dir)
}

// undo takes back every step, the last one first.
func (b *builder) undo() error {
	for len(b.undos) > 0 {
		last := len(b.undos) - 1
		if err := b.undos[last](); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		b.undos = b.undos[:last]
	}
	return nil
}

func (b *builder) later(undo func() error) { b.undos = append(b.undos, undo) }

// vaultDir makes the vault's directory, or closes an empty one to others.
func (b *builder) vaultDir() error {
	info, err := os.Stat(b.plan.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return b.makeDirs(b.plan.dir)
	}
	if err != nil || info.Mode().Perm() == dirPerm {
		return err
	}
	b.later(func() error { return b.disk.Chmod(b.plan.dir, info.Mode().Perm()) })
	return b.disk.Chmod(b.plan.dir, dirPerm)
}

// lock keeps a second init away until this one is done or undone, and looks
// again whether another has just been here.
func (b *builder) lock() error {
	state := filepath.Join(b.plan.dir, stateName)
	if _, err := os.Stat(state); errors.Is(err, fs.ErrNotExist) {
		b.later(func() error { return b.disk.Remove(state) })
	}
	if err := makeDir(b.disk, state); err != nil {
		return err
	}
	b.later(func() error { return b.disk.Remove(filepath.Join(state, lockName)) })
	var err error
	if b.held, err = lockState(b.plan.dir); err == nil {
		err = b.plan.checkVaultDir()
	}
	if errors.Is(err, ErrLocked) || errors.Is(err, ErrUnusable) {
		b.undos = nil // what is there now is the other's
	}
	return err
}

func (b *builder) unlock() {
	if b.held != nil {
		// The kernel does the same when the process ends.
		_ = b.held.Release()
	}
}

// clearRemains removes what an interrupted init left, and what says so last.
func (b *builder) clearRemains() error {
	if b.plan.remains != nil {
		for _, c := range b.plan.remains.Clouds {
			if err := b.clearCloud(c); err != nil {
				return err
			}
		}
	}
	if err := durable.RemoveTemps(b.disk, b.plan.dir); err != nil {
		return err
	}
	for _, name := range []string{keysName, pendingName} {
		err := b.disk.Remove(filepath.Join(b.plan.dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		// keys.age must not outlive the note that says that nobody uses it.
		if err := b.disk.SyncDir(b.plan.dir); err != nil {
			return err
		}
	}
	return nil
}

// clearCloud removes the marker of an interrupted init from one directory.
func (b *builder) clearCloud(c Cloud) error {
	names, err := listDir(c.Dir)
	if err != nil || len(names) == 0 {
		return err
	}
	if b.plan.ours(c.Dir) {
		if err := b.disk.Remove(filepath.Join(c.Dir, cipher.MarkerName)); err != nil {
			return err
		}
	}
	if err := durable.RemoveTemps(b.disk, c.Dir); err != nil {
		return err
	}
	return b.disk.SyncDir(c.Dir)
}

// write writes one file. How to remove it is noted first: a write that fails at
// its last step has made the file. The removal is made durable, so that no marker
// outlives vault.toml.init, which may lie on another disk.
func (b *builder) write(path string, data []byte) error {
	b.later(func() error {
		// A read-only filesystem would rather say so than that nothing is there.
		if _, err := os.Lstat(path); err != nil {
			return err
		}
		if err := b.disk.Remove(path); err != nil {
			return err
		}
		return b.disk.SyncDir(filepath.Dir(path))
	})
	return durable.Replace(b.disk, path, data, filePerm)
}

// makeDirs makes a directory and whatever is missing above it, durably.
func (b *builder) makeDirs(path string) error {
	err := b.disk.Mkdir(path, dirPerm)
	if errors.Is(err, fs.ErrNotExist) && path != filepath.Dir(path) {
		if err := b.makeDirs(filepath.Dir(path)); err != nil {
			return err
		}
		err = b.disk.Mkdir(path, dirPerm)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	b.later(func() error { return b.disk.Remove(path) })
	return b.disk.SyncDir(filepath.Dir(path))
}
