package recovery

import (
	"errors"
	"fmt"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// errWaiting refuses what would rest on something that is in the log alone.
var errWaiting = errors.New("its last changes are in the redo log, and no cloud could be given them; the next mount tries again")

// Waiting is what a replay could not finish in any cloud and the log keeps for
// the next mount. Until then nothing is read or changed of it: a change would
// rest on what is not the last state. It is filled before anybody is let in.
type Waiting struct {
	files map[cipher.ID]bool
	names map[string]bool // plaintext paths
}

// add keeps a file waiting.
func (w *Waiting) add(t *journal.Thing) {
	if w.files == nil {
		w.files, w.names = map[cipher.ID]bool{}, map[string]bool{}
	}
	if id := t.ID(); !id.IsZero() {
		w.files[id] = true
	}
	if path, ok := t.Path(); ok {
		w.names[path] = true
	}
}

// File refuses a file that waits.
func (w *Waiting) File(id cipher.ID) error {
	if w.files[id] {
		return fmt.Errorf("open: %w", errWaiting)
	}
	return nil
}

// Name refuses a name that is to be that of a file which waits.
func (w *Waiting) Name(path string) error {
	if w.names[path] {
		return fmt.Errorf("make: %w", errWaiting)
	}
	return nil
}

// waits reports whether what the log says of a path is in no cloud yet.
func (w *Waiting) waits(path string, k index.Known) bool {
	return w.Name(path) != nil || k.Kind == index.IsFile && w.File(k.File.ID) != nil
}
