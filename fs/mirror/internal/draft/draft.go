package draft

import (
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
)

// Errors of reading and changing plaintext; the others are those of the copies.
var (
	ErrInvalid = errors.New("invalid argument")
	ErrNoData  = errors.New("no data beyond this offset")
)

// Env is what all drafts of a mirror share.
type Env struct {
	*copies.Env
	Clock func() time.Time

	// Reserve draws the first of n counters above one.
	Reserve func(n int, above uint64) (first uint64, err error)

	// Writer is who draws them.
	Writer func() uint32

	// Memory is the bytes of changes that no cloud has yet, over all files.
	Memory atomic.Int64
}

// Draw draws n write ids whose counters exceed above, and returns the last
// counter.
func (e *Env) Draw(n int, above uint64) ([]cipher.WriteID, uint64, error) {
	first, err := e.Reserve(n, above)
	if err != nil {
		return nil, 0, err
	}
	random := make([]byte, 6*n)
	rand.Read(random)
	ids := make([]cipher.WriteID, n)
	writer := e.Writer()
	for i := range ids {
		ids[i] = cipher.NewWriteID(writer, first+uint64(i), [6]byte(random[6*i:]))
	}
	return ids, first + uint64(n) - 1, nil
}

// Log is the redo log as one file has it.
type Log interface {
	Append(e *journal.Entry, data ...[]byte) error

	// Sync makes durable what was appended, of all files.
	Sync() error
}

// Draft is what programs see of a file now.
type Draft struct {
	Env    *Env
	Log    Log
	Copies copies.Set
	Layers layer.Stack

	Length   int64
	Mode     uint32
	UID, GID uint32
	Flags    cipher.Flags
	Mtime    time.Time
	Ctime    time.Time // of the last change that no cloud has yet
	Attrs    bool      // attributes were changed since the sealed version
	Since    time.Time // when the first change came that is in no version
	Accs     []cipher.Acc

	Sealed     journal.Sealed // the last version of which the log was told; empty before the first
	Covered    int64          // chunks below it are in a sealed version
	Unsynced   journal.Spans  // direct writes that the log does not hold and no cloud has synced
	Reserved   int64          // bytes counted in Env.Memory
	Recovering bool           // changes are done again, in memory alone
	Nameless   bool           // nobody can see the file but those who have it open
}

// Charge counts memory that changes take until they are applied.
func (d *Draft) Charge(n int64) {
	d.Reserved += n
	d.Env.Memory.Add(n)
}
