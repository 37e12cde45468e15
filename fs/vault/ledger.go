package vault

import (
	"crypto/aes"
	stdcipher "crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
)

const ledgerName = "ledger"

// The kinds of entries of the ledger.
const (
	committedKind = "committed"
	checkedKind   = "checked"
)

// A Committed is the last version that this machine committed of a file.
type Committed struct {
	FileID  cipher.ID
	Version cipher.Version // the writer that this machine then was, and its counter
}

// A Checked is a whole backing file that was checked, as it was then: as long
// as its ctime stays, so does what was found.
type Checked struct {
	Cloud    cipher.ID
	Ino      uint64
	CommitID cipher.ID
	Ctime    time.Time
}

// CommittedBy returns the last version of a file that this machine committed
// and recorded, if the ledger knows it.
func (s *State) CommittedBy(file cipher.ID) (cipher.Version, bool) {
	value, ok := s.ledger.get(committedKind, file[:])
	if !ok || len(value) != 12 {
		return cipher.Version{}, false
	}
	return cipher.Version{
		Writer:  binary.BigEndian.Uint32(value),
		Counter: binary.BigEndian.Uint64(value[4:]),
	}, true
}

// RecordCommitted records a batch of commits, durably, all or none of it.
func (s *State) RecordCommitted(batch []Committed) error {
	entries := make([]entry, len(batch))
	for i, c := range batch {
		value := binary.BigEndian.AppendUint32(nil, c.Version.Writer)
		value = binary.BigEndian.AppendUint64(value, c.Version.Counter)
		entries[i] = entry{committedKind, c.FileID[:], value}
	}
	return s.ledger.put(entries)
}

// WasChecked reports whether exactly this was recorded as checked.
func (s *State) WasChecked(c Checked) bool {
	e := c.entry()
	value, ok := s.ledger.get(e.kind, e.key)
	return ok && string(value) == string(e.value)
}

// RecordChecked records a batch of checked backing files, durably.
func (s *State) RecordChecked(batch []Checked) error {
	entries := make([]entry, len(batch))
	for i, c := range batch {
		entries[i] = c.entry()
	}
	return s.ledger.put(entries)
}

func (c Checked) entry() entry {
	value := binary.BigEndian.AppendUint64(c.CommitID[:], uint64(c.Ctime.Unix()))
	value = binary.BigEndian.AppendUint32(value, uint32(c.Ctime.Nanosecond()))
	return entry{checkedKind, binary.BigEndian.AppendUint64(c.Cloud[:], c.Ino), value}
}

// An entry of the ledger, in the clear.
type entry struct {
	kind       string
	key, value []byte
}

// A ledger is a bbolt database whose keys are HMACs and whose values are sealed
// to their keys, so that the file tells how many entries there are and no more.
// It is a cache of a kind: without it rollbacks go unnoticed, and nothing else is
// lost. So a damaged one, at open or later, is renamed aside, and an empty one
// goes on in its place.
//
// mu guards db: shared by everyone who uses it, exclusive for replacing it.
// writing comes before mu and is held by a writer: should bbolt panic in a
// transaction that writes, its own lock stays locked, and nobody may wait there.
type ledger struct {
	path   string
	keyMAC []byte
	seal   stdcipher.AEAD
	warn   func(string)

	writing sync.Mutex
	mu      sync.RWMutex
	db      *bolt.DB // nil where replacing a damaged one has failed so far
}

// bucket holds every entry; what kind one is of, its key's HMAC knows.
var bucket = []byte("ledger")

func openLedger(path string, k *Keys, warn func(string)) (*ledger, error) {
	keyMAC, err := deriveKey(k, "ledger keys")
	if err != nil {
		return nil, err
	}
	valueKey, err := deriveKey(k, "ledger values")
	if err != nil {
		return nil, err
	}
	defer clear(valueKey)
	block, err := aes.NewCipher(valueKey)
	if err != nil {
		return nil, err
	}
	seal, err := stdcipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	l := &ledger{path: path, keyMAC: keyMAC, seal: seal, warn: warn}
	l.db, err = openBolt(path)
	if errors.Is(err, ErrDamaged) {
		return l, l.replace(err)
	}
	return l, err
}

// openBolt opens or creates the database; the error wraps [ErrDamaged] only
// where opening it again could not help.
func openBolt(path string) (db *bolt.DB, err error) {
	err = guard(func() error {
		// The vault's lock comes before bbolt's own, which is then free; the time
		// only keeps a broken rule from waiting forever.
		var err error
		db, err = bolt.Open(path, filePerm, &bolt.Options{Timeout: time.Second, FreelistType: bolt.FreelistMapType, OpenFile: openRegular})
		if errors.Is(err, bolterrors.ErrInvalid) || errors.Is(err, bolterrors.ErrChecksum) || errors.Is(err, bolterrors.ErrVersionMismatch) {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if err != nil {
			return err
		}
		return db.Update(func(tx *bolt.Tx) error {
			_, err := tx.CreateBucketIfNotExists(bucket)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return db, nil
}

// openRegular opens the ledger, and nothing that a symlink in its place leads to.
func openRegular(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag|unix.O_NOFOLLOW, perm)
}

// guard turns what bbolt does on a damaged file, which is to panic or to fault
// on its memory map, into an error that wraps [ErrDamaged].
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %s", ErrDamaged, oneLine(fmt.Sprint(r)))
		}
	}()
	return fn()
}

// replace sets the damaged file aside and starts an empty one.
func (l *ledger) replace(cause error) error {
	// The old database is left as it is: after a panic bbolt still holds its
	// locks, and closing it could wait forever.
	l.db = nil
	aside := l.path + ".damaged-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	if err := os.Rename(l.path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("setting a damaged ledger aside: %w", err)
	}
	db, err := openBolt(l.path)
	if err != nil {
		return err
	}
	l.db = db
	l.warn(fmt.Sprintf("the ledger was damaged and is now %s: rollbacks of what this machine wrote before go unnoticed (%s)",
		aside, oneLine(cause.Error())))
	return nil
}

// do runs fn on the database, and once more on an empty one if the first is
// found damaged.
func (l *ledger) do(fn func(*bolt.DB) error) error {
	l.mu.RLock()
	db := l.db
	err := attempt(db, fn)
	l.mu.RUnlock()
	if !errors.Is(err, ErrDamaged) {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.db == db { // nobody else has replaced it meanwhile
		if err := l.replace(err); err != nil {
			return err
		}
	}
	return attempt(l.db, fn)
}

func attempt(db *bolt.DB, fn func(*bolt.DB) error) error {
	if db == nil {
		return fmt.Errorf("%w: it could not be replaced before", ErrDamaged)
	}
	return guard(func() error { return fn(db) })
}

// get returns a value that opens; anything else is not known.
func (l *ledger) get(kind string, key []byte) (value []byte, ok bool) {
	mac := l.mac(kind, key)
	err := l.do(func(db *bolt.DB) error {
		return db.View(func(tx *bolt.Tx) error {
			sealed := tx.Bucket(bucket).Get(mac)
			if sealed == nil {
				return nil
			}
			var err error
			value, err = l.seal.Open(nil, nil, sealed, mac)
			if err != nil {
				return fmt.Errorf("%w: an entry does not open", ErrDamaged)
			}
			return nil
		})
	})
	return value, err == nil && value != nil
}

// put writes entries in one transaction, synced.
func (l *ledger) put(entries []entry) error {
	if len(entries) == 0 {
		return nil
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	err := l.do(func(db *bolt.DB) error {
		return db.Update(func(tx *bolt.Tx) error {
			b := tx.Bucket(bucket)
			for _, e := range entries {
				mac := l.mac(e.kind, e.key)
				if err := b.Put(mac, l.seal.Seal(nil, nil, e.value, mac)); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("writing the ledger: %w", err)
	}
	return nil
}

func (l *ledger) mac(kind string, key []byte) []byte {
	mac := hmac.New(sha256.New, l.keyMAC)
	mac.Write([]byte(kind))
	mac.Write([]byte{0})
	mac.Write(key)
	return mac.Sum(nil)[:16]
}

func (l *ledger) close() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.keyMAC)
	if l.db == nil {
		return nil
	}
	return l.db.Close()
}
