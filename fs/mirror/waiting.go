package mirror

import (
	"errors"
	"fmt"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// errWaiting refuses what would rest on something that is in the log alone.
var errWaiting = errors.New("its last changes are in the redo log, and no cloud could be given them; the next mount tries again")

// waiting is what a replay could not finish in any cloud and the log keeps for
// the next mount. Until then nothing is read or changed of it: a change would
// rest on what is not the last state. It is filled before anybody is let in.
type waiting struct {
	files map[cipher.ID]bool
	names map[string]bool // plaintext paths
}

// add keeps a file waiting.
func (w *waiting) add(t *journal.Thing) {
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

// file refuses a file that waits.
func (w *waiting) file(id cipher.ID) error {
	if w.files[id] {
		return fmt.Errorf("open: %w", errWaiting)
	}
	return nil
}

// name refuses a name that is to be that of a file which waits.
func (w *waiting) name(path string) error {
	if w.names[path] {
		return fmt.Errorf("make: %w", errWaiting)
	}
	return nil
}

// waits reports whether what the log says of a path is in no cloud yet.
func (w *waiting) waits(path string, k index.Known) bool {
	return w.name(path) != nil || k.Kind == index.IsFile && w.file(k.File.ID) != nil
}
