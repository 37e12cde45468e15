package main

import (
	"path/filepath"

	"github.com/overcast-fs/overcast/fs/mount"
)

// mountOf finds where a vault is mounted.
func mountOf(vaultDir string) (mount.Entry, bool, error) {
	mounts, err := mount.Table()
	for i := len(mounts) - 1; i >= 0; i-- {
		if mounts[i].Source == vaultDir {
			return mounts[i], true, nil
		}
	}
	return mount.Entry{}, false, err
}

// canonical makes a path absolute and free of symlinks. Its last element may be missing, or a mountpoint whose process died
// (nothing can be asked about it then).
func canonical(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if resolved, err := filepath.EvalSymlinks(abs); err == nil {
		return resolved, nil
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return "", err
	}
	return filepath.Join(parent, filepath.Base(abs)), nil
}
