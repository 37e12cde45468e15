package redo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
)

var errCrashed = errors.New("crashed")

// A fakeDisk is a Store in memory that counts every operation that changes something, can fail any of them, and can lose
// what was not synced. Its file operations are atomic but for a torn write, as on a journalling filesystem.
type fakeDisk struct {
	mu    sync.Mutex
	files map[string]*fakeFile
	// named holds the namespace after each creation or removal since the last sync of the directory, oldest first: a power
	// cut leaves one of them.
	named []map[string]*fakeFile

	ops   int
	fault func(op int, what string) error // decides about the op-th operation; nil: all succeed
	torn  int                             // how many bytes of a failed write arrive
	down  bool                            // after a crash everything fails
	syncs int
}

// After a failed sync the kernel takes the pages for clean, whether they arrived or not: they may, and no later sync tells.
type fakeFile struct {
	data   []byte
	synced int
	unsure []span // of data that a sync has failed on
}

type span struct{ from, to int }

func newFakeDisk() *fakeDisk {
	d := &fakeDisk{files: map[string]*fakeFile{}}
	d.named = []map[string]*fakeFile{{}}
	return d
}

// crashAt makes operation op and everything after it fail; torn bytes of it arrive if it is a write.
func (d *fakeDisk) crashAt(op, torn int) {
	d.torn = torn
	d.fault = func(n int, _ string) error {
		if n >= op {
			d.down = true
			return errCrashed
		}
		return nil
	}
}

// step counts an operation. The caller holds mu.
func (d *fakeDisk) step(what string) error {
	if d.down {
		return errCrashed
	}
	d.ops++
	if d.fault != nil {
		if err := d.fault(d.ops, what); err != nil {
			return fmt.Errorf("%s (operation %d): %w", what, d.ops, err)
		}
	}
	return nil
}

func (d *fakeDisk) rename(change func(map[string]*fakeFile)) {
	change(d.files)
	d.named = append(d.named, maps.Clone(d.files))
}

func (d *fakeDisk) Create(name string) (Segment, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("create " + name); err != nil {
		return nil, err
	}
	if d.files[name] != nil {
		return nil, fs.ErrExist
	}
	f := &fakeFile{}
	d.rename(func(m map[string]*fakeFile) { m[name] = f })
	return &fakeSegment{d, f, name}, nil
}

func (d *fakeDisk) Open(name string) (io.ReadCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[name]
	if f == nil {
		return nil, fs.ErrNotExist
	}
	return &fakeReader{bytes.NewReader(bytes.Clone(f.data)), fakeSegment{d, f, name}}, nil
}

func (d *fakeDisk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("remove " + name); err != nil {
		return err
	}
	if d.files[name] == nil {
		return fs.ErrNotExist
	}
	d.rename(func(m map[string]*fakeFile) { delete(m, name) })
	return nil
}

func (d *fakeDisk) List() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return nil, errCrashed
	}
	return slices.Collect(maps.Keys(d.files)), nil
}

func (d *fakeDisk) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("sync directory"); err != nil {
		return err
	}
	d.named = d.named[len(d.named)-1:]
	return nil
}

// kill is what the death of the process leaves: everything that was written. What a sync failed on has arrived by then: that
// it did not, a later process has no way to know.
func (d *fakeDisk) kill() *fakeDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		f.unsure = nil
	}
	d.down, d.fault, d.ops = false, nil, 0
	return d
}

const fakePage = 64

// powerCut leaves of every file what was synced and any subset of the pages after that, and of the namespace some state
// since the last sync.
func (d *fakeDisk) powerCut(rng *rand.Rand) *fakeDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := newFakeDisk()
	names := d.named[rng.IntN(len(d.named))]
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f := names[name]
		data := bytes.Clone(f.data[:f.synced])
		if whole := len(f.data) - f.synced; whole > 0 {
			data = append(data, make([]byte, rng.IntN(whole+1))...)
		}
		for i := f.synced; i < len(data); i++ {
			if i == f.synced || i%fakePage == 0 {
				if rng.IntN(2) == 0 {
					end := min(len(data), (i/fakePage+1)*fakePage)
					copy(data[i:end], f.data[i:end])
				}
			}
		}
		for _, u := range f.unsure {
			for i := u.from; i < min(u.to, len(data)); i++ {
				if (i == u.from || i%fakePage == 0) && rng.IntN(2) == 0 {
					clear(data[i:min(u.to, len(data), (i/fakePage+1)*fakePage)])
				}
			}
		}
		after.files[name] = &fakeFile{data: data, synced: len(data)}
	}
	after.named = []map[string]*fakeFile{maps.Clone(after.files)}
	return after
}

type fakeSegment struct {
	d    *fakeDisk
	f    *fakeFile
	name string
}

func (s *fakeSegment) Write(p []byte) (int, error) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if s.d.down {
		return 0, errCrashed
	}
	if err := s.d.step("write " + s.name); err != nil {
		n := min(s.d.torn, len(p))
		s.f.data = append(s.f.data, p[:n]...)
		return n, err
	}
	s.f.data = append(s.f.data, p...)
	return len(p), nil
}

func (s *fakeSegment) Sync() error {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if err := s.d.step("sync " + s.name); err != nil {
		if !errors.Is(err, errCrashed) {
			s.f.unsure = append(s.f.unsure, span{s.f.synced, len(s.f.data)})
			s.f.synced = len(s.f.data)
		}
		return err
	}
	s.f.synced = len(s.f.data)
	s.d.syncs++
	return nil
}

func (s *fakeSegment) Close() error { return nil }

type fakeReader struct {
	*bytes.Reader
	fakeSegment
}
