package journal

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
)

// Thing is a file or directory that the log names. What it is does not change
// with its place: it is one from the first entry to the last.
type Thing struct {
	Key  uint64 // the same whenever the same log is folded
	Kind uint32 // S_IFMT bits
	Made bool   // by the log: nothing is in it, or known of it, that the log does not say

	Found *Slot   // where the log names it first; nil for what it made
	Now   []*Slot // its places at the end; none where it is gone
	Was   []*Slot // every place that it had, the latest last

	// Of a directory.
	Slots   []*Slot  // the names in it that the log touches, in that order
	Handles [][]byte // by cloud; nil where none is known
	Temps   []Temp   // what the log puts in it for a while, under temporary names
	Attrs   Attrs    // the last ones; of a new entry those it was made with

	// Of anything else.
	IDs      []cipher.ID   // every id that it had, the latest last
	Backings []*Backing    // every backing file that it had, the latest last
	Known    cipher.Vector // the greatest version that it had when the log named it, as far as that was known
	Firm     bool          // a version of it was durable in some cloud, or in the log
	Homes    []string      // paths that it had before the log, where somebody has asked for them

	names map[string]*Slot
}

// Slot is one name in one directory.
type Slot struct {
	Dir  *Thing
	Name string
	Now  *Thing    // nil: nothing is to be there
	Was  []*Thing  // everything that was there, the latest last
	Left cipher.ID // what the last file that left had for an id then
}

// Temp is a thing under a temporary name.
type Temp struct {
	Entries []string // by cloud
	Of      *Thing
}

// Backing is one backing file in each cloud, in which a file lives until the
// next one takes its place.
type Backing struct {
	Salts    [][]byte // by cloud
	Temps    []string // its entry by cloud until it is in place; nil where it was there before
	Versions []*Head  // that the log has for it, the latest last
	Base     *Head    // the version before those
	Prev     *Head    // the version before the last
	Direct   Spans    // records of the last version that the log does not hold
	After    Spans    // records that were written directly since the last version
	Cut      int64    // chunks from here on are in no older version than the log's
	Whole    *Commit  // of what is no regular file: its only content
	Lost     bool     // no cloud can have its last version any more
	last     map[int64]int
}

// IsDir reports whether it is a directory.
func (t *Thing) IsDir() bool { return t.Kind == unix.S_IFDIR }

// Special reports whether its entries carry the letter w.
func (t *Thing) Special() bool { return t.Kind != unix.S_IFDIR && t.Kind != unix.S_IFREG }

// Gone reports whether nothing of it is to be there.
func (t *Thing) Gone() bool { return t.Key != rootKey && len(t.Now) == 0 }

// Full reports whether something is to be in it, as far as the log tells.
func (t *Thing) Full() bool {
	return slices.ContainsFunc(t.Slots, func(s *Slot) bool { return s.Now != nil })
}

// ID is the id that it has at the end.
func (t *Thing) ID() cipher.ID {
	if len(t.IDs) == 0 {
		return cipher.ID{}
	}
	return t.IDs[len(t.IDs)-1]
}

// Committed is the backing file of the last version that the log holds and that
// is not lost, or nil.
func (t *Thing) Committed() *Backing {
	for _, b := range slices.Backward(t.Backings) {
		if b.Head() != nil && !b.Lost {
			return b
		}
	}
	return nil
}

// Covers reports whether a version is one that the log knows of the thing, or
// an older one. Where the log does not tell, it is taken for one.
func (t *Thing) Covers(v cipher.Vector) bool {
	known := t.greatest()
	if len(v) == 0 || len(known) == 0 && !t.Made {
		return true
	}
	order := cipher.Compare(v, known)
	return order == cipher.Less || order == cipher.Equal
}

// greatest is no less than any version that the log knows of it.
func (t *Thing) greatest() cipher.Vector {
	known := t.Known
	for _, b := range t.Backings {
		for _, h := range append(b.Versions, b.Base) {
			if h != nil {
				known = known.Max(h.Version)
			}
		}
	}
	return known
}

// Path is the plaintext path of a slot, from the root.
func (s *Slot) Path() (path string, ok bool) {
	if path, ok = s.Dir.Path(); path != "" {
		path += "/"
	}
	return path + s.Name, ok
}

// Path is the plaintext path of its first place, from the root.
func (t *Thing) Path() (path string, ok bool) {
	for t.Key != rootKey {
		if len(t.Now) == 0 {
			return "", false
		}
		at := t.Now[0]
		if path == "" {
			path = at.Name
		} else {
			path = at.Name + "/" + path
		}
		t = at.Dir
	}
	return path, true
}

// Vanish takes it from all of its places: it is not to be there any more.
func (t *Thing) Vanish() {
	for _, s := range slices.Clone(t.Now) {
		t.leave(s)
	}
}

// slot returns the slot of a name, made when it is touched first.
func (t *Thing) slot(name string) *Slot {
	if s := t.names[name]; s != nil {
		return s
	}
	s := &Slot{Dir: t, Name: name}
	if t.names == nil {
		t.names = map[string]*Slot{}
	}
	t.names[name] = s
	t.Slots = append(t.Slots, s)
	return s
}

// enter puts it at a slot, where nothing is.
func (t *Thing) enter(s *Slot) {
	s.Dir.Attrs.Mtime = nil // the change moves it
	s.Now = t
	s.Was = appendNew(s.Was, t)
	t.Now = append(t.Now, s)
	t.Was = appendNew(t.Was, s)
}

// leave takes it from a slot.
func (t *Thing) leave(s *Slot) {
	s.Dir.Attrs.Mtime = nil
	s.Now, s.Left = nil, t.ID()
	t.Now = slices.DeleteFunc(t.Now, func(o *Slot) bool { return o == s })
}

// appendNew puts an element at the end of a list that has it once.
func appendNew[T comparable](list []T, x T) []T {
	return append(slices.DeleteFunc(list, func(o T) bool { return o == x }), x)
}

// Head is the last version that the log has for the backing file, or nil.
func (b *Backing) Head() *Head {
	if len(b.Versions) == 0 {
		return nil
	}
	return b.Versions[len(b.Versions)-1]
}

// Salt is the salt in one cloud, nil where it has no such backing file.
func (b *Backing) Salt(k int) []byte {
	if k >= len(b.Salts) {
		return nil
	}
	return b.Salts[k]
}

// Has reports whether a version is one of those that the log has for it.
func (b *Backing) Has(commit cipher.ID) bool {
	return slices.ContainsFunc(b.Versions, func(h *Head) bool { return h.Commit == commit })
}

// Latest reports whether the entry at index at is the last one that has chunk
// i, and no later one removes it.
func (b *Backing) Latest(at int, i int64) bool {
	last, ok := b.last[i]
	return ok && last == at
}

// Ours is the first chunk of the last version from which on only what the log
// names can be a record.
func (b *Backing) Ours(layout cipher.Layout) int64 {
	if b.Temps != nil || b.Base == nil || len(b.Base.Version) == 0 {
		return 0
	}
	return min(b.Cut, layout.Records(b.Base.Length))
}

// Holds reports whether the log has all of the last version: every record that
// was written directly, and every one that an older version can have.
func (b *Backing) Holds(layout cipher.Layout) bool {
	head := b.Head()
	if head == nil {
		return false
	}
	older := min(b.Ours(layout), layout.Records(head.Length))
	for i := range b.last {
		if !b.Direct.Has(i) && i < min(b.Ours(layout), layout.Records(head.Length)) {
			older--
		}
	}
	return b.holdsDirect() && older == 0
}

// holdsDirect reports whether the log has every record that was written directly.
func (b *Backing) holdsDirect() bool {
	direct := b.Direct.Total()
	for i := range b.last {
		if b.Direct.Has(i) {
			direct--
		}
	}
	return direct == 0
}

// Leads reports whether the log has all in which the last version differs from an
// older one that it builds on.
func (b *Backing) Leads(from cipher.ID) bool {
	return b.Temps == nil && b.Whole == nil && b.Base != nil && (b.Has(from) || b.Base.Commit == from) && b.holdsDirect()
}

// Is reports whether an entry is one of the backing file.
func (b *Backing) Is(e *Entry) bool {
	for k, salt := range e.Salts {
		if salt != nil && string(b.Salt(k)) == string(salt) {
			return true
		}
	}
	return false
}

// Chunks is the set of chunks of the last version that the log holds.
func (b *Backing) Chunks() Spans {
	var s Spans
	indices := make([]int64, 0, len(b.last))
	for i := range b.last {
		indices = append(indices, i)
	}
	slices.Sort(indices)
	for _, i := range indices {
		s.Add(i, i+1)
	}
	return s
}

// commit takes over a version, by its entry's index.
func (b *Backing) commit(at int, v *Commit) {
	if b.Prev = &v.Base; b.Base == nil {
		b.Base = b.Prev
	}
	if v.Cut != nil {
		b.Cut = min(b.Cut, *v.Cut)
		b.Direct.Cut(*v.Cut)
		for i := range b.last {
			if i >= *v.Cut {
				delete(b.last, i)
			}
		}
	}
	for _, s := range v.Direct {
		b.Direct.Add(s.Lo, s.Hi)
	}
	for _, ch := range v.Chunks {
		b.Direct.Remove(ch.Index)
		b.last[ch.Index] = at
	}
	b.Versions, b.After = append(b.Versions, &v.Head), nil
}
