package compare

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
)

// A survey is what the first pass remembers: a few bytes of every file, and the
// names that have to be looked at again. Paths and ids are hashed under a seed
// of its own; two that fall together cost another look and nothing else.
type survey struct {
	seed maphash.Seed

	mu      sync.Mutex
	first   map[uint64]uint64   // by id: the place where it was first seen
	asked   map[uint64]struct{} // ids whose every place is to be known
	again   map[uint64]struct{} // places to be judged, with the directories above them
	unsound map[uint64]struct{} // places where content does not verify
	hidden  bool                // a place in again is known by its hash alone
	writers map[uint32]struct{}
	shown   []int64 // by cloud: the names that it shows
	names   int64

	seen map[uint64][]judge.Sighting // by id, of those that are asked for
}

func newSurvey(clouds int) *survey {
	return &survey{
		seed: maphash.MakeSeed(), first: map[uint64]uint64{}, asked: map[uint64]struct{}{}, again: map[uint64]struct{}{},
		unsound: map[uint64]struct{}{}, writers: map[uint32]struct{}{}, shown: make([]int64, clouds), seen: map[uint64][]judge.Sighting{},
	}
}

func (s *survey) place(path string) uint64 { return maphash.String(s.seed, path) }

func (s *survey) id(id judge.Identity) uint64 { return maphash.Comparable(s.seed, id) }

// see notes that a version is seen at a path. One that is seen at two is to be
// judged at both.
func (s *survey) see(path string, v judge.Version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range v.Vector {
		s.writers[e.Writer] = struct{}{}
	}
	id, at := s.id(v.Identity), s.place(path)
	switch before, known := s.first[id]; {
	case !known:
		s.first[id] = at
	case before != at:
		s.asked[id] = struct{}{}
		s.mark(path)
		if _, marked := s.again[before]; !marked {
			s.again[before] = struct{}{}
			s.hidden = true
		}
	}
}

// judge has a path judged, which ids are about.
func (s *survey) judge(path string, ids []judge.Identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mark(path)
	for _, id := range ids {
		s.asked[s.id(id)] = struct{}{}
	}
}

// ask has every place of an id noted.
func (s *survey) ask(id judge.Identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[s.id(id)] = struct{}{}
}

// mark puts a path, and the directories above it, among those to be judged.
func (s *survey) mark(path string) {
	for {
		s.again[s.place(path)] = struct{}{}
		i := strings.LastIndexByte(path, '/')
		if i < 0 {
			return
		}
		path = path[:i]
	}
}

// spoil notes that the content at a path does not verify.
func (s *survey) spoil(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mark(path)
	s.unsound[s.place(path)] = struct{}{}
}

// close ends the first pass: the only place of an id that is asked for is to be
// looked at, too.
func (s *survey) close() {
	for id := range s.asked {
		if at, ok := s.first[id]; ok {
			if _, marked := s.again[at]; !marked {
				s.again[at] = struct{}{}
				s.hidden = true
			}
		}
	}
	s.first = nil
}

func (s *survey) isMarked(path string) bool {
	_, ok := s.again[s.place(path)]
	return ok
}

func (s *survey) isUnsound(path string) bool {
	_, ok := s.unsound[s.place(path)]
	return ok
}

func (s *survey) isAsked(id judge.Identity) bool {
	_, ok := s.asked[s.id(id)]
	return ok
}

// sight notes where a version is seen of an id that is asked for.
func (s *survey) sight(at judge.Sighting) {
	id := s.id(at.Version.Identity)
	s.seen[id] = append(s.seen[id], at)
}

// sightings are the places where an id is seen that was asked for.
func (s *survey) sightings(id judge.Identity) []judge.Sighting {
	return slices.DeleteFunc(slices.Clone(s.seen[s.id(id)]), func(at judge.Sighting) bool { return at.Version.Identity != id })
}

// count counts a name that a cloud shows, for what is a mass of missing ones.
func (s *survey) count(k int, shows bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if shows {
		s.shown[k]++
	}
}

func (s *survey) named() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names++
}

// mass reports whether more than 20 names and 1 % of the tree are missing in a
// cloud.
func (s *survey) mass(k int) bool {
	lacks := s.names - s.shown[k]
	return lacks > 20 && lacks > s.names/100
}

// derived is the id under which a version would go on as a conflict's loser.
func derived(v judge.Version) judge.Identity {
	return judge.Identity{ID: cipher.ConflictID(v.ID, v.Commit), Type: v.Type}
}
