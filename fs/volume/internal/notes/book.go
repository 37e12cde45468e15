package notes

import (
	"crypto/aes"
	stdcipher "crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/durable"
	"github.com/overcast-fs/overcast/fs/mirror/checkup"
)

// maxFile bounds what is read: many times what the notes are.
const maxFile = 4 << 20

// A Book is the notes of a vault that is in use. It is safe for concurrent use.
type Book struct {
	path string
	aead stdcipher.AEAD

	mu      sync.Mutex
	notes   Notes
	changed bool // and not in the file yet
}

// Open reads the notes of a vault, whose state key and id make their key. The error
// says why they are not known; the book is empty then, and good.
func Open(path string, stateKey *cipher.Key, vault cipher.ID) (*Book, error) {
	key, err := hkdf.Key(sha256.New, stateKey[:], vault[:], "state file notes", 32)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	b := &Book{path: path}
	if b.aead, err = stdcipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, err
	}
	if err := b.read(); err != nil {
		return b, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

func (b *Book) read() error {
	f, err := os.OpenFile(b.path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	sealed, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return err
	}
	line, err := b.aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return errors.New("it is not what this vault wrote")
	}
	var w written
	if err := json.Unmarshal(line, &w); err != nil {
		return err
	}
	b.notes = w.notes()
	return nil
}

// written is what the file holds. Names of files are bytes: JSON has no others than
// text.
type written struct {
	Notes
	Paths     [][]byte // of the findings, in their order
	Conflicts [][]byte
}

func writtenAs(n Notes) written {
	w := written{Notes: n}
	for _, f := range n.Findings {
		w.Paths = append(w.Paths, []byte(f.Path))
	}
	for _, path := range n.Conflicts {
		w.Conflicts = append(w.Conflicts, []byte(path))
	}
	return w
}

func (w *written) notes() Notes {
	n := w.Notes
	n.Conflicts = nil
	n.Findings = n.Findings[:min(len(n.Findings), len(w.Paths))]
	for i := range n.Findings {
		n.Findings[i].Path = string(w.Paths[i])
	}
	for _, path := range w.Conflicts {
		n.Conflicts = append(n.Conflicts, string(path))
	}
	return n
}

// Notes are what is remembered now. Nobody changes them.
func (b *Book) Notes() Notes {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.notes
	n.Findings, n.Conflicts = slices.Clone(n.Findings), slices.Clone(n.Conflicts)
	return n
}

// Take takes in what a checkup has left.
func (b *Book) Take(r *checkup.Report, s Scope, by string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notes.take(r, s, by, now)
	b.changed = true
}

// Notice takes in what a mount has noticed.
func (b *Book) Notice(findings []Finding, conflicts []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range findings {
		b.changed = b.notes.add(f) || b.changed
	}
	for _, path := range conflicts {
		b.changed = b.notes.conflict(path) || b.changed
	}
}

// Mended forgets what was wrong with the content of a cloud's copy, which is right by now.
func (b *Book) Mended(path, cloud string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed = b.notes.mended(path, cloud) || b.changed
}

// LogLost takes in that the log has lost changes.
func (b *Book) LogLost(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.notes.Lost.IsZero() {
		b.notes.Lost, b.changed = now.UTC().Truncate(time.Second), true
	}
}

// Resolve forgets conflicts of which a side is gone.
func (b *Book) Resolve(gone func(path string) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed = b.notes.resolve(gone) || b.changed
}

// Save writes what has changed.
func (b *Book) Save() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.changed {
		return nil
	}
	line, err := json.Marshal(writtenAs(b.notes))
	if err == nil {
		err = durable.Replace(durable.OS{}, b.path, b.aead.Seal(nil, nil, line, nil), 0o600)
	}
	if err != nil {
		return fmt.Errorf("what status tells with names cannot be kept: %w", err)
	}
	b.changed = false
	return nil
}
