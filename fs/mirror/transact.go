package mirror

import (
	"errors"
	"fmt"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/memory"
)

// transactions is what this machine knows as package content needs it.
type transactions struct {
	*memory.Memory
	m *Mirror
}

func (t transactions) Transact(below uint64) bool { return t.m.transact(below) }

// openMemory reads how far the index has come. Of one that knows nothing
// nobody can say what clouds owe that owe anything.
func (m *Mirror) openMemory() error {
	known, err := m.memory.Open(m.log.Retired())
	if err != nil || known || m.ReadOnly() {
		return err
	}
	return m.compareOwing()
}

// catchUp makes the index say that what the log has lost of its numbers needs
// nothing: otherwise it would seem to be older than the log.
func (m *Mirror) catchUp() {
	if a := m.memory.Applied(); a.Log != (cipher.ID{}) && a.Below < m.log.Mark() {
		m.transact(m.log.Mark())
	}
}

// compareOwing has the clouds that owe anything compared whole.
func (m *Mirror) compareOwing() error {
	for id, owes := range m.state.Behind() {
		if err := m.state.MarkBehind(id, owes.Reason); err != nil {
			return fmt.Errorf("cannot record that a cloud is to be compared whole: %w", err)
		}
	}
	return nil
}

// transact makes a transaction of the index, behind which the log is not needed
// below an entry, and reports whether it is made. Where it fails nothing is lost:
// the log keeps its entries, and it is tried again.
func (m *Mirror) transact(keep uint64) bool {
	err := m.memory.Apply(keep)
	if errors.Is(err, index.ErrLost) {
		m.logger.Error("what this machine knows is lost, and begins anew", "error", err)
		if err = m.beginAnew(); err == nil {
			err = m.memory.Apply(keep)
		}
	}
	if err == nil {
		m.unkept.Store(false)
		return true
	}
	if !m.unkept.Swap(true) {
		m.logger.Error("the index cannot be written: the redo log grows until it can", "error", err)
	}
	return false
}

// beginAnew is for where the index is lost: no number of a directory is known
// any more.
func (m *Mirror) beginAnew() error {
	if err := m.compareOwing(); err != nil {
		return err
	}
	m.names.Lock()
	defer m.names.Unlock()
	m.tree.Lock()
	for _, n := range m.nodes.byIno {
		n.number = 0
	}
	m.tree.Unlock()
	m.memory.Forget()
	return nil
}
