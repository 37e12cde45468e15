package mirror_test

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/redo"
)

// spy is a directory whose operations are shown to a function first. An error
// of that is theirs, and nothing is done.
type spy struct {
	cloud.Dir
	mu   sync.Mutex
	seen func(event) error
}

// event is one operation on one path; off is that of a read or write.
type event struct {
	op, path string
	off      int64
}

func (s *spy) watch(seen func(event) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = seen
}

func (s *spy) tell(op, path string, off int64) error {
	s.mu.Lock()
	seen := s.seen
	s.mu.Unlock()
	if seen == nil {
		return nil
	}
	return seen(event{op, path, off})
}

func (s *spy) Open(path string, write bool) (cloud.File, error) {
	if err := s.tell("open", path, 0); err != nil {
		return nil, err
	}
	f, err := s.Dir.Open(path, write)
	if err != nil {
		return nil, err
	}
	return &spyFile{f, s, path}, nil
}

func (s *spy) Create(path string, perm uint32) (cloud.File, error) {
	if err := s.tell("create", path, 0); err != nil {
		return nil, err
	}
	f, err := s.Dir.Create(path, perm)
	if err != nil {
		return nil, err
	}
	return &spyFile{f, s, path}, nil
}

func (s *spy) Mkdir(path string, perm uint32) error {
	if err := s.tell("mkdir", path, 0); err != nil {
		return err
	}
	return s.Dir.Mkdir(path, perm)
}

func (s *spy) Rename(old, new string) error {
	if err := s.tell("rename", old, 0); err != nil {
		return err
	}
	return s.Dir.Rename(old, new)
}

func (s *spy) Close() error {
	if err := s.tell("close", "", 0); err != nil {
		return err
	}
	return s.Dir.Close()
}

type spyFile struct {
	cloud.File
	spy  *spy
	path string
}

func (f *spyFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.spy.tell("readat", f.path, off); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *spyFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.spy.tell("writeat", f.path, off); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *spyFile) Chtimes(t cloud.Times) error {
	if err := f.spy.tell("chtimes", f.path, 0); err != nil {
		return err
	}
	return f.File.Chtimes(t)
}

// spied puts a spy before every cloud that is opened from now on.
func (b *box) spied() []*spy {
	spies := make([]*spy, b.n)
	b.wrap = func(k int, d cloud.Dir) cloud.Dir {
		spies[k] = &spy{Dir: d}
		return spies[k]
	}
	return spies
}

// faulty puts a double that fails by rule before every cloud that is opened
// from now on.
func (b *box) faulty() []*cloudtest.Faulty {
	list := make([]*cloudtest.Faulty, b.n)
	b.wrap = func(k int, d cloud.Dir) cloud.Dir {
		list[k] = cloudtest.NewFaulty(d)
		return list[k]
	}
	return list
}

// openWith is open with another configuration.
func (b *box) openWith(change func(*mirror.Config)) (*mirror.Mirror, error) {
	key := [32]byte{1}
	cfg := mirror.Config{State: b.state, Clock: b.clock.look, Owners: true, Manual: true}
	b.said = &strings.Builder{}
	cfg.Logger = slog.New(slog.NewTextHandler(&locked{w: b.said}, nil))
	for k := range b.n {
		c := mirror.CloudConfig{Name: cloudName(k), ID: b.ids[k], Cipher: b.cipher(k), Dir: b.disk.Dir(cloudName(k))}
		if b.wrap != nil {
			c.Dir = b.wrap(k, c.Dir)
		}
		cfg.Clouds = append(cfg.Clouds, c)
	}
	change(&cfg)
	if cfg.Log == nil {
		log, err := redo.Open(store{b.disk.Store("log")}, &key)
		if err != nil {
			return nil, err
		}
		cfg.Log = log
	}
	b.log = cfg.Log
	return mirror.New(cfg)
}

func (b *box) mountWith(change func(*mirror.Config)) *mirror.Mirror {
	b.t.Helper()
	m, err := b.openWith(change)
	check(b.t, err)
	return m
}

// faultyStore is a log's store on a disk that can be full.
type faultyStore struct {
	store
	full func() bool
}

func (s faultyStore) Create(name string) (redo.Segment, error) {
	if s.full() {
		return nil, syscall.ENOSPC
	}
	f, err := s.store.Create(name)
	return faultySegment{f, s.full}, err
}

type faultySegment struct {
	redo.Segment
	full func() bool
}

func (s faultySegment) Write(p []byte) (int, error) {
	if s.full() {
		return 0, syscall.ENOSPC
	}
	return s.Segment.Write(p)
}

// entry is the path of a name from the root in one cloud.
func (b *box) entry(k int, names ...string) string {
	var parts []string
	for _, name := range names {
		e, err := b.cipher(k).EncodeName(cipher.PlainName(name))
		check(b.t, err)
		parts = append(parts, string(e.Entry))
	}
	return strings.Join(parts, "/")
}

// exists tells which clouds have something at a path.
func (b *box) exists(path string) []bool {
	list := make([]bool, b.n)
	for k := range list {
		_, err := b.disk.Dir(cloudName(k)).Stat(b.entryAt(k, path))
		list[k] = err == nil
	}
	return list
}

// wantStates holds the clouds' states against a list.
func wantStates(t *testing.T, m *mirror.Mirror, want ...string) {
	t.Helper()
	var got []string
	for _, c := range m.Status().Clouds {
		got = append(got, c.State)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the clouds are %q, want %q: %+v", got, want, m.Status().Clouds)
	}
}

// logOn is the box's log on another store.
func (b *box) logOn(s redo.Store) *redo.Log {
	key := [32]byte{1}
	log, err := redo.OpenWith(s, &key, redo.Options{Boot: b.state.bootID()})
	check(b.t, err)
	return log
}
