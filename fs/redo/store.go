package redo

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A Store is the directory that segments live in. Names are made by the log; other names in it are left alone.
//
// Nothing that a Store does is durable before Sync: Create and Remove before the Store's, bytes before the Segment's.
type Store interface {
	// Create makes an empty segment for writing. It fails if the name exists.
	Create(name string) (Segment, error)
	// Open reads a segment from its start. If what it returns has a method Sync() error, Open of the log calls it, so that
	// what it builds on cannot be lost after it: a process killed before its own sync leaves bytes that a later power cut takes.
	Open(name string) (io.ReadCloser, error)
	// Remove deletes a segment, which may be open.
	Remove(name string) error
	// List returns the names of all segments, in any order.
	List() ([]string, error)
	// Sync makes creations and removals durable.
	Sync() error
}

// A Segment is a file that is only appended to. Sync may be called while a Write is under way, and covers every Write that
// returned before it was called.
type Segment interface {
	io.Writer
	Sync() error
	Close() error
}

// DirStore returns the Store in the directory at path, which must exist.
func DirStore(path string) Store { return dirStore(path) }

type dirStore string

func (d dirStore) Create(name string) (Segment, error) {
	f, err := os.OpenFile(d.join(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	return dirSegment{f}, nil
}

func (d dirStore) Open(name string) (io.ReadCloser, error) {
	f, err := os.OpenFile(d.join(name), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	return dirSegment{f}, nil
}

func (d dirStore) Remove(name string) error { return os.Remove(d.join(name)) }

func (d dirStore) List() ([]string, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func (d dirStore) Sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func (d dirStore) join(name string) string { return filepath.Join(string(d), name) }

// dirSegment syncs by fdatasync: a segment's times are of no use to anybody.
type dirSegment struct{ *os.File }

func (s dirSegment) Sync() error {
	for {
		err := unix.Fdatasync(int(s.Fd()))
		if err == nil {
			return nil
		}
		if err != unix.EINTR {
			return fmt.Errorf("fdatasync %s: %w", s.Name(), err)
		}
	}
}
