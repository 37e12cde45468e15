package cloudtest

import (
	"io"
	"sync"

	"github.com/overcast-fs/overcast/fs/cloud"
)

// Store is a flat directory of files that are only appended to, on a [Disk]:
// what a log needs, crashing with the clouds, or over any other directory. Create aside it is a redo.Store
// as it stands; fs/cloud and fs/redo know nothing of each other, so a test that
// uses both wraps it:
//
//	type logStore struct{ *cloudtest.Store }
//
//	func (s logStore) Create(name string) (redo.Segment, error) { return s.Store.Create(name) }
type Store struct{ dir cloud.Dir }

// NewStore makes a store of the files of one directory, which may be [Faulty].
func NewStore(dir cloud.Dir) *Store { return &Store{dir} }

// Create makes an empty file.
func (s *Store) Create(name string) (*Segment, error) {
	f, err := s.dir.Create(name, 0o600)
	if err != nil {
		return nil, err
	}
	return &Segment{file: f}, nil
}

// Open reads a file from its start. What it returns can be synced as well.
func (s *Store) Open(name string) (io.ReadCloser, error) {
	f, err := s.dir.Open(name, false)
	if err != nil {
		return nil, err
	}
	return &storeReader{io.NewSectionReader(f, 0, 1<<62), f}, nil
}

type storeReader struct {
	io.Reader
	file cloud.File
}

func (r *storeReader) Sync() error  { return r.file.Sync() }
func (r *storeReader) Close() error { return r.file.Close() }

// Remove deletes a file, which may be open.
func (s *Store) Remove(name string) error { return s.dir.Remove(name) }

// List gives the names of all files.
func (s *Store) List() ([]string, error) {
	entries, err := s.dir.ReadDir("")
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name
	}
	return names, nil
}

// Sync makes creations and removals durable, and no bytes.
func (s *Store) Sync() error { return s.dir.SyncDir("") }

// Segment is a file that is being appended to.
type Segment struct {
	file cloud.File
	mu   sync.Mutex // guards end
	end  int64
}

func (s *Segment) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.file.WriteAt(p, s.end)
	s.end += int64(n)
	return n, err
}

// Sync makes what is written durable, and not the name.
func (s *Segment) Sync() error { return s.file.Sync() }

// Close syncs nothing.
func (s *Segment) Close() error { return s.file.Close() }
