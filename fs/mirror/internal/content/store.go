package content

import (
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/draft"
	"github.com/overcast-fs/overcast/fs/mirror/internal/entries"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/rounds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/special"
)

const (
	maxMemory   = 64 << 20         // bytes of changes in memory over all files
	maxCommit   = 16 << 20         // bytes of changes to one file in one commit; the log takes no entry above 80 MiB
	commitAfter = 5 * time.Second  // of the first change to a committed file
	newAfter    = 30 * time.Second // of the first change to a new file that stays open
)

// Errors of the content of files. The others are those of packages clouds and
// replica, and errors that wrap a backing filesystem's errno.
var (
	ErrInvalid     = draft.ErrInvalid
	ErrTooLarge    = errors.New("file too large")
	ErrNoData      = draft.ErrNoData
	ErrUnsupported = clouds.ErrUnsupported
	ErrStale       = replica.ErrStale
)

// State is what the vault's durable state knows of versions.
type State interface {
	Writer() uint32
	Reserve(n int, above uint64) (first uint64, err error)
	Observed(v cipher.Vector) error
}

// Memory is what this machine knows, with whose transactions the log is cut.
// Package memory tells in which order.
type Memory interface {
	// Busy reports that a transaction should not wait.
	Busy() bool

	// Due reports whether a transaction is due, or at once whether it is of use, by
	// a log of so many bytes that is not needed below an entry.
	Due(now time.Time, log int64, below uint64, atOnce bool) bool

	// Begin takes what is known for a transaction. Of entries below names all is
	// known that they change of names.
	Begin(names uint64)

	// Transact makes it, and reports whether the log may be cut below an entry.
	Transact(below uint64) (made bool)
}

// Config is what a store is made of.
type Config struct {
	Env      *copies.Env
	State    State
	Memory   Memory
	Log      *entries.Log
	Names    *lock.RWMutex[lock.Names]    // of who knows the places of files
	Refuse   func(h *cipher.Header) error // why a file may not be opened at that version; nil where it may
	Clock    func() time.Time
	FsyncAll bool // fsync waits for every cloud that is up
}

// Store is the open files of a mirror, and what brings their changes to the
// clouds.
type Store struct {
	draft.Env
	state    State
	memory   Memory
	log      *entries.Log
	names    *lock.RWMutex[lock.Names]
	refuse   func(h *cipher.Header) error
	fsyncAll bool

	rounds   lock.Mutex[lock.Rounds]
	retiring lock.Mutex[lock.Retiring]
	refs     atomic.Uint64 // the last one that names a file in the log
	orders   atomic.Uint64
	durable  atomic.Uint64 // entries below it are in every cloud's stable storage
	commits  *rounds.Committer[*File]
}

// NewStore makes a store without files.
func NewStore(cfg Config) *Store {
	s := &Store{state: cfg.State, memory: cfg.Memory, log: cfg.Log, names: cfg.Names, refuse: cfg.Refuse, fsyncAll: cfg.FsyncAll}
	s.Env.Env, s.Clock, s.Reserve, s.Writer = cfg.Env, cfg.Clock, s.state.Reserve, s.state.Writer
	s.commits = rounds.New(rounds.Config[*File]{
		Log: s.log, Clock: s.Clock, Logger: s.Logger, Due: s.due, Round: s.round, Retire: s.Retire, Busy: s.memory.Busy,
	})
	return s
}

// Start begins the work in the background, and Stop ends it; either is called
// once.
func (s *Store) Start() { s.commits.Start() }

// Stop ends the work in the background.
func (s *Store) Stop() { s.commits.Stop() }

// NewSpecial begins what is no regular file, with that type, mode and owner.
func (s *Store) NewSpecial(like cipher.Header, content []byte) (*special.Special, error) {
	return special.New(&s.Env, s.log, like, content)
}

// Random16 draws an id or a salt.
func Random16() (b [16]byte) {
	rand.Read(b[:])
	return b
}

// Used says that a reference names a file in the log already.
func (s *Store) Used(ref uint64) { s.refs.Store(max(s.refs.Load(), ref)) }

// NewRef is a reference that names no file in the log yet.
func (s *Store) NewRef() uint64 { return s.refs.Add(1) }

// Carry keeps in the log what it has said again at its end, whenever that is long.
func (s *Store) Carry(again func() (from uint64, err error)) error { return s.commits.Carry(again) }

// LetGo ends Carry.
func (s *Store) LetGo() { s.commits.LetGo() }

// Pin keeps the log from an entry on, for what a replay could not finish.
func (s *Store) Pin(seq uint64) { s.commits.Pin(seq) }

// Sync commits everything and makes it durable in every cloud that is up.
func (s *Store) Sync() error { return errors.Join(s.Commit(), s.retire(true)) }

// Commit brings everything to every cloud that is up.
func (s *Store) Commit() error { return s.round(s.commits.Collect(func(*File) bool { return true })) }

// CommitDue is one of the background's rounds: of the files whose time has come.
func (s *Store) CommitDue() error { return s.round(s.commits.DueFiles()) }

// Retire is what the background does to the log every few seconds.
func (s *Store) Retire() error { return s.retire(false) }

// due reports whether the time of a file has come.
func (s *Store) due(f *File) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	wait := commitAfter
	if !f.Sealed.Committed() || f.replacing() {
		wait = newAfter
	}
	return !f.Since.IsZero() && s.Clock().Sub(f.Since) >= wait || f.underway() && !f.replacing()
}

// round commits files that are held, and releases them. One fdatasync of the
// log serves them all.
func (s *Store) round(files []*File) error {
	if len(files) == 0 {
		return nil
	}
	s.rounds.Lock()
	defer s.rounds.Unlock()
	sortFiles(files)
	for _, f := range files {
		f.commit.Lock()
	}
	err := s.commit(files)
	for _, f := range files {
		f.letGo()
		f.commit.Unlock()
	}
	for _, f := range files {
		if err != nil && f.Bound() {
			s.commits.Again(f)
		} else {
			f.Release()
		}
	}
	return err
}

// commitOne commits a file whose commit lock is held, and no other.
func (f *File) commitOne() error {
	err := f.s.commit([]*File{f})
	f.letGo()
	return err
}

// relieve commits everything when changes take more memory than they may.
func (s *Store) relieve() error {
	if s.Memory.Load() <= maxMemory {
		return nil
	}
	return s.round(s.commits.Collect(func(f *File) bool {
		f.mu.RLock()
		defer f.mu.RUnlock()
		return f.Reserved > 0
	}))
}
