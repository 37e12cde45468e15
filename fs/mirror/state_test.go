package mirror_test

import (
	"maps"
	"sync"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/vault"
)

// memState is a vault's state, durable at once. Rules make what it stores fail,
// by the name of the method in lower case.
type memState struct {
	mu      sync.Mutex // guards the rest but rules
	writer  uint32
	counter uint64
	behind  map[cipher.ID]vault.Behind
	marks   int // how often a cloud was said to owe
	boot    bool
	clean   bool
	crashed func() bool // the process is dead: nothing is recorded any more

	rules *cloudtest.Rules
}

func newMemState(writer uint32) *memState {
	return &memState{
		writer: writer, behind: map[cipher.ID]vault.Behind{}, boot: true,
		rules: cloudtest.NewRules(),
	}
}

// clone is without what makes the state fail.
func (s *memState) clone() *memState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &memState{
		writer: s.writer, counter: s.counter, behind: maps.Clone(s.behind),
		boot: s.boot, clean: s.clean, rules: cloudtest.NewRules(),
	}
}

// store does what changes the state, unless that is to fail.
func (s *memState) store(op string, change func()) error {
	if err := s.rules.Fail(op); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.crashed != nil && s.crashed() {
		return cloudtest.ErrCrashed
	}
	change()
	return nil
}

func (s *memState) Writer() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writer
}

func (s *memState) Reserve(n int, above uint64) (first uint64, err error) {
	err = s.store("reserve", func() {
		first = max(s.counter, above) + 1
		s.counter = first + uint64(n) - 1
	})
	return first, err
}

func (s *memState) RenewWriter() error {
	return s.store("renewwriter", func() { s.writer += 1000 })
}

func (s *memState) Observed(v cipher.Vector) error {
	s.mu.Lock()
	lost := v.Get(s.writer) > s.counter
	s.mu.Unlock()
	if lost {
		return s.RenewWriter()
	}
	return nil
}

func (s *memState) Behind() map[cipher.ID]vault.Behind {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.behind)
}

func (s *memState) MarkBehind(id cipher.ID, reason string) error {
	return s.store("markbehind", func() { s.behind[id], s.marks = vault.Behind{Reason: reason}, s.marks+1 })
}

func (s *memState) SameBoot() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.boot
}

func (s *memState) Cut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.boot && !s.clean
}

func (s *memState) MarkBoot() error {
	return s.store("markboot", func() { s.boot, s.clean = true, false })
}

func (s *memState) MarkClean() error { return s.store("markclean", func() { s.clean = true }) }
