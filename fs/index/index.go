package index

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index/internal/reserve"
	"github.com/overcast-fs/overcast/fs/index/internal/survey"
)

var (
	// ErrLost is wrapped by the first error after the index was found damaged: it is set aside, a new one has begun, and
	// nothing of what was asked for is done. The same call works when it is made again.
	ErrLost = errors.New("the index is lost")
	// ErrNewer is wrapped by the error of Open for an index that a newer version wrote. It is left alone.
	ErrNewer = errors.New("written by a newer version")
	// ErrInvalid is wrapped by the error of Apply for a batch that no index can hold; nothing of it is there.
	ErrInvalid = errors.New("not for an index")
	// ErrClosed is returned by every method after Close.
	ErrClosed = errors.New("index: closed")
)

const (
	filePerm    = 0o600
	growth      = 4 << 20
	mapSize     = 1 << 30 // a smaller file never waits for readers to be mapped anew
	birthFormat = 1
)

// Config says which index to open.
type Config struct {
	Path     string // of the database; its directory exists, and is nobody else's
	StateKey *[32]byte
	Vault    cipher.ID
	Clock    func() time.Time
	// Lost is told, in one line, whenever a database is set aside; nil for nobody. It must not call the Index.
	Lost func(what string)
	// Reserve is how many bytes to keep free for a full disk; 0: enough, below: none, as tests in memory want it.
	Reserve int64
}

// An Index is one open index. It is safe for concurrent use; its locks are on the package's list.
type Index struct {
	path     string
	stateKey [32]byte
	vault    cipher.ID
	clock    func() time.Time
	lost     func(string)

	writing sync.Mutex
	reserve reserve.Reserve // guarded by writing

	looks atomic.Int64 // since pages of the file were let go of

	mu     sync.RWMutex // guards all below
	db     *bolt.DB     // nil where replacing a damaged one has failed so far
	keys   *keys        // of db
	since  time.Time    // of db
	closed bool
}

// String keeps the key out of whatever prints an Index.
func (ix *Index) String() string { return "index [redacted]" }

// GoString is String.
func (ix *Index) GoString() string { return ix.String() }

// Open opens the index, or makes one where there is none or a damaged one. It copies the key. Only one process may have it
// open, which the vault's lock sees to.
func Open(c Config) (*Index, error) {
	ix := &Index{path: c.Path, stateKey: *c.StateKey, vault: c.Vault, clock: c.Clock, lost: c.Lost}
	if ix.clock == nil {
		ix.clock = time.Now
	}
	if ix.lost == nil {
		ix.lost = func(string) {}
	}
	ix.reserve = reserve.Reserve{Path: c.Path + ".reserve", Size: max(0, cmp.Or(c.Reserve, reserve.Enough))}
	err := ix.open()
	var damage *damageError
	if errors.As(err, &damage) {
		err = ix.replace(damage)
	}
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	ix.reserve.Restore()
	return ix, nil
}

// A damageError is what shows that the database is not what was written.
type damageError struct{ cause error }

func (e *damageError) Error() string { return "damaged: " + e.cause.Error() }

// damaged turns an error into one of damage.
func damaged(err error) error {
	var damage *damageError
	if err == nil || errors.As(err, &damage) {
		return err
	}
	return &damageError{err}
}

// guard turns what bbolt does on a damaged file, which is to panic or to fault on its memory map, into a damageError. No code
// of a caller runs in it.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = &damageError{fmt.Errorf("%v", r)}
		}
	}()
	return fn()
}

// open opens or creates the database. The error is a damageError only where opening it again could not help.
func (ix *Index) open() error {
	counts, err := survey.File(ix.path)
	if errors.Is(err, survey.ErrUnsound) {
		return damaged(err)
	}
	if err != nil {
		return err
	}
	_, err = os.Lstat(ix.path)
	created := errors.Is(err, fs.ErrNotExist)
	var db *bolt.DB
	err = guard(func() (err error) {
		// The vault's lock comes before bbolt's own, which is then free; the time only keeps a broken rule from waiting forever.
		db, err = bolt.Open(ix.path, filePerm, &bolt.Options{
			Timeout: time.Second, FreelistType: bolt.FreelistMapType, PageSize: survey.PageSize, InitialMmapSize: mapSize,
			OpenFile: openRegular,
		})
		if errors.Is(err, bolterrors.ErrInvalid) || errors.Is(err, bolterrors.ErrChecksum) || errors.Is(err, bolterrors.ErrVersionMismatch) {
			return damaged(err)
		}
		return err
	})
	if err == nil {
		db.AllocSize = growth
		err = guard(func() error { return db.Update(func(tx *bolt.Tx) error { return ix.begin(tx, counts) }) })
	}
	if err == nil && created {
		err = syncDir(filepath.Dir(ix.path))
	}
	if err != nil {
		if db != nil && !errors.As(err, new(*damageError)) {
			_ = db.Close() // the first error is the one to tell
		}
		return fmt.Errorf("%s: %w", ix.path, err)
	}
	ix.db = db
	return nil
}

// openRegular opens the database, and nothing that a symlink in its place leads to.
func openRegular(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag|unix.O_NOFOLLOW, perm)
}

// syncDir makes a new database's name durable. Some filesystems cannot, and say so.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// begin writes the head of a new database, or checks that of an old one against what the survey has counted.
func (ix *Index) begin(tx *bolt.Tx, counts map[string]uint64) error {
	head := tx.Bucket([]byte(inHead.String()))
	if head == nil {
		return ix.found(tx)
	}
	salt := head.Get(saltKey)
	if len(salt) != saltSize {
		return damaged(errors.New("no salt"))
	}
	k, err := newKeys(&ix.stateKey, ix.vault, salt)
	if err != nil {
		return err
	}
	s := &snapshot{tx: tx, keys: k}
	for in := range buckets {
		s.of(in)
	}
	born, err := s.birth()
	if err != nil {
		return err
	}
	t, err := s.tally()
	if err != nil {
		return err
	}
	for in := range buckets {
		if in != inHead && t.count[in] != counts[in.String()] {
			return damaged(fmt.Errorf("%d rows of %s, of %d", counts[in.String()], in, t.count[in]))
		}
	}
	ix.keys, ix.since = k, born
	return nil
}

// found writes what every database begins with.
func (ix *Index) found(tx *bolt.Tx) error {
	for in := range buckets {
		if _, err := tx.CreateBucketIfNotExists([]byte(in.String())); err != nil {
			return err
		}
	}
	salt := make([]byte, saltSize)
	rand.Read(salt)
	if err := tx.Bucket([]byte(inHead.String())).Put(saltKey, salt); err != nil {
		return err
	}
	k, err := newKeys(&ix.stateKey, ix.vault, salt)
	if err != nil {
		return err
	}
	t, err := newTxn(tx, k, ix.clock())
	if err != nil {
		return err
	}
	if err := t.setBirth(); err != nil {
		return err
	}
	ix.keys, ix.since = k, t.now
	return t.end()
}

// replace sets the damaged database aside and starts an empty one. The caller holds mu, or is Open.
func (ix *Index) replace(cause error) error {
	// The old database is left as it is: after a panic bbolt may still hold its locks, and closing it could wait forever.
	ix.db = nil
	aside := ix.path + ".damaged-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	if err := os.Rename(ix.path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("setting a damaged index aside: %w", err)
	}
	if err := ix.open(); err != nil {
		return err
	}
	ix.lost(fmt.Sprintf("the index is now %s and a new one has begun (%v)", aside, cause))
	return nil
}

// lose replaces db, unless somebody else has, and returns the error for who found the damage.
func (ix *Index) lose(db *bolt.DB, cause error) error {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.closed {
		return ErrClosed
	}
	if ix.db == db {
		if err := ix.replace(cause); err != nil {
			return fmt.Errorf("index: %w", err)
		}
	}
	return fmt.Errorf("%w: %w", ErrLost, cause)
}

// Lose sets the index aside and begins a new one, for a caller who knows that it is not what it should be: see the package's
// doc on databases that were put back.
func (ix *Index) Lose(why string) error {
	ix.writing.Lock()
	defer ix.writing.Unlock()
	ix.mu.RLock()
	db := ix.db
	ix.mu.RUnlock()
	if err := ix.lose(db, errors.New(why)); !errors.Is(err, ErrLost) {
		return err
	}
	return nil
}

// write runs fn in one transaction. The caller holds writing.
func (ix *Index) write(fn func(*txn) error) error {
	db, err := ix.transact(fn)
	if errors.As(err, new(*damageError)) {
		return ix.lose(db, err)
	}
	return err
}

func (ix *Index) transact(fn func(*txn) error) (*bolt.DB, error) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if ix.closed {
		return nil, ErrClosed
	}
	db, k := ix.db, ix.keys
	if db == nil {
		return nil, damaged(errors.New("it could not be replaced before"))
	}
	return db, guard(func() error {
		return db.Update(func(tx *bolt.Tx) error {
			t, err := newTxn(tx, k, ix.clock())
			if err != nil {
				return err
			}
			if err := fn(t); err != nil {
				return err
			}
			return t.end()
		})
	})
}

// Close closes the database and wipes the key. It waits for Views. A second Close does nothing.
func (ix *Index) Close() error {
	ix.writing.Lock()
	defer ix.writing.Unlock()
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.closed {
		return nil
	}
	ix.closed = true
	clear(ix.stateKey[:])
	if ix.db == nil {
		return nil
	}
	return ix.db.Close()
}
