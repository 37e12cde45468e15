package mirror

import (
	"fmt"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
)

// Tend does what is due for clouds that lack changes: it asks those that are out
// whether they are back, brings them up to date, and pays the debts of those
// that are in use. It is called in the background, or, of a mirror that is
// Manual, by whoever has it.
func (m *Mirror) Tend() error { return m.returns.Tend() }

// noteCommitted notes, for clouds that lack changes, that a file has another
// version. Those that have no copy of it owe it.
func (m *Mirror) noteCommitted(n *nodes.Node, lacking []*clouds.Cloud) error {
	if !m.returns.Watches() && len(lacking) == 0 {
		return nil
	}
	m.names.RLock()
	path, ok := n.Plain()
	var names []string
	if ok {
		names = append(host{m}.Links(path), path)
	}
	m.names.RUnlock()
	m.returns.Again(names)
	return m.returns.Owe(lacking, false, names...)
}

// refuse is why a file is not opened at a version: it waits for the next mount;
// or only clouds that lack changes are there, and the file was changed since.
func (m *Mirror) refuse(h *cipher.Header) error {
	if err := m.waiting.File(h.FileID); err != nil || !m.clouds.Makeshift() {
		return err
	}
	last, err := m.memory.Of(index.File{ID: h.FileID, Type: h.Type})
	if err == nil && cipher.Compare(h.Version, last.Greatest.Vector) == cipher.Less {
		return fmt.Errorf("%w: the clouds that have the last version are away", ErrOlder)
	}
	return nil
}
