package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// stdio is the file name that stands for standard input or standard output.
const stdio = "-"

// An outFile grows under a temporary name beside its final one, which it takes only by commit: whoever finds the final
// name finds the whole file. The temporary name is one that sync tools skip.
type outFile struct {
	*os.File
	path    string
	temp    string
	replace bool
}

// createOut begins a file. Unless replace is set it refuses a name that is taken, now and again in commit; and it
// refuses in any case to put a file in the place of what is none.
func createOut(path string, perm fs.FileMode, replace bool) (*outFile, error) {
	if err := checkFree(path, replace); err != nil {
		return nil, err
	}
	temp := filepath.Join(filepath.Dir(path), ".~"+rand.Text()+".tmp")
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, errors.Unwrap(err))
	}
	return &outFile{File: f, path: path, temp: temp, replace: replace}, nil
}

func checkFree(path string, replace bool) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s: is a directory, and the output is a file", path)
	case !replace:
		return taken(path)
	case !info.Mode().IsRegular() && info.Mode().Type() != fs.ModeSymlink:
		return fmt.Errorf("%s: exists and is no regular file; nothing replaces it", path)
	}
	return nil
}

var errTaken = errors.New("exists already")

func taken(path string) error { return fmt.Errorf("%s: %w", path, errTaken) }

// adviseForce adds the way out for a command that has a --force.
func adviseForce(err error) error {
	if errors.Is(err, errTaken) {
		return failf(exitFailure, "%w", err).advise("choose another name, or --force replaces it")
	}
	return err
}

// commit makes the content durable and then gives the file its name.
func (o *outFile) commit() error {
	if err := o.Sync(); err != nil {
		return err
	}
	if err := o.Close(); err != nil {
		return err
	}
	if err := o.publish(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(o.path))
}

func (o *outFile) publish() error {
	if o.replace {
		return os.Rename(o.temp, o.path)
	}
	err := unix.Renameat2(unix.AT_FDCWD, o.temp, unix.AT_FDCWD, o.path, unix.RENAME_NOREPLACE)
	switch {
	case errors.Is(err, unix.EEXIST):
		return taken(o.path)
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		// Some network file systems cannot refuse by themselves.
		if err := checkFree(o.path, false); err != nil {
			return err
		}
		return os.Rename(o.temp, o.path)
	case err != nil:
		return fmt.Errorf("rename to %s: %w", o.path, err)
	}
	return nil
}

// discard removes what was not committed; after commit it does nothing.
func (o *outFile) discard() {
	o.Close()
	os.Remove(o.temp)
}

// syncDir makes a new name durable where the file system knows such a thing.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return err
	}
	return nil
}

// An outSet is the files of one command: all of them complete before the first takes its name.
type outSet []*outFile

// create adds a file to the set and returns it as a writer; "-" is stdout, which is never held back.
func (s *outSet) create(path string, replace bool, stdout io.Writer) (io.Writer, error) {
	if path == stdio {
		return stdout, nil
	}
	o, err := createOut(path, 0o666, replace)
	if err != nil {
		return nil, err
	}
	*s = append(*s, o)
	return o, nil
}

func (s outSet) commit() error {
	for _, o := range s {
		if err := o.commit(); err != nil {
			return err
		}
	}
	return nil
}

func (s outSet) discard() {
	for _, o := range s {
		o.discard()
	}
}
