package mirror

import (
	"errors"
	"fmt"
	"slices"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"

	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// append writes an entry to the log, with data behind it.
func (m *Mirror) append(e *journal.Entry, data ...[]byte) (uint64, error) {
	if m.unrevoked.Load() > 0 {
		if err := m.writeRevocations(); err != nil {
			return 0, err
		}
	}
	return m.appendEntry(e, data...)
}

func (m *Mirror) appendEntry(e *journal.Entry, data ...[]byte) (uint64, error) {
	parts, err := e.Encode(data...)
	if err != nil {
		return 0, err
	}
	seq, err := m.log.AppendV(parts...)
	if err != nil {
		return 0, fmt.Errorf("redo log: %w", err)
	}
	return seq, nil
}

// appendDurably is append for what must not be done in any cloud before the
// log has it for good.
func (m *Mirror) appendDurably(e *journal.Entry) (seq uint64, err error) {
	if seq, err = m.append(e); err != nil {
		return 0, err
	}
	if err := m.log.Sync(); err != nil {
		return 0, errors.Join(fmt.Errorf("redo log: %w", err), m.revoke(seq))
	}
	return seq, nil
}

// operate makes a change of names, which entry seq of the log describes, in
// every cloud that is up. One that came to nothing is revoked.
func (m *Mirror) operate(seq uint64, c clouds.Change) (made bool, err error) {
	if made, err = m.clouds.Each(c); !made {
		err = errors.Join(err, m.revoke(seq))
	}
	return made, err
}

// revoke says in the log that an operation came to nothing: the program was
// told so, and no replay may do it. Until the log says it nothing else is
// added to the log, and so nothing changed: a later change would rest on names
// that a replay makes others of. The entry may be durable already, so that its
// revocation is made so.
func (m *Mirror) revoke(seq uint64) error {
	m.revoking.Lock()
	m.revoked = append(m.revoked, seq)
	m.unrevoked.Store(int64(len(m.revoked)))
	m.revoking.Unlock()
	if err := m.writeRevocations(); err != nil {
		return err
	}
	if err := m.log.Sync(); err != nil {
		return fmt.Errorf("redo log: %w", err)
	}
	return nil
}

func (m *Mirror) writeRevocations() error {
	m.revoking.Lock()
	defer m.revoking.Unlock()
	for len(m.revoked) > 0 {
		if _, err := m.appendEntry(&journal.Entry{Op: journal.OpRevoke, Revokes: m.revoked[0]}); err != nil {
			return fmt.Errorf("an operation that failed cannot be revoked: %w", err)
		}
		m.revoked = m.revoked[1:]
		m.unrevoked.Store(int64(len(m.revoked)))
	}
	return nil
}

// forgetRevoked drops revocations of entries that the log has retired.
func (m *Mirror) forgetRevoked(below uint64) {
	m.revoking.Lock()
	defer m.revoking.Unlock()
	m.revoked = slices.DeleteFunc(m.revoked, func(seq uint64) bool { return seq < below })
	m.unrevoked.Store(int64(len(m.revoked)))
}

// salts collects the salts of a file's copies, by cloud.
func salts(copies []*copyOf) [][]byte {
	list := make([][]byte, len(copies))
	for k, c := range copies {
		if c != nil && c.head != nil {
			list[k] = append([]byte(nil), c.head.Salt[:]...)
		}
	}
	return list
}
