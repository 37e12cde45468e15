package mirror

import (
	"fmt"

	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// append writes an entry to the log, with data behind it.
func (m *Mirror) append(e *journal.Entry, data ...[]byte) (uint64, error) {
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
