package recovery

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// errWaiting refuses what would rest on something that is in the log alone.
var errWaiting = errors.New("its last changes are in the redo log, and no cloud could be given them: they wait for those that are away, or for the next mount")

// Waiting is what a replay could not finish in any cloud and the log keeps, until
// the clouds are back that have the rest, or for the next mount. Until then
// nothing is read or changed of it: a change would rest on what is not the last
// state. It is filled before anybody is let in, and changes under Mirror.names.
type Waiting struct {
	things  []*journal.Thing // for the next mount
	kept    []*kept
	cfg     *Config
	refused atomic.Pointer[refused] // for who has no lock
}

// refused is what nobody may open, and where nobody may make anything.
type refused struct {
	files map[cipher.ID]bool
	names map[string]bool // plaintext paths
}

// add keeps a file waiting for the next mount.
func (w *Waiting) add(t *journal.Thing) {
	w.things = append(w.things, t)
	w.tell()
}

// any reports whether anything waits.
func (w *Waiting) any() bool { return len(w.things)+len(w.kept) > 0 }

// tell tells everybody what is refused by now.
func (w *Waiting) tell() {
	r := &refused{map[cipher.ID]bool{}, map[string]bool{}}
	note := func(t *journal.Thing, paths ...string) {
		if id := t.ID(); !id.IsZero() {
			r.files[id] = true
		}
		for _, path := range paths {
			r.names[path] = true
		}
	}
	for _, t := range w.things {
		if path, ok := t.Path(); ok {
			note(t, path)
		}
	}
	for _, k := range w.kept {
		if k.waits {
			note(k.thing, k.paths...)
		}
	}
	w.refused.Store(r)
}

// File refuses a file that waits.
func (w *Waiting) File(id cipher.ID) error {
	if r := w.refused.Load(); r != nil && r.files[id] {
		return fmt.Errorf("open: %w", errWaiting)
	}
	return nil
}

// Name refuses a name that is to be that of a file which waits.
func (w *Waiting) Name(path string) error {
	if r := w.refused.Load(); r != nil && r.names[path] {
		return fmt.Errorf("make: %w", errWaiting)
	}
	return nil
}

// waits reports whether what the log says of a path is in no cloud yet.
func (w *Waiting) waits(path string, k index.Known) bool {
	return w.Name(path) != nil || k.Kind == index.IsFile && w.File(k.File.ID) != nil
}
