package entries

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
	"github.com/overcast-fs/overcast/fs/redo"
)

// Log is the redo log.
type Log struct {
	*redo.Log

	revoking  lock.Mutex[lock.Revoking]
	revoked   []uint64     // entries whose operations failed, which the log does not say yet
	unrevoked atomic.Int64 // their number
}

// New takes over the log.
func New(log *redo.Log) *Log { return &Log{Log: log} }

// Append writes an entry, with data behind it.
func (l *Log) Append(e *journal.Entry, data ...[]byte) (uint64, error) {
	if l.unrevoked.Load() > 0 {
		if err := l.writeRevocations(); err != nil {
			return 0, err
		}
	}
	return l.append(e, data...)
}

func (l *Log) append(e *journal.Entry, data ...[]byte) (uint64, error) {
	parts, err := e.Encode(data...)
	if err != nil {
		return 0, err
	}
	seq, err := l.AppendV(parts...)
	if err != nil {
		return 0, fmt.Errorf("redo log: %w", err)
	}
	e.Seq = seq
	return seq, nil
}

// AppendDurably is Append for what must not be done in any cloud before the
// log has it for good.
func (l *Log) AppendDurably(e *journal.Entry, data ...[]byte) (seq uint64, err error) {
	if seq, err = l.Append(e, data...); err != nil {
		return 0, err
	}
	if err := l.Sync(); err != nil {
		return 0, errors.Join(fmt.Errorf("redo log: %w", err), l.Revoke(seq))
	}
	return seq, nil
}

// Revoke says in the log that an operation came to nothing: the program was
// told so, and no replay may do it. Until the log says it nothing else is
// added to the log, and so nothing changed: a later change would rest on names
// that a replay makes others of. The entry may be durable already, so that its
// revocation is made so.
func (l *Log) Revoke(seq uint64) error {
	l.revoking.Lock()
	l.revoked = append(l.revoked, seq)
	l.unrevoked.Store(int64(len(l.revoked)))
	l.revoking.Unlock()
	if err := l.writeRevocations(); err != nil {
		return err
	}
	if err := l.Sync(); err != nil {
		return fmt.Errorf("redo log: %w", err)
	}
	return nil
}

func (l *Log) writeRevocations() error {
	l.revoking.Lock()
	defer l.revoking.Unlock()
	for len(l.revoked) > 0 {
		if _, err := l.append(&journal.Entry{Op: journal.OpRevoke, Revokes: l.revoked[0]}); err != nil {
			return fmt.Errorf("an operation that failed cannot be revoked: %w", err)
		}
		l.revoked = l.revoked[1:]
		l.unrevoked.Store(int64(len(l.revoked)))
	}
	return nil
}

// Retire lets go of the entries below keep, and of the revocations of those.
func (l *Log) Retire(keep uint64) error {
	if err := l.Log.Retire(keep); err != nil {
		return err
	}
	l.revoking.Lock()
	defer l.revoking.Unlock()
	l.revoked = slices.DeleteFunc(l.revoked, func(seq uint64) bool { return seq < keep })
	l.unrevoked.Store(int64(len(l.revoked)))
	return nil
}
