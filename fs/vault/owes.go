package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/vault/internal/text"
)

// Owes says that a cloud lacks changes or has some wrongly. What exactly, the
// index has in rows, and the redo log from an entry on; this outlives both.
type Owes struct {
	Since  time.Time `json:"since"`
	Entry  uint64    `json:"entry"`  // changes from this entry of the redo log on may be owed
	Reason string    `json:"reason"` // one line; it shows in status and must not name a file
	Whole  bool      `json:"whole"`  // it was not in use: it is to be compared whole before it is, unless that is Named
	Lost   bool      `json:"lost"`   // what it has missed is not known any more: nothing that it alone has is believed

	// Named: all that it has missed is named, by the index's rows and by the log, so that it need not be compared.
	Named bool `json:"named,omitempty"`
}

// Owes returns the clouds that owe anything.
func (s *State) Owes() map[cipher.ID]Owes {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.owes)
}

// MarkOwes records durably that a cloud owes, before the first change that it
// misses is made. One that does already keeps its time and reason, and the
// earlier entry; to be compared whole is never taken back, and what was not
// named never is. It costs nothing where it says nothing new. A zero Since is now.
func (s *State) MarkOwes(id cipher.ID, o Owes) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	had, ok := s.owes[id]
	if !ok {
		return s.setOwes(id, o)
	}
	next := had
	next.Whole, next.Lost, next.Named = had.Whole || o.Whole, had.Lost || o.Lost, had.Named && o.Named
	next.Entry = min(had.Entry, o.Entry)
	if next == had {
		return nil
	}
	return s.setOwes(id, next)
}

func (s *State) setOwes(id cipher.ID, o Owes) error {
	if o.Since.IsZero() {
		o.Since = s.vault.sys.now()
	}
	o.Since = o.Since.UTC().Truncate(time.Second)
	o.Reason = text.OneLine(o.Reason)
	next := maps.Clone(s.owes)
	next[id] = o
	return s.storeOwes(next)
}

// ClearOwes records durably that a cloud owes nothing any more.
func (s *State) ClearOwes(id cipher.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.owes[id]; !ok {
		return nil
	}
	next := maps.Clone(s.owes)
	delete(next, id)
	return s.storeOwes(next)
}

func (s *State) storeOwes(next map[cipher.ID]Owes) error {
	if err := s.vault.store(owesName, s.owesStamp, next); err != nil {
		return err
	}
	s.owes = next
	return nil
}

// openOwes reads what clouds owe, and reports whether there was anything to
// read. What earlier versions wrote into state/behind is taken over: it goes
// only after state/owes has it, so that a crash between the two leaves both,
// which say the same.
func (s *State) openOwes() (found bool, err error) {
	s.owes = map[cipher.ID]Owes{}
	found, err = s.vault.readMarks(owesName, s.owesStamp, &s.owes)
	if err != nil {
		return false, err
	}
	behind := map[cipher.ID]Owes{}
	old, err := s.vault.readMarks(behindName, s.behindStamp, &behind)
	if err != nil || !old {
		return found, err
	}
	next := maps.Clone(s.owes)
	for id, o := range behind {
		had, ok := next[id]
		if !ok {
			had = o
		}
		had.Entry, had.Whole, had.Lost, had.Named = 0, true, true, false
		next[id] = had
	}
	if err := s.storeOwes(next); err != nil {
		return false, err
	}
	if err := s.vault.sys.disk.Remove(s.vault.statePath(behindName)); err != nil {
		return false, err
	}
	return true, s.vault.sys.disk.SyncDir(filepath.Join(s.vault.Dir, stateName))
}

// readMarks reads the marks of clouds in a file, and reports whether it exists.
func (v *Vault) readMarks(name string, stamp stamp, marks *map[cipher.ID]Owes) (found bool, err error) {
	path := v.statePath(name)
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := stamp.open(data, marks); err != nil {
		return false, fmt.Errorf("%s: %w; which clouds lack changes is not known: to go on, remove it and then verify the vault", path, err)
	}
	if *marks == nil { // as JSON has it, null is a map, too
		*marks = map[cipher.ID]Owes{}
	}
	return true, nil
}
