package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/overcast-fs/overcast/fs/durable"
)

// stdio is the file name that stands for standard input or standard output.
const stdio = "-"

// An outFile is an output of a command, which takes its name only by commit.
type outFile struct {
	*durable.File
	path string
}

// createOut begins a file. Unless replace is set it refuses a name that is taken, now and again in commit; and it
// refuses in any case to put a file in the place of what is none.
func createOut(path string, perm fs.FileMode, replace bool) (*outFile, error) {
	if err := checkFree(path, replace); err != nil {
		return nil, err
	}
	f, err := durable.Create(path, durable.Options{Perm: perm, New: !replace})
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, errors.Unwrap(err))
	}
	return &outFile{f, path}, nil
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
	err := o.Commit()
	if errors.Is(err, fs.ErrExist) {
		return taken(o.path)
	}
	return err
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
		o.Discard()
	}
}
