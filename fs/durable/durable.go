package durable

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/overcast-fs/overcast/cipher"
)

// Replace replaces the file at path, or creates it. The mode is exactly perm,
// whatever the umask. After an error the old content is there, except when only
// the last step, making the name durable, failed: then either may be.
func Replace(disk Disk, path string, data []byte, perm fs.FileMode) error {
	f, err := Create(path, Options{Perm: perm, ExactPerm: true, Disk: disk})
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Commit()
}

// Options say how a file is made.
type Options struct {
	Perm      fs.FileMode
	ExactPerm bool // Perm whatever the umask
	New       bool // Commit refuses a name that is taken
	Disk      Disk // nil for [OS]
}

// A File grows under a temporary name beside its final one, which it takes only
// by [File.Commit]. It is not safe for concurrent use.
type File struct {
	options Options
	file    DiskFile
	path    string
	temp    string
	closed  bool
	named   bool // it has its name, or may have
}

// Create begins a file. Either Commit or Discard ends it.
func Create(path string, o Options) (*File, error) {
	if o.Disk == nil {
		o.Disk = OS{}
	}
	f := &File{options: o, path: path, temp: filepath.Join(filepath.Dir(path), string(cipher.NewTempName()))}
	var err error
	if f.file, err = o.Disk.Create(f.temp, o.Perm); err != nil {
		return nil, err
	}
	return f, nil
}

// Write appends to the file.
func (f *File) Write(p []byte) (int, error) { return f.file.Write(p) }

// Temp is the name that the file has until it is committed, for whoever sets
// its times.
func (f *File) Temp() string { return f.temp }

// Commit makes the content durable, gives the file its name, and makes that
// durable. With [Options.New] the error wraps [fs.ErrExist] where the name is
// taken. After an error the caller discards the file.
func (f *File) Commit() error {
	if f.options.ExactPerm {
		if err := f.file.Chmod(f.options.Perm); err != nil {
			return err
		}
	}
	if err := f.file.Sync(); err != nil {
		return err
	}
	if err := f.close(); err != nil {
		return err
	}
	rename := f.options.Disk.Rename
	if f.options.New {
		rename = f.options.Disk.RenameNew
	}
	if err := rename(f.temp, f.path); err != nil {
		return err
	}
	f.named = true
	return f.options.Disk.SyncDir(filepath.Dir(f.path))
}

// Discard removes what was not committed; after Commit it does nothing. The
// error that led to it is the one that explains, so it has none of its own.
func (f *File) Discard() {
	_ = f.close()
	if !f.named {
		_ = f.options.Disk.Remove(f.temp)
	}
	f.named = true
}

func (f *File) close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	return f.file.Close()
}

// IsTemp reports whether a name is like those that files have until they are
// committed.
func IsTemp(name string) bool {
	return cipher.EntryName(name).IsTemp() && len(name) == len(cipher.NewTempName())
}

// RemoveTemps removes what interrupted replacements left in a directory that
// nobody else is at work in.
func RemoveTemps(disk Disk, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if IsTemp(e.Name()) && e.Type().IsRegular() {
			if err := disk.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
