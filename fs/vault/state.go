package vault

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/durable"
	"github.com/overcast-fs/overcast/fs/vault/internal/text"
)

// The files of the state.
const (
	writerName = "writer"
	owesName   = "owes"
	behindName = "behind" // of earlier versions
	bootName   = "boot"
	redoName   = "redo"
	ledgerName = "ledger" // of earlier versions
	indexName  = "index"
)

// counterStep is how many counters are reserved on disk at a time. A crash
// loses what is left of a step; there are 2^28 of them.
const counterStep = 1 << 20

// State is what this machine remembers of a vault from mount to mount. Open one
// only while holding the vault's [Lock]. It is safe for concurrent use.
//
// mu guards every field that changes, and is held over the writes to disk that
// a change needs, so that a change is on disk before anyone sees it.
type State struct {
	vault       *Vault
	writerStamp stamp
	owesStamp   stamp
	behindStamp stamp
	marked      string // what state/boot held when the state was opened: a boot, a word, or nothing

	mu       sync.Mutex
	writer   writerRecord
	last     uint64 // the greatest counter that may have been issued
	owes     map[cipher.ID]Owes
	warnings []string
}

// writerRecord is state/writer.
type writerRecord struct {
	Writer   uint32 `json:"writer"`
	Reserved uint64 `json:"reserved"` // no greater counter was ever issued
	Place    string `json:"place"`    // where the state was when the writer was drawn
}

// OpenState opens the state, or makes a new one where there is none. What is
// damaged and only a cache is set aside and told by [State.Warnings]; where the
// marks of the clouds that owe are damaged the error wraps [ErrDamaged].
func (v *Vault) OpenState(k *Keys) (*State, error) {
	s := &State{vault: v}
	var err error
	if s.writerStamp, err = newStamp(k, writerName); err != nil {
		return nil, err
	}
	if s.owesStamp, err = newStamp(k, owesName); err != nil {
		return nil, err
	}
	if s.behindStamp, err = newStamp(k, behindName); err != nil {
		return nil, err
	}
	for _, dir := range []string{filepath.Join(v.Dir, stateName), s.RedoDir()} {
		if err := makeDir(v.sys.disk, dir); err != nil {
			return nil, err
		}
	}
	if err := durable.RemoveTemps(v.sys.disk, filepath.Join(v.Dir, stateName)); err != nil {
		return nil, err
	}
	if err := s.openWriter(); err != nil {
		return nil, err
	}
	s.marked = readWord(v.statePath(bootName))
	// What earlier versions kept there the index keeps, which begins anew: nothing of it can be taken over, since its keys
	// tell nobody of which files its entries are.
	if err := v.sys.disk.Remove(v.statePath(ledgerName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return s, nil
}

// openWriter reads the writer and what clouds owe. That is written first in a
// new state, so that where there is a writer and nothing that says what clouds
// owe, it was lost.
func (s *State) openWriter() error {
	marks, err := s.openOwes()
	if err != nil {
		return err
	}
	known, err := s.readWriter()
	if err != nil {
		return err
	}
	if !marks {
		if known {
			s.warn("state/owes was missing: which clouds lack changes is not known; verify the vault")
		}
		if err := s.storeOwes(map[cipher.ID]Owes{}); err != nil {
			return err
		}
	}
	place, err := s.vault.statePlace()
	if err != nil {
		return err
	}
	if !known || s.writer.Place != place {
		return s.drawWriter(place)
	}
	return nil
}

// readWriter reports whether there was a file, damaged or not.
func (s *State) readWriter() (known bool, err error) {
	path := s.vault.statePath(writerName)
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = s.writerStamp.open(data, &s.writer)
	}
	if errors.Is(err, ErrDamaged) {
		// A new writer has never issued anything, so nothing is lost with this one.
		s.writer = writerRecord{}
		s.warn(fmt.Sprintf("state/writer was damaged: this machine goes on as a new writer (%s)", text.OneLine(err.Error())))
		return true, nil
	}
	s.last = s.writer.Reserved
	return err == nil, err
}

// statePlace names the machine and the state directory on it, without telling either.
// A state that was copied or restored is in another place.
func (v *Vault) statePlace() (string, error) {
	var st syscall.Stat_t
	dir := filepath.Join(v.Dir, stateName)
	if err := syscall.Stat(dir, &st); err != nil {
		return "", &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	h := sha256.New()
	fmt.Fprintf(h, "overcast place v1\n%s\n%s\n%d\n", v.ID, v.sys.machineID, st.Ino)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// drawWriter makes this machine a new writer. The counters go on where they
// are, which no rule asks for and which makes logs easier to read.
func (s *State) drawWriter(place string) error {
	next := writerRecord{Reserved: s.writer.Reserved, Place: place}
	for next.Writer == 0 || next.Writer == s.writer.Writer {
		next.Writer = cipher.NewWriter()
	}
	return s.storeWriter(next)
}

func (s *State) storeWriter(next writerRecord) error {
	if err := s.vault.store(writerName, s.writerStamp, next); err != nil {
		return err
	}
	s.writer = next
	return nil
}

// store writes one of the state's small files.
func (v *Vault) store(name string, stamp stamp, what any) error {
	data, err := stamp.seal(what)
	if err == nil {
		err = durable.Replace(v.sys.disk, v.statePath(name), data, filePerm)
	}
	if err != nil {
		return fmt.Errorf("writing state/%s: %w", name, err)
	}
	return nil
}

// Writer returns this machine's writer number, never zero. It changes with
// [State.RenewWriter] and [State.Observed].
func (s *State) Writer() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writer.Writer
}

// Reserve issues n consecutive counters and returns the first: each is greater
// than above and than every counter issued before, by this process or an earlier
// one. The error wraps [ErrCounter] where that would reach 2^48, and says why
// where the reservation cannot be written; then nothing was issued.
func (s *State) Reserve(n int, above uint64) (first uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	floor := max(s.last, above)
	if n < 1 || floor >= cipher.MaxCounter || uint64(n) > cipher.MaxCounter-1-floor {
		return 0, fmt.Errorf("%w: %d more above %d", ErrCounter, n, floor)
	}
	last := floor + uint64(n)
	if last > s.writer.Reserved {
		next := s.writer
		next.Reserved = min((last/counterStep+1)*counterStep, cipher.MaxCounter-1)
		if err := s.storeWriter(next); err != nil {
			return 0, err
		}
	}
	s.last = last
	return floor + 1, nil
}

// RenewWriter makes this machine a new writer, on disk before it returns.
func (s *State) RenewWriter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drawWriter(s.writer.Place)
}

// Observed is told every vector that was read from a header. A counter of our
// writer that this state never issued means that it is a copy, or was restored:
// the machine becomes a new writer.
func (s *State) Observed(vec cipher.Vector) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if vec.Get(s.writer.Writer) <= s.last {
		return nil
	}
	return s.drawWriter(s.writer.Place)
}

// IndexPath is where package index keeps what this machine knows.
func (s *State) IndexPath() string { return s.vault.statePath(indexName) }

// RedoDir is the directory of the redo log's segments.
func (s *State) RedoDir() string { return s.vault.statePath(redoName) }

// BootID names the boot of this machine, "" where the kernel does not tell.
func (s *State) BootID() string { return s.vault.sys.bootID }

// SameBoot reports whether the state, when it was opened, had last been marked
// in this boot. Segments of the redo log that do not say their boot go by it.
func (s *State) SameBoot() bool { return s.BootID() != "" && s.marked == s.BootID() }

// Cut reports whether what was written since the state was last marked can be
// lost, of which the redo log may not tell any more: that was in another boot, or in one of which nobody can tell, and not at
// a clean end.
func (s *State) Cut() bool { return s.marked != "" && s.marked != cleanWord && !s.SameBoot() }

// MarkBoot records that the state is now used in this boot. It is called once
// what an earlier boot left in the redo log is dealt with, and before anything
// is added to it.
func (s *State) MarkBoot() error {
	return s.mark(cmp.Or(s.BootID(), "unknown"))
}

// MarkClean records that everything that was written is on the disks. The state
// is marked anew before more is.
func (s *State) MarkClean() error { return s.mark(cleanWord) }

// cleanWord is what state/boot holds instead of a boot after a clean end.
const cleanWord = "clean"

func (s *State) mark(word string) error {
	return durable.Replace(s.vault.sys.disk, s.vault.statePath(bootName), []byte(word+"\n"), filePerm)
}

// Warnings returns what was found damaged and set aside so far, a line each.
func (s *State) Warnings() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.warnings...)
}

func (s *State) warn(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warnings = append(s.warnings, line)
}

// Close forgets the keys; the state is not used after it. The lock is the
// caller's.
func (s *State) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.writerStamp.key)
	clear(s.owesStamp.key)
	clear(s.behindStamp.key)
	return nil
}
