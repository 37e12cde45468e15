package exchange

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/overcast-fs/overcast/fs/durable"
)

// ErrTaken means that an output has the name of something that exists.
var ErrTaken = errors.New("exists already")

// An output is a file that takes its name only by commit.
type output struct {
	*durable.File
	path string
}

// createOutput begins a file. Unless replace is set it refuses a name that is taken, now and again in commit; and it
// refuses in any case to put a file in the place of what is none.
func createOutput(path string, perm fs.FileMode, replace bool) (*output, error) {
	if err := checkFree(path, replace); err != nil {
		return nil, err
	}
	f, err := durable.Create(path, durable.Options{Perm: perm, New: !replace})
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, errors.Unwrap(err))
	}
	return &output{f, path}, nil
}

// writeOutput writes a whole file.
func writeOutput(path string, content []byte, replace bool) error {
	f, err := createOutput(path, 0o666, replace)
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := f.Write(content); err != nil {
		return err
	}
	return f.commit()
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

func taken(path string) error { return fmt.Errorf("%s: %w", path, ErrTaken) }

// commit makes the content durable and then gives the file its name.
func (o *output) commit() error {
	err := o.Commit()
	if errors.Is(err, fs.ErrExist) {
		return taken(o.path)
	}
	return err
}

// Outputs are the files of one command: all of them complete before the first takes its name.
type Outputs []*output

// Create adds a file.
func (s *Outputs) Create(path string, replace bool) (io.Writer, error) {
	o, err := createOutput(path, 0o666, replace)
	if err != nil {
		return nil, err
	}
	*s = append(*s, o)
	return o, nil
}

// Commit makes the files durable and gives them their names.
func (s Outputs) Commit() error {
	for _, o := range s {
		if err := o.commit(); err != nil {
			return err
		}
	}
	return nil
}

// Discard removes what was not committed; after Commit it does nothing.
func (s Outputs) Discard() {
	for _, o := range s {
		o.Discard()
	}
}
