package layer

import "github.com/overcast-fs/overcast/fs/mirror/internal/journal"

// Stack is all changes of one file that the clouds do not have, the latest
// first. A chunk's content is in the first layer that has it, else in the
// clouds. What the clouds have may be kept, too, while it is being changed, since
// somebody else may overwrite it there.
type Stack struct {
	Draft    Layer         // in no version yet
	Sealed   Layer         // in a version that the log holds
	Applying Layer         // in a version that is being written to the clouds
	Kept     Layer         // of the clouds' version, whole chunks and holes
	Direct   journal.Spans // chunks in no version of the clouds whose records were written straight to them
}

// NewStack is a stack without changes.
func NewStack() Stack { return Stack{Draft: New(), Sealed: New(), Applying: New(), Kept: New()} }

// Where says where a chunk's content is.
type Where int

// In a layer, in none since nothing was written there, or in the clouds.
const (
	InLayer Where = iota
	InHole
	OnClouds
)

// Find returns where chunk i's content is. A layer that was cut hides what is
// below it from the cut on; chunks below floor are in the version of the clouds.
func (s *Stack) Find(i, floor int64) (*Chunk, Where) {
	if c, ok := s.Draft.Chunks[i]; ok {
		return c, InLayer
	}
	if s.Direct.Has(i) {
		return nil, OnClouds
	}
	for _, l := range [...]*Layer{&s.Draft, &s.Sealed, &s.Applying} {
		if c, ok := l.Chunks[i]; ok {
			return c, InLayer
		}
		if i >= l.Cut {
			return nil, InHole
		}
	}
	if i >= floor {
		return nil, InHole
	}
	if c, ok := s.Kept.Chunks[i]; ok {
		return c, InLayer
	}
	return nil, OnClouds
}

// Cut reports whether the file shrank in any layer.
func (s *Stack) Cut() bool {
	return s.Draft.Cut != Uncut || s.Sealed.Cut != Uncut || s.Applying.Cut != Uncut
}

// Idle reports whether no version is on its way in memory: nothing is in a layer
// below the draft.
func (s *Stack) Idle() bool { return s.Sealed.Empty() && s.Applying.Empty() }

// Store is told that the clouds have the version that was being applied, with so
// many records. It returns the memory that nothing holds any more.
func (s *Stack) Store(records int64) (freed int64) {
	if s.Kept.Empty() {
		freed, s.Applying = s.Applying.Memory(), New()
		return freed
	}
	freed = s.Kept.Merge(&s.Applying, records)
	s.Kept.Cut = Uncut
	return freed
}

// Flatten makes one layer of all, the draft's, of a file that has so many records.
// It returns the memory that nothing holds any more.
func (s *Stack) Flatten(records int64) (freed int64) {
	all := s.Applying
	freed = all.Merge(&s.Sealed, Uncut) + all.Merge(&s.Draft, records)
	s.Draft, s.Applying = all, New()
	return freed
}

// Empty forgets all changes, since the clouds have them, and returns the memory.
func (s *Stack) Empty() (freed int64) {
	freed = s.Memory()
	*s = NewStack()
	return freed
}

// LetGo forgets what is kept of the clouds' version, and returns the memory.
func (s *Stack) LetGo() (freed int64) {
	freed, s.Kept = s.Kept.Memory(), New()
	return freed
}

// Memory is the bytes that the layers hold.
func (s *Stack) Memory() int64 {
	return s.Draft.Memory() + s.Sealed.Memory() + s.Applying.Memory() + s.Kept.Memory()
}
