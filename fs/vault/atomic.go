package vault

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/overcast-fs/overcast/cipher"
)

// isTemp reports whether a name is like those that [writeFileAtomic] draws.
func isTemp(name string) bool {
	return cipher.EntryName(name).IsTemp() && len(name) == len(cipher.NewTempName())
}

// WriteFileAtomic replaces the file at path, or creates it, so that after a
// power cut at any instant it holds either what it held or all of data, and
// after a return without error certainly data. The mode is exactly perm,
// whatever the umask. After an error the old content is there, except when only
// the last step, making the name durable, failed: then either may be.
func WriteFileAtomic(path string, data []byte, perm fs.FileMode) error {
	return writeFileAtomic(osDisk{}, path, data, perm)
}

func writeFileAtomic(d disk, path string, data []byte, perm fs.FileMode) error {
	dir := filepath.Dir(path)
	temp := filepath.Join(dir, string(cipher.NewTempName()))
	err := writeSynced(d, temp, data, perm)
	if err == nil {
		err = d.Rename(temp, path)
	}
	if err != nil {
		// The first error is the one that explains; a temporary file that stays
		// is removed when the vault is next opened.
		_ = d.Remove(temp)
		return err
	}
	return d.SyncDir(dir)
}

// writeSynced creates a file with data that is on disk when it returns.
func writeSynced(d disk, path string, data []byte, perm fs.FileMode) error {
	f, err := d.Create(path, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

// removeTemps removes what an interrupted [WriteFileAtomic] left in a directory.
func removeTemps(d disk, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if isTemp(e.Name()) && e.Type().IsRegular() {
			if err := d.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
